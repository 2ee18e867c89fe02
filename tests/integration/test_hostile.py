"""Strangers share the cluster: whatever they write, nobody else's bad canary stays, and a person's word is obeyed.

The admission policy for children would refuse most of it: here the cluster has none.
"""

import json
import re
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from hack.chart_install import refuses

from control_plane import ApiServer, running
from foreign.nested import managed, nested, text_of, wide
from integration import harness
from integration.harness import Operator, World
from integration.rollouts import NAME, QUICK, URI, Traffic, outcome, phase, publish, quarantine, serve, stable
from integration.test_gateway import define
from linnet.adapters.cluster import resources
from linnet.adapters.cluster.resources import Resource
from linnet.api.labels import DEPLOYMENT, MANAGED
from samples import model_version

pytestmark = pytest.mark.integration
LEVELS = 6000
LARGEST_BYTES = 1_500_000
"""What etcd takes is 1.5 MiB, with all that stands around it."""
NOBODY: dict[str, Any] = {"name": "nobody"}
POD: dict[str, Any] = {"containers": [{"name": "c", "image": "none:1"}]}
TEMPLATE: dict[str, Any] = {"metadata": {"labels": {"app": "x"}}, "spec": POD}
ONCE: dict[str, Any] = {"suspend": True, "template": {"spec": {**POD, "restartPolicy": "Never"}}}
SELECTED: dict[str, Any] = {"selector": {"matchLabels": {"app": "x"}}, "replicas": 0, "template": TEMPLATE}
SPECS: dict[Resource, dict[str, Any]] = {
    resources.MODEL: {"format": {"name": "sklearn"}, "source": {"uri": "s3://models/x/1"}},
    resources.MODEL_VERSION: model_version(1, "nobody")["spec"],
    resources.DEPLOYMENT: {"model": NOBODY},
    resources.RETRAIN_POLICY: {"model": NOBODY, "training": {"job": {"image": "t:1", "command": ["t"]}}},
    resources.ROLLOUT_POLICY: {"analysis": {"interval": "5s"}},
    resources.REQUEST: {"target": {"kind": "Deployment", **NOBODY}, "verb": "abort", "user": "linnet-admin"},
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
    resources.HTTP_ROUTE: {},
    resources.GRPC_ROUTE: {},
}
"""A valid object of each resource that is watched."""
FAILED = 'rest_server_requests_total{method="POST",path="/v2/models/{model_name}/infer",status_code="500"}'
PAGES = {
    "digits": "rest_server_requests_total " + "1" * 20_000 + "x\n",
    "buckets": "".join(f'rest_server_request_duration_seconds_bucket{{le="{n}"}} 1\n' for n in range(170_000)),
    "huge": f"{FAILED} 1e20\n",
}
"""What the pods of a hostile canary answer when they are asked for their metrics."""
WORDS = {
    "digits": "[" * 4000,
    "buckets": '{"outcome": "Fetched", "digest": "\\ud800", "bytes": 1}',
    "huge": '{"outcome": "Fetched", "digest": "sha256:' + "a" * 64 + '", "bytes": 1' + "0" * 3500 + "}",
}
"""What a container leaves in its termination message."""
HOOKS = [{"name": "asked", "at": "PreRollout", "endpoint": "liar"}]
CHECK = {"name": "slo", "signal": "Prometheus", "query": {"name": "any"}, "min": "0.99"}
HOSTILE: dict[str, Any] = {
    **QUICK,
    "strategy": {**QUICK["strategy"], "hooks": HOOKS},
    "analysis": {**QUICK["analysis"], "checks": [CHECK]},
}
"""A canary that asks a hook and a Prometheus which answer with nonsense."""


