"""A finalizer of a stranger's, on something that Linnet or Kubernetes made, holds up itself alone."""

from functools import partial

import pytest

from integration.harness import World
from integration.rollouts import (
    BAD,
    GOOD,
    NAME,
    live,
    outcome,
    pods,
    publish,
    rollout,
    serve,
    stable,
    stepping,
)
from linnet.api.labels import REVISION

pytestmark = pytest.mark.integration
HOLD = "example.com/hold"
WAY_OUT = """--type merge -p '{"metadata":{"finalizers":null}}'"""


def hold(world: World, kind: str, name: str, api_version: str = "v1") -> None:
    """As whoever may patch it does; its own finalizers stay."""
    found = world.get(kind, name, api_version)
    assert found is not None
    kept = [*found["metadata"].get("finalizers", []), HOLD]
    world.patch(kind, name, {"metadata": {"finalizers": kept}}, api_version)


def release(world: World, kind: str, name: str, api_version: str = "v1") -> None:
    world.patch(kind, name, {"metadata": {"finalizers": None}}, api_version)


def said(world: World, kind: str = "Deployment", name: str = NAME) -> str:
    return str(world.condition(kind, name)["message"])


def named(world: World, kind: str, name: str) -> bool:
    """The condition says what hangs, by whose finalizer, and what to type."""
    message = said(world)
    return f"{kind} {name} hangs in deletion, kept by finalizer {HOLD}" in message and WAY_OUT in message


def is_promoted(world: World, version: int) -> bool:
    return outcome(world) == "Promoted" and stable(world) == version


def test_a_pod_of_a_former_version_holds_no_rollout_up(world: World) -> None:
    """The rollout ends, the next one starts and ends, and the pod is named until it is gone."""
    traffic = serve(world)
    name = str(pods(world, 1)[0]["metadata"]["name"])
    hold(world, "Pod", name)
    for version in (2, 3):
        publish(world, version)
        traffic.answers[version] = GOOD
        traffic.until(partial(is_promoted, world, version), f"version {version} to be promoted")
    assert named(world, "Pod", name)
    assert world.condition("Deployment", NAME)["status"] == "True"
    assert world.at_rest(3) == 0
    release(world, "Pod", name)
    world.until(lambda: "hangs" not in said(world), "the pod to be named no more")


@pytest.mark.parametrize("verb", ["abort", "rollback", ""])
def test_pods_that_hang_hold_no_way_back_up(world: World, verb: str) -> None:
    """Of both versions: a person, or the judge where nobody asks, takes the version back, and that ends."""
    traffic = stepping(world)
    for version in (1, 2):
        name = str(pods(world, version)[0]["metadata"]["name"])
        hold(world, "Pod", name)
        world.delete("Pod", name, "v1")
    if verb:
        assert world.answer(world.request("Deployment", NAME, f"{verb} v2"))["outcome"] == "Accepted"
    else:
        traffic.answers[2] = BAD
    wanted = "Aborted" if verb == "abort" else "RolledBack"
    traffic.until(lambda: outcome(world) == wanted, "the way back to end")
    assert stable(world) == 1


CHILDREN: list[tuple[str, str]] = [
    ("Deployment", "apps/v1"),
    ("ReplicaSet", "apps/v1"),
    ("Service", "v1"),
    ("ConfigMap", "v1"),
    ("PodDisruptionBudget", "policy/v1"),
    ("NetworkPolicy", "networking.k8s.io/v1"),
]


def children(world: World, revision: str) -> list[tuple[str, str, str]]:
    """The canary's workload and ReplicaSet, and one of each kind of what the Deployment has once."""
    sets = world.list("ReplicaSet", "apps/v1", f"{REVISION}={revision}")
    names = {"Deployment": revision, "ReplicaSet": sets[0]["metadata"]["name"], "ConfigMap": f"{NAME}-evidence"}
    names["NetworkPolicy"] = f"{NAME}-loaded"
    return [(kind, names.get(kind, NAME), version) for kind, version in CHILDREN]


def test_no_child_that_hangs_keeps_a_bad_version_in_traffic(world: World) -> None:
    """Each child hangs in deletion at once: traffic goes back, and with the finalizers the rest of the wait goes."""
    traffic = stepping(world)
    traffic.until(lambda: world.get("ConfigMap", f"{NAME}-evidence", "v1"), "the evidence to be saved")
    before = rollout(world)
    held = children(world, before["to"]["name"])
    for kind, name, version in held:
        hold(world, kind, name, version)
        world.delete(kind, name, version)
    traffic.answers[2] = BAD
    traffic.until(lambda: live(world).get(REVISION) == before["from"]["name"], "traffic to be back")
    traffic.until(lambda: named(world, "Deployment", before["to"]["name"]), "what is waited for to be named")
    for kind, name, version in held:
        if world.get(kind, name, version) is not None:
            release(world, kind, name, version)
    traffic.until(lambda: outcome(world) == "RolledBack", "the rollback to end")
    world.until(lambda: all(stands(world, *each) for each in held), "what was deleted to be there again")
    assert world.operator.tracebacks() == []


def stands(world: World, kind: str, name: str, version: str) -> bool:
    """Whether it is there to stay; of the version that failed, and of its evidence, nothing need be."""
    if kind in {"Deployment", "ReplicaSet", "ConfigMap"}:
        return True
    found = world.get(kind, name, version)
    return found is not None and "deletionTimestamp" not in found["metadata"]


def test_a_validation_goes_on_past_a_job_that_hangs(world: World) -> None:
    """The version is validated by another Job; who keeps one after the other is named."""
    world.kubelet.paused = True
    world.model(NAME, "s3://models/risk/1")
    job = f"{NAME}-v1-check-{{}}"
    for attempt in (1, 2):
        world.until(partial(world.get, "Job", job.format(attempt), "batch/v1"), f"attempt {attempt}")
        hold(world, "Job", job.format(attempt), "batch/v1")
        world.delete("Job", job.format(attempt), "batch/v1")
    world.until(lambda: world.get("Job", job.format(3), "batch/v1"), "attempt 3")
    world.kubelet.paused = False
    replay(world)
    world.ready("ModelVersion", f"{NAME}-v1")


def replay(world: World) -> None:
    """The kubelet does what it missed."""
    for name, pod in list(world.kubelet.pods.items()):
        world.kubelet._play(name, pod)
