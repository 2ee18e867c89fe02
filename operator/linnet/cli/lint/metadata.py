"""What the API server, or kubectl, would say of an object's metadata: kinds have no schema for it."""

from collections.abc import Iterator
from typing import Any, Final

_WRITTEN: Final = ("name", "generateName", "namespace", "labels", "annotations", "finalizers", "ownerReferences")
_MADE: Final = (
    "uid",
    "resourceVersion",
    "generation",
    "creationTimestamp",
    "deletionTimestamp",
    "deletionGracePeriodSeconds",
    "managedFields",
    "selfLink",
)
"""Written by the API server; `kubectl get -o yaml` prints them."""


def refusals(meta: Any) -> Iterator[str]:
    """Sentences that begin with the field's path."""
    if not isinstance(meta, dict):
        yield f"metadata: must be of type object, not {type(meta).__name__}: write metadata: {{name: …}}"
        return
    yield from (f"metadata.{key}: there is no such field" for key in meta if key not in _WRITTEN + _MADE)
    if not meta.get("name") and not meta.get("generateName"):
        yield "metadata.name: is required"
    for field in ("name", "generateName", "namespace"):
        if not isinstance(meta.get(field) or "", str):
            yield f"metadata.{field}: must be of type string, not {type(meta[field]).__name__}: write it in quotes"
    for field in ("labels", "annotations"):
        yield from _words(field, meta.get(field) or {})


def _words(field: str, words: Any) -> Iterator[str]:
    if not isinstance(words, dict):
        yield f"metadata.{field}: must be of type object, not {type(words).__name__}"
        return
    for key, value in words.items():
        if not isinstance(value, str):
            yield f"metadata.{field}.{key}: must be of type string, not {type(value).__name__}: write it in quotes"
