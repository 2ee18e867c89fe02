"""What somebody makes who may write pods, ReplicaSets and ConfigMaps of the namespace changes no verdict.

The admission policy for children would refuse all of it: here the cluster has none.
"""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from hack.chart_install import refuses

from control_plane import ApiServer, running
from integration import harness
from integration.harness import World
from integration.rollouts import (
    BAD,
    GOOD,
    NAME,
    QUICK,
    URI,
    Traffic,
    outcome,
    phase,
    publish,
    rollout,
    serve,
    stable,
    stepping,
)
from linnet.api.labels import COMPONENT, DEPLOYMENT, MANAGED, REVISION, VERSION

pytestmark = pytest.mark.integration
FORGED = 9
"""The version that a made-up pod's label names: the played kubelet tells it from genuine ones by that."""


@pytest.fixture(scope="module")
def unprotected(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ApiServer]:
    """A control plane of its own, without that policy."""
    with running(tmp_path_factory.mktemp("strangers")) as api:
        api.must("delete", "validatingadmissionpolicybinding", "linnet-children")
        harness.until(lambda: not refuses(api.kubeconfig, "children"), "the policy to be gone")
        yield api


@pytest.fixture
def world(unprotected: ApiServer) -> Iterator[World]:
    with harness.world(unprotected) as made:
        made.start_operator()
        yield made


def labels(revision: str) -> dict[str, str]:
    named = {DEPLOYMENT: NAME, REVISION: revision, VERSION: str(FORGED), COMPONENT: "serving"}
    return {MANAGED: "true", **named, "made-up": "true"}


def make(world: World, kind: str, api_version: str, name: str, labels: dict[str, str], spec: dict[str, Any]) -> None:
    meta = {"name": name, "namespace": world.namespace, "labels": labels}
    body = {"apiVersion": api_version, "kind": kind, "metadata": meta, "spec": spec}
    world.api.http.post(world.path(kind, "", api_version), json=body).raise_for_status()


POD: dict[str, Any] = {"containers": [{"name": "server", "image": "evil:1"}]}


def test_a_stray_pod_holds_no_rollout_up(world: World) -> None:
    """It looks like one of an earlier revision that has not ended, and nobody's apps/v1 Deployment made it."""
    traffic = serve(world)
    make(world, "Pod", "v1", "stray", labels(f"{NAME}-v9-abcdef12"), POD)
    world.until(lambda: world.kubelet.serving(FORGED), "the stray pod to run")
    publish(world, 2)
    traffic.answers[2] = GOOD
    traffic.until(lambda: outcome(world) == "Promoted" and stable(world) == 2, "version 2 to be promoted")


def test_pods_of_a_strangers_replica_set_condemn_nobody(world: World) -> None:
    """They bear the canary's labels and its ReplicaSet's name, and restart all the time: the version goes on.

    So it does when the Deployment controller adopts the ReplicaSet, which it does once that bears the labels itself.
    """
    world.kubelet.behave(FORGED, restarts=9)
    traffic = stepping(world)
    revision = rollout(world)["to"]["name"]
    name, loose = f"{revision}-evil", {MANAGED: "true", "made-up": "true"}
    template = {"metadata": {"labels": labels(revision)}, "spec": POD}
    spec = {"replicas": 1, "selector": {"matchLabels": {"made-up": "true"}}, "template": template}
    make(world, "ReplicaSet", "apps/v1", name, loose, spec)
    traffic.until(lambda: world.kubelet.serving(FORGED), "the made-up pod to run")
    unmoved(traffic)
    world.patch("ReplicaSet", name, {"metadata": {"labels": labels(revision)}}, "apps/v1")
    traffic.until(lambda: adopted(world, name), "the ReplicaSet to be adopted")
    unmoved(traffic)


def adopted(world: World, name: str) -> bool:
    """The Deployment controller owns it, or has done away with it by now, as with any former one."""
    found = world.get("ReplicaSet", name, "apps/v1")
    return found is None or bool(found["metadata"].get("ownerReferences"))


def unmoved(traffic: Traffic) -> None:
    """Ten looks later its pods are still healthy."""
    world = traffic.world
    looks = world.operator.metric("linnet_reconcile_total", kind="Deployment")
    traffic.until(
        lambda: world.operator.metric("linnet_reconcile_total", kind="Deployment") > looks + 10, "ten looks at it"
    )
    assert phase(world) == "Stepping"
    assert {c["verdict"] for c in rollout(world)["checks"] if c["name"] == "pod-health"} == {"Pass"}


