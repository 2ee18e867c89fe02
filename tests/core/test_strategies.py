"""Strategies beside Canary, whole rollouts in memory: who gets traffic when, and how each of them ends."""

from collections.abc import Callable
from typing import Any

import pytest

from core.test_rollout import at_rest, serving
from linnet.api.strategy import Strategy
from linnet.core.parse import Invalid, parse_spec
from simulator import Behavior, Cluster

ANALYSIS = {
    "interval": "2s",
    "warmUp": "0s",
    "checks": [{"name": "errors", "signal": "Errors", "maxRatioToStable": "1", "max": "0.02"}],
}
BAKE = {"time": "30s"}


def deployed(kind: str, *, replicas: int = 4, **strategy: Any) -> Cluster:
    """A Deployment with this strategy whose version 1 serves."""
    cluster = serving(
        strategy={"type": kind, "bake": BAKE, **strategy},
        analysis=ANALYSIS,
        deadlines={"ready": "30s"},
        replicas=replicas,
    )
    cluster.unanswered = 0
    return cluster


def versions_answering(cluster: Cluster) -> set[str]:
    return {p["metadata"]["labels"]["linnet.dev/version"] for p in cluster.answering()}


def pods_of(cluster: Cluster, number: int) -> int:
    return len([p for p in cluster.pods.values() if p["metadata"]["labels"]["linnet.dev/version"] == str(number)])


def stable_is(number: int) -> Callable[[Cluster], bool]:
    return lambda c: at_rest(c) and c.typed.stable is not None and c.typed.stable.version == number


def went_back(cluster: Cluster) -> bool:
    return "RollingBack" in cluster.history and at_rest(cluster)


def until_phase(phase: str) -> Callable[[Cluster], bool]:
    return lambda c: c.phase == phase


def start_pods(cluster: Cluster) -> None:
    """What kept them from starting is mended."""
    for pod in cluster.pods.values():
        server = {"name": "server", "ready": True, "restartCount": 0, "state": {"running": {}}}
        ready = [{"type": "Ready", "status": "True"}]
        pod["status"] |= {"phase": "Running", "conditions": ready, "containerStatuses": [server]}


def tried(cluster: Cluster, number: int) -> None:
    """Somebody has sent wrong requests straight to the pods of this version."""
    for pod in cluster.pods.values():
        if pod["metadata"]["labels"]["linnet.dev/version"] == str(number):
            counters = cluster.counters[pod["metadata"]["uid"]]
            counters["n"] += 200
            counters["bad"] += 200


class CrashError(Exception):
    """The operator dies here."""


@pytest.fixture
def looks(monkeypatch: pytest.MonkeyPatch) -> Callable[[Cluster], list[set[str]]]:
    """A list that grows by the versions behind `<name>` after each single action of the operator."""

    def watch(cluster: Cluster) -> list[set[str]]:
        seen: list[set[str]] = []
        act = cluster._act

        def watched(action: Any) -> None:
            act(action)
            seen.append(versions_answering(cluster))

        monkeypatch.setattr(cluster, "_act", watched)
        return seen

    return watch


@pytest.fixture
def dying(monkeypatch: pytest.MonkeyPatch) -> Callable[[Cluster, int], None]:
    """Let the operator die instead of its nth action from now, and start again from what was saved."""

    def arm(cluster: Cluster, nth: int) -> None:
        act, reconcile = cluster._act, cluster.reconcile
        left = iter(range(nth, -1, -1))

        def mortal(action: Any) -> None:
            if next(left, -1) == 0:
                raise CrashError
            act(action)

        def restarted() -> bool:
            try:
                return reconcile()
            except CrashError:
                cluster.restart_operator()
                return True

        monkeypatch.setattr(cluster, "_act", mortal)
        monkeypatch.setattr(cluster, "reconcile", restarted)

    return arm


def deduplicated(seen: list[set[str]]) -> list[set[str]]:
    return [now for before, now in zip([set(), *seen], seen, strict=False) if now != before]


