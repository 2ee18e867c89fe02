"""Readers of the API server's JSON, for those who only look: an object's name, labels, status and conditions."""

import json
import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final, TypeVar

from linnet.api.names import GROUP
from linnet.cli.cluster.processes import CommandError
from linnet.foreign.text import clean, clean_document, printable

Object = Mapping[str, Any]
RESOURCES: Final = {"mld": f"deployments.{GROUP}", "mv": f"modelversions.{GROUP}", "rp": f"retrainpolicies.{GROUP}"}
"""Short name → what kubectl is asked for."""


UNREADABLE: Final = (LookupError, TypeError, ValueError, AttributeError, ArithmeticError)
"""What comes of an object whose parts are others than its schema has: one that was stored before, or was made up."""
UNDECODED: Final = {"metadata": {"name": "?"}}
"""It stands where an object of a list could not even be decoded."""
T = TypeVar("T")


def each(kind: str, objects: Iterable[Any], read: Callable[[Any], T]) -> tuple[list[T], list[str]]:
    """What is read of each object, and a sentence on each that can't be read: it costs itself, and never the others."""
    found, unreadable = list[T](), list[str]()
    for obj in objects:
        try:
            found.append(read(obj))
        except UNREADABLE as error:
            unreadable.append(unreadable_sentence(kind, obj, error))
    return found, unreadable


def unreadable_sentence(kind: str, obj: Any, error: Exception) -> str:
    """The sentence that this release can't read an object, with its name as far as it has one."""
    metadata = obj.get("metadata") if isinstance(obj, Mapping) else None
    called = str(metadata.get("name") or "?") if isinstance(metadata, Mapping) else "?"
    return f"{kind} {clean(called)} can't be read by this release ({type(error).__name__}: {printable(error)})"


def items(listed: Mapping[str, Any]) -> list[Any]:
    """The objects of a list, whatever they are. CommandError where there is no list."""
    if "items" not in listed:
        raise CommandError("what the API server answered can't be read (it is no list)")
    found = listed["items"]
    return found if isinstance(found, list) else []


def parse(text: str | bytes) -> dict[str, Any]:
    """What kubectl printed as JSON, every string of it printable. CommandError where it can't be read.

    Whoever may write an object would else move the terminal of whoever looks at it.
    """
    return dict(clean_document(parse_exactly(text)))


def parse_exactly(text: str | bytes) -> dict[str, Any]:
    """What kubectl printed, as it stands there: for what is compared by a hash, and shown by nobody.

    An object of a list that no parser takes costs itself, or the part of it that lies too deep.
    """
    try:
        return dict(json.loads(text))
    except (ValueError, TypeError, RecursionError):
        return _one_by_one(text.encode(errors="replace") if isinstance(text, str) else text)


def _one_by_one(data: bytes) -> dict[str, Any]:
    from linnet.foreign import objects  # for the rare list that needs it: it loads a parser of its own
    from linnet.foreign.document import ForeignError

    try:
        found = objects.decoded(data)
    except ForeignError as error:
        raise CommandError(f"what the API server answered can't be read ({printable(error)})") from error
    lost = [UNDECODED] * found.hurt.count("?")
    return {**found.value, "items": [*items(found.value), *lost]} if lost and "items" in found.value else found.value


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
