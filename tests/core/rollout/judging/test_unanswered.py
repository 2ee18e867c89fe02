"""A canary that takes requests and answers none: seen by the requests that wait, and rolled back; a slow one is not."""

import random
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import pytest

from simulator import Behavior, Cluster

pytestmark = pytest.mark.rollouts

STEPS = [{"setWeight": 25}, {"analyze": {"for": "60s"}}, {"setWeight": 50}, {"analyze": {"for": "60s"}}]
FIELDS = {
    "strategy": {"canary": {"steps": STEPS}, "bake": {"time": "5m"}},
    "analysis": {"interval": "5s", "warmUp": "0s"},
    "deadlines": {"evidence": "1h"},
}


def serving(cluster: Cluster | None = None, **fields: object) -> Cluster:
    """A Deployment whose version 1 serves with three pods."""
    return (cluster or Cluster()).edit(**{"replicas": 3, **FIELDS, **fields}).run(5)


def rolled_back(cluster: Cluster) -> bool:
    return "RollingBack" in cluster.history and cluster.phase == "AtRest"


def serves(cluster: Cluster) -> set[str]:
    return {p["metadata"]["labels"]["linnet.dev/version"] for p in cluster.answering()}


def reason(cluster: Cluster) -> str:
    last = cluster.typed.last_rollout
    return f"{last.reason}: {last.message}" if last else ""


def test_a_canary_that_answers_nothing_is_rolled_back_and_quarantined() -> None:
    """Within a minute, and it says how many requests wait, for how long, and what stable did meanwhile."""
    cluster = serving().publish(2, Behavior(hangs=True))
    cluster.run(60, until=rolled_back)
    assert rolled_back(cluster)
    assert serves(cluster) == {"1"}
    said = reason(cluster)
    assert said.startswith("pod-health: the canary has answered none of at least ")
    assert "wait for 30 s, while stable answered " in said
    entry = cluster.version_status(2).quarantine
    assert entry is not None
    assert entry[0].template is not None


def test_a_canary_that_stops_answering_after_a_while_is_rolled_back() -> None:
    """Its good answers of before don't protect it."""
    cluster = serving().publish(2)
    cluster.run(40)
    assert cluster.served[2] > 0
    cluster.behaviors[2].hangs = True
    cluster.run(60, until=rolled_back)
    assert serves(cluster) == {"1"}
    assert "answered none" in reason(cluster)


def test_a_silence_while_paused_is_rolled_back() -> None:
    """As every failure is, whatever the rollout waits for."""
    cluster = serving(strategy={"canary": {"steps": [{"setWeight": 25}, {"pause": {}}]}}).publish(
        2, Behavior(hangs=True)
    )
    cluster.run(60, until=rolled_back)
    assert "answered none" in reason(cluster)


@dataclass
class Watched(Cluster):
    """Notes after every look which version `<name>` selects ("" for both), and the pods that version 2 may have."""

    seen: list[tuple[str, str, int]] = field(default_factory=list)

    def reconcile(self) -> bool:
        again = super().reconcile()
        revision = self.selected().get("linnet.dev/revision", "")
        pods = sum(w["spec"]["replicas"] for name, w in self.workloads.items() if "-v2-" in name)
        self.seen.append((self.phase, revision.removeprefix("tumor-risk-").partition("-")[0], pods))
        return again


def test_in_the_bake_traffic_goes_to_the_holdback_at_once() -> None:
    """The former version's other pods can't even start; nobody waits for them, and then the silent ones go."""
    cluster = Watched()
    serving(cluster).publish(2)
    cluster.run(900, until=lambda c: c.phase == "Baking")
    cluster.run(20)
    cluster.behaviors[2].hangs, cluster.behaviors[1].starts = True, False
    cluster.run(60, until=lambda c: c.phase == "RollingBack")
    assert serves(cluster) == {"1"}
    assert len(cluster.answering()) == 1
    back = [(selected, pods) for phase, selected, pods in cluster.seen if phase == "RollingBack"]
    assert ("v1", 3) in back
    assert {selected for selected, pods in back if pods < 3} == {"v1"}
    assert reason(cluster).startswith("Outage: the canary has answered none of at least ")


def test_an_operator_that_restarts_forgets_no_silence() -> None:
    """Where each lives for seven seconds and knows what was saved, a silence of thirty is seen none the less."""
    cluster = serving().publish(2, Behavior(hangs=True))
    for _ in range(10):
        cluster.run(7, until=rolled_back).restart_operator()
    assert rolled_back(cluster)
    assert "answered none" in reason(cluster)


@pytest.mark.parametrize("rate", [1, 20])
def test_a_version_that_is_as_slow_as_stable_is_not_silent(rate: float) -> None:
    """An answer takes a minute: nothing is answered at first, however many requests wait by then."""
    cluster = Cluster(rate=rate)
    cluster.behaviors[1].takes = 60
    serving(cluster).run(120)
    cluster.publish(2, Behavior(takes=60)).run(600)
    assert "RollingBack" not in cluster.history
    assert cluster.served[2] > 0


