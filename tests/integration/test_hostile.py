"""Strangers share the cluster: whatever they write, nobody else's bad canary stays, and a person's word is obeyed."""

from collections.abc import Iterator
from typing import Any

import pytest

from control_plane import ApiServer
from foreign.nested import managed, text_of
from integration import harness
from integration.harness import Operator, World
from integration.rollouts import NAME, outcome, phase, publish, serve
from linnet.adapters.cluster import resources
from linnet.adapters.cluster.resources import Resource
from linnet.api.labels import DEPLOYMENT, MANAGED

pytestmark = pytest.mark.integration
LEVELS = 6000
POD: dict[str, Any] = {"containers": [{"name": "c", "image": "none:1"}]}
TEMPLATE: dict[str, Any] = {"metadata": {"labels": {"app": "x"}}, "spec": POD}
ONCE: dict[str, Any] = {"suspend": True, "template": {"spec": {**POD, "restartPolicy": "Never"}}}
SELECTED: dict[str, Any] = {"selector": {"matchLabels": {"app": "x"}}, "replicas": 0, "template": TEMPLATE}
SPECS: dict[Resource, dict[str, Any]] = {
    resources.MODEL: {"format": {"name": "sklearn"}, "source": {"uri": "s3://models/x/1"}},
    resources.DEPLOYMENT: {"model": {"name": "nobody"}},
    resources.RETRAIN_POLICY: {"model": {"name": "nobody"}, "training": {"job": {"image": "t:1", "command": ["t"]}}},
    resources.ROLLOUT_POLICY: {"analysis": {"interval": "5s"}},
    resources.WORKLOAD: SELECTED,
    resources.REPLICA_SET: SELECTED,
    resources.SERVICE: {"ports": [{"port": 80}]},
    resources.BUDGET: {"selector": {"matchLabels": {"app": "x"}}},
    resources.NETWORK_POLICY: {"podSelector": {"matchLabels": {"no": "body"}}},
    resources.POD: POD,
    resources.JOB: ONCE,
    resources.CRON_JOB: {"schedule": "0 0 1 1 *", "suspend": True, "jobTemplate": {"spec": ONCE}},
    resources.AUTOSCALER: {
        "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "x"},
        "maxReplicas": 1,
    },
}
"""A valid object of each resource that is watched."""
PAGES = {
    "digits": "rest_server_requests_total " + "1" * 20_000 + "x\n",
    "buckets": "".join(f'rest_server_request_duration_seconds_bucket{{le="{n}"}} 1\n' for n in range(50_000)),
    "huge": 'rest_server_requests_total{method="POST",path="/v2/models/{model_name}/infer",status_code="500"} 1e20\n',
}


def put(world: World, resource: Resource, name: str) -> None:
    """Create the object, nested as deeply as no parser of Python's goes, where only its author may have written."""
    labels = {MANAGED: "true", DEPLOYMENT: "x"}
    meta = {"name": name, "namespace": world.namespace, "labels": labels}
    obj = {"apiVersion": resource.api_version, "kind": resource.kind, "metadata": meta, "spec": SPECS[resource]}
    data = text_of(obj, managed=managed(LEVELS, resource.api_version))
    path = world.path(resource.kind, api_version=resource.api_version)
    answer = world.api.http.post(path, content=data, headers={"Content-Type": "application/json"})
    assert answer.is_success, answer.text[:500]
    assert answer.content.count(b'"f:a"') >= LEVELS - 1


def put_one_of_each(world: World, name: str) -> None:
    for resource in SPECS:
        put(world, resource, name)
    huge = {"podSelector": {"matchLabels": {f"k{n}": "v" * 60 for n in range(12_000)}}}
    meta = {"name": f"{name}-huge", "namespace": world.namespace, "labels": {MANAGED: "true"}}
    resource = resources.NETWORK_POLICY
    obj = {"apiVersion": resource.api_version, "kind": resource.kind, "metadata": meta, "spec": huge}
    assert world.api.create(obj).is_success


def operator_of(*worlds: World) -> Operator:
    """One operator for all of these namespaces; the first has its lease, and ends it."""
    first = worlds[0]
    spaces = tuple(world.namespace for world in worlds)
    first.operators.append(Operator(first.api.operator, spaces, f"{first.namespace}-{len(first.operators)}"))
    return first.operator.start()


@pytest.fixture
def neighbors(api: ApiServer) -> Iterator[tuple[World, World]]:
    with harness.world(api) as ours, harness.world(api) as theirs:
        yield ours, theirs


@pytest.mark.parametrize("page", PAGES)
def test_a_bad_canary_is_taken_back_beside_a_hostile_namespace(neighbors: tuple[World, World], page: str) -> None:
    """The operator starts, watches, judges and obeys, whatever stands in another namespace's objects and pods."""
    ours, theirs = neighbors
    operator_of(ours, theirs)
    hostile, honest = serve(theirs), serve(ours)
    theirs.kubelet.behave(2, body=PAGES[page])
    publish(theirs, 2)
    hostile.until(lambda: phase(theirs) == "Stepping", "the hostile canary to get traffic")
    put_one_of_each(theirs, "watched")
    damage_evidence(theirs)
    ours.kill_operator()
    operator = operator_of(ours, theirs)
    put_one_of_each(theirs, "later")

    publish(ours, 2)
    honest.answers[2] = (140, 60, 0)
    honest.until(lambda: outcome(ours) == "RolledBack", "our bad version to be rolled back")

    assert operator.metric("linnet_unreadable_objects_total") >= len(SPECS)
    assert outcome(theirs) == ""
    theirs.request("Deployment", NAME, "abort v2")
    hostile.until(lambda: outcome(theirs) in {"Aborted", "RolledBack"}, "the hostile canary to be aborted")
    assert operator.process.poll() is None
    assert operator.tracebacks() == []


def damage_evidence(world: World) -> None:
    """Who may edit ConfigMaps writes nonsense into the evidence, each part of another kind."""
    nonsense = {"policy": "[" * 5000, "evidence.counts": "[]", "evidence.format": "[]", "restarts": "[]", "saved": "x"}
    world.until(lambda: world.get("ConfigMap", f"{NAME}-evidence", "v1"), "the evidence")
    world.patch("ConfigMap", f"{NAME}-evidence", {"data": nonsense}, "v1")
