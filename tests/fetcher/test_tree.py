"""The digest of a tree: stable, and computed by `sha256sum` alike."""

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fetcher.running import shell_digest
from linnet.fetcher import tree

FILES = {"b.txt": b"2", "a/b.txt": b"1", "a b/ü~%20.bin": b"\0" * 100, "a.txt": b"", ".hidden": b"h", "-n": b"dash"}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name, data in FILES.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    return tmp_path


def test_as_sha256sum(folder: Path) -> None:
    """The manual's shell line gives the same digest, with odd names and the fetcher's own files there."""
    (folder / ".linnet").mkdir()
    (folder / ".linnet/fetched.json").write_text("{}")
    found = tree.read(folder)
    assert found.digest == shell_digest(folder)
    assert (found.files, found.bytes, found.strays) == (len(FILES), sum(map(len, FILES.values())), 0)


def test_is_stable(tmp_path: Path) -> None:
    """The digest of a known tree: it may never change, since it pins what serves."""
    (tmp_path / "a").mkdir()
    (tmp_path / "a/model.bin").write_bytes(b"weights")
    (tmp_path / "linnet.json").write_bytes(b"{}")
    assert tree.read(tmp_path).digest == "sha256:09b65f62edc8198c8618f792f5deb0a87837cd96898301105854e56f82965916"


def test_sees_every_change(folder: Path) -> None:
    """A changed byte, a new name and a removed file change it; times and modes don't."""
    first = tree.read(folder).digest
    os.utime(folder / "b.txt", (1, 1))
    (folder / "b.txt").chmod(0o600)
    assert tree.read(folder).digest == first
    (folder / "b.txt").rename(folder / "c.txt")
    renamed = tree.read(folder).digest
    (folder / "c.txt").write_bytes(b"3")
    changed = tree.read(folder).digest
    (folder / "c.txt").unlink()
    assert len({first, renamed, changed, tree.read(folder).digest}) == 4


def test_counts_strays(folder: Path) -> None:
    """Links are no part of the digest, so their number is told: a tree with any is not reused."""
    (folder / "link").symlink_to("b.txt")
    (folder / "a/up").symlink_to("..")
    os.mkfifo(folder / "pipe")
    assert tree.read(folder).strays == 3


@given(st.text(max_size=30))
def test_safe_paths_stay_inside(path: str) -> None:
    """A path that is called safe is relative, stays below its root and is none of the fetcher's own."""
    if tree.is_safe(path):
        joined = os.path.normpath(Path("/root") / path)
        assert joined.startswith("/root/")
        assert not joined.startswith("/root/.linnet/")
        assert "\n" not in path
