"""Hands an image from buildah to containerd without the layers that containerd has already.

After a change of code only the last layer is new, a few megabytes of several hundred.
"""

import hashlib
import json
import tarfile
from pathlib import Path
from typing import IO, Any

from hack.cluster.images import oci

DOCKER = "application/vnd.docker"
LAYER = f"{DOCKER}.image.rootfs.diff.tar"
CONFIG = f"{DOCKER}.container.image.v1+json"
MANIFEST = f"{DOCKER}.distribution.manifest.v2+json"


def slim(archive: Path, reference: str, present: set[str], target: Path) -> int:
    """Rewrite a docker-archive as an OCI archive without the blobs in `present` (`sha256:…`).

    The names of a docker-archive's layers are their digests. Returns the number of layers that are left out.
    """
    with tarfile.open(archive) as source, tarfile.open(target, "w") as out:
        listed = json.loads(content(source, "manifest.json"))[0]
        config = content(source, listed["Config"])
        layers = [describe(source.getmember(name)) for name in listed["Layers"]]
        manifest = {"schemaVersion": 2, "mediaType": MANIFEST, "config": blob(CONFIG, config), "layers": layers}
        encoded = oci.encode(manifest)
        entry = blob(MANIFEST, encoded) | {"annotations": {"io.containerd.image.name": reference}}
        add(out, "oci-layout", oci.encode({"imageLayoutVersion": "1.0.0"}))
        add(out, "index.json", oci.encode({"schemaVersion": 2, "manifests": [entry]}))
        add(out, path(entry["digest"]), encoded)
        add(out, path(blob(CONFIG, config)["digest"]), config)
        missing = [name for name, layer in zip(listed["Layers"], layers, strict=True) if layer["digest"] not in present]
        for name in dict.fromkeys(missing):
            copy(source, out, source.getmember(name))
    return len(layers) - len(missing)


def content(source: tarfile.TarFile, name: str) -> bytes:
    return opened(source, source.getmember(name)).read()


def opened(source: tarfile.TarFile, member: tarfile.TarInfo) -> IO[bytes]:
    file = source.extractfile(member)
    assert file
    return file


def describe(member: tarfile.TarInfo) -> dict[str, Any]:
    return {"mediaType": LAYER, "digest": f"sha256:{Path(member.name).stem}", "size": member.size}


def blob(media: str, data: bytes) -> dict[str, Any]:
    return {"mediaType": media, "digest": f"sha256:{hashlib.sha256(data).hexdigest()}", "size": len(data)}


def path(digest: str) -> str:
    return f"blobs/{digest.replace(':', '/')}"


def add(out: tarfile.TarFile, name: str, data: bytes) -> None:
    oci.add_file(out, name, data, 0o644)


def copy(source: tarfile.TarFile, out: tarfile.TarFile, member: tarfile.TarInfo) -> None:
    info = tarfile.TarInfo(path(describe(member)["digest"]))
    info.size = member.size
    out.addfile(info, opened(source, member))
