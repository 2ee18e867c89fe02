"""Whatever people, pods and the operator do in whatever order, some things always hold."""

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from simulator import Behavior, Cluster

pytestmark = pytest.mark.rollouts

STEPS = [{"setWeight": 20}, {"analyze": {"for": "4s"}}, {"setWeight": 50}, {"pause": {"maxTime": "5s"}}]
STRATEGIES = [
    {"canary": {"steps": STEPS}},
    {"canary": {"steps": STEPS}},
    {"allAtOnce": {}},
    {"blueGreen": {}},
    {"blueGreen": {"autoPromote": True}},
]
SPEC = {
    "analysis": {"interval": "2s", "warmUp": "0s"},
    "deadlines": {"ready": "20s", "evidence": "60s"},
}
VERBS = ["promote", "promote-full", "resume", "pause", "abort", "retry", "rollback", "release"]


class Rollouts(RuleBasedStateMachine):
    """A Deployment among people who change their minds."""

    def __init__(self) -> None:
        super().__init__()
        self.cluster = Cluster()
        self.asked = 0

    @initialize(
        replicas=st.integers(1, 6),
        strategy=st.sampled_from(STRATEGIES),
        newer=st.sampled_from(["Queue", "Queue", "Supersede", "Reject"]),
        holdback=st.sampled_from([None, 0, 5, 50]),
    )
    def serve(self, replicas: int, strategy: dict[str, object], newer: str, holdback: int | None) -> None:
        bake = {"time": "10s"} | ({} if holdback is None else {"holdbackPercent": holdback})
        self.cluster.rate = 20
        self.cluster.edit(**SPEC, strategy={**strategy, "onNewVersion": newer, "bake": bake}, replicas=replicas)
        self.cluster.run(4)

    @rule(
        number=st.integers(1, 6), errors=st.sampled_from([0.0, 0.0, 0.3]), starts=st.sampled_from([True, True, False])
    )
    def publish(self, number: int, errors: float, starts: bool) -> None:
        known = number in self.cluster.versions
        self.cluster.publish(number, None if known else Behavior(errors=errors, starts=starts))

    @rule(verb=st.sampled_from(VERBS), about=st.sampled_from(["-", "v1", "v2", "v3"]))
    def ask(self, verb: str, about: str) -> None:
        self.asked += 1
        self.cluster.ask(f"{verb} {about} id{self.asked} jane")

    @rule(replicas=st.integers(0, 6))
    def scale(self, replicas: int) -> None:
        self.cluster.edit(replicas=replicas)

    @rule(paused=st.booleans())
    def pause(self, paused: bool) -> None:
        self.cluster.edit(paused=paused)

    @rule()
    def restart_operator(self) -> None:
        self.cluster.restart_operator()

    @rule(data=st.data())
    def lose_a_pod(self, data: st.DataObject) -> None:
        if self.cluster.pods:
            del self.cluster.pods[data.draw(st.sampled_from(sorted(self.cluster.pods)))]

    @rule(seconds=st.integers(1, 20))
    def wait(self, seconds: int) -> None:
        self.cluster.run(seconds)

    @invariant()
    def weights_are_in_bounds(self) -> None:
        rollout = self.cluster.typed.rollout
        if rollout is not None:
            assert 0 <= (rollout.weight or 0) <= 100
            assert 0 <= (rollout.effective_weight or 0) <= 100

    @invariant()
    def nothing_is_shared_before_a_switch(self) -> None:
        """Of a strategy that moves all traffic at once."""
        rollout, given = self.cluster.typed.rollout, self.cluster.spec.get("strategy", {})
        if rollout is None or rollout.from_ is None or "canary" in given:
            return
        if rollout.phase in {"Starting", "Stepping", "Promoting"}:
            assert self.cluster.selected() == {"linnet.dev/revision": rollout.from_.name}

    @invariant()
    def only_bad_versions_are_rolled_back_by_analysis(self) -> None:
        for number in self.cluster.versions:
            behavior = self.cluster.behaviors[number]
            if behavior.errors == 0.0 and behavior.starts:
                for entry in self.cluster.version_status(number).decisions or ():
                    assert entry.decision != "RolledBack" or entry.by != "analysis", entry

    @invariant()
    def a_promotion_has_a_reason(self) -> None:
        """A bad version is promoted only by a person, or where nothing serves."""
        for number in self.cluster.versions:
            if self.cluster.behaviors[number].errors == 0.0:
                continue
            for entry in self.cluster.version_status(number).decisions or ():
                promoted = entry.decision == "Promoted" and entry.by == "analysis"
                assert not promoted or entry.reason == "ScaledToZero" or not entry.checks, entry

    def teardown(self) -> None:
        """When everybody leaves it alone it comes to rest, and then writes nothing."""
        self.cluster.edit(paused=False, replicas=2)
        self.cluster.waiting.clear()
        self.cluster.run(200)
        before = self.cluster.writes
        self.cluster.run(4)
        resting = self.cluster.phase == "AtRest"
        assert not resting or self.cluster.writes == before, self.cluster.status
        stable = self.cluster.typed.stable
        if stable is not None and self.cluster.behaviors[stable.version].starts:
            assert self.cluster.answering(), self.cluster.status


Rollouts.TestCase.settings = settings(
    max_examples=15,
    stateful_step_count=15,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
    derandomize=True,
)
TestRollouts = Rollouts.TestCase
