"""Objects in which every string that the API leaves open holds what a stranger would send to a terminal."""

import copy
import json
from collections.abc import Iterator
from functools import cache
from typing import Any

import yaml

from control_plane import REPO
from foreign.hostile import HOSTILE

Object = dict[str, Any]
CLOSED = frozenset({"enum", "format", "pattern"})
"""A string with one of these can't hold it: the API server refuses."""
MEANT = frozenset({"type", "status", "name", "revision", "id", "deployment", "phase", "verdict", "decision", "outcome"})
"""Words that the operator writes from its own lists, and names that the command line follows."""


def hostile(obj: Object) -> Object:
    """The object with the hostile text at the end of each of its open strings."""
    changed = copy.deepcopy(obj)
    schema = schemas().get(obj["kind"])
    if schema is not None:
        for part in ("spec", "status"):
            _spoil(changed.get(part), schema["properties"].get(part, {}))
    else:
        _spoil_pod(changed)
    return changed


@cache
def schemas() -> dict[str, Any]:
    found = (yaml.safe_load(file.read_text()) for file in (REPO / "crds").glob("*.yaml"))
    crds = [c for c in found if c.get("kind") == "CustomResourceDefinition"]
    return {c["spec"]["names"]["kind"]: c["spec"]["versions"][0]["schema"]["openAPIV3Schema"] for c in crds}


def _spoil(value: Any, schema: Any) -> None:
    for container, key, below in [*_children(value, schema)]:
        child = container[key]
        if isinstance(child, str):
            if key not in MEANT and not CLOSED & below.keys():
                container[key] = child + HOSTILE
        else:
            _spoil(child, below)


def _children(value: Any, schema: Any) -> Iterator[tuple[Any, Any, Any]]:
    if isinstance(value, list):
        yield from ((value, index, schema.get("items", {})) for index in range(len(value)))
    elif isinstance(value, dict):
        known, others = schema.get("properties", {}), schema.get("additionalProperties", {})
        yield from ((value, key, known.get(key, others)) for key in value)


def _spoil_pod(obj: Object) -> None:
    """A pod's container has last words; a ConfigMap is what anybody writes who may write ConfigMaps."""
    ended = {"reason": HOSTILE, "message": HOSTILE, "exitCode": 1}
    for status in (obj.get("status") or {}).get("containerStatuses") or ():
        status["state"] = {"waiting": {"reason": f"CrashLoopBackOff{HOSTILE}", "message": HOSTILE}}
        status["lastState"] = {"terminated": ended}
    obj.setdefault("metadata", {})["annotations"] = {"note": HOSTILE}


def deep(levels: int) -> str:
    """JSON nested so deep."""
    return json.dumps({"a": 1})[:-1] + ', "b": ' + "[" * levels + "]" * levels + "}"
