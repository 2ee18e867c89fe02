"""The embedded cluster's gateway does what routes of the Gateway API say, and says what it does not support."""

import json
import secrets
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import pytest
from hack.cluster import layout, steps
from hack.cluster.commands import gateway

from cluster.load import Load
from cluster.running import Namespace, Object, answer, cluster, pod

pytestmark = pytest.mark.e2e

PROGRAM = (Path(__file__).parent / "answering.py").read_text()
VERSIONS = ("stable", "canary")
PORTS = {"http": (80, 8080), "grpc": (8081, 8081)}
CALLS = """
import collections, grpc, json, sys
address, host, times = sys.argv[1:]
channel = grpc.insecure_channel(address, options=[("grpc.default_authority", host)])
who = channel.unary_unary("/linnet.Test/Who")
def answer():
    try:
        return who(b"", timeout=10).decode()
    except grpc.RpcError as error:
        return error.code().name
print(json.dumps(collections.Counter(answer() for _ in range(int(times)))))
"""


@pytest.fixture(scope="module")
def entry() -> Object:
    """Class and addresses of the gateway, which is started if it does not run."""
    assert cluster("up").returncode == 0
    return dict(answer("gateway"))


@pytest.fixture(scope="module")
def place(entry: Object) -> Iterator[Namespace]:
    """A namespace with a Gateway, and the Services `stable` and `canary` with one pod each that the gateway reaches."""
    image = answer("images", "--only", "mlserver")["mlserver"]
    made = Namespace(f"gateway-{secrets.token_hex(3)}", image, answer("env"))
    made.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": made.name}})
    made.apply(front(entry), *(made_of for name in VERSIONS for made_of in (answering(name, image), service(name))))
    made.kubectl("wait", "pod", *VERSIONS, "--for=condition=Ready", "--timeout=90s")
    Routed(made, entry).http({"backendRefs": backends("http", 1, 1)})
    made.kubectl("delete", "httproute", "route")
    yield made
    made.kubectl("delete", "namespace", made.name, "--wait=false", "--ignore-not-found")


@pytest.fixture
def routed(place: Namespace, entry: Object) -> Iterator["Routed"]:
    """One route to the two Services, gone after the test."""
    route = Routed(place, entry)
    yield route
    place.kubectl("delete", "httproute,grpcroute", "--all")


@dataclass(frozen=True)
class Routed:
    """A route of this test's own; its host name tells it from any other test's."""

    place: Namespace
    entry: Object
    host: str = field(default_factory=lambda: f"{secrets.token_hex(4)}.example")

    @property
    def load(self) -> Load:
        return Load(self.entry["http"], {"Host": self.host})

    def http(self, *rules: Object, ready: str = "200") -> None:
        """Apply an HTTPRoute; returns when the gateway answers by it, with an answer of 200 or the given status."""
        self.place.apply(self._route("HTTPRoute", "http", rules))
        known = [*VERSIONS] if ready == "200" else [ready]
        steps.wait("the route", lambda: self.load.call(8).keys() <= {*known}, within=30)

    def grpc(self, *rules: Object) -> None:
        """Apply a GRPCRoute."""
        self.place.apply(self._route("GRPCRoute", "grpc", rules))

    def called(self, caller: str, times: int) -> Counter[str]:
        """The answers to so many gRPC calls over one connection from a pod."""
        words = ("python", "-c", CALLS, self.entry["grpc"], self.host, str(times))
        return Counter(json.loads(self.place.kubectl("exec", caller, "--", *words)))

    def weights(self, stable: int, canary: int) -> None:
        """Both weights in one PATCH."""
        change = [{"op": "replace", "path": "/spec/rules/0/backendRefs", "value": backends("http", stable, canary)}]
        self.place.kubectl("patch", "httproute", "route", "--type=json", "--patch", json.dumps(change))

    def parent(self) -> Object:
        """What the gateway says of the route, with its conditions by type."""
        status = json.loads(self.place.kubectl("get", "httproute", "route", "-o", "json"))
        (said,) = status["status"]["parents"]
        return {**said, "conditions": {each["type"]: each for each in said["conditions"]}, "of": status["metadata"]}

    def _route(self, kind: str, listener: str, rules: tuple[Object, ...]) -> Object:
        parents = [{"name": "gateway", "sectionName": listener}]
        spec = {"parentRefs": parents, "hostnames": [self.host], "rules": [*rules]}
        return {**head(kind, "route"), "spec": spec}


def head(kind: str, name: str) -> Object:
    return {"apiVersion": f"{gateway.GROUP}/v1", "kind": kind, "metadata": {"name": name}}


def front(entry: Object) -> Object:
    listeners = [{"name": n, "protocol": "HTTP", "port": int(entry[n].rpartition(":")[2])} for n in PORTS]
    return {**head("Gateway", "gateway"), "spec": {"gatewayClassName": entry["class"], "listeners": listeners}}


def answering(name: str, image: str) -> Object:
    ready = {"tcpSocket": {"port": 8080}, "periodSeconds": 1}
    return pod(name, image, ["python", "-u", "-c", PROGRAM, name], container={"readinessProbe": ready})


def service(name: str) -> Object:
    ports = [{"name": each, "port": port, "targetPort": target} for each, (port, target) in PORTS.items()]
    spec = {"selector": {"app": name}, "ports": ports}
    return {"apiVersion": "v1", "kind": "Service", "metadata": {"name": name}, "spec": spec}


def backends(protocol: str, stable: int, canary: int) -> list[Object]:
    port = PORTS[protocol][0]
    return [{"name": n, "port": port, "weight": w} for n, w in zip(VERSIONS, (stable, canary), strict=True)]


