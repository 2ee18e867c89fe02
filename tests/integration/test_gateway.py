"""Rollouts behind a gateway, and with an autoscaler, on a real API server with real controllers.

The gateway's own controller is played: what a real one does with the routes is in tests/e2e and tests/cluster.
"""

import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from control_plane import OPERATOR_NAMESPACE, REPO, ApiServer, running, shared_by_all
from integration import harness
from integration.harness import World
from integration.rollouts import NAME, QUICK, Traffic, live, outcome, phase, publish, rollout, stable

pytestmark = pytest.mark.integration
GATEWAY_API = "gateway.networking.k8s.io/v1"
GATEWAY = {"type": "Gateway", "parentRefs": [{"name": "public"}], "hostnames": ["risk.example.org"]}
STRATEGY = {
    "canary": {"steps": [{"setWeight": 5}, {"analyze": {"for": "1s"}}, {"setWeight": 80}, {"analyze": {"for": "1s"}}]},
    "bake": {"time": "1s"},
}


@dataclass
class Routed(Traffic):
    """Traffic behind a played gateway, which takes routes up at each look."""

    refuses: str = ""
    """The reason of a gateway that does not take them."""

    def flow(self) -> None:
        """Requests come in, and the gateway's controller has its turn."""
        super().flow()
        self.take_up()

    def take_up(self) -> None:
        """What the controller says of each route that has changed."""
        for route in self.world.list("HTTPRoute", GATEWAY_API):
            generation = route["metadata"]["generation"]
            said = {"status": "False" if self.refuses else "True", "reason": self.refuses or "Accepted"}
            said |= {"observedGeneration": generation, "message": "", "lastTransitionTime": "2026-01-01T00:00:00Z"}
            parent = {
                "parentRef": {"name": "public"},
                "controllerName": "example.org/played",
                "conditions": [{"type": "Accepted", **said}, {"type": "ResolvedRefs", **said}],
            }
            if (route.get("status") or {}).get("parents") != [parent]:
                where = self.world.path("HTTPRoute", route["metadata"]["name"], GATEWAY_API)
                body = {**route, "status": {"parents": [parent]}}
                self.world.api.http.put(f"{where}/status", json=body)


def weights(world: World) -> dict[int, int]:
    """Version → weight."""
    route = world.get("HTTPRoute", NAME, GATEWAY_API) or {"spec": {"rules": [{"backendRefs": []}]}}
    return {int(b["name"].split("-v")[1][0]): b["weight"] for b in route["spec"]["rules"][-1]["backendRefs"]}


def define(api: ApiServer, channel: str = "standard") -> None:
    """The definitions of the Gateway API, as a platform installs them."""
    command = [sys.executable, str(REPO / "hack/cluster/cluster.py"), "gateway", "--definitions", channel]
    folder = subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()
    api.must("apply", "--server-side", "-f", folder)
    api.must("wait", "--for=condition=Established", "crd", "--all", "--timeout=60s")


@pytest.fixture(scope="session")
def routing() -> Iterator[ApiServer]:
    """A control plane that serves the Gateway API from the start: an operator that sees it come begins again."""
    with shared_by_all("routing", define) as api:
        yield api


@pytest.fixture
def routed_world(routing: ApiServer) -> Iterator[World]:
    """A namespace of a cluster that serves the Gateway API."""
    with harness.world(routing) as made:
        made.start_operator()
        yield made


def behind_the_gateway(world: World, **spec: Any) -> Routed:
    """Version 1 serves, and the gateway has its route."""
    world.model(NAME, "s3://models/risk/1")
    world.deployment(NAME, NAME, **{**QUICK, "strategy": STRATEGY, "traffic": GATEWAY, **spec})
    traffic = Routed(world, {1: (200, 0, 0)})
    traffic.until(lambda: world.condition("Deployment", NAME)["status"] == "True", "version 1 to serve")
    return traffic