class TestAllAtOnce:
    """All pods first, then all traffic; judged in the bake."""

    def test_traffic_moves_at_once_when_all_pods_are_ready(self, looks: Callable[[Cluster], list[set[str]]]) -> None:
        """One version answers, then the other; both only when the former has come down to its holdback."""
        cluster = deployed("AllAtOnce").publish(2)
        seen = looks(cluster)
        most = 0

        def baking(c: Cluster) -> bool:
            nonlocal most
            most = max(most, pods_of(c, 1) if versions_answering(c) == {"1", "2"} else 0)
            return at_rest(c) and "Baking" in c.history

        cluster.run(200, until=baking)
        assert deduplicated(seen) == [{"1"}, {"2"}, {"1", "2"}, {"2"}]
        assert most == 1

    def test_nothing_is_sent_to_pods_of_which_some_are_not_ready(self) -> None:
        """All of its pods are there, one is not ready: every request is the former version's."""
        cluster = deployed("AllAtOnce").publish(2, Behavior(starts=False))
        cluster.run(5)
        assert pods_of(cluster, 2) == 4
        ready = [p for p in cluster.pods.values() if p["metadata"]["labels"]["linnet.dev/version"] == "2"][1:]
        for pod in ready:
            pod["status"]["conditions"][0]["status"] = "True"
        cluster.run(10)
        assert cluster.phase == "Starting"
        assert cluster.served.get(2, 0) == 0

    def test_it_is_promoted_after_its_bake(self) -> None:
        """The former version keeps its holdback as comparator, then the new one serves alone."""
        cluster = deployed("AllAtOnce").publish(2)
        cluster.run(20, until=until_phase("Baking"))
        cluster.run(10)
        assert pods_of(cluster, 1) == 1
        assert versions_answering(cluster) == {"1", "2"}
        cluster.run(200, until=stable_is(2))
        assert cluster.ready_reason() == "True/AsDesired"
        assert versions_answering(cluster) == {"2"}
        assert cluster.unanswered == 0

    def test_its_promotion_claims_no_verdict(self) -> None:
        """It is recorded that its pods were ready, and nothing else."""
        cluster = deployed("AllAtOnce").publish(2)
        cluster.run(200, until=stable_is(2))
        (promoted,) = [d for d in cluster.version_status(2).decisions or () if d.decision == "Promoted"]
        assert promoted.reason == "PodsReady"
        assert promoted.checks is None

    def test_the_end_of_its_bake_stands_on_counts(self) -> None:
        """Of both versions: the holdback answers for the former."""
        cluster = deployed("AllAtOnce", bake={"time": "60s", "holdbackPercent": 25}).publish(2)
        cluster.run(200, until=stable_is(2))
        (line,) = [
            log.fields for log in cluster.logs if log.event == "decision" and log.fields["reason"] == "BakeCompleted"
        ]
        errors = next(c for c in line["checks"] if c["name"] == "errors")
        assert errors["canaryRequests"] > errors["stableRequests"] > 100

    @pytest.mark.parametrize("holdback", [0, 5, 50])
    def test_a_failure_in_the_bake_rolls_back(self, holdback: int) -> None:
        """The former version's pods come first, then traffic; the failing version is quarantined."""
        cluster = deployed("AllAtOnce", bake={"time": "10m", "holdbackPercent": holdback}).publish(2)
        cluster.run(20, until=until_phase("Baking"))
        cluster.behaviors[2].errors = 0.3
        cluster.run(300, until=went_back)
        assert versions_answering(cluster) == {"1"}
        assert len(cluster.answering()) == 4
        assert cluster.version_status(2).quarantine
        assert cluster.unanswered == 0

    def test_what_was_asked_of_the_new_pods_before_the_switch_is_no_evidence(self) -> None:
        """Errors of someone who tries the waiting pods are not the clients'."""
        cluster = deployed("AllAtOnce").publish(2, Behavior(starts=False))
        cluster.run(5)
        tried(cluster, 2)
        start_pods(cluster)
        cluster.run(200, until=stable_is(2))
        assert stable_is(2)(cluster)

    def test_pods_that_never_start_are_rolled_back_without_traffic(self) -> None:
        """At deadlines.ready, with the pod's own reason."""
        cluster = deployed("AllAtOnce").publish(2, Behavior(starts=False))
        cluster.run(120, until=went_back)
        assert cluster.served.get(2, 0) == 0
        assert cluster.ready_reason() == "False/Quarantined"
        assert "ImagePullBackOff" in cluster.message()

    def test_it_takes_no_steps(self) -> None:
        """Steps beside it are refused by the types too, with the way out."""
        refused = parse_spec(Strategy, {"type": "AllAtOnce", "steps": [{"setWeight": 10}]}, "spec.strategy")
        assert isinstance(refused, Invalid)
        assert "write type: Canary" in refused.message

    def test_an_edit_of_the_type_holds_for_the_next_rollout(self, looks: Callable[[Cluster], list[set[str]]]) -> None:
        """What began all at once does not become a canary in the middle."""
        cluster = deployed("AllAtOnce").publish(2, Behavior(starts=False))
        cluster.run(5, until=until_phase("Starting"))
        cluster.edit(strategy={"type": "Canary", "steps": [{"setWeight": 50}], "bake": BAKE})
        seen = looks(cluster)
        start_pods(cluster)
        cluster.run(200, until=stable_is(2))
        assert deduplicated(seen) == [{"1"}, {"2"}, {"1", "2"}, {"2"}]

    def test_a_pause_holds_it_before_the_switch(self) -> None:
        """Asked for while its pods start; resumed, it goes on."""
        cluster = deployed("AllAtOnce").publish(2, Behavior(starts=False))
        cluster.run(5)
        cluster.ask("pause v2 id1 jane").run(2)
        start_pods(cluster)
        cluster.run(10)
        assert versions_answering(cluster) == {"1"}
        cluster.ask("resume v2 id2 jane").run(10, until=until_phase("Baking"))
        assert cluster.phase == "Baking"


