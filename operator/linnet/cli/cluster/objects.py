"""Readers of the API server's JSON, for those who only look: an object's name, labels, status and conditions."""

import json
import re
from collections.abc import Mapping
from typing import Any, Final

from linnet.api.names import GROUP
from linnet.cli.cluster.processes import CommandError
from linnet.foreign.text import clean_document, printable

Object = Mapping[str, Any]
RESOURCES: Final = {"mld": f"deployments.{GROUP}", "mv": f"modelversions.{GROUP}", "rp": f"retrainpolicies.{GROUP}"}
"""Short name → what kubectl is asked for."""


def parse(text: str | bytes) -> dict[str, Any]:
    """What kubectl printed as JSON, every string of it printable. CommandError where it can't be read.

    Whoever may write an object would else move the terminal of whoever looks at it.
    """
    return dict(clean_document(parse_exactly(text)))


def parse_exactly(text: str | bytes) -> dict[str, Any]:
    """What kubectl printed, as it stands there: for what is compared by a hash, and shown by nobody."""
    try:
        return dict(json.loads(text))
    except (ValueError, TypeError, RecursionError) as error:
        raise CommandError(f"what the API server answered can't be read ({printable(error)})") from error


def name(obj: Object) -> str:
    return str(obj["metadata"]["name"])


def status(obj: Object) -> Mapping[str, Any]:
    """The object's status; empty while nobody has written one."""
    return obj.get("status") or {}


def labels(obj: Object) -> Mapping[str, str]:
    return obj.get("metadata", {}).get("labels") or {}


def condition(obj: Object, type_: str) -> dict[str, Any]:
    """The object's condition of that type; empty if there is none."""
    return next((c for c in status(obj).get("conditions") or () if c["type"] == type_), {})


def is_ready(obj: Object) -> bool:
    return condition(obj, "Ready").get("status") == "True"


def revision_version(revision: str) -> int | None:
    """The version's number in a revision's name: `tumor-risk-v3-0f3a9c21` → 3; None where it has none."""
    found = re.search(r"-v(\d+)-[0-9a-f]+$", revision)
    return int(found[1]) if found else None


def role(number: int, deployment: Mapping[str, Any], version: Object) -> str:
    """The word for what a version is to a Deployment of this status, such as stable or canary."""
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
