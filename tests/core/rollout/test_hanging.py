"""What hangs in deletion holds up itself alone: a finalizer of a stranger's keeps it, or a node that is lost."""

import copy
from functools import cache
from typing import Any

import pytest

from core.rollout.test_transitions import QUICK
from simulator import Behavior, Cluster

pytestmark = pytest.mark.rollouts
CANARY = QUICK["strategy"]["canary"]
STRATEGIES: dict[str, dict[str, Any]] = {
    "canary": {"canary": CANARY},
    "InPlace": {"canary": CANARY, "capacity": "InPlace"},
    "allAtOnce": {"allAtOnce": {}},
    "blueGreen": {"blueGreen": {}},
}
OTHERS = ("ReplicaSet", "Service", "HorizontalPodAutoscaler", "PodDisruptionBudget", "NetworkPolicy")
KEPT = "hangs in deletion, kept by finalizer example.com/hold"
WAY_OUT = """--type merge -p '{"metadata":{"finalizers":null}}'"""


@cache
def _reached(phase: str, strategy: str) -> Cluster:
    made, bake = Cluster(rate=20), "0s" if strategy == "InPlace" else "30s"
    made.edit(**{**QUICK, "strategy": {**STRATEGIES[strategy], "bake": {"time": bake}}, "replicas": 2}).run(5)
    assert made.ready_reason() == "True/AsDesired"
    if phase != "AtRest":
        made.publish(2, Behavior(starts=phase != "Starting"))
        made.run(30, until=lambda c: c.phase == ("Starting" if phase == "Starting" else "Stepping"))
    if phase == "Baking":
        made.ask("promote-full - 0 jane").run(30, until=lambda c: c.phase == phase)
    assert made.phase == phase
    return made


def reached(phase: str, strategy: str = "canary") -> Cluster:
    return copy.deepcopy(_reached(phase, strategy))


def outcome(cluster: Cluster) -> str:
    """How the last rollout ended, once none is under way."""
    last = cluster.typed.last_rollout
    return last.outcome if cluster.phase == "AtRest" and last is not None else ""


def ended(cluster: Cluster) -> bool:
    return bool(outcome(cluster))


def stable(cluster: Cluster) -> int:
    return cluster.typed.stable.version if cluster.typed.stable is not None else 0


def pods_of(cluster: Cluster, version: int) -> list[str]:
    return [n for n, p in cluster.pods.items() if p["metadata"]["labels"]["linnet.dev/version"] == str(version)]


def answering(cluster: Cluster) -> set[str]:
    return {p["metadata"]["labels"]["linnet.dev/version"] for p in cluster.answering()}


def promoted(cluster: Cluster, version: int) -> Cluster:
    """The version is published, and promoted by a person where that takes long."""
    cluster.publish(version).run(100, until=lambda c: c.phase == "Stepping" or stable(c) == version)
    if cluster.phase == "Stepping":
        cluster.ask(f"promote-full - {version} jane")
    return cluster.run(200, until=lambda c: outcome(c) == "Promoted" and stable(c) == version)


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_pods_of_the_former_version_hold_no_promotion_up(strategy: str) -> None:
    """The rollout ends, a pod is named with its finalizer and the way out, and the next version serves in its turn."""
    cluster = reached("AtRest", strategy)
    cluster.kept_pods = {1}
    for version in (2, 3):
        assert stable(promoted(cluster, version)) == version
        assert outcome(cluster) == "Promoted"
    assert cluster.ready_reason() == "True/AsDesired"
    assert f"Pod {pods_of(cluster, 1)[0]} {KEPT}" in cluster.message()
    assert WAY_OUT in cluster.message()


def test_pods_on_a_lost_node_hold_no_promotion_up() -> None:
    """No finalizer keeps them: the message says what to do about the node."""
    cluster = reached("Baking")
    cluster.kept_pods, cluster.finalizers = {1}, []
    cluster.run(200)
    assert outcome(cluster) == "Promoted"
    assert "--force --grace-period=0" in cluster.message()


