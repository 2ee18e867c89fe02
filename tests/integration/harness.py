"""A real API server with a real operator process on it, and a played kubelet: for tests that any part can write.

def test_something(world: World) -> None:
    world.model("iris", "s3://models/iris/1")
    world.deployment("iris", "iris", replicas=2)
    world.until(lambda: world.condition("Deployment", "iris")["status"] == "True")
"""

import json
import os
import re
import signal
import ssl
import tempfile
import time
from base64 import b64decode
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Any, TypeVar

import httpx

from control_plane import OPERATOR_NAMESPACE, ApiServer
from integration.kubelet import Kubelet
from integration.processes import Begin, forked
from linnet.adapters.cluster import resources
from linnet.api.names import API_VERSION
from linnet.foreign.objects import decoded

T = TypeVar("T")
Json = dict[str, Any]
WAIT_SECONDS = 120.0
EVERY_SECONDS = 0.1
"""Between two looks: a test that waits costs the API server, and this process, milliseconds at each."""
SHORT_LEASE = {"LINNET_LEASE_SECONDS": "8", "LINNET_LEASE_RENEW_SECONDS": "6"}
"""For tests of a lease that expires. Elsewhere it is long: a machine that is busy for seconds ends no operator."""
_numbers = count(1)


@dataclass
class Operator:
    """The operator as its own process, limited to some namespaces; `begin` is how the process comes to be."""

    kubeconfig: Path
    namespaces: tuple[str, ...]
    name: str
    environment: dict[str, str] = field(default_factory=dict)
    begin: Begin = forked

    def start(self) -> "Operator":
        """Returns when it leads or stands by."""
        self.log = Path(tempfile.mkstemp(prefix="linnet-operator-", suffix=".log")[1])
        env = {
            **os.environ,
            "KUBECONFIG": str(self.kubeconfig),
            "LINNET_WATCH_NAMESPACES": ",".join(self.namespaces),
            "POD_NAMESPACE": OPERATOR_NAMESPACE,
            "LINNET_LEASE_NAME": self.namespaces[0] if self.namespaces else "linnet",
            "POD_NAME": self.name,
            "LINNET_HTTP_PORT": "0",
            "LINNET_IMAGE": "linnet:test",
            "LINNET_LEASE_SECONDS": "120",
            "LINNET_LEASE_RENEW_SECONDS": "100",
            "LINNET_LEASE_RETRY_SECONDS": "1",
            **self.environment,
        }
        self.process = self.begin(env, self.log)
        self.port = int(until(self._port, "the operator's port"))
        until(self.ready, "the operator to be ready")
        return self

    def _port(self) -> str:
        text = self.log.read_text()
        assert self.process.poll() is None, f"the operator ended with {self.process.returncode}:\n{text}"
        found = re.search(r'"http_port":(\d+)', text)
        return found[1] if found else ""

    def ready(self) -> bool:
        return self._get("/readyz").status_code == 200

    def healthy(self) -> bool:
        return self._get("/healthz").status_code == 200

    def leads(self) -> bool:
        return self.metric("linnet_leader") == 1.0

    def metrics(self) -> str:
        """Its exposition."""
        return self._get("/metrics").text

    def metric(self, name: str, **labels: str) -> float:
        """The sum of the series of this name with these labels."""
        return summed(self.metrics(), name, **labels)

    def writes(self) -> float:
        """Requests other than reads that it has made; the lease's are not counted."""
        text, name = self.metrics(), "linnet_api_requests_total"
        return summed(text, name) - summed(text, name, verb="get") - summed(text, name, verb="dry-run")

    def lines(self) -> list[Json]:
        """Its log so far."""
        return [json.loads(line) for line in self.log.read_text().splitlines() if line.startswith("{")]

    def tracebacks(self) -> list[str]:
        """Unhandled exceptions in the log: there must be none, whatever the fault."""
        logged = [line["error"] for line in self.lines() if "error" in line]
        return logged + re.findall(r"^Traceback.*", self.log.read_text(), re.MULTILINE)

    def kill(self) -> None:
        """As the kernel does when memory is short."""
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()

    def stop(self) -> int:
        """As the kubelet does; the exit code."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        return self.process.wait(timeout=30)

    def _get(self, path: str) -> httpx.Response:
        try:
            return httpx.get(f"http://127.0.0.1:{self.port}{path}", timeout=5, trust_env=False)
        except httpx.HTTPError as error:
            assert self.process.poll() is None, f"the operator has ended:\n{self.log.read_text()}"
            return httpx.Response(599, text=str(error))


def summed(text: str, name: str, **labels: str) -> float:
    """The sum of an exposition's series of this name with these labels."""
    total = 0.0
    for line in text.splitlines():
        found = re.match(rf"{name}(?:{{(.*)}})? (\S+)$", line)
        if found and all(f'{k}="{v}"' in (found[1] or "") for k, v in labels.items()):
            total += float(found[2])
    return total