def test_a_canary_behind_a_gateway_is_promoted(routed_world: World) -> None:
    """Weights of 5 and 80 percent, written together; afterwards the new version has every request."""
    traffic = behind_the_gateway(routed_world)
    assert weights(routed_world) == {1: 100}
    publish(routed_world, 2)
    traffic.answers[2] = (200, 0, 0)
    traffic.until(lambda: weights(routed_world) == {1: 95, 2: 5}, "5 percent")
    assert live(routed_world) == {"linnet.dev/revision": routed_world.status("Deployment", NAME)["stable"]["name"]}
    traffic.until(lambda: weights(routed_world) == {1: 20, 2: 80}, "80 percent")
    traffic.until(lambda: outcome(routed_world) == "Promoted" and stable(routed_world) == 2, "the promotion")
    assert weights(routed_world) == {2: 100}
    assert routed_world.at_rest(3) == 0
    assert not routed_world.operator.tracebacks()


def test_a_bad_canary_behind_a_gateway_is_rolled_back(routed_world: World) -> None:
    """Its route is stable's alone again."""
    traffic = behind_the_gateway(routed_world)
    publish(routed_world, 2)
    traffic.answers[2] = (140, 60, 0)
    traffic.until(lambda: outcome(routed_world) == "RolledBack", "the rollback")
    assert weights(routed_world) == {1: 100}
    assert stable(routed_world) == 1


def test_a_route_that_somebody_edits_is_put_right(routed_world: World) -> None:
    """A weight by hand is a rollout that nobody judges."""
    traffic = behind_the_gateway(routed_world)
    rules = (routed_world.get("HTTPRoute", NAME, GATEWAY_API) or {})["spec"]["rules"]
    rules[0]["backendRefs"][0]["weight"] = 7
    routed_world.patch("HTTPRoute", NAME, {"spec": {"rules": rules}}, GATEWAY_API)
    traffic.until(lambda: weights(routed_world) == {1: 100}, "the route to be put right")


def test_a_strangers_route_is_left_alone_and_named(routed_world: World) -> None:
    """Version 1 runs meanwhile; once the name is free, the gateway has the route."""
    theirs = {"parentRefs": [{"name": "theirs"}], "hostnames": ["theirs.example.org"]}
    routed_world.apply("HTTPRoute", NAME, theirs, GATEWAY_API)
    routed_world.model(NAME, "s3://models/risk/1")
    routed_world.deployment(NAME, NAME, **{**QUICK, "strategy": STRATEGY, "traffic": GATEWAY})
    routed_world.until(
        lambda: f"HTTPRoute {NAME}" in routed_world.condition("Deployment", NAME, "Refused")["message"], "the condition"
    )
    traffic = Routed(routed_world, {1: (200, 0, 0)})
    traffic.until(lambda: live(routed_world), "version 1 to be behind its Service")
    left = routed_world.get("HTTPRoute", NAME, GATEWAY_API) or {}
    assert left["spec"]["hostnames"] == ["theirs.example.org"]
    assert "ownerReferences" not in left["metadata"]
    routed_world.delete("HTTPRoute", NAME, GATEWAY_API)
    traffic.until(lambda: routed_world.condition("Deployment", NAME)["status"] == "True", "version 1 to be routed")
    assert weights(routed_world) == {1: 100}


@pytest.mark.parametrize("hostnames", [["login.example"], ["risk.example.org", "login.example"], ["*.example"], []])
def test_whoever_takes_the_operator_over_takes_no_host_name(routed_world: World, hostnames: list[str]) -> None:
    """Its account makes routes for what the namespace may have: another team's name on a shared Gateway is none."""
    behind_the_gateway(routed_world)
    mine = routed_world.get("HTTPRoute", NAME, GATEWAY_API) or {}
    meta = {k: mine["metadata"][k] for k in ("namespace", "labels", "ownerReferences")}
    item = {**mine, "metadata": {**meta, "name": "another"}}
    operator = f"system:serviceaccount:{OPERATOR_NAMESPACE}:linnet"
    routed_world.api.create(item, user=operator).raise_for_status()
    for refused in (
        routed_world.api.patch(item, {"spec": {"hostnames": hostnames}}, user=operator),
        routed_world.api.create(
            {**item, "metadata": {**meta, "name": "more"}, "spec": {**mine["spec"], "hostnames": hostnames}},
            user=operator,
        ),
    ):
        assert refused.status_code == 403
        assert "only for host names that the namespace may have" in refused.text