def test_pods_that_were_evicted_hold_no_promotion_up() -> None:
    """Their objects stay when their ReplicaSet is scaled down."""
    cluster = reached("Baking")
    ready = {"type": "Ready", "status": "False"}
    for name in pods_of(cluster, 1):
        evicted = copy.deepcopy(cluster.pods[name])
        evicted["metadata"] |= {"name": f"{name}-evicted", "uid": f"{name}-evicted", "ownerReferences": []}
        cluster.lost[f"{name}-evicted"] = {**evicted, "status": {"phase": "Failed", "conditions": [ready]}}
    cluster.run(200)
    assert outcome(cluster) == "Promoted"


@pytest.mark.parametrize("phase", ["Stepping", "Baking"])
@pytest.mark.parametrize("kept", [{1}, {2}])
def test_a_bad_version_is_rolled_back_past_pods_that_hang(phase: str, kept: set[int]) -> None:
    """It is decided as fast as ever, and ends though its own pods never go."""
    cluster = reached(phase)
    cluster.kept_pods = kept
    for version in (1, 2):
        cluster.hang("Pod", pods_of(cluster, version)[0])
    cluster.behaviors[2] = Behavior(errors=0.5)
    cluster.run(60, until=lambda c: c.phase == "RollingBack")
    assert cluster.phase == "RollingBack"
    cluster.run(100, until=ended)
    assert outcome(cluster) == "RolledBack"
    assert answering(cluster) == {"1"}


@pytest.mark.parametrize("verb", ["abort", "rollback"])
@pytest.mark.parametrize("phase", ["Starting", "Stepping", "Baking"])
def test_a_person_takes_it_back_past_pods_that_hang(phase: str, verb: str) -> None:
    """The request is obeyed, and the rollout ends."""
    cluster = reached(phase)
    cluster.kept_pods = {1, 2}
    cluster.hang("Pod", pods_of(cluster, 1)[0])
    cluster.ask(f"{verb} - 1 jane").run(100, until=ended)
    assert cluster.answered.outcome == "Accepted"
    assert outcome(cluster) == {"abort": "Aborted", "rollback": "RolledBack"}[verb]
    assert answering(cluster) == {"1"}


def test_a_pod_that_ends_in_time_is_waited_for() -> None:
    """It may still answer: while it has its grace, the rollout has not ended, and nobody is told of it."""
    cluster = reached("Baking")
    cluster.kept_pods = {1}
    cluster.run(100, until=lambda c: c.phase == "Finishing").run(20)
    assert cluster.phase == "Finishing"
    assert "hangs" not in cluster.message()
    cluster.free().run(5)
    assert outcome(cluster) == "Promoted"


@pytest.mark.parametrize("kind", OTHERS)
def test_other_children_that_hang_hold_nothing_up(kind: str) -> None:
    """A bad version is rolled back, and what hangs is named once; when it is gone, nothing is said any more."""
    cluster = reached("Stepping").hang(kind, "tumor-risk")
    cluster.behaviors[2] = Behavior(errors=0.5)
    cluster.run(60)
    assert outcome(cluster) == "RolledBack"
    assert f"{kind} tumor-risk {KEPT}" in cluster.message()
    writes = cluster.writes
    assert cluster.run(30).writes == writes
    assert "hangs" not in cluster.free().run(5).message()


def test_children_that_hang_hold_no_promotion_up() -> None:
    """All of them at once."""
    cluster = reached("Baking")
    for kind in OTHERS:
        cluster.hang(kind, "tumor-risk")
    cluster.run(300, until=ended)
    assert outcome(cluster) == "Promoted"
    assert "So do 3 more objects" in cluster.message()


@pytest.mark.parametrize("phase", ["Stepping", "Baking"])
@pytest.mark.parametrize("version", [1, 2])
def test_traffic_goes_back_past_a_workload_that_hangs(phase: str, version: int) -> None:
    """Its pods go on, and can't be scaled: what waits for that says so, and goes on by itself."""
    cluster = reached(phase)
    name = cluster.revision(version)
    cluster.hang("Deployment", name)
    cluster.behaviors[2] = Behavior(errors=0.5)
    cluster.run(90)
    assert answering(cluster) == {"1"}
    assert f"Deployment {name} {KEPT}" in cluster.message()
    assert f"kubectl patch deployment.apps {name} -n ml {WAY_OUT}" in cluster.message()
    for pod in pods_of(cluster, version):
        del cluster.pods[pod]
    cluster.free().run(60)
    assert outcome(cluster) == "RolledBack"
    assert answering(cluster) == {"1"}
