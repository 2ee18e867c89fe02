"""Writes an image of a single static binary without an image builder: starting the cluster needs only this one."""

import hashlib
import io
import json
import platform
import tarfile
from pathlib import Path
from typing import Any

MEDIA = "application/vnd.oci.image"
ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64"}


def archive(binary: Path, reference: str, target: Path) -> None:
    """Write an OCI archive whose image `reference` runs `binary` as nobody; the same input, the same bytes."""
    layer = tar({binary.name: binary.read_bytes()}, mode=0o755)
    config = {
        "architecture": ARCHITECTURES.get(platform.machine(), platform.machine()),
        "os": "linux",
        "config": {"Entrypoint": [f"/{binary.name}"], "User": "65535:65535"},
        "rootfs": {"type": "layers", "diff_ids": [f"sha256:{digest(layer)}"]},
    }
    blobs: dict[str, bytes] = {}
    manifest = {
        "schemaVersion": 2,
        "mediaType": f"{MEDIA}.manifest.v1+json",
        "config": add(blobs, encode(config), f"{MEDIA}.config.v1+json"),
        "layers": [add(blobs, layer, f"{MEDIA}.layer.v1.tar")],
    }
    entry = add(blobs, encode(manifest), f"{MEDIA}.manifest.v1+json")
    entry["annotations"] = {"io.containerd.image.name": reference, "org.opencontainers.image.ref.name": reference}
    index = {"schemaVersion": 2, "mediaType": f"{MEDIA}.index.v1+json", "manifests": [entry]}
    layout = {"oci-layout": encode({"imageLayoutVersion": "1.0.0"}), "index.json": encode(index)}
    target.write_bytes(tar(layout | blobs, mode=0o644))


def add(blobs: dict[str, bytes], content: bytes, media: str) -> dict[str, Any]:
    """Store a blob and describe it as a manifest does."""
    blobs[f"blobs/sha256/{digest(content)}"] = content
    return {"mediaType": media, "digest": f"sha256:{digest(content)}", "size": len(content)}


def tar(files: dict[str, bytes], mode: int) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as out:
        for name, content in files.items():
            add_file(out, name, content, mode)
    return buffer.getvalue()


def add_file(out: tarfile.TarFile, name: str, content: bytes, mode: int) -> None:
    info = tarfile.TarInfo(name)
    info.size, info.mode = len(content), mode
    out.addfile(info, io.BytesIO(content))


def digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def encode(value: dict[str, Any]) -> bytes:
    return json.dumps(value, sort_keys=True, separators=(",", ":")).encode()