def test_a_gateway_that_refuses_is_reported(routed_world: World) -> None:
    """Ready names the gateway and its reason; a newer version does not start."""
    traffic = behind_the_gateway(routed_world)
    traffic.refuses = "NotAllowedByListeners"
    rejected = "Gateway public does not take it: NotAllowedByListeners"
    traffic.until(lambda: rejected in routed_world.condition("Deployment", NAME)["message"], "the refusal")
    publish(routed_world, 2)
    traffic.until(lambda: routed_world.status("ModelVersion", f"{NAME}-v2").get("digest"), "version 2 to be validated")
    traffic.until(lambda: rejected in routed_world.condition("Deployment", NAME)["message"], "the refusal again")
    assert phase(routed_world) == "AtRest"
    traffic.refuses = ""
    traffic.until(lambda: phase(routed_world) == "Stepping", "the rollout")


def test_a_gateway_api_that_is_installed_later_is_found(tmp_path: Path) -> None:
    """Until then the Deployment says what is missing; the operator notices, and begins again to watch the routes."""
    with running(tmp_path) as api, harness.world(api) as world:
        operator = world.start_operator(LINNET_RESYNC="1s")
        world.model(NAME, "s3://models/risk/1")
        world.deployment(NAME, NAME, **{**QUICK, "traffic": GATEWAY})
        world.until(lambda: world.condition("Deployment", NAME)["reason"] == "GatewayAPIMissing", "the reason")
        define(api)
        traffic = Routed(world)
        traffic.until(lambda: world.condition("Deployment", NAME)["status"] == "True", "version 1 to serve")
        assert operator.process.poll() is None
        assert not operator.tracebacks()


class TestAutoscaling:
    """A HorizontalPodAutoscaler of the real controllers, which have no metrics here: its bounds are what acts."""

    AUTOSCALING: Any = {
        "minReplicas": 2,
        "maxReplicas": 6,
        "metrics": [{"type": "External", "name": "queue", "target": 10}],
    }

    def test_no_rollout_shrinks_stable(self, world: World) -> None:
        """flagger #869, #1600: the minimum is what served at the start, and goes back to the spec's after it."""
        traffic = self.serve(world, strategy={"canary": {"steps": [{"pause": {}}]}, "abortScaleDownDelay": "0s"})
        revision = world.status("Deployment", NAME)["stable"]["name"]
        self.scale(world, revision, 4)
        traffic.until(lambda: world.status("Deployment", NAME).get("readyReplicas") == 4, "four pods")
        publish(world, 2)
        traffic.answers[2] = (200, 0, 0)
        traffic.until(lambda: phase(world) == "Stepping", "the rollout")
        assert rollout(world)["replicas"] == 4
        traffic.until(lambda: self.minimum(world) == 4, "the minimum to be raised")
        self.scale(world, revision, 2)
        traffic.until(lambda: self.size(world, revision) == 4, "the autoscaler to bring the pods back")
        world.request("Deployment", NAME, "abort -")
        traffic.until(lambda: outcome(world) == "Aborted", "the end")
        traffic.until(lambda: self.minimum(world) == 2, "the spec's minimum")

    def test_at_rest_the_number_of_pods_is_the_autoscalers(self, world: World) -> None:
        """A change of it by others stays, and causes no write but the status'."""
        self.serve(world)
        revision = world.status("Deployment", NAME)["stable"]["name"]
        self.scale(world, revision, 3)
        world.until(lambda: world.status("Deployment", NAME).get("readyReplicas") == 3, "three pods")
        assert world.at_rest(3) == 0
        assert self.size(world, revision) == 3

    def serve(self, world: World, **spec: Any) -> Traffic:
        """Version 1 with as many pods as the autoscaler wants."""
        fields = {k: v for k, v in QUICK.items() if k != "replicas"}
        world.model(NAME, "s3://models/risk/1")
        world.deployment(NAME, NAME, **{**fields, "autoscaling": self.AUTOSCALING, **spec})
        world.ready("Deployment", NAME)
        return Traffic(world, {1: (200, 0, 0)})

    def scale(self, world: World, revision: str, replicas: int) -> None:
        """As an autoscaler does."""
        world.patch("Deployment", revision, {"spec": {"replicas": replicas}}, "apps/v1")

    def size(self, world: World, revision: str) -> int:
        return int((world.get("Deployment", revision, "apps/v1") or {})["spec"]["replicas"])

    def minimum(self, world: World) -> int:
        found = world.get("HorizontalPodAutoscaler", NAME, "autoscaling/v2") or {}
        return int(found["spec"]["minReplicas"])
