"""Images: what is in them, what they are called, and what of them travels."""

import hashlib
import json
import socket
import tarfile
from pathlib import Path
from typing import Any

import pytest
from hack.cluster.images import base, catalog, oci, transfer
from hack.cluster.machine import cleanup

BLOBS = "blobs/sha256/"


def members(path: Path) -> dict[str, bytes]:
    with tarfile.open(path) as archive:
        return {m.name: archive.extractfile(m).read() for m in archive.getmembers()}  # type: ignore[union-attr]


def manifest(files: dict[str, bytes]) -> dict[str, Any]:
    entry = json.loads(files["index.json"])["manifests"][0]
    return dict(json.loads(files[BLOBS + entry["digest"].removeprefix("sha256:")]))


@pytest.fixture
def binary(tmp_path: Path) -> Path:
    path = tmp_path / "pause"
    path.write_bytes(b"\x7fELF")
    return path


def test_every_blob_is_what_its_name_says(binary: Path, tmp_path: Path) -> None:
    """containerd refuses an archive whose digests do not match."""
    oci.archive(binary, "localhost/pause:1", tmp_path / "out.tar")
    files = members(tmp_path / "out.tar")
    blobs = {name: data for name, data in files.items() if name.startswith(BLOBS)}
    assert len(blobs) == 3
    assert all(hashlib.sha256(data).hexdigest() == name.removeprefix(BLOBS) for name, data in blobs.items())


def test_the_same_binary_makes_the_same_archive(binary: Path, tmp_path: Path) -> None:
    """Nothing of the clock or the machine gets into the image."""
    for name in ("a.tar", "b.tar"):
        oci.archive(binary, "localhost/pause:1", tmp_path / name)
    assert (tmp_path / "a.tar").read_bytes() == (tmp_path / "b.tar").read_bytes()


def docker_archive(path: Path, layers: list[bytes]) -> list[str]:
    """An archive as buildah writes it; the layers' digests."""
    names = [hashlib.sha256(layer).hexdigest() for layer in layers]
    listed = [{"Config": "c.json", "RepoTags": ["localhost/x:1"], "Layers": [f"{name}.tar" for name in names]}]
    with tarfile.open(path, "w") as out:
        for name, layer in zip(names, layers, strict=True):
            oci.add_file(out, f"{name}.tar", layer, 0o644)
        oci.add_file(out, "c.json", b"{}", 0o644)
        oci.add_file(out, "manifest.json", json.dumps(listed).encode(), 0o644)
    return [f"sha256:{name}" for name in names]


def test_layers_that_are_there_already_stay_behind(tmp_path: Path) -> None:
    """After a change of code only the code travels; the manifest still lists every layer, in order."""
    digests = docker_archive(tmp_path / "whole.tar", [b"debian", b"dependencies", b"code"])
    left = transfer.slim(tmp_path / "whole.tar", "localhost/x:1", set(digests[:2]), tmp_path / "slim.tar")
    files = members(tmp_path / "slim.tar")
    assert left == 2
    assert [layer["digest"] for layer in manifest(files)["layers"]] == digests
    assert b"code" in files.values()
    assert b"dependencies" not in files.values()


def test_a_layer_that_occurs_twice_travels_once(tmp_path: Path) -> None:
    """Two equal layers are one blob, and an archive holds a name once."""
    (digest, _) = docker_archive(tmp_path / "whole.tar", [b"same", b"same"])
    transfer.slim(tmp_path / "whole.tar", "localhost/x:1", set(), tmp_path / "slim.tar")
    with tarfile.open(tmp_path / "slim.tar") as archive:
        assert archive.getnames().count(BLOBS + digest.removeprefix("sha256:")) == 1


@pytest.fixture
def image(tmp_path: Path) -> catalog.Image:
    (tmp_path / "src" / "__pycache__").mkdir(parents=True)
    (tmp_path / "src" / "a.py").write_text("1")
    (tmp_path / "Dockerfile").write_text("FROM x")
    return catalog.Image("x", tmp_path / "Dockerfile", tmp_path, ("src",))


def test_a_tag_changes_with_what_goes_in(image: catalog.Image) -> None:
    """A changed file, a renamed file, another Dockerfile and another base are other images."""
    tags = [catalog.reference(image, "base:1"), catalog.reference(image, "base:2")]
    (image.context / "src" / "a.py").write_text("2")
    tags.append(catalog.reference(image, "base:1"))
    (image.context / "src" / "a.py").rename(image.context / "src" / "b.py")
    tags.append(catalog.reference(image, "base:1"))
    image.dockerfile.write_text("FROM y")
    tags.append(catalog.reference(image, "base:1"))
    assert len(set(tags)) == 5


def test_a_tag_does_not_change_with_caches(image: catalog.Image) -> None:
    """Running the tests does not rebuild the image."""
    before = catalog.reference(image, "base:1")
    (image.context / "src" / "__pycache__" / "a.pyc").write_bytes(b"x")
    assert catalog.reference(image, "base:1") == before


def test_only_debians_own_sources_make_the_base() -> None:
    """Other vendors' repositories on the developer's machine do not reach the image."""
    targets = "Debian|http://d/debian/|bookworm|main\nNode|http://n/|nodistro|main\nDebian|http://s/|sec|main\n"
    assert base.sources(targets) == ["deb http://d/debian/ bookworm main", "deb http://s/ sec main"]


def test_a_socket_that_a_killed_cluster_left_is_no_cluster(tmp_path: Path) -> None:
    """Images are built on a machine whose last cluster was killed, and imported when the next one runs."""
    left = tmp_path / "containerd.sock"
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(left))
        listener.listen()
        assert cleanup.answers(left)
    assert left.exists()
    assert not cleanup.answers(left)