def test_a_strangers_pod_that_a_validations_job_adopts_condemns_no_version(world: World) -> None:
    """The Job controller goes by a label, and one pod whose fetcher gives up ends the Job: another one is made."""
    world.kubelet.paused = True
    world.model(NAME, URI.format(1))
    (job,) = world.until(lambda: world.list("Job", "batch/v1"), "the validation to begin")
    adopt(world, job)
    name = job["metadata"]["name"]
    world.until(lambda: fails(world.get("Job", name, "batch/v1")), "the Job to be failed by it")
    world.kubelet.paused = False
    world.ready("ModelVersion", f"{NAME}-v1")


def adopt(world: World, job: dict[str, Any]) -> None:
    """A pod of nobody's with the Job's label, which ends as a fetcher does that finds no artifact."""
    finalizers = ["batch.kubernetes.io/job-tracking"]
    meta = {"name": "mine", "labels": job["spec"]["selector"]["matchLabels"], "finalizers": finalizers}
    spec = {"restartPolicy": "Never", "containers": [{"name": "fetch", "image": "evil:1"}]}
    body = {"apiVersion": "v1", "kind": "Pod", "metadata": meta, "spec": spec}
    world.api.http.post(world.path("Pod", "", "v1"), json=body).raise_for_status()
    state = {"terminated": {"exitCode": 2, "reason": "Error"}}
    ended = {"name": "fetch", "ready": False, "restartCount": 0, "image": "x", "imageID": "x", "state": state}
    made = {**body, "metadata": {"name": "mine", "namespace": world.namespace}}
    status = {"phase": "Failed", "containerStatuses": [ended]}
    world.api.patch(made, {"status": status}, subresource="/status").raise_for_status()


def fails(job: dict[str, Any] | None) -> bool:
    """Gone, it has failed: the operator deletes one that it has looked at."""
    return job is None or any(c["type"] == "Failed" for c in job.get("status", {}).get("conditions", ()))


@pytest.mark.parametrize(
    "spec",
    [
        {"ports": [{"name": "http", "port": 8080, "targetPort": "http"}]},
        {"type": "NodePort"},
        {"externalIPs": ["10.9.9.9"]},
    ],
    ids=["port", "type", "addresses"],
)
def test_what_somebody_made_of_a_service_holds_up_no_rollback(world: World, spec: dict[str, Any]) -> None:
    """A port that contradicts ours, or a way in from outside: it is theirs, and whom it selects is the operator's."""
    traffic = stepping(world)
    for name in (NAME, f"{NAME}-stable", f"{NAME}-canary"):
        world.patch("Service", name, {"spec": spec}, "v1")
    traffic.answers[2] = BAD
    traffic.until(lambda: outcome(world) == "RolledBack", "version 2 to be rolled back")
    found = world.get("Service", NAME, "v1")
    assert found is not None
    assert found["spec"]["selector"] == {REVISION: world.status("Deployment", NAME)["stable"]["name"]}
    assert world.operator.tracebacks() == []


def test_edited_evidence_promotes_nothing_and_stops_no_rollback(world: World) -> None:
    """The operator dies, and its ConfigMap says that all is well by lenient rules: the next one believes none of it."""
    traffic = stepping(world)
    name, forged = f"{NAME}-evidence", {"saved": "garbage", "evidence.counts": "[[[", "policy": json.dumps(QUICK)}
    traffic.until(lambda: world.get("ConfigMap", name, "v1"), "the evidence to be saved")
    before = rollout(world)
    world.kill_operator()
    world.patch("ConfigMap", name, {"data": forged}, "v1")
    world.start_operator()
    traffic.answers[2] = BAD
    traffic.until(lambda: outcome(world) == "RolledBack", "version 2 to be rolled back")
    decisions = world.status("ModelVersion", f"{NAME}-v2")["decisions"]
    assert {d["policyHash"] for d in decisions} == {before["policyHash"]}
    events = world.list("Event", "events.k8s.io/v1")
    assert "EvidenceTampered" in {e["reason"] for e in events if e["regarding"]["name"] == NAME}
    assert world.operator.tracebacks() == []
