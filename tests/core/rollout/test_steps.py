"""The steps of a canary that wait: a pause that ends by itself, and an analysis by some of the checks."""

from typing import Any

import pytest

from core.rollout.test_transitions import at_rest, serving
from linnet.api.kinds.model import ModelSpec
from linnet.api.kinds.rollout_policy import RolloutPolicySpec
from linnet.core.policy import effective as shared_policy
from linnet.core.policy import preflight
from linnet.core.policy import rules as policy
from linnet.core.serving.runtimes import freeze
from simulator import CATALOGUE, Behavior, Cluster

ERRORS = {"name": "errors", "signal": "Errors", "max": "0.05"}
SLOW = {"name": "slow", "signal": "Latency", "threshold": "250ms", "maxShareSlower": "0.001"}
"""A bound so small that it takes some thousand requests to have seen it kept; the other takes some dozens."""


def paused(**pause: Any) -> Cluster:
    """Version 2 at a pause, at 25 %."""
    steps = [{"setWeight": 25}, {"pause": pause}]
    cluster = serving(strategy={"canary": {"steps": steps}, "bake": {"time": "0s"}}, replicas=4).publish(2)
    return cluster.run(60, until=lambda c: c.ready_reason() == "Unknown/Paused")


@pytest.mark.rollouts
class TestPause:
    """`pause: {maxTime, onExpiry}`."""

    @pytest.mark.parametrize("expiry", [{}, {"onExpiry": "Promote"}])
    def test_it_goes_on_when_its_time_is_over(self, expiry: dict[str, str]) -> None:
        """Promote, which is the default, and not before."""
        cluster = paused(maxTime="1m", **expiry).run(50)
        assert cluster.ready_reason() == "Unknown/Paused"
        cluster.run(120, until=at_rest)
        assert cluster.typed.stable is not None
        assert cluster.typed.stable.version == 2

    def test_it_goes_back_if_nobody_came(self) -> None:
        """RollBack: without blame, and it is not tried again by itself."""
        cluster = paused(maxTime="1m", onExpiry="RollBack").run(180)
        last = cluster.typed.last_rollout
        assert at_rest(cluster)
        assert last is not None
        assert (last.outcome, last.reason, last.by) == ("Aborted", "PauseExpired", "deadline")
        assert last.message == "nobody resumed within 1m"
        assert cluster.version_status(2).quarantine is None

    def test_it_holds_until_somebody_comes(self) -> None:
        """Hold: the time is over, and a person still decides."""
        cluster = paused(maxTime="1m", onExpiry="Hold").run(600)
        assert cluster.ready_reason() == "Unknown/Paused"
        cluster.ask("resume - id1 jane").run(120, until=at_rest)
        assert cluster.typed.stable is not None
        assert cluster.typed.stable.version == 2

    def test_a_version_that_fails_does_not_wait_for_its_end(self) -> None:
        """A pause is no blindfold."""
        cluster = paused(maxTime="24h", onExpiry="Promote")
        cluster.behaviors[2] = Behavior(errors=0.4)
        cluster.run(300, until=at_rest)
        assert cluster.version_status(2).quarantine is not None


def step(cluster: Cluster) -> int | None:
    return cluster.typed.rollout.step if cluster.typed.rollout and cluster.phase == "Stepping" else None


def analysing(names: list[str], behavior: Behavior) -> Cluster:
    steps = [{"setWeight": 25}, {"analyze": {"for": "10s", "checks": names}}, {"pause": {}}]
    analysis = {"interval": "2s", "warmUp": "0s", "defaultChecks": False, "checks": [ERRORS, SLOW]}
    return serving(
        strategy={"canary": {"steps": steps}, "bake": {"time": "30s"}}, analysis=analysis, replicas=4
    ).publish(2, behavior)


@pytest.mark.rollouts
class TestAnalyze:
    """`analyze: {checks: […]}`."""

    def test_only_the_named_checks_must_pass(self) -> None:
        """What another one can't say yet holds nobody up."""
        cluster = analysing(["errors"], Behavior()).run(100, until=lambda c: step(c) == 2)
        assert cluster.typed.rollout is not None
        verdicts = {c.name: c.verdict for c in cluster.typed.rollout.checks or ()}
        assert (verdicts["errors"], verdicts["slow"]) == ("Pass", "InsufficientData")

    def test_a_named_check_holds_until_it_passes(self) -> None:
        """The same traffic, with the other name."""
        cluster = analysing(["slow"], Behavior()).run(100)
        assert step(cluster) == 1

    def test_a_check_that_is_not_named_rolls_back_all_the_same(self) -> None:
        """Names say what is waited for, not what is watched."""
        cluster = analysing(["slow"], Behavior(errors=0.4)).run(300, until=at_rest)
        assert [q.reason for q in cluster.version_status(2).quarantine or ()] == ["errors"]


def found(analysis: dict[str, Any], *names: str) -> str | None:
    """What is said of a step that asks for these names, by the runtime's checks or by those given."""
    steps = [{"setWeight": 25}, {"analyze": {"for": "1m", "checks": list(names)}}]
    given = RolloutPolicySpec.model_validate({"strategy": {"canary": {"steps": steps}}, "analysis": analysis})
    model = ModelSpec.model_validate({"format": {"name": "sklearn"}, "source": {"uri": "s3://models/1"}})
    runtime = freeze("tumor-risk", model, CATALOGUE)
    rules = policy.resolve(policy.source_of(given), runtime)
    assert rules is not None
    trouble = preflight.trouble(rules, runtime)
    return trouble[1] if trouble else None


def test_a_name_that_no_check_bears_is_refused_with_its_path() -> None:
    """Such a step would wait for ever."""
    told = found({"defaultChecks": False, "checks": [ERRORS]}, "errors", "latency")
    assert told == "spec.strategy.canary.steps[1].analyze.checks[1]: no check is named latency: the checks are errors"
    assert shared_policy.located(told, {"policy": {"name": "gentle"}}).startswith(
        "policy.spec.strategy.canary.steps[1]"
    )


def test_the_default_checks_can_be_named_too() -> None:
    """Errors and latency, if the runtime exposes them."""
    assert found({}, "errors", "latency") is None
    assert found({}, "slow") == (
        "spec.strategy.canary.steps[1].analyze.checks[0]: no check is named slow: the checks are errors, latency"
    )


@pytest.mark.rollouts
def test_a_slow_loader_is_waited_for() -> None:
    """The longer of the runtime's startup and deadlines.ready holds, for the rollout and for the pods' own probe."""
    cluster = Cluster()
    cluster.edit(deadlines={"ready": "60s"}).run(5).publish(2)
    cluster.versions[2]["spec"]["runtime"]["startup"] = "30m"
    cluster.behaviors[2].starts = False
    cluster.run(60, until=lambda c: c.phase == "Starting")
    assert cluster.run(600).phase == "Starting"
    pod = cluster.workloads[cluster.revision(2)]["spec"]["template"]["spec"]
    assert [c["startupProbe"]["failureThreshold"] for c in pod["containers"] if "startupProbe" in c] == [1800]
    cluster.run(1300, until=lambda c: c.phase != "Starting")
    assert cluster.phase != "Starting"
