"""The API server's JSON, read by those who only look: what an object's conditions, labels and names say."""

import re
from collections.abc import Mapping
from typing import Any, Final

from linnet.api.names import GROUP

Object = Mapping[str, Any]
RESOURCES: Final = {"mld": f"deployments.{GROUP}", "mv": f"modelversions.{GROUP}", "rp": f"retrainpolicies.{GROUP}"}
"""Short name → what kubectl is asked for."""


def name(obj: Object) -> str:
    return str(obj["metadata"]["name"])


def status(obj: Object) -> Mapping[str, Any]:
    """Empty while nobody has written one."""
    return obj.get("status") or {}


def labels(obj: Object) -> Mapping[str, str]:
    return obj.get("metadata", {}).get("labels") or {}


def condition(obj: Object, type_: str) -> dict[str, Any]:
    """The condition of that type; empty if there is none."""
    return next((c for c in status(obj).get("conditions") or () if c["type"] == type_), {})


def is_ready(obj: Object) -> bool:
    return condition(obj, "Ready").get("status") == "True"


def revision_version(revision: str) -> int | None:
    """`tumor-risk-v3-0f3a9c21` → 3."""
    found = re.search(r"-v(\d+)-[0-9a-f]+$", revision)
    return int(found[1]) if found else None


def role(number: int, deployment: Mapping[str, Any], version: Object) -> str:
    """What a version is to a Deployment of this status, in one word."""
    rollout = deployment.get("rollout") or {}
    stable = (deployment.get("stable") or {}).get("version")
    if status(version).get("quarantine"):
        return "quarantined"
    if (rollout.get("from") or {}).get("version") == number != stable:
        return "holdback"
    if number == stable:
        return "stable"
    if rollout and rollout["to"]["version"] == number:
        return "canary" if rollout.get("from") else "starting"
    return "retired" if is_ready(version) else "validating"
