"""A persistent volume for tests: a claim bound to a folder of the machine, without a storage class."""

import shutil
from pathlib import Path
from typing import Any

from hack.cluster import layout
from hack.cluster.commands import lifecycle
from hack.cluster.steps import wait

BIND_SECONDS = 30.0


def make(namespace: str, claim: str, size: str, source: Path | None) -> Path:
    """Create a claim that is bound when this returns; `source`, if given, is copied into it. The folder behind it."""
    name = f"{namespace}-{claim}"
    folder = layout.STATE / "volumes" / name
    folder.mkdir(parents=True, exist_ok=True)
    if source:
        shutil.copytree(source, folder, dirs_exist_ok=True)
    folder.chmod(0o777)
    admin = lifecycle.admin()
    path = f"/api/v1/namespaces/{namespace}/persistentvolumeclaims/{claim}"
    admin.apply(f"/api/v1/persistentvolumes/{name}", persistent_volume(name, namespace, claim, size, folder))
    admin.apply(path, persistent_volume_claim(name, namespace, claim, size))
    wait(f"claim {claim}", lambda: admin.get(path).get("status", {}).get("phase") == "Bound", within=BIND_SECONDS)
    return folder


def persistent_volume(name: str, namespace: str, claim: str, size: str, folder: Path) -> dict[str, Any]:
    spec = {
        "capacity": {"storage": size},
        "accessModes": ["ReadWriteOnce", "ReadOnlyMany", "ReadWriteMany"],
        "persistentVolumeReclaimPolicy": "Retain",
        "storageClassName": "",
        "claimRef": {"namespace": namespace, "name": claim},
        "hostPath": {"path": str(folder), "type": "Directory"},
    }
    return {"apiVersion": "v1", "kind": "PersistentVolume", "metadata": {"name": name}, "spec": spec}


def persistent_volume_claim(volume: str, namespace: str, claim: str, size: str) -> dict[str, Any]:
    spec = {
        "accessModes": ["ReadWriteMany"],
        "storageClassName": "",
        "volumeName": volume,
        "resources": {"requests": {"storage": size}},
    }
    metadata = {"name": claim, "namespace": namespace}
    return {"apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": metadata, "spec": spec}
