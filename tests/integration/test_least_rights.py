"""The operator does all its work with the rights that the chart gives it."""

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from control_plane import running
from integration import harness, rollouts
from integration.harness import World

pytestmark = pytest.mark.integration


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    """Its operator has the rights of the chart alone: here the tests add none."""
    with running(tmp_path) as api, harness.world(api) as made:
        api.must("delete", "rolebinding", "tests", "-n", "linnet-system")
        made.start_operator(LINNET_LEASE_NAME="linnet")
        yield made


def refused(world: World) -> list[str]:
    """What the API server has forbidden the operator, but for the dry runs by which it tries the policies."""
    lines = world.operator._get("/metrics").text.splitlines()
    counted = [line for line in lines if line.startswith("linnet_api_requests_total{")]
    return [line for line in counted if 'code="ForbiddenError"' in line and 'verb="dry-run"' not in line]


ELSEWHERE = {
    "horizontalpodautoscalers.autoscaling": {"create", "patch", "delete"},  # test_gateway.py, TestAutoscaling
    "httproutes.gateway.networking.k8s.io": {"create", "patch", "delete"},  # test_gateway.py
    "grpcroutes.gateway.networking.k8s.io": {"create", "patch", "delete"},  # tests/e2e/test_gateway.py
    "cronjobs.batch": {"patch", "delete"},  # test_retrain.py
    "jobs.batch": {"patch", "delete"},  # test_retrain.py
    "poddisruptionbudgets.policy": {"patch"},  # a budget that somebody changed
    "networkpolicies.networking.k8s.io": {"patch"},
    "services": {"delete"},
    "deployments.apps": {"delete"},  # revisions beyond revisionHistory
    "pods": {"delete"},  # of a failed canary that does not end by itself
    "configmaps": {"patch"},
    "modelversions.linnet.dev": {"delete"},  # keepVersions
    "requests.linnet.dev": {"create", "delete"},  # a forged one, as a dry run; requests.keep
    "leases.coordination.k8s.io": {"create", "update"},  # counted nowhere
}
"""What the story below does not do, and others do."""
WRITES = {"create", "patch", "update", "delete"}


def granted(world: World) -> set[tuple[str, str]]:
    """(resource, verb) of each write that the chart's roles let the operator do; a status counts for its object."""
    roles = json.loads(world.api.must("get", "clusterrole/linnet", "-o", "json"))["rules"]
    roles += json.loads(world.api.must("get", "role/linnet-leader", "-n", "linnet-system", "-o", "json"))["rules"]
    return {
        (f"{resource.partition('/')[0]}.{rule['apiGroups'][0]}".rstrip("."), verb)
        for rule in roles
        for resource in rule["resources"]
        for verb in WRITES & set(rule["verbs"])
    }


def done(world: World) -> set[tuple[str, str]]:
    """The writes that the operator has made, as it counts them."""
    counted = re.findall(r'linnet_api_requests_total\{code="\d+",resource="([^"]+)",verb="(\w+)"', metrics(world))
    return {(resource, "patch" if verb == "apply" else verb) for resource, verb in counted if verb != "get"}


def metrics(world: World) -> str:
    return str(world.operator._get("/metrics").text)


def service_account(world: World, name: str) -> None:
    """One that pods of ours may run as."""
    meta = {"name": name, "labels": {"linnet.dev/allow-pods": "true"}}
    world.api.http.post(world.path("ServiceAccount", "", "v1"), json={"metadata": meta}).raise_for_status()


def test_nothing_that_the_operator_does_is_forbidden_to_it(world: World) -> None:
    """A version promoted, one rolled back, requests answered, a training run, and everything deleted."""
    service_account(world, "runner")
    traffic = rollouts.serve(world, pod={"serviceAccountName": "runner"})
    rollouts.publish(world, 2)
    traffic.answers[2] = (20, 0, 0)
    traffic.until(
        lambda: rollouts.stable(world) == 2 and rollouts.outcome(world) == "Promoted", "version 2 to be stable"
    )
    rollouts.publish(world, 3)
    traffic.answers[3] = (0, 20, 0)
    traffic.until(lambda: rollouts.outcome(world) == "RolledBack", "version 3 to be rolled back")
    request = world.request("ModelVersion", f"{rollouts.NAME}-v3", "release")
    assert world.answer(request)["outcome"] == "Accepted"
    world.until(lambda: "labels" in (world.get("Request", request) or {"metadata": {}})["metadata"], "its label")
    world.policy("weekly", rollouts.NAME, triggers=[{"name": "weekly", "schedule": {"cron": "0 3 * * 0"}}])
    world.request("RetrainPolicy", "weekly", "run -")
    world.until(lambda: world.status("RetrainPolicy", "weekly").get("runs"), "a training run")
    for kind, name in (("RetrainPolicy", "weekly"), ("Deployment", rollouts.NAME), ("Model", rollouts.NAME)):
        world.delete(kind, name)
    world.until(lambda: not world.list("ModelVersion"), "the versions to be collected")
    assert refused(world) == []
    elsewhere = {(resource, verb) for resource, verbs in ELSEWHERE.items() for verb in verbs}
    assert granted(world) - done(world) - elsewhere == set(), "rights that nothing uses"
    assert elsewhere <= granted(world)
    assert world.operator.tracebacks() == []
