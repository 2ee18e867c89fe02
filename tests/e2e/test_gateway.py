"""Rollouts behind a real gateway (Traefik), with real model servers: shares, cohorts, and what a change of route costs.

Requests are told apart by the model's own answer. Each story is a rollout, with clients that never pause.
"""

import json
import subprocess
import threading
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any

import pytest
from hack.cluster.commands import gateway

from cluster.load import Load
from cluster.running import answer, pod
from e2e.stage import Json, Stage, deployment, model

pytestmark = pytest.mark.e2e

NAME, HOST = "gated", "gated.example"
COHORT = {"X-Cohort": "beta"}
RECORD = [17.99, 10.38, 122.8, 1001, 0.1184, 0.2776, 0.3001, 0.1471, 0.2419, 0.07871]
RECORD += [1.095, 0.9053, 8.589, 153.4, 0.006399, 0.04904, 0.05373, 0.01587, 0.03003, 0.006193]
RECORD += [25.38, 17.33, 184.6, 2019, 0.1622, 0.6656, 0.7119, 0.2654, 0.4601, 0.1189]
MODEL_FAILED = "the model failed"
HUNG_UP = "502"
"""After an unhandled error the model server hangs up, and the gateway may have sent the next request to it by then."""
REQUESTS = 3_000
"""Fewer than the 10,000 of tests/cluster: real models share two cores with the gateway, and with those who ask them."""
CALLER = """
import sys, threading
import grpc
from mlserver.grpc import dataplane_pb2 as pb
from mlserver.grpc.dataplane_pb2_grpc import GRPCInferenceServiceStub
address, host, name, *values = sys.argv[1:]
stub = GRPCInferenceServiceStub(grpc.insecure_channel(address, options=[("grpc.default_authority", host)]))
record = pb.InferTensorContents(fp64_contents=[float(value) for value in values])
tensor = pb.ModelInferRequest.InferInputTensor(name="x", datatype="FP64", shape=[1, len(values)], contents=record)
wanted = pb.ModelInferRequest.InferRequestedOutputTensor(name="predict_proba")
request = pb.ModelInferRequest(model_name=name, inputs=[tensor], outputs=[wanted])
ended = threading.Event()
threading.Thread(target=lambda: (sys.stdin.read(), ended.set()), daemon=True).start()
while not ended.is_set():
    try:
        print(f"{stub.ModelInfer(request, timeout=10).outputs[0].contents.fp64_contents[1]:.6g}", flush=True)
    except grpc.RpcError as error:
        print(error.code().name, flush=True)
"""


@dataclass(frozen=True)
class Gated:
    """A Deployment behind the gateway."""

    stage: Stage
    entry: Json

    def publish(self, version: str) -> None:
        self.stage.apply(model(NAME, self.stage.uri(version)))

    @property
    def status(self) -> Json:
        return dict(self.stage.get(f"mld/{NAME}").get("status") or {})

    def until_step(self, index: int) -> None:
        """The rollout is in that step, from 0."""
        self.stage.until(lambda: (self.status.get("rollout") or {}).get("step") == index, f"step {index}")

    def until_ended(self) -> Json:
        """How the rollout ended that is under way."""
        self.stage.until(lambda: self.status.get("rollout"), "a rollout")
        self.stage.until(lambda: not self.status.get("rollout"), "the rollout's end")
        return dict(self.status["lastRollout"])

    def clients(self, record: Sequence[float | None], **headers: str) -> Load:
        """Who asks over HTTP, each over a connection of its own."""
        tensor = {"name": "x", "shape": [1, len(record)], "datatype": "FP64", "data": record}
        body = json.dumps({"inputs": [tensor], "outputs": [{"name": "predict_proba"}]})
        head = {"Host": HOST, "Content-Type": "application/json", **headers}
        return Load(self.entry["http"], head, f"/v2/models/{NAME}/infer", body, told, clients=4)

    @contextmanager
    def caller(self, record: Sequence[float]) -> Iterator["Calls"]:
        """Who calls over gRPC without a pause, over a single connection."""
        words = ["kubectl", "-n", self.stage.namespace, "exec", "-i", "caller", "--", "python", "-c", CALLER]
        words += [self.entry["grpc"], HOST, NAME, *(f"{value}" for value in record)]
        with subprocess.Popen(
            words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=self.stage.environment
        ) as process:
            calls = Calls()
            reader = threading.Thread(target=calls.read, args=(process.stdout,))
            reader.start()
            self.stage.until(lambda: calls.answers, "the first call's answer")
            yield calls
            assert process.stdin is not None
            process.stdin.close()
            reader.join()


@dataclass
class Calls:
    """What was answered, in order: the model's answer, or the code of the failure."""

    answers: list[str] = field(default_factory=list)

    def read(self, lines: Any) -> None:
        for line in lines:
            self.answers.append(line.strip())


def told(status: int, body: bytes) -> str:
    if status == HTTPStatus.OK:
        return f"{json.loads(body)['outputs'][0]['data'][1]:.6g}"
    return MODEL_FAILED if status == HTTPStatus.INTERNAL_SERVER_ERROR and b"Traceback" in body else str(status)


