"""Whole rollouts on a real API server with real controllers: outcomes, faults, and other operators' bugs."""

from typing import Any

import pytest

from integration.harness import SHORT_LEASE, World
from integration.rollouts import (
    NAME,
    QUICK,
    Traffic,
    live,
    outcome,
    phase,
    pods,
    publish,
    quarantine,
    reason,
    rollout,
    serve,
    stable,
)

pytestmark = pytest.mark.integration
GOOD, BAD, SLOW = (200, 0, 0), (140, 60, 0), (80, 0, 120)


def promoted(traffic: Traffic) -> None:
    traffic.until(
        lambda: outcome(traffic.world) == "Promoted" and stable(traffic.world) == 2, "version 2 to be promoted"
    )


def rolled_back(traffic: Traffic) -> None:
    traffic.until(lambda: outcome(traffic.world) == "RolledBack", "version 2 to be rolled back")


def test_a_better_version_is_promoted(world: World) -> None:
    """From a new uri to a version that serves alone, without a restart of its canary pods."""
    traffic = serve(world)
    publish(world, 2)
    traffic.answers[2] = GOOD
    traffic.until(lambda: pods(world, 2), "the canary's first pod")
    first = pods(world, 2)[0]["metadata"]["uid"]
    promoted(traffic)
    assert first in {p["metadata"]["uid"] for p in pods(world, 2)}
    world.until(lambda: not pods(world, 1), "the former version's pods to end")
    assert live(world) == {"linnet.dev/revision": world.status("Deployment", NAME)["stable"]["name"]}
    assert world.condition("Deployment", NAME)["status"] == "True"
    decisions = [d["decision"] for d in world.status("ModelVersion", f"{NAME}-v2")["decisions"]]
    assert "Promoted" in decisions


def test_a_failing_version_is_rolled_back_and_refused_again(world: World) -> None:
    """Errors roll back and quarantine the digest; nothing tries it again (argo #2929, #3578)."""
    traffic = serve(world)
    publish(world, 2)
    traffic.answers[2] = BAD
    rolled_back(traffic)
    assert stable(world) == 1
    assert not pods(world, 2)
    assert quarantine(world, 2)[0]["reason"] == "errors"
    traffic.until(lambda: reason(world) == "Quarantined", "the refusal")
    record = world.status("ModelVersion", f"{NAME}-v2")["decisions"][-1]
    assert record["by"] == "analysis"
    assert record["checks"][0]["canaryBad"] > 0
    assert world.at_rest(3) == 0


def test_a_slow_version_is_rolled_back(world: World) -> None:
    """Latency is judged by the share of answers slower than a bucket's bound."""
    checks = [{"name": "slow", "signal": "Latency", "threshold": "250ms", "maxShareSlower": "0.05"}]
    traffic = serve(world, analysis={"interval": "500ms", "warmUp": "0s", "defaultChecks": False, "checks": checks})
    publish(world, 2)
    traffic.answers[2] = SLOW
    rolled_back(traffic)
    entry = quarantine(world, 2)[0]
    assert entry["reason"] == "slow"
    assert entry["template"]


def test_restarting_canary_pods_are_rolled_back(world: World) -> None:
    """PodHealth: the canary's servers die, stable's do not."""
    traffic = serve(world)
    publish(world, 2)
    traffic.until(lambda: phase(world) == "Stepping", "the canary to be ready")
    world.kubelet.behave(2, restarts=3)
    rolled_back(traffic)
    assert "restarted" in world.status("Deployment", NAME)["lastRollout"]["message"]


def test_a_canary_that_never_starts_says_why(world: World) -> None:
    """flagger #1816: the pods' own reason is in the message; stable keeps its pods."""
    world.kubelet.behave(2, waiting="CrashLoopBackOff")
    traffic = serve(world, deadlines={"ready": "3s"})
    publish(world, 2)
    rolled_back(traffic)
    assert "CrashLoopBackOff" in world.status("Deployment", NAME)["lastRollout"]["message"]
    assert len(pods(world, 1)) == 2