@contextmanager
def liar() -> Iterator[str]:
    """The address of a server that answers each who asks with what no parser of Python's takes, one after the other.

    The third answer is small enough that a hook takes it for a yes.
    """
    answers = [b"[" * 100_000, nested(LEVELS).encode(), b'{"data": "\\ud800"}', b"1" * 20_000, b"\xff\xfe", b"[]"]

    asked = Counter[tuple[bytes, ...]]()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            who = tuple(re.findall(rb'"(?:source|type)": ?"([^"]+)"', body))
            answer = answers[asked[who] % len(answers)]
            asked[who] += 1
            self.send_response(200)
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        do_POST = do_GET  # noqa: N815

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        yield f"http://127.0.0.1:{server.server_address[1]}/"
        server.shutdown()


@pytest.fixture
def platform(tmp_path: Path) -> Iterator[dict[str, str]]:
    """What an operator is told whose hooks and Prometheus lie."""
    with liar() as url:
        hooks = {"endpoints": [{"name": "liar", "url": url}], "events": {"endpoint": "liar", "reasons": ["HookAsked"]}}
        server = {"url": url, "scrapeInterval": "1s", "queries": {"any": "vector(1)"}}
        (tmp_path / "hooks.yaml").write_text(json.dumps(hooks))
        (tmp_path / "prometheus.yaml").write_text(json.dumps(server))
        yield {
            "LINNET_HOOKS_FILE": str(tmp_path / "hooks.yaml"),
            "LINNET_PROMETHEUS_FILE": str(tmp_path / "prometheus.yaml"),
        }


@pytest.fixture
def unprotected(tmp_path: Path) -> Iterator[ApiServer]:
    """A control plane of its own, where the labels of Linnet's children are anybody's."""
    with running(tmp_path / "plane") as api:
        define(api)
        api.must("delete", "validatingadmissionpolicybinding", "linnet-children", "linnet-operator")
        harness.until(
            lambda: not any(refuses(api.kubeconfig, p) for p in ("children", "operator")), "the policies to be gone"
        )
        yield api


def put(world: World, resource: Resource, name: str, spec: dict[str, Any], fields: str = nested(LEVELS)) -> None:
    """Create an object that is nested as deeply as no parser of Python's goes, and says what is no character."""
    labels = {MANAGED: "true", DEPLOYMENT: "x"} if resource in resources.CHILDREN else {}
    meta = {"name": name, "namespace": world.namespace, "labels": labels, "annotations": {"x": "\ud800"}}
    obj = {"apiVersion": resource.api_version, "kind": resource.kind, "metadata": meta, "spec": spec}
    data = text_of(obj, managed=managed(fields, resource.api_version))
    path = world.path(resource.kind, api_version=resource.api_version)
    answer = world.api.http.post(path, content=data, headers={"Content-Type": "application/json"})
    assert answer.is_success, answer.text[:500]
    assert answer.content.count(b'"f:') >= fields.count('"f:')


def put_one_of_each(world: World, number: int, fields: str = nested(LEVELS)) -> None:
    for resource, spec in SPECS.items():
        numbered = {**spec, "version": number} if resource == resources.MODEL_VERSION else spec
        put(world, resource, f"nobody-v{number}", numbered, fields)


def serve_hostile(world: World) -> Traffic:
    """Version 1 of a Deployment that is nested as deeply serves."""
    world.model(NAME, URI.format(1))
    put(world, resources.DEPLOYMENT, NAME, {"model": {"name": NAME}, **HOSTILE})
    world.ready("Deployment", NAME)
    return Traffic(world, {1: (200, 0, 0)})


def damage_evidence(world: World) -> None:
    """Who may edit ConfigMaps writes nonsense into the evidence, each part of another kind."""
    nonsense = {"policy": "[" * 5000, "evidence.counts": "[]", "evidence.format": "[]", "restarts": "[]", "saved": "x"}
    world.until(lambda: world.get("ConfigMap", f"{NAME}-evidence", "v1"), "the evidence")
    world.patch("ConfigMap", f"{NAME}-evidence", {"data": nonsense}, "v1")


