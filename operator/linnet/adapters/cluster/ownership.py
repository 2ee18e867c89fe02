"""An object has one owner, and some of its fields are ours.

A child is made by POST, since server-side apply would silently take over a stranger's object of that name. The API
server then holds our fields as an `Update` of field manager linnet, which a later apply would never remove:
`as_applied` turns them into what an apply would have left.
"""

from typing import Any

from linnet.api.labels import FIELD_MANAGER
from linnet.core.plan import Manifest

Fields = dict[str, Any]


def controller(obj: Manifest) -> str | None:
    """Return the uid of the object's controller; None if it has none."""
    owners = (obj.get("metadata") or {}).get("ownerReferences") or ()
    return next((o.get("uid") for o in owners if o.get("controller")), None)


def as_applied(obj: Manifest) -> list[Manifest] | None:
    """Return the managedFields with our `Update` made part of our `Apply`; None if there is nothing to do."""
    entries = obj["metadata"].get("managedFields") or []
    made = [e for e in entries if _is_ours(e, "Update")]
    if not made:
        return None
    applied = [e for e in entries if _is_ours(e, "Apply")]
    fields: Fields = {}
    for entry in (*made, *applied):
        fields = union(fields, entry.get("fieldsV1") or {})
    merged = {**made[0], "operation": "Apply", "fieldsV1": fields}
    return [*(e for e in entries if e not in made and e not in applied), merged]


def union(one: Fields, other: Fields) -> Fields:
    """Return all fields of both sets.

    >>> union({"f:a": {}}, {"f:a": {"f:b": {}}, "f:c": {}})
    {'f:a': {'f:b': {}}, 'f:c': {}}
    """
    return {k: union(one.get(k, {}), other.get(k, {})) for k in (*one, *(k for k in other if k not in one))}


def _is_ours(entry: Manifest, operation: str) -> bool:
    same = entry.get("manager") == FIELD_MANAGER and entry.get("operation") == operation
    return same and not entry.get("subresource")
