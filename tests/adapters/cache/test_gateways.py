"""What gateways can do, as the API server tells it: their classes, and the schema of the routes."""

from typing import Any, cast

import pytest

from adapters.fake_kube import FakeKube, Json
from adapters.objects import Clock, own
from linnet.adapters.cache.cache import Cache
from linnet.adapters.cache.evidence import EvidenceStore
from linnet.adapters.cache.gateways import Gateways
from linnet.adapters.cache.gatherer import Gatherer, Sources, as_parent
from linnet.adapters.cluster import resources
from linnet.adapters.cluster.errors import ForbiddenError, KubeError, NotFoundError, UnavailableError, UnreadableError
from linnet.core.resources.sessions import FEATURES
from simulator import PLATFORM, START


def kube(*features: str) -> Any:
    """A cluster with the Gateway `public`, whose class names these features; none: it names nothing at all."""
    server = FakeKube()
    server.put(
        resources.GATEWAY, {"metadata": {"name": "public", "namespace": "ml"}, "spec": {"gatewayClassName": "own"}}
    )
    status = {"status": {"supportedFeatures": [{"name": f} for f in features]}} if features else {}
    spec = {"controllerName": "example.org/own"}
    server.put(resources.GATEWAY_CLASS, {"metadata": {"name": "own", "namespace": ""}, "spec": spec, **status})
    return cast("Any", server)


def schema(kind: str, **rule: Json) -> Json:
    """As `/openapi/v3` describes a kind of route."""
    spec = {"properties": {"rules": {"items": {"properties": {"backendRefs": {}, **rule}}}}}
    return {"properties": {"spec": spec}, "x-kubernetes-group-version-kind": [{"kind": kind}]}


def sources(gateways: Gateways) -> Sources:
    """Everything else is empty."""

    async def nothing(*_: Any) -> Any:
        return {}

    async def none(*_: Any) -> Any:
        return None

    return Sources(
        platform=lambda: PLATFORM,
        now=lambda: START,
        proof=none,
        told=none,
        unprotected=nothing,
        accounts=nothing,
        features=gateways.features,
        session_kinds=gateways.session_kinds,
        evidence=EvidenceStore(kube(), Clock()).recall,
        scrape=none,
        ask=nothing,
        call=nothing,
    )


async def test_what_a_gateway_can_do_is_what_its_class_says() -> None:
    """A Gateway that is not there is not known to do anything."""
    asked = Gateways(kube("HTTPRouteRequestMirror"), Clock())
    assert await asked.features("ml", ["public", "other"]) == {
        "public": frozenset({"HTTPRouteRequestMirror"}),
        "other": None,
    }


async def test_a_class_that_says_nothing_is_not_known_to_do_anything() -> None:
    """Many controllers don't fill the field in."""
    assert await Gateways(kube(), Clock()).features("ml", ["public"]) == {"public": None}


async def test_a_controller_that_the_platform_named_keeps_sessions() -> None:
    """No release of the Gateway API had a name for it when this was written."""
    asked = Gateways(kube(), Clock(), frozenset({"example.org/own"}))
    assert await asked.features("ml", ["public"]) == {"public": FEATURES}


async def test_routes_that_have_sessions_are_known_by_their_schema() -> None:
    """The experimental channel has the field, the standard one does not; each kind is looked at."""
    server = kube()
    server.openapi = {
        "components": {
            "schemas": {
                "a": schema("HTTPRoute", sessionPersistence={}),
                "b": schema("GRPCRoute"),
                "c": {"type": "object"},
            }
        }
    }
    assert await Gateways(server, Clock()).session_kinds() == frozenset({"HTTPRoute"})


async def test_the_schema_is_read_once_a_minute() -> None:
    """Definitions change when somebody installs others."""
    server, clock = kube(), Clock()
    asked = Gateways(server, clock)
    await asked.session_kinds()
    await asked.session_kinds()
    assert len(server.calls) == 1
    clock.now += 61
    await asked.session_kinds()
    assert len(server.calls) == 2


@pytest.mark.parametrize("error", [ForbiddenError("no"), NotFoundError("no")])
async def test_a_schema_that_may_not_be_read_is_not_known(error: KubeError) -> None:
    """A platform may have taken discovery away."""
    server = kube()
    server.fails["schemas"] = error
    assert await Gateways(server, Clock()).session_kinds() is None


async def test_a_schema_that_nobody_gave_is_asked_for_again() -> None:
    """An API server that is away says nothing about sessions."""
    server = kube()
    server.fails["schemas"] = UnavailableError("away")
    asked = Gateways(server, Clock())
    assert await asked.session_kinds() is None
    assert await asked.session_kinds() == frozenset()


async def test_what_was_read_last_stands_while_it_can_not_be_read() -> None:
    """A look goes on in an outage, and no route loses its sessions by one."""
    server, clock = kube("HTTPRouteRequestMirror"), Clock()
    server.openapi = {"components": {"schemas": {"a": schema("HTTPRoute", sessionPersistence={})}}}
    asked = Gateways(server, clock)
    for _ in range(3):
        assert await asked.features("ml", ["public"]) == {"public": frozenset({"HTTPRouteRequestMirror"})}
        assert await asked.session_kinds() == frozenset({"HTTPRoute"})
        clock.now += 61
        server.fails |= {"get": UnavailableError("down"), "schemas": UnreadableError("a proxy's page")}


@pytest.mark.parametrize(
    ("spec", "reads"),
    [
        ({"traffic": {}}, []),
        ({"strategy": {"canary": {"steps": [{"setWeight": 50}]}}}, []),
        ({"strategy": {"canary": {"steps": [{"mirror": {"percent": 50}}]}}}, ["gateways", "gatewayclasses"]),
        ({"policy": {"name": "gentle"}}, ["gateways", "gatewayclasses"]),
        ({"traffic": {"sessionPersistence": {}}}, ["gateways", "gatewayclasses", "httproutes"]),
    ],
)
async def test_a_gateway_is_asked_only_where_something_depends_on_it(spec: Json, reads: list[str]) -> None:
    """A thousand Deployments that split by weight cost no request; the mirror may stand in the RolloutPolicy."""
    server, cache = kube(), Cache()
    mirrors = {"strategy": {"canary": {"steps": [{"mirror": {"percent": 50}}, {"pause": {}}]}}}
    cache.put(resources.ROLLOUT_POLICY, own("RolloutPolicy", "gentle", spec=mirrors))
    gateways = Gateways(server, Clock())
    traffic = {"type": "Gateway", "parentRefs": [{"name": "public"}], **spec.get("traffic", {})}
    given = {"model": {"name": "iris"}, **spec, "traffic": traffic}
    await Gatherer(cache, sources(gateways)).deployment(as_parent(own("Deployment", "iris", spec=given, status={})))
    assert [plural for _, plural, _ in server.calls] == reads