@dataclass
class World:
    """One namespace of its own, its operator and its kubelet."""

    api: ApiServer
    namespace: str
    kubelet: Kubelet
    operators: list[Operator] = field(default_factory=list)

    @property
    def operator(self) -> Operator:
        """The newest one."""
        return self.operators[-1]

    def start_operator(self, begin: Begin = forked, /, **environment: str) -> Operator:
        """Returns when it leads or stands by."""
        name = f"{self.namespace}-{len(self.operators) + 1}"
        started = Operator(self.api.operator, (self.namespace,), name, environment, begin)
        self.operators.append(started)
        return started.start()

    def kill_operator(self) -> None:
        """The newest dies; the next leads at once, since its lease is taken away, and not waited for."""
        self.operator.kill()
        self.forget_lease()

    @property
    def lease(self) -> str:
        """The path of the Lease of this world's operators."""
        return f"/apis/coordination.k8s.io/v1/namespaces/{OPERATOR_NAMESPACE}/leases/{self.namespace}"

    def forget_lease(self) -> None:
        """As if the lease of an operator that has ended had expired."""
        self.api.http.delete(self.lease).raise_for_status()

    def model(self, name: str, uri: str, **spec: Any) -> Json:
        whole = {"format": {"name": "sklearn"}, "source": {"uri": uri}, **spec}
        return self.apply("Model", name, whole)

    def deployment(self, name: str, model: str, **spec: Any) -> Json:
        return self.apply("Deployment", name, {"model": {"name": model}, **spec})

    def policy(self, name: str, model: str, **spec: Any) -> Json:
        job = {"image": "train:1", "command": ["train"]}
        return self.apply("RetrainPolicy", name, {"model": {"name": model}, "training": {"job": job}, **spec})

    def apply(self, kind: str, name: str, spec: Json, api_version: str = API_VERSION) -> Json:
        """Server-side apply by a person."""
        body = {"apiVersion": api_version, "kind": kind, "metadata": self._meta(name), "spec": spec}
        return self.patch(kind, name, body, api_version, content="application/apply-patch+yaml")

    def patch(
        self,
        kind: str,
        name: str,
        body: Json,
        api_version: str = API_VERSION,
        content: str = "application/merge-patch+json",
    ) -> Json:
        query = {"fieldManager": "person", "force": "true"} if "apply" in content else {}
        answer = self.api.http.patch(
            self.path(kind, name, api_version),
            params=query,
            content=json.dumps(body),
            headers={"Content-Type": content},
        )
        assert answer.is_success, answer.text
        return dict(answer.json())

    def request(self, kind: str, name: str, words: str, user: str = "linnet-admin") -> str:
        """A person's Request, by its name: `world.request("Deployment", "iris", "abort v2")`."""
        verb, _, about = words.partition(" ")
        version = {"version": int(about.removeprefix("v"))} if about not in {"", "-"} else {}
        spec = {"target": {"kind": kind, "name": name}, "verb": verb, "user": user, **version}
        meta = {"generateName": f"{name}-{verb}-", "namespace": self.namespace}
        body = {"apiVersion": API_VERSION, "kind": "Request", "metadata": meta, "spec": spec}
        answer = self.api.http.post(self.path("Request"), json=body)
        assert answer.is_success, answer.text
        return str(answer.json()["metadata"]["name"])

    def answer(self, request: str) -> Json:
        """Wait for the answer to this Request."""
        self.until(lambda: self.status("Request", request).get("outcome"), f"the answer to {request}")
        return self.status("Request", request)

    def get(self, kind: str, name: str, api_version: str = API_VERSION) -> Json | None:
        answer = self.api.http.get(self.path(kind, name, api_version))
        return None if answer.status_code == 404 else decoded(answer.raise_for_status().content).value

    def status(self, kind: str, name: str) -> Json:
        return dict((self.get(kind, name) or {}).get("status") or {})

    def condition(self, kind: str, name: str, type_: str = "Ready") -> Json:
        """Empty if it is not there yet."""
        found = self.status(kind, name).get("conditions") or []
        return next((dict(c) for c in found if c["type"] == type_), {"status": "", "reason": "", "message": ""})

    def list(self, kind: str, api_version: str = API_VERSION, selector: str = "") -> list[Json]:
        query = {"labelSelector": selector} if selector else {}
        answer = self.api.http.get(self.path(kind, "", api_version), params=query).raise_for_status()
        return list(decoded(answer.content).value["items"])

    def delete(self, kind: str, name: str, api_version: str = API_VERSION) -> None:
        assert self.api.http.delete(self.path(kind, name, api_version)).is_success

    def path(self, kind: str, name: str = "", api_version: str = API_VERSION) -> str:
        resource = resources.of(api_version, kind)
        root = f"/apis/{api_version}" if resource.group else f"/api/{api_version}"
        return f"{root}/namespaces/{self.namespace}/{resource.plural}/{name}".rstrip("/")

    def until(
        self, holds: Callable[[], T], what: str = "", within: float = WAIT_SECONDS, every: float = EVERY_SECONDS
    ) -> T:
        """Wait for a condition; fails with what every object and the operator say."""
        try:
            return until(holds, what, within, every)
        except AssertionError as error:
            raise AssertionError(f"{error}\n{self.story()}") from None

    def ready(self, kind: str, name: str, within: float = WAIT_SECONDS) -> Json:
        """Wait until the object is Ready; its status."""
        self.until(lambda: self.condition(kind, name)["status"] == "True", f"{kind} {name} to be Ready", within)
        return self.status(kind, name)

    def story(self) -> str:
        """What a person would look at."""
        objects = [o for r in resources.OWN for o in self.list(r.kind)]
        shown = [f"{o['kind']} {o['metadata']['name']}: {json.dumps(o.get('status'))}" for o in objects]
        tails = [f"--- {o.name}\n" + "\n".join(o.log.read_text().splitlines()[-15:]) for o in self.operators]
        return "\n".join([*shown, *tails])

    def at_rest(self, seconds: float) -> float:
        """Writes of the newest operator while nothing happens for so long, once its last Events are written."""
        until(lambda: self._written(0.5) == 0, "the last Events")
        return self._written(seconds)

    def _written(self, seconds: float) -> float:
        before = self.operator.writes()
        time.sleep(seconds)
        return self.operator.writes() - before

    def _meta(self, name: str) -> Json:
        return {"name": name, "namespace": self.namespace}