def test_ten_thousand_requests_split_by_weight(routed: Routed) -> None:
    """Of 10,000 requests each version gets its weight within 1.5 points, and none is lost."""
    routed.http({"backendRefs": backends("http", 95, 5)})
    counted = routed.load.call(10_000)
    assert counted.total() == 10_000
    assert counted["canary"] == pytest.approx(500, abs=150)
    assert counted["stable"] == pytest.approx(9500, abs=150)


def test_no_request_is_lost_while_weights_move(routed: Routed) -> None:
    """Clients that call without a pause get an answer each time, through every change of the weights and back."""
    routed.http({"backendRefs": backends("http", 95, 5)})
    with routed.load.going_on() as load:
        for stable, canary in ((50, 50), (0, 100), (95, 5), (0, 100), (100, 0)):
            routed.weights(stable, canary)
            steps.wait(f"{canary} %", partial(moved, load, canary / 100), within=30)
    assert Counter(load.answers).keys() == {*VERSIONS}


def moved(load: Load, share: float) -> bool:
    """Whether the last answers hold the canary's share; whole shares exactly."""
    found = load.share("canary", of_last=400)
    return found is not None and (found == share if share in (0, 1) else abs(found - share) < 0.02)


def test_a_header_chooses_the_version(routed: Routed) -> None:
    """A rule that matches a header sends just those requests to the canary."""
    chosen = {"matches": [{"headers": [{"name": "x-tester", "value": "yes"}]}], "backendRefs": backends("http", 0, 1)}
    routed.http(chosen, {"backendRefs": backends("http", 1, 0)})
    load = routed.load
    testers = Load(load.address, {**load.headers, "X-Tester": "yes"})
    assert (testers.call(80), load.call(80)) == ({"canary": 80}, {"stable": 80})


def test_grpc_calls_split_by_weight(routed: Routed) -> None:
    """Calls over one HTTP/2 connection are balanced call by call."""
    routed.grpc({"backendRefs": backends("grpc", 95, 5)})
    routed.place.apply(pod("caller", routed.place.image, ["sleep", "600"]))
    routed.place.kubectl("wait", "pod/caller", "--for=condition=Ready", "--timeout=60s")
    steps.wait("the route", lambda: routed.called("caller", 1).keys() <= {*VERSIONS}, within=30, every=0.5)
    counted = routed.called("caller", 2000)
    assert counted.total() == counted["stable"] + counted["canary"]
    assert counted["canary"] == pytest.approx(100, abs=30)


def test_a_route_that_is_served_says_so(routed: Routed) -> None:
    """Accepted and ResolvedRefs are true for the generation that was written."""
    routed.http({"backendRefs": backends("http", 95, 5)})
    said = routed.parent()
    assert said["controllerName"] == gateway.CONTROLLER
    assert {name: each["status"] for name, each in said["conditions"].items()} == {
        "Accepted": "True",
        "ResolvedRefs": "True",
    }
    assert {each["observedGeneration"] for each in said["conditions"].values()} == {said["of"]["generation"]}


def test_a_route_to_a_service_that_is_not_there_says_so(routed: Routed) -> None:
    """The route's reference is named, and the requests get an error, not somebody else's answer."""
    routed.http({"backendRefs": [{"name": "nobody", "port": 80}]}, ready="500")
    condition = routed.parent()["conditions"]["ResolvedRefs"]
    assert (condition["status"], condition["reason"]) == ("False", "BackendNotFound")
    assert "nobody" in condition["message"]


def test_what_is_not_supported_is_told_by_the_class_alone(place: Namespace, routed: Routed) -> None:
    """A mirror is accepted in status and answered with 500: who wants one has to read the class's features first."""
    features = json.loads(place.kubectl("get", "gatewayclass", gateway.CLASS, "-o", "json"))["status"]
    names = {each["name"] for each in features["supportedFeatures"]}
    assert {"HTTPRoute", "GRPCRoute"} <= names
    assert "HTTPRouteRequestMirror" not in names
    mirror = {"type": "RequestMirror", "requestMirror": {"backendRef": {"name": "canary", "port": 80}}}
    routed.http({"filters": [mirror], "backendRefs": backends("http", 1, 0)}, ready="500")
    assert {each["status"] for each in routed.parent()["conditions"].values()} == {"True"}


def test_the_gateway_says_where_it_is(place: Namespace, entry: Object) -> None:
    """A client finds the address in the Gateway's status, as on any cluster."""
    place.kubectl("wait", "gateway/gateway", "--for=condition=Programmed", "--timeout=30s")
    found = place.kubectl("get", "gateway", "gateway", "-o", "jsonpath={.status.addresses[0].value}")
    assert found == layout.NODE_IP
    assert {entry[name].rpartition(":")[0] for name in PORTS} == {found}


def test_a_gateway_that_runs_is_left_alone(entry: Object) -> None:
    """The second call answers the same without starting anything."""
    before = cluster("status").stdout
    done = cluster("gateway")
    assert json.loads(done.stdout) == entry
    assert done.stderr == ""
    assert "traefik" in before
    assert cluster("status").stdout == before


def test_the_gateway_may_write_statuses_alone(place: Namespace) -> None:
    """Its role reads what it has to watch, and changes nothing but what it reports."""
    said = place.kubectl("auth", "can-i", "--list", f"--as={gateway.USER}")
    writes = [line for line in said.splitlines() if any(verb in line for verb in ("update", "create", "patch"))]
    assert all("/status" in line or "selfsubject" in line for line in writes)
