"""Objects as the API server returns them, for tests of what the operator keeps of them."""

from typing import Any

from linnet.api.labels import DEPLOYMENT, MANAGED, MODEL
from linnet.api.names import API_VERSION

Json = dict[str, Any]


def own(kind: str, name: str, version: int = 1, uid: str = "", **parts: Any) -> Json:
    meta = {"name": name, "namespace": "ml", "uid": uid or f"{kind}-{name}", "resourceVersion": str(version)}
    return {"apiVersion": API_VERSION, "kind": kind, "metadata": {**meta, "generation": 1}, "spec": {}, **parts}


def child(kind: str, name: str, owner: str, version: int = 1, uid: str = "", **parts: Any) -> Json:
    api_version = {"Deployment": "apps/v1", "Service": "v1", "Pod": "v1"}[kind]
    references = [{"kind": "Deployment", "name": owner, "uid": f"Deployment-{owner}", "controller": True}]
    meta = {
        "name": name,
        "namespace": "ml",
        "uid": uid or f"child-{name}",
        "resourceVersion": str(version),
        "labels": {MANAGED: "true", DEPLOYMENT: owner, MODEL: "iris"},
        "ownerReferences": references,
    }
    return {"apiVersion": api_version, "kind": kind, "metadata": meta, "spec": {}, "status": {}, **parts}


def made_by(owner_kind: str, owner: str, name: str, uid: str, labels: Json) -> Json:
    """An object that names the uid of its controller, or none."""
    reference = {"kind": owner_kind, "name": "whatever", "uid": owner, "controller": True}
    return {
        "metadata": {
            "name": name,
            "namespace": "ml",
            "uid": uid,
            "resourceVersion": "1",
            "labels": {MANAGED: "true", **labels},
            "ownerReferences": [reference] if owner else [],
        },
        "spec": {},
        "status": {},
    }


class Clock:
    """A monotonic time in seconds that the test moves."""

    now = 1000.0

    def __call__(self) -> float:
        return self.now