@pytest.mark.parametrize(
    "fault",
    [{"status": 500}, {"body": ""}, {"body": "rest_server_requests_total NaN\n"}, {"body": "<html>no metrics</html>"}],
    ids=["down", "empty", "nan", "garbage"],
)
def test_unreadable_metrics_decide_nothing(world: World, fault: dict[str, Any]) -> None:
    """flagger #1581 promoted on a failing metric, others roll back on it: here it is neither, and it is said."""
    traffic = serve(world)
    world.kubelet.behave(2, **fault)
    publish(world, 2)
    traffic.until(lambda: phase(world) == "Stepping", "the canary to be ready")
    traffic.until(lambda: reason(world) in {"MetricsError", "InsufficientData"}, "the reason that holds it")
    for _ in range(20):
        traffic.flow()
    assert phase(world) == "Stepping"
    world.kubelet.behave(2, status=200, body=None)
    traffic.answers[2] = GOOD
    promoted(traffic)


def test_a_counter_reset_is_no_evidence(world: World) -> None:
    """A server whose counters start again at zero is judged on what is new."""
    traffic = serve(world, strategy={"canary": {"steps": [{"setWeight": 50}, {"pause": {}}]}, "bake": {"time": "0s"}})
    publish(world, 2)
    traffic.answers[2] = GOOD
    traffic.until(lambda: phase(world) == "Stepping", "the canary to be ready")
    for _ in range(5):
        traffic.flow()
    world.kubelet.forget_counters(2)
    world.kubelet.forget_counters(1)
    for _ in range(10):
        traffic.flow()
    assert phase(world) == "Stepping"
    assert not quarantine(world, 2)


def test_no_traffic_is_insufficient_data(world: World) -> None:
    """flagger #1035, argo #1905: zero requests neither promote nor roll back."""
    traffic = serve(world)
    traffic.answers.clear()
    publish(world, 2)
    world.until(lambda: reason(world) == "InsufficientData", "the reason that holds it")
    assert phase(world) == "Stepping"


def test_the_canary_is_judged_not_stable(world: World) -> None:
    """argo #1700: stable's own errors do not roll a good canary back."""
    traffic = serve(world)
    publish(world, 2)
    traffic.answers.update({1: BAD, 2: GOOD})
    promoted(traffic)


def test_a_new_rollout_starts_with_fresh_evidence(world: World) -> None:
    """flagger #30: the next version does not inherit the failed one's counts."""
    traffic = serve(world)
    publish(world, 2)
    traffic.answers[2] = BAD
    rolled_back(traffic)
    publish(world, 3)
    traffic.answers[3] = GOOD
    traffic.until(lambda: stable(world) == 3 and outcome(world) == "Promoted", "version 3 to be promoted")
    assert not quarantine(world, 3)


def test_abort_returns_traffic_and_stays_aborted(world: World) -> None:
    """argo #1152, #4461, #3078: an abort is obeyed at once, and `<name>` does not flap afterwards."""
    traffic = serve(
        world, strategy={"canary": {"steps": [{"setWeight": 50}, {"pause": {}}]}, "abortScaleDownDelay": "0s"}
    )
    publish(world, 2)
    traffic.until(lambda: phase(world) == "Stepping", "the canary to be ready")
    world.request("Deployment", NAME, "abort v2")
    traffic.until(lambda: outcome(world) == "Aborted", "the abort")
    pinned = live(world)
    assert pinned == {"linnet.dev/revision": world.status("Deployment", NAME)["stable"]["name"]}
    assert world.at_rest(3) == 0
    assert live(world) == pinned
    assert not quarantine(world, 2)


def test_former_pods_stay_until_the_new_ones_are_ready(world: World) -> None:
    """argo #2050, #3275, flagger #1202: stable gives up no pod before the promoted version has all of its own."""
    traffic = serve(world, replicas=3)
    publish(world, 2)
    traffic.answers[2] = GOOD
    least = 3

    def done() -> bool:
        nonlocal least
        if phase(world) in {"Starting", "Stepping", "Promoting"}:
            least = min(least, len(pods(world, 1)))
        return outcome(world) == "Promoted" and stable(world) == 2

    traffic.until(done, "version 2 to be promoted", every=0.05)
    assert least == 3


