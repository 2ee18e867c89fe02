"""The metadata that every child carries: its name, its labels, its owner."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from linnet.api.labels import MANAGED
from linnet.api.names import API_VERSION
from linnet.core.plan import Manifest


@dataclass(frozen=True)
class Owner:
    """The object that a child belongs to."""

    kind: str
    name: str
    namespace: str
    uid: str


def metadata(owner: Owner, name: str, labels: Mapping[str, str], annotations: Mapping[str, str] | None = None) -> Any:
    """Metadata of a child: our own labels only, and the parent as controller."""
    out: Manifest = {
        "name": name,
        "namespace": owner.namespace,
        "labels": {**labels, MANAGED: "true"},
        "ownerReferences": [
            {
                "apiVersion": API_VERSION,
                "kind": owner.kind,
                "name": owner.name,
                "uid": owner.uid,
                "controller": True,
                "blockOwnerDeletion": False,
            }
        ],
    }
    if annotations:
        out["annotations"] = dict(annotations)
    return out
