"""Fake controllers and a fake kubelet for the engine's bench: pods become ready, and routes are accepted."""

import asyncio
import json
import sys
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

import aiohttp

NAMESPACE = "bench"
MANAGED = "linnet.dev/managed=true"
DEPLOYMENTS = f"/apis/apps/v1/namespaces/{NAMESPACE}/deployments"
REPLICA_SETS = f"/apis/apps/v1/namespaces/{NAMESPACE}/replicasets"
ROUTES = f"/apis/gateway.networking.k8s.io/v1/namespaces/{NAMESPACE}/httproutes"
Json = dict[str, Any]


@dataclass
class Api:
    """The API server, by a session with many connections."""

    session: aiohttp.ClientSession
    url: str

    async def send(self, method: str, path: str, body: Json | None = None, content: str = "application/json") -> Json:
        data = None if body is None else json.dumps(body)
        headers = {"Content-Type": content}
        async with self.session.request(method, self.url + path, data=data, headers=headers) as answer:
            text = await answer.text()
            assert answer.status < 300, f"{method} {path}: {answer.status} {text}"
            return dict(json.loads(text))

    async def watch(self, path: str, on_event: Callable[[str, Json], Awaitable[None] | None]) -> None:
        """Gives `on_event` each event's type and object, for ever; begins again where the server ends the watch."""
        while True:
            with suppress(aiohttp.ClientError, TimeoutError):
                await self._stream(path, on_event)

    async def _stream(self, path: str, on_event: Callable[[str, Json], Awaitable[None] | None]) -> None:
        timeout = aiohttp.ClientTimeout(total=None)
        async with self.session.get(f"{self.url}{path}&watch=true", timeout=timeout) as answer:
            buffer = b""
            async for chunk in answer.content.iter_any():
                *lines, buffer = (buffer + chunk).split(b"\n")
                for line in lines:
                    event = json.loads(line)
                    waiting = on_event(event["type"], event["object"])
                    if waiting is not None:
                        await waiting


@dataclass
class FakeControllers:
    """Gives every apps/v1 Deployment a ready pod; `made`: the monotonic second in which each was created, by name."""

    api: Api
    gateway: bool = False
    """A gateway's controller is faked too, which accepts every route."""
    made: dict[str, float] = field(default_factory=dict)
    tasks: set[asyncio.Task[None]] = field(default_factory=set)

    def start(self) -> None:
        self._spawn(self.api.watch(f"{DEPLOYMENTS}?labelSelector={MANAGED}", self._on_deployment))
        if self.gateway:
            self._spawn(self.api.watch(f"{ROUTES}?labelSelector={MANAGED}", self._on_route))

    def stop(self) -> None:
        for task in list(self.tasks):
            task.cancel()

    def _spawn(self, work: Any) -> None:
        task = asyncio.ensure_future(work)
        self.tasks.add(task)
        task.add_done_callback(self._on_end)

    def _on_end(self, task: asyncio.Task[None]) -> None:
        self.tasks.discard(task)
        if not task.cancelled() and task.exception() is not None:
            print("the fake controllers failed:", task.exception(), file=sys.stderr)

    def _on_deployment(self, type_: str, obj: Json) -> None:
        """Makes one pod for each Deployment: a watch that begins again tells of all of them anew."""
        name = obj["metadata"]["labels"]["linnet.dev/deployment"]
        if type_ == "ADDED" and name not in self.made and not (obj.get("status") or {}).get("readyReplicas"):
            self.made[name] = time.monotonic()
            self._spawn(self._ready(obj))

    async def _on_route(self, type_: str, obj: Json) -> None:
        """Accepts a route as it is, whenever it changes."""
        generation, name = obj["metadata"]["generation"], obj["metadata"]["name"]
        known = (obj.get("status") or {}).get("parents") or [{"conditions": [{"observedGeneration": 0}]}]
        if type_ == "DELETED" or known[0]["conditions"][0]["observedGeneration"] == generation:
            return
        said = {"status": "True", "reason": "Accepted", "message": "", "observedGeneration": generation}
        said |= {"lastTransitionTime": "2026-01-01T00:00:00Z"}
        conditions = [{"type": t, **said} for t in ("Accepted", "ResolvedRefs")]
        parent = {"parentRef": {"name": "public"}, "controllerName": "example.org/played", "conditions": conditions}
        merge = "application/merge-patch+json"
        await self.api.send("PATCH", f"{ROUTES}/{name}/status", {"status": {"parents": [parent]}}, merge)

    async def _ready(self, obj: Json) -> None:
        """Creates one pod that is ready after a while, and counts it in the Deployment's status."""
        await asyncio.sleep(READY_AFTER_SECONDS)
        name, merge = obj["metadata"]["name"], "application/merge-patch+json"
        pods = f"/api/v1/namespaces/{NAMESPACE}/pods"
        await self.api.send("POST", pods, pod(await self.api.send("POST", REPLICA_SETS, replica_set(obj))))
        await self.api.send("PATCH", f"{pods}/{name}-0-0/status", {"status": READY_POD}, merge)
        status = {"replicas": 1, "updatedReplicas": 1, "readyReplicas": 1, "availableReplicas": 1}
        path_ = f"{DEPLOYMENTS}/{name}/status"
        await self.api.send("PATCH", path_, {"status": {**status, "observedGeneration": 1}}, merge)


READY_AFTER_SECONDS = 5.0
"""No model server is quicker; and what plays the controllers shares the two cores with what is measured."""
READY_POD = {
    "phase": "Running",
    "podIP": "127.0.0.1",
    "podIPs": [{"ip": "127.0.0.1"}],
    "conditions": [{"type": t, "status": "True"} for t in ("Ready", "ContainersReady")],
    "containerStatuses": [
        {
            "name": "server",
            "ready": True,
            "started": True,
            "restartCount": 0,
            "image": "",
            "imageID": "",
            "state": {"running": {"startedAt": "2026-01-01T00:00:00Z"}},
        }
    ],
}


def replica_set(made: Json) -> Json:
    """The ReplicaSet that the Deployment would make."""
    return _owned(made, "Deployment", "ReplicaSet", {k: made["spec"][k] for k in ("replicas", "selector", "template")})


def pod(made: Json) -> Json:
    """The pod that the ReplicaSet would make."""
    return _owned(made, "ReplicaSet", "Pod", made["spec"]["template"]["spec"])


def _owned(by: Json, by_kind: str, kind: str, spec: Json) -> Json:
    owner = {"apiVersion": "apps/v1", "kind": by_kind, "name": by["metadata"]["name"], "uid": by["metadata"]["uid"]}
    labels = by["spec"]["template"]["metadata"]["labels"]
    meta = {"name": f"{owner['name']}-0", "namespace": NAMESPACE, "labels": labels}
    meta["ownerReferences"] = [{**owner, "controller": True}]
    return {"apiVersion": "v1" if kind == "Pod" else "apps/v1", "kind": kind, "metadata": meta, "spec": spec}
