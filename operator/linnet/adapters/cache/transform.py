"""Objects are cut down to what decisions read, so that thousands fit in memory: managedFields alone are often half."""

import hashlib
import json
from collections.abc import Callable, Mapping
from itertools import islice
from typing import Any, Final

from linnet.adapters.cluster import resources
from linnet.adapters.cluster.resources import Resource
from linnet.api import labels
from linnet.api.names import GROUP
from linnet.core.plan import Manifest
from linnet.core.resources.objects import AUTOSCALER_FIELDS, FETCHER, PROGRAM_FIELDS
from linnet.core.retraining.triggers.schedule import APPLIED, SINCE

MOST: Final = 64 * 2**10
"""Bytes of a child that are kept: ours have a few thousand, and what is larger is somebody else's doing."""
_LABELS: Final = frozenset(v for v in vars(labels).values() if isinstance(v, str) and v.startswith(f"{GROUP}/"))
_ANNOTATIONS: Final = frozenset({APPLIED, SINCE})
_WORDS: Final = 1024
"""Characters of an annotation that are kept: a hash and a time have fewer."""
_FINALIZERS: Final = 4
"""Finalizers that are kept, of an object that is being deleted: they say what it waits for."""
_ROUTE_LABELS: Final = 128
"""Labels of a route that are kept: a Gateway's owner may ask for some, and more of them than this are refused."""


def slim(resource: Resource, obj: Manifest) -> Manifest:
    """Return what `core.resources.objects` and `Parent` read of the object, and nothing else."""
    if resource in resources.OWN or resource in resources.NAMED:
        return {"metadata": _metadata(obj), "spec": obj.get("spec") or {}, "status": obj.get("status") or {}}
    if resource == resources.REPLICA_SET:
        return {"metadata": {k: v for k, v in _metadata(obj).items() if k != "generation"}}
    if resource == resources.POD and any(o.get("kind") == "Job" for o in _owners(obj.get("metadata") or {})):
        return {"metadata": _metadata(obj), **_pod({}, obj.get("status") or {}), "spec": _programs(obj.get("spec"))}
    kept = {"metadata": _metadata(obj), **_CHILD[resource](obj.get("spec") or {}, obj.get("status") or {})}
    if resource in resources.ROUTES:
        kept["metadata"]["labels"] = dict(islice((_meta(obj).get("labels") or {}).items(), _ROUTE_LABELS))
    return kept


def bare(obj: Manifest) -> Manifest:
    """Return a slim object without all that was too much of it; an Apply puts that right where it is ours."""
    return {"metadata": obj["metadata"], "spec": {}, "status": {}}


def fingerprint(resource: Resource, obj: Manifest) -> str:
    """Return a hash that changes when somebody changes what an Apply could put right, and not when a status changes.

    A Service and an autoscaler have no generation, so their spec stands for it.
    """
    meta = obj.get("metadata") or {}
    spec = obj.get("spec") if resource in {resources.SERVICE, resources.AUTOSCALER} else meta.get("generation")
    text = json.dumps([spec, meta.get("labels"), _ours(meta.get("annotations")), _owners(meta)], sort_keys=True)
    return hashlib.blake2b(text.encode(), digest_size=8).hexdigest()


def _meta(obj: Manifest) -> Manifest:
    return obj.get("metadata") or {}


def _metadata(obj: Manifest) -> Manifest:
    meta = _meta(obj)
    kept = {k: meta[k] for k in _KEPT if meta.get(k)}
    parts = {
        "finalizers": (meta.get("finalizers") or [])[:_FINALIZERS] if meta.get("deletionTimestamp") else [],
        "labels": {k: v for k, v in (meta.get("labels") or {}).items() if k in _LABELS},
        "annotations": _ours(meta.get("annotations")),
        "ownerReferences": _owners(meta),
    }
    return kept | {k: v for k, v in parts.items() if v}


_KEPT: Final = (
    "name",
    "namespace",
    "uid",
    "resourceVersion",
    "generation",
    "creationTimestamp",
    "deletionTimestamp",
    "deletionGracePeriodSeconds",
)


