"""Fake controllers and a fake kubelet for the engine's bench: pods become ready, and routes are accepted.

Each speaks in the name of the one that it stands for, so that the API server admits what it admits in a cluster.
"""

import asyncio
import sys
import time
from dataclasses import dataclass, field
from typing import Any

from bench.engine.api import (
    DEPLOYMENT_CONTROLLER,
    KUBELET,
    MERGE,
    NAMESPACE,
    NODE,
    REPLICA_SET_CONTROLLER,
    SCHEDULER,
    Api,
    Json,
    is_ready,
    path,
)

MANAGED = "linnet.dev/managed=true"
DEPLOYMENTS = f"/apis/apps/v1/namespaces/{NAMESPACE}/deployments"
REPLICA_SETS = f"/apis/apps/v1/namespaces/{NAMESPACE}/replicasets"
PODS = f"/api/v1/namespaces/{NAMESPACE}/pods"
ROUTES = f"/apis/gateway.networking.k8s.io/v1/namespaces/{NAMESPACE}/httproutes"


@dataclass
class FakeControllers:
    """Gives every apps/v1 Deployment a ready pod.

    `made` and `ready` are the monotonic seconds in which each was seen created, and ours of the name seen Ready.
    """

    api: Api
    gateway: bool = False
    """A gateway's controller is faked too, which accepts every route."""
    made: dict[str, float] = field(default_factory=dict)
    ready: dict[str, float] = field(default_factory=dict)
    tasks: set[asyncio.Task[None]] = field(default_factory=set)

    def start(self) -> None:
        self._spawn(self.api.watch(f"{DEPLOYMENTS}?labelSelector={MANAGED}", self._on_deployment))
        self._spawn(self.api.watch(f"{path('deployments')}?timeoutSeconds=3600", self._on_ours))
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

    def _on_ours(self, type_: str, obj: Json) -> None:
        if type_ in {"ADDED", "MODIFIED"} and is_ready(obj):
            self.ready.setdefault(obj["metadata"]["name"], time.monotonic())

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
        await self.api.send("PATCH", f"{ROUTES}/{name}/status", {"status": {"parents": [parent]}}, MERGE)

    async def _ready(self, obj: Json) -> None:
        """Creates one pod that is ready after a while, and counts it in the Deployment's status."""
        await asyncio.sleep(READY_AFTER_SECONDS)
        owner = await self.api.send("POST", REPLICA_SETS, replica_set(obj), user=DEPLOYMENT_CONTROLLER)
        made = await self.api.send("POST", PODS, pod(owner), user=REPLICA_SET_CONTROLLER)
        name = made["metadata"]["name"]
        await self.api.send("POST", f"{PODS}/{name}/binding", binding(name), user=SCHEDULER)
        await self.api.send("PATCH", f"{PODS}/{name}/status", {"status": READY_POD}, MERGE, KUBELET)
        counted = {**obj, "status": READY_DEPLOYMENT, "metadata": {**obj["metadata"], "resourceVersion": ""}}
        await self.api.send(
            "PUT", f"{DEPLOYMENTS}/{obj['metadata']['name']}/status", counted, user=DEPLOYMENT_CONTROLLER
        )


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
READY_DEPLOYMENT = {
    "replicas": 1,
    "updatedReplicas": 1,
    "readyReplicas": 1,
    "availableReplicas": 1,
    "observedGeneration": 1,
}


def binding(pod_: str) -> Json:
    """What the scheduler says of a pod."""
    target = {"apiVersion": "v1", "kind": "Node", "name": NODE}
    return {"apiVersion": "v1", "kind": "Binding", "metadata": {"name": pod_}, "target": target}


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