def lie(world: World, page: str) -> None:
    """The fetcher of another Model, and a training, leave nonsense in their termination messages."""
    world.kubelet.reports[1] = {"outcome": "Fetched", "said": WORDS[page]}
    world.kubelet.claim = {"said": WORDS[page]}
    world.model("liar", "s3://models/liar/1")
    world.policy("weekly", NAME)
    world.request("RetrainPolicy", "weekly", "run")


def stepping(world: World) -> bool:
    return phase(world) == "Stepping"


def aborted(world: World) -> bool:
    return outcome(world) == "Aborted"


def claim_refused(world: World) -> bool:
    return [r["outcome"] for r in world.status("RetrainPolicy", "weekly").get("runs") or ()] == ["ClaimRefused"]


@dataclass(frozen=True)
class Neighbors:
    """One operator for all of these namespaces; ours has its lease, and ends it."""

    ours: World
    hostile: dict[str, World]
    environment: dict[str, str]

    def start_operator(self) -> Operator:
        spaces = tuple(world.namespace for world in (self.ours, *self.hostile.values()))
        name = f"{self.ours.namespace}-{len(self.ours.operators)}"
        self.ours.operators.append(Operator(self.ours.api.operator, spaces, name, self.environment))
        return self.ours.operator.start()


@pytest.fixture
def neighbors(unprotected: ApiServer, platform: dict[str, str]) -> Iterator[Neighbors]:
    with ExitStack() as stack:
        worlds = {page: stack.enter_context(harness.world(unprotected)) for page in PAGES}
        yield Neighbors(stack.enter_context(harness.world(unprotected)), worlds, platform)


def test_a_bad_canary_is_taken_back_beside_hostile_namespaces(neighbors: Neighbors) -> None:
    """The operator starts, watches, judges and obeys, whatever is in others' objects and pods; so does its standby."""
    assert set(SPECS) == set(resources.WATCHED)
    ours, hostile = neighbors.ours, neighbors.hostile
    former, successor = neighbors.start_operator(), neighbors.start_operator()
    traffic = {page: serve_hostile(world) for page, world in hostile.items()}
    honest = serve(ours)
    for page, world in hostile.items():
        world.kubelet.behave(2, body=PAGES[page])
        publish(world, 2)
    for page, world in hostile.items():
        traffic[page].until(partial(stepping, world), "the hostile canary to get traffic")
        damage_evidence(world)
    put_one_of_each(hostile["digits"], 1)
    put_one_of_each(hostile["digits"], 3, wide(LARGEST_BYTES))
    former.kill()
    ours.forget_lease()
    harness.until(successor.leads, "the standby to lead")
    standby = neighbors.start_operator()
    put_one_of_each(hostile["digits"], 2)
    for page, world in hostile.items():
        lie(world, page)

    publish(ours, 2)
    honest.answers[2] = (140, 60, 0)
    honest.until(lambda: outcome(ours) == "RolledBack", "our bad version to be rolled back")
    assert quarantine(ours, 2)
    assert successor.metric("linnet_unreadable_objects_total") >= 2 * len(SPECS)

    assert [outcome(world) for world in hostile.values()] == ["", "", ""]
    for page, world in hostile.items():
        spec = {"target": {"kind": "Deployment", "name": NAME}, "verb": "abort", "version": 2, "user": "linnet-admin"}
        put(world, resources.REQUEST, "stop", spec)
        traffic[page].until(partial(aborted, world), "the hostile canary to be aborted")
        assert stable(world) == 1
        world.until(partial(claim_refused, world), "the claim to be refused")
        assert world.condition("ModelVersion", "liar-v1")["reason"] == "FetchFailed"
    assert successor.leads()
    assert not standby.leads()
    for operator in (successor, standby):
        assert operator.process.poll() is None
        assert operator.healthy()
        assert operator.ready()
        assert operator.tracebacks() == []
