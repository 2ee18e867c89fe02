"""Field managers: what a creation owns becomes what an apply owns."""

from typing import Any

from linnet.adapters.cluster.ownership import as_applied

UPDATE: dict[str, Any] = {
    "manager": "linnet",
    "operation": "Update",
    "fieldsV1": {"f:spec": {"f:selector": {"f:a": {}}}},
}
APPLY: dict[str, Any] = {"manager": "linnet", "operation": "Apply", "fieldsV1": {"f:spec": {"f:selector": {"f:b": {}}}}}
KUBECTL = {"manager": "kubectl", "operation": "Update", "fieldsV1": {"f:metadata": {}}}
STATUS = {"manager": "linnet", "operation": "Update", "subresource": "status", "fieldsV1": {"f:status": {}}}


def test_both_entries_become_one_apply() -> None:
    """The next apply then removes what it no longer names."""
    found = as_applied({"metadata": {"managedFields": [UPDATE, KUBECTL, APPLY, STATUS]}})
    merged: dict[str, object] = {"f:spec": {"f:selector": {"f:a": {}, "f:b": {}}}}
    assert found == [KUBECTL, STATUS, {"manager": "linnet", "operation": "Apply", "fieldsV1": merged}]


def test_nothing_to_do_without_a_creation() -> None:
    """An object that was only ever applied costs no further request."""
    assert as_applied({"metadata": {"managedFields": [APPLY, KUBECTL, STATUS]}}) is None