def test_a_silence_is_seen_among_slow_answers_too() -> None:
    """Where stable takes ten seconds for an answer, silence takes longer to be believed, and is."""
    cluster = Cluster(rate=2)
    cluster.behaviors[1].takes = 10
    serving(cluster).run(60)
    cluster.publish(2, Behavior(hangs=True)).run(120, until=rolled_back)
    assert "answered none" in reason(cluster)


@pytest.mark.parametrize("silent", [1, 2])
def test_a_runtime_that_does_not_tell_is_not_asked(silent: int) -> None:
    """Neither the canary's nor stable's missing gauge is a failure, or a pass."""
    cluster = serving().publish(2, Behavior(hangs=True))
    del cluster.versions[silent]["spec"]["runtime"]["metrics"]["inFlight"]
    cluster.run(600)
    assert cluster.phase == "Stepping"
    assert cluster.ready_reason() == "Unknown/InsufficientData"


def test_silence_of_both_versions_moves_nothing() -> None:
    """If stable answers nothing either, it is not the new version's fault."""
    cluster = serving().publish(2, Behavior(hangs=True))
    cluster.behaviors[1].hangs = True
    cluster.run(600)
    assert cluster.phase == "Stepping"


def test_unreadable_metrics_end_in_no_verdict() -> None:
    """A silence that can't be seen any more is not concluded from; it is, once it is seen again."""
    cluster = serving().publish(2, Behavior(hangs=True)).run(15)
    cluster.behaviors[2].silent = True
    assert cluster.run(300).phase == "Stepping"
    cluster.behaviors[2].silent = False
    cluster.run(60, until=rolled_back)
    assert "answered none" in reason(cluster)


class OldClients(random.Random):
    """Clients that keep their connections to version 1."""

    def choice(self, seq: Any) -> Any:
        return super().choice([p for p in seq if p["metadata"]["labels"]["linnet.dev/version"] == "1"] or seq)


@pytest.mark.parametrize(("stuck", "fails"), [(1, False), (2, False), (3, True)])
def test_a_stuck_request_condemns_nobody(stuck: int, fails: bool) -> None:
    """Requests that no version could answer may be stuck alone on the canary; three at once are no accident."""
    cluster = serving(Cluster(dice=OldClients(7))).publish(2)
    cluster.run(20, until=lambda c: c.phase == "Stepping")
    hold(cluster, stuck)
    cluster.run(300)
    assert ("answered none" in reason(cluster)) is fails


def hold(cluster: Cluster, requests: int) -> None:
    """Give version 2 requests that it will not answer."""
    [pod] = [p for p in cluster.pods.values() if p["metadata"]["labels"]["linnet.dev/version"] == "2"]
    cluster.counters[pod["metadata"]["uid"]]["due"] += [cluster.now + timedelta(days=1)] * requests


def test_requests_that_have_just_come_do_not_add_to_one_that_is_stuck() -> None:
    """After an hour with one stuck request, two that are being answered are not three that wait for an hour."""
    cluster = serving(Cluster(dice=OldClients(7)), deadlines={"evidence": "3h"}).publish(2)
    cluster.run(20, until=lambda c: c.phase == "Stepping")
    hold(cluster, 1)
    cluster.run(1200)
    hold(cluster, 2)
    assert cluster.run(20).phase == "Stepping"


def test_stuck_requests_among_answered_ones_condemn_nobody() -> None:
    """Whoever answers others is not silent."""
    cluster = serving().publish(2)
    cluster.run(20, until=lambda c: c.phase == "Stepping")
    hold(cluster, 10)
    cluster.run(900)
    assert "RollingBack" not in cluster.history


def test_a_restart_begins_anew() -> None:
    """What a pod held when it died is no silence of the pod that follows it."""
    cluster = serving().publish(2, Behavior(hangs=True))
    cluster.run(25)
    [pod] = [p for p in cluster.pods.values() if p["metadata"]["labels"]["linnet.dev/version"] == "2"]
    pod["status"]["containerStatuses"][0]["restartCount"] = 1
    assert cluster.run(30).phase == "Stepping"
    cluster.run(30, until=rolled_back)
    assert "answered none" in reason(cluster)


def test_warm_up_spares_silence() -> None:
    """A first answer may take long; only what comes after the warm-up counts."""
    slow_start = {"interval": "5s", "warmUp": "60s"}
    cluster = serving(analysis=slow_start).publish(2, Behavior(hangs=True))
    cluster.run(55)
    cluster.behaviors[2].hangs = False
    cluster.run(900, until=lambda c: c.phase == "AtRest")
    assert "RollingBack" not in cluster.history
