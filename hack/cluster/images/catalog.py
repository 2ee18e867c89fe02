"""The images that the demo and the tests run, and what goes into each.

A tag is a hash of everything that goes into the image: a changed image has a new name, so no pod ever keeps
the old one, and nothing needs to be pulled again.
"""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from hack.cluster import layout


@dataclass(frozen=True)
class Image:
    """One image: its Dockerfile, its context, and the files or folders that go into it."""

    name: str
    dockerfile: Path
    context: Path
    inputs: tuple[str, ...]


REPO = layout.REPO
IMAGES = {
    "linnet": Image(
        "linnet",
        REPO / "Dockerfile",
        REPO,
        (
            *("requirements/build.lock", "requirements/operator.lock", "hack/images/linnet/rootfs.py"),
            *("pyproject.toml", "README.md", "LICENSE", "operator"),
        ),
    ),
    "mlserver": Image(
        "linnet-mlserver",
        REPO / "hack/images/mlserver/Dockerfile",
        REPO,
        ("hack/images/mlserver/requirements.lock", "demo/models"),
    ),
}


def reference(image: Image, origin: str) -> str:
    return f"localhost/{image.name}:{content_key(image, origin)}"


def content_key(image: Image, origin: str) -> str:
    """Hash of the base's name, the Dockerfile and all input files with their paths."""
    digest = hashlib.sha256(origin.encode() + image.dockerfile.read_bytes())
    for path in sorted(files(image)):
        digest.update(str(path.relative_to(image.context)).encode() + b"\0" + path.read_bytes() + b"\0")
    return digest.hexdigest()[:12]


def files(image: Image) -> Iterable[Path]:
    for name in image.inputs:
        path = image.context / name
        found = path.rglob("*") if path.is_dir() else [path]
        yield from (p for p in found if p.is_file() and "__pycache__" not in p.parts)