@pytest.mark.parametrize("kind", ["AllAtOnce"])
class TestWhateverHappens:
    """Of each strategy that moves traffic at once."""

    @pytest.mark.parametrize("nth", range(0, 30, 2))
    def test_the_operator_may_die_at_any_action(
        self, kind: str, nth: int, dying: Callable[[Cluster, int], None]
    ) -> None:
        """A version that fails in its bake is rolled back all the same, and no request is lost."""
        cluster = deployed(kind, bake={"time": "10m", "holdbackPercent": 25}).publish(2)
        dying(cluster, nth)
        cluster.run(20, until=until_phase("Baking"))
        cluster.behaviors[2].errors = 0.3
        cluster.run(300, until=went_back)
        assert versions_answering(cluster) == {"1"}
        assert len(cluster.answering()) == 4
        assert cluster.ready_reason() == "False/Quarantined"
        assert cluster.unanswered == 0

    def test_the_operator_may_be_away_at_any_second(self, kind: str) -> None:
        """Restarted each second, it reaches the same end."""
        cluster = deployed(kind, bake={"time": "10m"}).publish(2)
        for second in range(200):
            cluster.run(1)
            cluster.restart_operator()
            cluster.behaviors[2].errors = 0.3 if second > 10 else 0.0
            if went_back(cluster):
                break
        assert cluster.ready_reason() == "False/Quarantined"
        assert versions_answering(cluster) == {"1"}
        assert cluster.unanswered == 0

    @pytest.mark.parametrize(("phase", "serves"), [("Starting", "1"), ("Baking", "2")])
    def test_lost_status_is_adopted_from_what_serves(self, kind: str, phase: str, serves: str) -> None:
        """What `<name>` or `<name>-stable` selects is stable; nothing is decided, and no request is lost."""
        cluster = deployed(kind).publish(2, Behavior(starts=phase != "Starting"))
        cluster.run(20, until=until_phase(phase))
        cluster.run(2)
        cluster.current = int(serves)
        cluster.status = {}
        cluster.run(10)
        assert at_rest(cluster)
        assert versions_answering(cluster) == {serves}
        assert len(cluster.answering()) == 4
        assert cluster.unanswered == 0
        assert not cluster.version_status(2).quarantine