def _ours(annotations: Mapping[str, str] | None) -> Mapping[str, str]:
    """Keep what decisions read: kubectl's last-applied-configuration alone is as large as the object."""
    return {k: v[:_WORDS] for k, v in (annotations or {}).items() if k in _ANNOTATIONS}


def _owners(meta: Manifest) -> list[Manifest]:
    return [
        {k: o.get(k) for k in ("kind", "name", "uid", "controller")}
        for o in meta.get("ownerReferences") or ()
        if o.get("controller")
    ]


def _fields(spec: tuple[str, ...], status: tuple[str, ...]) -> Callable[[Manifest, Manifest], Manifest]:
    return lambda given, seen: {
        "spec": {k: given[k] for k in spec if k in given},
        "status": {k: seen[k] for k in status if k in seen},
    }


def _pod(spec: Manifest, status: Manifest) -> Manifest:  # noqa: ARG001
    kept: Manifest = {k: status[k] for k in ("phase", "podIP") if k in status}
    conditions = [c for c in status.get("conditions") or () if c.get("type") in {"Ready", "PodScheduled"}]
    kept["conditions"] = [
        {k: c[k] for k in ("type", "status", "reason", "message", "lastTransitionTime") if c.get(k)} for c in conditions
    ]
    for name in ("containerStatuses", "initContainerStatuses"):
        kept[name] = [_container(c) for c in status.get(name) or ()]
    return {"status": kept}


def _container(status: Manifest) -> Manifest:
    return {
        k: status[k]
        for k in ("name", "ready", "started", "restartCount", "imageID", "state", "lastState")
        if k in status
    }


def _programs(spec: Manifest | None) -> Manifest:
    """Leave of a pod's spec what its containers run, and with which files."""
    kept = ("name", "image", *PROGRAM_FIELDS)
    parts = {part: (spec or {}).get(part) or () for part in ("initContainers", "containers")}
    found = {part: [{k: c[k] for k in kept if k in c} for c in each] for part, each in parts.items()}
    return found | {"volumes": (spec or {}).get("volumes") or []}


def _workload(spec: Manifest, status: Manifest) -> Manifest:
    """Keep of its template what its pods are told to fetch."""
    pod = (spec.get("template") or {}).get("spec") or {}
    told = [
        {k: c.get(k) for k in ("name", "args")} for c in pod.get("initContainers") or () if c.get("name") == FETCHER
    ]
    kept = _fields(("replicas",), ("replicas", "readyReplicas", "updatedReplicas"))(spec, status)
    template = {"template": {"spec": {"initContainers": told}}} if told else {}
    return {**kept, "spec": {**kept["spec"], **template}}


def _job(spec: Manifest, status: Manifest) -> Manifest:
    template = _programs((spec.get("template") or {}).get("spec"))
    return {
        "spec": {"suspend": spec.get("suspend", False), "template": {"spec": template}},
        "status": {k: status[k] for k in ("active", "conditions", "startTime", "completionTime") if k in status},
    }


_CHILD: Final[Mapping[Resource, Callable[[Manifest, Manifest], Manifest]]] = {
    resources.WORKLOAD: _workload,
    resources.SERVICE: _fields(("selector",), ()),
    resources.BUDGET: _fields((), ()),
    resources.NETWORK_POLICY: _fields((), ()),
    resources.HTTP_ROUTE: _fields(("parentRefs", "hostnames", "rules"), ("parents",)),
    resources.GRPC_ROUTE: _fields(("parentRefs", "hostnames", "rules"), ("parents",)),
    resources.AUTOSCALER: _fields(AUTOSCALER_FIELDS, ()),
    resources.POD: _pod,
    resources.JOB: _job,
    resources.CRON_JOB: _fields(("schedule", "timeZone", "suspend"), ("lastScheduleTime",)),
}


def encode(obj: Manifest) -> bytes:
    return json.dumps(obj, separators=(",", ":")).encode()


def decode(data: bytes) -> Any:
    return json.loads(data)
