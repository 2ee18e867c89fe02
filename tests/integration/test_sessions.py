"""Session persistence on a real API server: the experimental channel keeps the field, the standard one has none.

The gateway's own controller is played, since the embedded cluster's, Traefik, knows no sessions.
"""

from collections.abc import Iterator
from typing import Any

import pytest

from control_plane import ApiServer, running
from integration import harness
from integration.harness import World
from integration.rollouts import NAME, QUICK, outcome, publish, stable
from integration.test_gateway import GATEWAY, GATEWAY_API, STRATEGY, Routed, define, weights

pytestmark = pytest.mark.integration
CONTROLLER = "example.org/played"
SESSION = {"sessionName": "risk", "idleTimeout": "30m", "cookieConfig": {"lifetimeType": "Permanent"}}
SESSION |= {"absoluteTimeout": "12h"}
STICKY = {**GATEWAY, "sessionPersistence": SESSION}


@pytest.fixture(scope="module")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ApiServer]:
    """A control plane of its own: which channel is installed is a property of the whole cluster."""
    with running(tmp_path_factory.mktemp("sessions")) as api:
        yield api


def place(world: World) -> None:
    """The Gateway `public`, of a class whose controller the platform may have named."""
    class_ = {"metadata": {"name": "played"}, "spec": {"controllerName": CONTROLLER}}
    listeners = [{"name": "http", "protocol": "HTTP", "port": 80}]
    front = {"metadata": {"name": "public"}, "spec": {"gatewayClassName": "played", "listeners": listeners}}
    for path, kind, body in (
        ("gatewayclasses", "GatewayClass", class_),
        (f"namespaces/{world.namespace}/gateways", "Gateway", front),
    ):
        made = {"apiVersion": GATEWAY_API, "kind": kind, **body}
        answer = world.api.http.post(f"/apis/{GATEWAY_API}/{path}", json=made)
        assert answer.status_code in {201, 409}, answer.text


def sessions(world: World) -> list[Any]:
    """Of each rule of the HTTPRoute, as the API server serves it back."""
    route = world.get("HTTPRoute", NAME, GATEWAY_API) or {"spec": {"rules": []}}
    return [rule.get("sessionPersistence") for rule in route["spec"]["rules"]]


def serving(world: World, traffic: dict[str, Any]) -> Routed:
    """Version 1 serves behind the gateway."""
    place(world)
    world.model(NAME, "s3://models/risk/1")
    world.deployment(NAME, NAME, **{**QUICK, "strategy": STRATEGY, "traffic": traffic})
    requests = Routed(world, {1: (200, 0, 0)})
    requests.until(lambda: world.condition("Deployment", NAME)["status"] == "True", "version 1 to serve")
    return requests


def test_the_standard_channel_has_no_sessions(servers: ApiServer) -> None:
    """A condition names the field; the route stays as it was, and a newer version does not start."""
    define(servers)
    with harness.world(servers) as world:
        world.start_operator(LINNET_SESSION_GATEWAYS=CONTROLLER)
        serving(world, GATEWAY)
        world.patch("Deployment", NAME, {"spec": {"traffic": {"sessionPersistence": SESSION}}})
        world.until(lambda: world.condition("Deployment", NAME)["reason"] == "SessionsNotKept", "the reason")
        publish(world, 2)
        world.until(lambda: world.status("ModelVersion", f"{NAME}-v2").get("digest"), "version 2 to be validated")
        said = world.condition("Deployment", NAME)["message"]
        assert said.startswith("spec.traffic.sessionPersistence: HTTPRoute has no spec.rules[].sessionPersistence")
        assert world.at_rest(3) == 0
        assert weights(world) == {1: 100}
        assert sessions(world) == [None]
        assert not world.operator.tracebacks()


def test_a_gateway_for_which_nobody_vouches_gets_no_sessions(servers: ApiServer) -> None:
    """The field is there, as the chart's rights let the operator see; the class, which it may not read, is in doubt."""
    define(servers, "experimental")
    with harness.world(servers) as world:
        world.start_operator()
        place(world)
        world.model(NAME, "s3://models/risk/1")
        world.deployment(NAME, NAME, **{**QUICK, "traffic": STICKY})
        world.until(lambda: world.condition("Deployment", NAME)["reason"] == "SessionsNotKept", "the reason")
        said = world.condition("Deployment", NAME)["message"]
        assert said.startswith("spec.traffic.sessionPersistence: the class of Gateway public can't be asked")


def test_the_experimental_channel_keeps_sessions(servers: ApiServer) -> None:
    """They are served back as written, through a canary and its promotion; afterwards nothing is written any more."""
    define(servers, "experimental")
    with harness.world(servers) as world:
        world.start_operator(LINNET_SESSION_GATEWAYS=CONTROLLER)
        requests = serving(world, STICKY)
        written = {**SESSION, "type": "Cookie"}
        assert sessions(world) == [written]
        publish(world, 2)
        requests.answers[2] = (200, 0, 0)
        requests.until(lambda: weights(world) == {1: 95, 2: 5}, "5 percent")
        assert sessions(world) == [written]
        requests.until(lambda: outcome(world) == "Promoted" and stable(world) == 2, "the promotion")
        assert sessions(world) == [written]
        assert world.at_rest(3) == 0
        assert not world.operator.tracebacks()