def until(
    holds: Callable[[], T],
    what: str = "the condition",
    within: float = WAIT_SECONDS,
    every: float = EVERY_SECONDS,
) -> T:
    """The first true answer, looking each `every` seconds; AssertionError after `within` seconds."""
    end = time.monotonic() + within
    while not (found := holds()):
        assert time.monotonic() < end, f"waited {within:g} s for {what or 'the condition'}"
        time.sleep(every)
    return found


def trust(api: ApiServer) -> ssl.SSLContext:
    """Trusts the authority of the API server's kubeconfig."""
    cluster = json.loads(api.kubeconfig.read_text())["clusters"][0]["cluster"]
    return ssl.create_default_context(cadata=b64decode(cluster["certificate-authority-data"]).decode())


@contextmanager
def world(api: ApiServer) -> Iterator[World]:
    """A namespace with a kubelet, without an operator yet; every process is ended afterwards."""
    namespace = f"w{os.getpid()}-{next(_numbers)}"
    api.namespace(namespace, hostnames="*.example.org")
    until(lambda: api.http.get(f"/api/v1/namespaces/{namespace}/serviceaccounts/default").is_success, "the namespace")
    headers = {"Authorization": api.http.headers["Authorization"]}
    with Kubelet(str(api.http.base_url), trust(api), headers, (namespace,)).running() as kubelet:
        made = World(api, namespace, kubelet)
        try:
            yield made
        finally:
            for operator in made.operators:
                if operator.process.poll() is None:
                    operator.kill()
            api.http.delete(f"/api/v1/namespaces/{namespace}")
