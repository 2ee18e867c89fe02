"""One namespace of the embedded cluster, Linnet installed by its chart: what people type, and what they see."""

import asyncio
import json
import subprocess
import time
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import obstore
from demo.settings import NAME, ROOT, SYSTEM, Place, Settings
from obstore.store import S3Store

from demo import place as demo_place
from linnet.cli.cluster.kubectl import Kubectl
from linnet.cli.commands.request import manifest

Json = dict[str, Any]
WAIT_SECONDS = 300.0


def cluster() -> Place:
    """The embedded cluster with both images and its gateway, started if it is not up."""
    return asyncio.run(demo_place.find(Settings(place=None, out=ROOT / "build"), print))


def install(found: Place) -> None:
    """Linnet, as the demo installs it."""
    asyncio.run(demo_place.install(Kubectl(SYSTEM, found.kubeconfig, found.tools), found.images))


@dataclass(frozen=True)
class Stage:
    """A namespace, and the folder of the bucket that is its own."""

    place: Place
    namespace: str

    @property
    def environment(self) -> dict[str, str]:
        return Kubectl(self.namespace, self.place.kubeconfig, self.place.tools).environment

    def kubectl(self, *words: str, stdin: str | None = None, ok: bool = True) -> str:
        """What it prints; both streams if it is expected to fail."""
        command = ["kubectl", "-n", self.namespace, *words]
        done = subprocess.run(command, input=stdin, capture_output=True, text=True, check=False, env=self.environment)
        assert (done.returncode == 0) == ok, done.stdout + done.stderr
        return done.stdout if ok else done.stdout + done.stderr

    def apply(self, *objects: Json) -> None:
        self.kubectl("apply", "-f", "-", stdin=json.dumps({"apiVersion": "v1", "kind": "List", "items": objects}))

    def get(self, what: str) -> Json:
        return dict(json.loads(self.kubectl("get", what, "-o", "json")))

    def condition(self, what: str, type_: str = "Ready") -> Json:
        """The condition; empty words while it is not there."""
        found = (self.get(what).get("status") or {}).get("conditions") or []
        return next((c for c in found if c["type"] == type_), {"status": "", "reason": "", "message": ""})

    def until(self, holds: Callable[[], Any], what: str, within: float = WAIT_SECONDS) -> Any:
        """The first true answer; fails with what everything says."""
        end = time.monotonic() + within
        while not (found := holds()):
            assert time.monotonic() < end, f"waited {within:g} s for {what}\n{self.story()}"
            time.sleep(0.5)
        return found

    def story(self) -> str:
        shown = self.kubectl("get", "mdl,mv,mld,rp,req,pods", "-o", "wide")
        events = self.kubectl("get", "events", "--sort-by=.lastTimestamp")
        return f"{shown}\n{events[-4000:]}"

    def ask(self, what: str, verb: str) -> None:
        """A request of the person that runs the test."""
        who = self.kubectl("auth", "whoami", "-o", "jsonpath={.status.userInfo.username}").strip()
        kind, _, name = what.partition("/")
        self.kubectl("create", "-f", "-", stdin=json.dumps(manifest(kind, name, verb, who)))

    def uri(self, version: str) -> str:
        return f"s3://{self.place.store.bucket}/{NAME}/{self.namespace}/{version}"

    def put(self, version: str, files: dict[str, bytes]) -> str:
        """Objects into the store, from the machine; their folder's uri."""
        store = self.place.store
        bucket = S3Store(
            store.bucket,
            endpoint=store.endpoint,
            access_key_id=store.access_key,
            secret_access_key=store.secret_key,
            region=store.region,
            client_options={"allow_http": True},
            virtual_hosted_style_request=False,
        )
        for name, data in files.items():
            obstore.put(bucket, f"{NAME}/{self.namespace}/{version}/{name}", data)
        return self.uri(version)

    def secret(self, name: str, **changed: str) -> Json:
        """Keys of the store, for this namespace's folder only."""
        prefix = {"allowedPrefix": f"s3://{self.place.store.bucket}/{NAME}/{self.namespace}"}
        data = {**self.place.store.secret(), **prefix, **changed}
        return {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": name}, "stringData": data}

    def infer(self, values: list[float]) -> Json:
        """One request to the Service, from the machine, by its address."""
        address = self.kubectl("get", "service", NAME, "-o", "jsonpath={.spec.clusterIP}")
        tensor = {"name": "x", "shape": [1, len(values)], "datatype": "FP64", "data": values}
        request = urllib.request.Request(
            f"http://{address}/v2/models/{NAME}/infer",
            data=json.dumps({"inputs": [tensor]}).encode(),
            headers={"Content-Type": "application/json"},
        )
        with urllib.request.urlopen(request, timeout=10) as answer:
            return dict(json.loads(answer.read()))


def model(name: str, uri: str, secret: str = "models", **source: Any) -> Json:
    whole = {"uri": uri, "credentials": {"secretName": secret}, **source}
    spec = {"format": {"name": "sklearn"}, "source": whole}
    return {"apiVersion": "linnet.dev/v1alpha1", "kind": "Model", "metadata": {"name": name}, "spec": spec}


def deployment(name: str, **spec: Any) -> Json:
    whole = {"model": {"name": name}, **spec}
    return {"apiVersion": "linnet.dev/v1alpha1", "kind": "Deployment", "metadata": {"name": name}, "spec": whole}
