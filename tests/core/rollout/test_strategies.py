"""Strategies beside Canary, whole rollouts in memory: who gets traffic when, and how each of them ends."""

from collections.abc import Callable
from typing import Any

import pytest

from core.rollout.test_requests import NEEDS_MORE
from core.rollout.test_transitions import at_rest, serving
from linnet.api.names import Verb
from linnet.api.parts.strategy import Strategy
from linnet.core.parse import Invalid, parse_spec
from linnet.core.rollout.requests.verbs import ALLOWED
from simulator import Behavior, Cluster

pytestmark = pytest.mark.rollouts

ANALYSIS = {
    "interval": "2s",
    "warmUp": "0s",
    "defaultChecks": False,
    "checks": [{"name": "errors", "signal": "Errors", "maxRatioToStable": "1", "max": "0.02"}],
}
BAKE = {"time": "30s"}


def deployed(kind: str, *, replicas: int = 4, **strategy: Any) -> Cluster:
    """A Deployment with this strategy whose version 1 serves."""
    cluster = serving(
        strategy={kind: {}, "bake": BAKE, "abortScaleDownDelay": "0s", **strategy},
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
        cluster = deployed("allAtOnce").publish(2)
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
        cluster = deployed("allAtOnce").publish(2, Behavior(starts=False))
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
        cluster = deployed("allAtOnce").publish(2)
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
        cluster = deployed("allAtOnce").publish(2)
        cluster.run(200, until=stable_is(2))
        (promoted,) = [d for d in cluster.version_status(2).decisions or () if d.decision == "Promoted"]
        assert promoted.reason == "PodsReady"
        assert promoted.checks is None

    def test_the_end_of_its_bake_stands_on_counts(self) -> None:
        """Of both versions: the holdback answers for the former."""
        cluster = deployed("allAtOnce", bake={"time": "60s", "holdbackPercent": 25}).publish(2)
        cluster.run(200, until=stable_is(2))
        (line,) = [
            log.fields for log in cluster.logs if log.event == "decision" and log.fields["reason"] == "BakeCompleted"
        ]
        errors = next(c for c in line["checks"] if c["name"] == "errors")
        assert errors["canaryRequests"] > errors["stableRequests"] > 100

    @pytest.mark.parametrize("holdback", [0, 5, 50])
    def test_a_failure_in_the_bake_rolls_back(self, holdback: int) -> None:
        """The former version's pods come first, then traffic; the failing version is quarantined."""
        cluster = deployed("allAtOnce", bake={"time": "10m", "holdbackPercent": holdback}).publish(2)
        cluster.run(20, until=until_phase("Baking"))
        cluster.behaviors[2].errors = 0.3
        cluster.run(300, until=went_back)
        assert versions_answering(cluster) == {"1"}
        assert len(cluster.answering()) == 4
        assert cluster.version_status(2).quarantine
        assert cluster.unanswered == 0

    def test_what_was_asked_of_the_new_pods_before_the_switch_is_no_evidence(self) -> None:
        """Errors of someone who tries the waiting pods are not the clients'."""
        cluster = deployed("allAtOnce").publish(2, Behavior(starts=False))
        cluster.run(5)
        tried(cluster, 2)
        start_pods(cluster)
        cluster.run(200, until=stable_is(2))
        assert stable_is(2)(cluster)

    def test_pods_that_never_start_are_rolled_back_without_traffic(self) -> None:
        """At deadlines.ready, with the pod's own reason."""
        cluster = deployed("allAtOnce").publish(2, Behavior(starts=False))
        cluster.run(120, until=went_back)
        assert cluster.served.get(2, 0) == 0
        assert cluster.ready_reason() == "False/Quarantined"
        assert "ImagePullBackOff" in cluster.message()

    def test_it_takes_no_steps(self) -> None:
        """A canary's steps beside it are refused by the types too, with the way out."""
        refused = parse_spec(Strategy, {"allAtOnce": {}, "canary": {"steps": [{"setWeight": 10}]}}, "spec.strategy")
        assert isinstance(refused, Invalid)
        assert "exactly one of canary, blueGreen, allAtOnce" in refused.message

    def test_an_edit_of_the_type_holds_for_the_next_rollout(self, looks: Callable[[Cluster], list[set[str]]]) -> None:
        """What began all at once does not become a canary in the middle."""
        cluster = deployed("allAtOnce").publish(2, Behavior(starts=False))
        cluster.run(5, until=until_phase("Starting"))
        cluster.edit(strategy={"canary": {"steps": [{"setWeight": 50}]}, "bake": BAKE})
        seen = looks(cluster)
        start_pods(cluster)
        cluster.run(200, until=stable_is(2))
        assert deduplicated(seen) == [{"1"}, {"2"}, {"1", "2"}, {"2"}]

    def test_a_pause_holds_it_before_the_switch(self) -> None:
        """Asked for while its pods start; resumed, it goes on."""
        cluster = deployed("allAtOnce").publish(2, Behavior(starts=False))
        cluster.run(5)
        cluster.ask("pause v2 id1 jane").run(2)
        start_pods(cluster)
        cluster.run(10)
        assert versions_answering(cluster) == {"1"}
        cluster.ask("resume v2 id2 jane").run(10, until=until_phase("Baking"))
        assert cluster.phase == "Baking"


def waiting(**strategy: Any) -> Cluster:
    """Version 2 stands behind the preview Service and waits for a person."""
    cluster = deployed("blueGreen", **strategy).publish(2)
    cluster.run(20, until=until_phase("Stepping"))
    cluster.run(5)
    return cluster


def selects(cluster: Cluster, service: str) -> int:
    """The version behind a Service that selects one alone."""
    selected = cluster.services[service]["spec"]["selector"]["linnet.dev/revision"]
    return int(cluster.workloads[selected]["metadata"]["labels"]["linnet.dev/version"])


class TestBlueGreen:
    """At full size behind a preview; switched by a person; the former version stays warm for the bake."""

    def test_it_waits_at_full_size_without_live_traffic(self) -> None:
        """For as long as nobody says anything."""
        cluster = waiting()
        cluster.run(300)
        assert cluster.phase == "Stepping"
        assert pods_of(cluster, 2) == 4
        assert versions_answering(cluster) == {"1"}
        assert cluster.served.get(2, 0) == 0

    def test_the_condition_says_what_it_waits_for_with_the_command(self) -> None:
        """What `kubectl get mld` shows can be typed."""
        cluster = waiting()
        assert cluster.ready_reason() == "Unknown/Paused"
        assert "tumor-risk-preview" in cluster.message()
        assert cluster.message().endswith("kubectl linnet promote tumor-risk --version v2 -n ml")
        cluster.ask("promote v2 id1 jane")
        cluster.run(10, until=until_phase("Baking"))
        assert cluster.phase == "Baking"

    def test_the_preview_selects_the_new_version_and_then_stable(self) -> None:
        """Promoted or not."""
        cluster = waiting()
        assert selects(cluster, "tumor-risk-preview") == 2
        assert "tumor-risk-canary" not in cluster.services
        cluster.ask("abort v2 id1 jane").run(20, until=at_rest)
        cluster.run(2)
        assert selects(cluster, "tumor-risk-preview") == 1
        cluster.publish(3).run(20, until=until_phase("Stepping"))
        cluster.run(2)
        assert selects(cluster, "tumor-risk-preview") == 3
        cluster.ask("promote-full v3 id2 jane").run(200, until=stable_is(3))
        cluster.run(2)
        assert selects(cluster, "tumor-risk-preview") == 3

    @pytest.mark.parametrize("verb", ["promote", "promote-full", "resume"])
    def test_a_person_switches_it_in_one_patch(self, verb: str, looks: Callable[[Cluster], list[set[str]]]) -> None:
        """No two versions ever answer at a time, and no request is lost."""
        cluster = waiting()
        seen = looks(cluster)
        cluster.ask(f"{verb} v2 id1 jane").run(200, until=stable_is(2))
        assert deduplicated(seen) == [{"1"}, {"2"}]
        assert cluster.unanswered == 0
        (promoted,) = [d for d in cluster.version_status(2).decisions or () if d.decision == "Promoted"]
        assert promoted.by == "jane"

    def test_auto_promote_switches_when_all_pods_are_ready(self, looks: Callable[[Cluster], list[set[str]]]) -> None:
        """Nobody is asked."""
        cluster = deployed("blueGreen", blueGreen={"autoPromote": True}).publish(2)
        seen = looks(cluster)
        cluster.run(200, until=stable_is(2))
        assert deduplicated(seen) == [{"1"}, {"2"}]
        assert cluster.unanswered == 0

    def test_the_former_version_stays_warm_for_the_bake(self) -> None:
        """At full size, without traffic; it goes when the bake ends."""
        cluster = waiting()
        cluster.ask("promote v2 id1 jane").run(10, until=until_phase("Baking"))
        cluster.run(5)
        served = cluster.served[1]
        cluster.run(10)
        assert pods_of(cluster, 1) == 4
        assert cluster.served[1] == served
        cluster.run(100, until=stable_is(2))
        assert pods_of(cluster, 1) == 0

    def test_a_failure_in_the_bake_is_rolled_back_at_once(self) -> None:
        """An absolute bound fails it, and the former version needs no new pod."""
        cluster = waiting(bake={"time": "10m"})
        cluster.ask("promote v2 id1 jane").run(10, until=until_phase("Baking"))
        pods = {n for n in cluster.pods if "-v1-" in n}
        cluster.behaviors[2].errors = 0.3
        cluster.run(100, until=until_phase("RollingBack"))
        cluster.run(1)
        assert versions_answering(cluster) == {"1"}
        assert {n for n in cluster.pods if "-v1-" in n} == pods
        cluster.run(60, until=went_back)
        assert cluster.ready_reason() == "False/Quarantined"
        assert cluster.unanswered == 0

    def test_without_a_comparator_only_absolute_bounds_are_judged(self) -> None:
        """What the former version answered before the switch is no comparison for what came after."""
        cluster = serving(
            strategy={"blueGreen": {"autoPromote": True}, "bake": BAKE},
            analysis={
                **ANALYSIS,
                "defaultChecks": False,
                "checks": [{"name": "errors", "signal": "Errors", "maxRatioToStable": "1"}],
            },
        )
        cluster.publish(2, Behavior(errors=0.3)).run(20, until=until_phase("Baking"))
        cluster.run(10)
        assert "errors: InsufficientData" in cluster.message()
        assert "warm" in cluster.message()
        cluster.run(200, until=stable_is(2))
        assert stable_is(2)(cluster)

    def test_a_holdback_that_is_asked_for_compares(self, looks: Callable[[Cluster], list[set[str]]]) -> None:
        """Then the former version is as small as the share that it answers."""
        cluster = waiting(bake={"time": "10m", "holdbackPercent": 10})
        seen = looks(cluster)
        cluster.ask("promote v2 id1 jane").run(10, until=until_phase("Baking"))
        cluster.run(10)
        assert pods_of(cluster, 1) == 1
        assert deduplicated(seen) == [{"1"}, {"2"}, {"1", "2"}]
        cluster.behaviors[2].errors = 0.1
        cluster.run(300, until=went_back)
        assert cluster.ready_reason() == "False/Quarantined"

    def test_wrong_requests_to_the_preview_are_no_evidence(self) -> None:
        """Whoever tries the limits of a preview does not condemn it."""
        cluster = waiting()
        tried(cluster, 2)
        cluster.run(30)
        assert cluster.phase == "Stepping"
        cluster.ask("promote v2 id1 jane").run(200, until=stable_is(2))
        assert stable_is(2)(cluster)

    def test_it_scales_while_it_waits(self) -> None:
        """Both versions, however long it has waited; new pods have their own time to start."""
        cluster = waiting()
        cluster.run(100)
        cluster.behaviors[2].starts = False
        cluster.edit(replicas=6).run(20)
        assert cluster.phase == "Stepping"
        assert (pods_of(cluster, 1), pods_of(cluster, 2)) == (6, 6)
        cluster.run(60, until=went_back)
        assert cluster.ready_reason() == "False/Quarantined"

    def test_a_pod_that_is_lost_while_it_waits_comes_back(self) -> None:
        """A drained node condemns no version."""
        cluster = waiting()
        cluster.run(100)
        del cluster.pods[next(n for n in cluster.pods if "-v2-" in n)]
        cluster.behaviors[2].starts = False
        cluster.run(20)
        start_pods(cluster)
        cluster.run(60)
        assert cluster.phase == "Stepping"
        assert pods_of(cluster, 2) == 4

    def test_pods_that_die_while_it_waits_roll_it_back(self) -> None:
        """Also without traffic: killed for memory is no way to wait."""
        cluster = waiting()
        cluster.behaviors[2].oom_after = cluster.now - cluster.now
        cluster.run(30, until=went_back)
        assert cluster.ready_reason() == "False/Quarantined"

    def test_pods_that_never_start_are_rolled_back(self) -> None:
        """At deadlines.ready; the preview was all that they had."""
        cluster = deployed("blueGreen").publish(2, Behavior(starts=False))
        cluster.run(120, until=went_back)
        assert cluster.served.get(2, 0) == 0
        assert cluster.ready_reason() == "False/Quarantined"

    def test_a_pause_is_left_before_the_switch(self) -> None:
        """`resume` takes the request back; the switch is asked for apart."""
        cluster = waiting()
        cluster.ask("pause v2 id1 jane").run(2)
        cluster.ask("resume v2 id2 jane").run(5)
        assert cluster.phase == "Stepping"
        cluster.ask("promote v2 id3 jane").run(5)
        assert cluster.phase == "Baking"

    def test_a_rollback_that_a_person_asks_for_in_the_bake_is_at_once(self) -> None:
        """One request, one patch."""
        cluster = waiting(bake={"time": "1h"})
        cluster.ask("promote v2 id1 jane").run(10, until=until_phase("Baking"))
        cluster.run(60)
        cluster.ask("rollback v2 id2 jane").run(1)
        assert versions_answering(cluster) == {"1"}
        cluster.run(30, until=at_rest)
        assert cluster.version_status(2).quarantine
        assert cluster.unanswered == 0

    @pytest.mark.parametrize("kind", ["canary", "allAtOnce"])
    def test_auto_promote_goes_with_it_alone(self, kind: str) -> None:
        """A field that would be ignored is refused."""
        refused = parse_spec(Strategy, {kind: {"autoPromote": False}}, "spec.strategy")
        assert isinstance(refused, Invalid)
        assert refused.message == f"spec.strategy.{kind}.autoPromote: there is no such field"


@pytest.mark.parametrize(("kind", "more"), [("allAtOnce", {}), ("blueGreen", {"blueGreen": {"autoPromote": True}})])
class TestWhateverHappens:
    """Of each strategy that moves traffic at once."""

    @pytest.mark.parametrize("nth", range(0, 30, 2))
    def test_the_operator_may_die_at_any_action(
        self, kind: str, more: dict[str, Any], nth: int, dying: Callable[[Cluster, int], None]
    ) -> None:
        """A version that fails in its bake is rolled back all the same, and no request is lost."""
        cluster = deployed(kind, **more, bake={"time": "10m"}).publish(2)
        dying(cluster, nth)
        cluster.run(20, until=until_phase("Baking"))
        cluster.behaviors[2].errors = 0.3
        cluster.run(300, until=went_back)
        assert versions_answering(cluster) == {"1"}
        assert len(cluster.answering()) == 4
        assert cluster.ready_reason() == "False/Quarantined"
        assert cluster.unanswered == 0

    def test_the_operator_may_be_away_at_any_second(self, kind: str, more: dict[str, Any]) -> None:
        """Restarted each second, it reaches the same end."""
        cluster = deployed(kind, **more, bake={"time": "10m"}).publish(2)
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
    def test_lost_status_is_adopted_from_what_serves(
        self, kind: str, more: dict[str, Any], phase: str, serves: str
    ) -> None:
        """What `<name>` or `<name>-stable` selects is stable; nothing is decided, and no request is lost."""
        cluster = deployed(kind, **more).publish(2, Behavior(starts=phase != "Starting"))
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


def in_phase(kind: str, more: dict[str, Any], phase: str) -> Cluster:
    """Version 2 is in this phase, looked at after each single look of the operator."""
    cluster = deployed(kind, **more).publish(2)
    for _ in range(50):
        cluster.reconcile()
        if cluster.phase == phase:
            return cluster
        cluster._start_pods()
    raise AssertionError(f"never reached {phase}: {cluster.history}")


@pytest.mark.parametrize("verb", sorted(ALLOWED.keys() - NEEDS_MORE))
@pytest.mark.parametrize(
    ("kind", "more", "phase"),
    [
        ("allAtOnce", {}, "Starting"),
        ("allAtOnce", {}, "Promoting"),
        ("allAtOnce", {}, "Baking"),
        ("blueGreen", {}, "Starting"),
        ("blueGreen", {}, "Stepping"),
        ("blueGreen", {"blueGreen": {"autoPromote": True}}, "Promoting"),
        ("blueGreen", {"blueGreen": {"autoPromote": True}}, "Baking"),
    ],
)
def test_the_table_of_requests_holds_in_each_strategy(kind: str, more: dict[str, Any], phase: str, verb: Verb) -> None:
    """What is obeyed in a phase of a canary is obeyed in that phase of the others."""
    cluster = in_phase(kind, more, phase)
    cluster.ask(f"{verb} v2 id1 jane").reconcile()
    last = cluster.answered
    assert last.outcome == ("Accepted" if phase in ALLOWED[verb] else "Refused")


CANARY: dict[str, Any] = {"canary": {"steps": [{"setWeight": 25}, {"pause": {"maxTime": "20s"}}]}}
NEWER = [
    ("canary", CANARY, "Stepping"),
    ("canary", CANARY, "Baking"),
    ("allAtOnce", {}, "Baking"),
    ("blueGreen", {}, "Stepping"),
    ("blueGreen", {"blueGreen": {"autoPromote": True}}, "Baking"),
]


def served_in_order(cluster: Cluster) -> list[str]:
    """The versions whose rollouts began, in order."""
    started = [e.message for e in cluster.events if e.reason == "RolloutStarted"]
    return [m.split()[1] for m in started]


def overtaken(kind: str, more: dict[str, Any], phase: str, on_new_version: str) -> Cluster:
    """Version 1 serves, version 2 is in this phase, and version 3 is published."""
    cluster = deployed(kind, onNewVersion=on_new_version, **more).publish(2)
    cluster.run(120, until=until_phase(phase))
    assert cluster.phase == phase
    cluster.publish(3)
    cluster.run(2)
    return cluster


@pytest.mark.parametrize(("kind", "more", "phase"), NEWER)
class TestOnNewVersion:
    """What a newer version in mid-rollout does, in each strategy."""

    def test_queued_it_waits_for_the_end(self, kind: str, more: dict[str, Any], phase: str) -> None:
        """A→B→C: B ends as it would have, then C starts."""
        cluster = overtaken(kind, more, phase, "Queue")
        assert cluster.typed.queued is not None
        assert "Version 3 is next" in cluster.message()
        for version in (2, 3):
            cluster.ask(f"promote v{version} id{version} jane").run(300, until=stable_is(version))
        assert stable_is(3)(cluster)
        assert served_in_order(cluster) == ["1", "2", "3"]
        assert cluster.unanswered == 0

    def test_superseding_it_takes_the_place_of_the_one_under_way(
        self, kind: str, more: dict[str, Any], phase: str
    ) -> None:
        """A→B→C: B goes without blame, C is compared with A, and B may come again."""
        cluster = overtaken(kind, more, phase, "Supersede")
        cluster.run(60, until=lambda c: c.typed.rollout is not None and c.typed.rollout.to.version == 3)
        rollout, last = cluster.typed.rollout, cluster.typed.last_rollout
        assert rollout is not None
        assert rollout.from_ is not None
        assert rollout.from_.version == 1
        assert last is not None
        assert (last.outcome, last.reason) == ("Aborted", "Superseded")
        assert cluster.version_status(2).quarantine is None
        assert cluster.typed.held is None
        cluster.run(20)
        cluster.ask("promote v3 id3 jane").run(300, until=stable_is(3))
        assert stable_is(3)(cluster)
        cluster.current = 2
        cluster.run(60, until=lambda c: c.typed.rollout is not None)
        assert served_in_order(cluster) == ["1", "2", "3", "2"]
        assert cluster.unanswered == 0

    def test_rejected_it_is_not_started_by_itself(self, kind: str, more: dict[str, Any], phase: str) -> None:
        """A→B→C: B ends as it would have, and C waits until a person says `retry`."""
        cluster = overtaken(kind, more, phase, "Reject")
        assert "Version 3 is rejected" in cluster.message()
        assert [e.type for e in cluster.events if e.reason == "Rejected"] == ["Warning"]
        cluster.ask("promote v2 id2 jane").run(300, until=stable_is(2))
        cluster.run(60)
        assert stable_is(2)(cluster)
        assert cluster.ready_reason() == "False/Rejected"
        assert "Start it: kubectl linnet retry tumor-risk --version v3 -n ml." in cluster.message()
        cluster.ask("retry v3 id3 jane")
        cluster.run(20, until=lambda c: c.typed.rollout is not None)
        assert served_in_order(cluster) == ["1", "2", "3"]

    @pytest.mark.parametrize("on_new_version", ["Queue", "Supersede", "Reject"])
    def test_the_former_version_is_no_newer_one(
        self, kind: str, more: dict[str, Any], phase: str, on_new_version: str
    ) -> None:
        """A→B→A: going back is never refused, and blames nobody."""
        cluster = deployed(kind, onNewVersion=on_new_version, **more).publish(2)
        cluster.run(120, until=until_phase(phase))
        cluster.current = 1
        cluster.run(60, until=went_back)
        assert cluster.ready_reason() == "True/AsDesired"
        assert versions_answering(cluster) == {"1"}
        assert cluster.version_status(2).quarantine is None
        assert (cluster.typed.held, cluster.typed.rejected) == (None, None)
        assert cluster.unanswered == 0


@pytest.mark.parametrize("nth", range(0, 16, 2))
def test_superseding_outlives_the_operator(nth: int, dying: Callable[[Cluster, int], None]) -> None:
    """It may die at any action: the newest version is served in the end, and no request is lost."""
    cluster = deployed("allAtOnce", onNewVersion="Supersede").publish(2)
    cluster.run(20, until=until_phase("Baking"))
    cluster.publish(3)
    dying(cluster, nth)
    cluster.run(300, until=stable_is(3))
    assert stable_is(3)(cluster)
    assert versions_answering(cluster) == {"3"}
    assert cluster.unanswered == 0


def test_a_rejected_version_is_forgotten_for_another() -> None:
    """A change after the rollout's end starts at once; and so does the rejected one if it is wanted anew then."""
    cluster = overtaken("canary", CANARY, "Stepping", "Reject")
    cluster.run(300, until=stable_is(2))
    cluster.publish(4).run(300, until=stable_is(4))
    cluster.current = 3
    cluster.run(300, until=stable_is(3))
    assert served_in_order(cluster) == ["1", "2", "4", "3"]


def test_a_changed_template_starts_a_rejected_version() -> None:
    """Another spec after the end is another wish."""
    cluster = overtaken("canary", CANARY, "Stepping", "Reject")
    cluster.run(300, until=stable_is(2))
    cluster.edit(pod={"env": [{"name": "THREADS", "value": "2"}]})
    cluster.run(300, until=stable_is(3))
    assert cluster.ready_reason() == "True/AsDesired"


def test_a_rejected_version_outlives_a_restart_and_an_abort() -> None:
    """It is written down, and B's own hold does not take its place."""
    cluster = overtaken("canary", CANARY, "Stepping", "Reject")
    cluster.ask("abort v2 id1 jane").run(30, until=at_rest)
    cluster.restart_operator()
    cluster.run(30)
    assert cluster.ready_reason() == "False/Rejected"
    assert served_in_order(cluster) == ["1", "2"]


def test_what_can_not_start_supersedes_nothing() -> None:
    """A quarantined version is no reason to end a rollout that goes well."""
    cluster = deployed("canary", onNewVersion="Supersede", **CANARY).publish(2, Behavior(errors=0.3))
    cluster.run(300, until=went_back)
    cluster.publish(3)
    cluster.run(30, until=until_phase("Stepping"))
    cluster.current = 2
    cluster.run(300, until=stable_is(3))
    assert stable_is(3)(cluster)
    assert served_in_order(cluster) == ["1", "2", "3"]


def test_what_a_person_has_paused_is_not_superseded() -> None:
    """It is looked at; the newer version takes its place after `resume`."""
    cluster = deployed("canary", onNewVersion="Supersede", **CANARY).publish(2)
    cluster.run(30, until=until_phase("Stepping"))
    cluster.ask("pause v2 id1 jane").run(2)
    cluster.publish(3).run(30)
    assert cluster.phase == "Stepping"
    assert cluster.typed.queued is not None
    cluster.ask("resume v2 id2 jane").run(300, until=stable_is(3))
    assert served_in_order(cluster) == ["1", "2", "3"]


def test_what_a_newer_version_does_is_frozen_with_the_rollout() -> None:
    """An edit in the middle holds for the next one."""
    cluster = deployed("canary", onNewVersion="Queue", **CANARY).publish(2)
    cluster.run(30, until=until_phase("Stepping"))
    cluster.edit(strategy={**CANARY, "bake": BAKE, "onNewVersion": "Supersede"})
    cluster.publish(3).run(400, until=stable_is(3))
    last = cluster.typed.last_rollout
    assert last is not None
    assert not [e for e in cluster.events if e.reason == "Aborted"]