def test_a_template_change_alone_is_a_canary(world: World) -> None:
    """The same version with another environment goes through the same steps."""
    traffic = serve(world)
    world.deployment(NAME, NAME, **QUICK, pod={"env": [{"name": "THREADS", "value": "2"}]})
    traffic.until(lambda: rollout(world).get("to", {}).get("version") == 1, "a rollout of version 1")
    assert rollout(world)["to"]["name"] != rollout(world)["from"]["name"]


def test_a_git_revert_ends_the_canary(world: World) -> None:
    """The former uri in Git is the former version: the canary ends, without blame."""
    traffic = serve(world, strategy={"canary": {"steps": [{"setWeight": 50}, {"pause": {}}]}})
    publish(world, 2)
    traffic.until(lambda: phase(world) == "Stepping", "the canary to be ready")
    publish(world, 1)
    traffic.until(lambda: outcome(world) == "Aborted", "the canary to end")
    traffic.until(lambda: world.condition("Deployment", NAME)["status"] == "True", "rest")
    assert stable(world) == 1
    assert not quarantine(world, 2)
    assert world.get("ModelVersion", f"{NAME}-v3") is None


def test_an_invalid_spec_then_a_valid_one(world: World) -> None:
    """What types refuse is said with its path; pods stay; the next valid spec is followed as if nothing had been."""
    traffic = serve(world)
    world.deployment(NAME, NAME, **{**QUICK, "pod": {"storage": {"cache": "Node"}}})
    traffic.until(lambda: reason(world) == "NotYetSupported", "the refusal")
    assert "spec.pod.storage.cache" in world.condition("Deployment", NAME)["message"]
    assert len(pods(world, 1)) == 2
    world.deployment(NAME, NAME, **QUICK)
    traffic.until(lambda: world.condition("Deployment", NAME)["status"] == "True", "to be Ready again")


def _past(world: World) -> set[str]:
    """Phases that a short look may miss: the rollout has ended meanwhile."""
    ended = outcome(world) in {"Promoted", "RolledBack"}
    return {"Finishing", "RollingBack", "Promoting", "Baking"} if ended else set()


@pytest.mark.parametrize("at", ["Starting", "Stepping", "Promoting", "Baking", "Finishing", "RollingBack"])
def test_an_operator_killed_in_this_phase_is_replaced(quiet_world: World, at: str) -> None:
    """SIGKILL in any phase: the next operator reaches the same end, once."""
    world = quiet_world
    world.start_operator()
    bake = {"time": "5s" if at == "Baking" else "1s"}
    traffic = serve(world, strategy={**QUICK["strategy"], "bake": bake})
    world.kubelet.behave(2, starts=at != "Starting")
    publish(world, 2)
    traffic.answers[2] = BAD if at == "RollingBack" else GOOD
    traffic.until(lambda: phase(world) == at or at in _past(world), f"phase {at}")
    world.kill_operator()
    world.kubelet.behave(2, starts=True)
    world.start_operator()
    if at == "RollingBack":
        rolled_back(traffic)
        assert len(quarantine(world, 2)) == 1
    else:
        promoted(traffic)
    assert not world.operator.tracebacks()
    expected = 1 if at == "RollingBack" else 2
    assert stable(world) == expected
    world.until(lambda: len(pods(world, expected)) == 2, "two serving pods")


def test_of_two_operators_one_acts(quiet_world: World) -> None:
    """A standby takes over in mid-rollout when the leader dies, and the rollout ends as it would have."""
    world = quiet_world
    first = world.start_operator(**SHORT_LEASE)
    second = world.start_operator(**SHORT_LEASE)
    world.until(lambda: first.leads() != second.leads(), "one leader")
    leader, standby = (first, second) if first.leads() else (second, first)
    traffic = serve(world)
    assert standby.writes() == 0
    publish(world, 2)
    traffic.answers[2] = BAD
    traffic.until(lambda: phase(world) == "Stepping", "the canary to be ready")
    leader.kill()
    rolled_back(traffic)
    assert len(quarantine(world, 2)) == 1
    assert not standby.tracebacks()