@pytest.fixture(scope="module")
def gated(stage: Stage) -> Iterator[Gated]:
    """Version 1 on two pods behind the gateway; canaries stop at 5 %, with a cohort of their own, and go on to all."""
    entry = answer("gateway")
    ports = {kind: int(entry[name].rpartition(":")[2]) for name, kind in (("http", "HTTPRoute"), ("grpc", "GRPCRoute"))}
    listeners = [
        {"name": kind.lower(), "protocol": "HTTP", "port": port, "allowedRoutes": {"kinds": [{"kind": kind}]}}
        for kind, port in ports.items()
    ]
    front = {"gatewayClassName": entry["class"], "listeners": listeners}
    steps = [
        {"matchHeaders": [{"name": "x-cohort", "exact": "beta"}]},
        {"setWeight": 5},
        {"pause": {}},
    ]
    spec = {
        "replicas": 2,
        "traffic": {
            "type": "Gateway",
            "protocols": ["HTTP", "GRPC"],
            "parentRefs": [{"name": "public"}],
            "hostnames": [HOST],
        },
        "strategy": {"canary": {"steps": steps}, "bake": {"time": "10s"}},
        "analysis": {
            "interval": "2s",
            "warmUp": "3s",
            "defaultChecks": False,
            "checks": [{"name": "errors", "signal": "Errors", "maxRatioToStable": "1", "minExcess": "0.02"}],
        },
    }
    made = Gated(stage, entry)
    named = {"apiVersion": f"{gateway.GROUP}/v1", "kind": "Gateway", "metadata": {"name": "public"}, "spec": front}
    stage.apply(named, model(NAME, stage.uri("v1")), deployment(NAME, **spec))
    stage.apply(pod("caller", stage.place.images.mlserver, ["sleep", "3600"]))
    stage.until(lambda: stage.condition(f"mld/{NAME}")["status"] == "True", "the Deployment to be Ready")
    stage.until(lambda: "404" not in made.clients(RECORD).call(8), "the gateway to know the route")
    yield made
    stage.kubectl("delete", f"mld/{NAME}", f"mdl/{NAME}", "pod/caller", "--wait=false")


def test_a_version_goes_from_five_percent_to_all_and_no_request_is_lost(gated: Gated) -> None:
    """Its share is its weight, the cohort is its own, and through every change of route each request is answered."""
    (stable,) = gated.clients(RECORD).call(80)
    with gated.clients(RECORD).going_on() as load:
        gated.publish("v2")
        gated.until_step(2)
        counted = gated.clients(RECORD).call(REQUESTS)
        cohort = gated.clients(RECORD, **COHORT).call(80)
        gated.stage.ask(f"mld/{NAME}", "resume")
        ended = gated.until_ended()
    assert ended["outcome"] == "Promoted"
    (canary,) = cohort
    assert counted.keys() == {stable, canary}
    assert counted[canary] / counted.total() == pytest.approx(0.05, abs=0.015)
    assert Counter(load.answers).keys() == {stable, canary}
    assert gated.clients(RECORD).call(80).keys() == {canary}


def test_a_bad_version_is_rolled_back_and_costs_no_more_than_its_own_errors(gated: Gated) -> None:
    """It fails on records that lack a value. Taking it away again fails nobody."""
    incomplete: list[float | None] = [None, *RECORD[1:]]
    (stable,) = gated.clients(incomplete).call(80)
    with gated.clients(incomplete).going_on() as load:
        gated.publish("v3")
        ended = gated.until_ended()
        after = len(load.answers)
        gated.stage.until(lambda: len(load.answers) > after + 500, "more requests")
    assert (ended["outcome"], ended["reason"]) == ("RolledBack", "errors")
    assert Counter(load.answers).keys() <= {stable, MODEL_FAILED, HUNG_UP}
    assert all(MODEL_FAILED in load.answers[max(0, at - 200) : at] for at in places(HUNG_UP, load.answers))
    assert {*load.answers[after:]} == {stable}


def test_calls_of_one_grpc_connection_are_split_and_judged(gated: Gated) -> None:
    """The gateway chooses call by call; the bad version's failures are read from its gRPC metrics, and send it back."""
    incomplete = [float("nan"), *RECORD[1:]]
    with gated.caller(incomplete) as calls:
        gated.publish("v7")
        ended = gated.until_ended()
        after = len(calls.answers)
        gated.stage.until(lambda: len(calls.answers) > after + 100, "more calls")
    assert (ended["outcome"], ended["reason"]) == ("RolledBack", "errors")
    counted = Counter(calls.answers)
    assert len(counted) == 2
    assert 0 < counted["INTERNAL"] < 0.1 * counted.total()
    assert "INTERNAL" not in calls.answers[after:]


def places(answer: str, answers: list[str]) -> list[int]:
    return [index for index, each in enumerate(answers) if each == answer]
