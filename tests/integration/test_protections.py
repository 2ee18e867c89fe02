"""The operator says which protection a cluster lacks, and goes on without it: on a real API server."""

from pathlib import Path

import pytest
from hack import chart_install

from control_plane import VALUES, ApiServer, running
from integration import harness
from integration.harness import World
from linnet.adapters.cluster.request_policy import forged

pytestmark = pytest.mark.integration
POLICIES = "/apis/admissionregistration.k8s.io/v1/validatingadmissionpolicies"
BINDINGS = "/apis/admissionregistration.k8s.io/v1/validatingadmissionpolicybindings"


def protected(world: World) -> str:
    return str(world.condition("Deployment", "iris", "Protected")["message"])


def test_what_a_cluster_lacks_is_told_and_stops_nothing(tmp_path: Path) -> None:
    """Policies that are not bound, and one that was changed though its label is refused as ever."""
    (tmp_path / "plane").mkdir()
    (tmp_path / "policies").mkdir()
    with running(tmp_path / "plane") as api, harness.world(api) as world:
        folder = str(chart_install.shipped(tmp_path / "policies", *VALUES))
        world.start_operator(LINNET_POLICIES_DIR=folder)
        world.model("iris", "s3://models/iris/1")
        world.deployment("iris", "iris")
        world.ready("Deployment", "iris")
        assert protected(world) == ""
        assert world.operator.metric("linnet_protection_missing") == 0
        for policy in ("children", "requests"):
            api.http.delete(f"{BINDINGS}/linnet-{policy}").raise_for_status()
        authors = api.http.get(f"{POLICIES}/linnet-authors").json()
        authors["spec"]["validations"] = authors["spec"]["validations"][:1]
        api.http.put(f"{POLICIES}/linnet-authors", json=authors).raise_for_status()
        world.until(lambda: not (children_refuse(api) or requests_refuse(api)), "the API server to go without them")
        world.kill_operator()
        world.start_operator(LINNET_POLICIES_DIR=folder)
        world.until(lambda: protected(world), "the condition")
        assert "the admission policy children is not in force" in protected(world)
        assert "the admission policy authors is not as it was shipped" in protected(world)
        assert "the admission policy requests is not in force: nobody proves who made a request" in protected(world)
        assert world.condition("Deployment", "iris")["status"] == "True"
        assert world.operator.metric("linnet_protection_missing", policy="children") == 1
        assert any("policy children is not in force" in line["message"] for line in world.operator.lines())
        world.deployment("iris", "iris", replicas=2)
        world.until(lambda: world.status("Deployment", "iris").get("readyReplicas") == 2, "another pod")


def children_refuse(api: ApiServer) -> bool:
    """Whether even an administrator may not write a label of Linnet's."""
    meta = {"name": "x", "namespace": "default", "labels": {"linnet.dev/managed": "true"}}
    return not api.create({"apiVersion": "v1", "kind": "ConfigMap", "metadata": meta}, dry_run=True).is_success


def requests_refuse(api: ApiServer) -> bool:
    """Whether nobody may write another's name."""
    return not api.create(forged("default"), dry_run=True).is_success
