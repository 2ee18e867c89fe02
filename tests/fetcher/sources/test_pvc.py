"""`linnet fetch` from a claim that the pod mounts."""

import errno
import itertools
import os
import subprocess
from pathlib import Path
from unittest.mock import patch

import pytest

from fetcher.running import Command, contents, shell_digest


@pytest.fixture
def claim(tmp_path: Path, fetch: Command) -> Path:
    root = tmp_path / "pvc"
    (root / "v1/sub").mkdir(parents=True)
    (root / "v1/model.bin").write_bytes(b"weights")
    (root / "v1/sub/config.json").write_bytes(b"{}")
    (root / "secret.txt").write_bytes(b"other")
    fetch.given("--pvc-root", str(root))
    return root


def test_tree(fetch: Command, claim: Path) -> None:
    """The tree below the path is copied, and nothing beside it."""
    ended = fetch.given("--uri", "pvc://claim/v1").run()
    assert ended.code == 0, ended.output
    assert contents(fetch.to) == {"model.bin": b"weights", "sub/config.json": b"{}"}
    assert ended.outcome["digest"] == shell_digest(claim / "v1")


def test_file(fetch: Command, claim: Path) -> None:
    """A path may name one file."""
    assert fetch.given("--uri", "pvc://claim/v1/model.bin").run().code == 0
    assert contents(fetch.to) == {"model.bin": b"weights"}


def test_include(fetch: Command, claim: Path) -> None:
    """Only what `include` names is copied; patterns that match nothing are told."""
    assert fetch.given("--uri", "pvc://claim/v1", "--include", "*.json", "--include", "*.txt").run().code == 0
    assert list(contents(fetch.to)) == ["sub/config.json"]
    fetch.arguments[-3:] = ["*.onnx"]
    ended = fetch.run()
    assert (ended.code, ended.reason) == (2, "Empty")
    assert "model.bin" in ended.message


@pytest.mark.parametrize("path", ["v2", "v1/model.onnx", "v1/model.bin/x"])
def test_missing(fetch: Command, claim: Path, path: str) -> None:
    """A path that isn't there is NotFound."""
    ended = fetch.given("--uri", f"pvc://claim/{path}").run()
    assert (ended.code, ended.reason) == (2, "NotFound"), ended.output


def test_empty_folder(fetch: Command, claim: Path) -> None:
    """A folder without files is no artifact."""
    (claim / "v0").mkdir()
    assert fetch.given("--uri", "pvc://claim/v0").run().reason == "NotFound"


@pytest.mark.parametrize("path", ["../etc", "v1/../../etc", "v1/./x"])
def test_traversal(fetch: Command, claim: Path, path: str) -> None:
    """A path may not climb."""
    assert fetch.given("--uri", f"pvc://claim/{path}").run().reason == "InvalidURI"


def test_inner_link(fetch: Command, claim: Path) -> None:
    """Links to files on the claim are followed, as model caches use them."""
    (claim / "v1/alias.bin").symlink_to("../secret.txt")
    assert fetch.given("--uri", "pvc://claim/v1").run().code == 0
    assert contents(fetch.to)["alias.bin"] == b"other"
    assert not (fetch.to / "alias.bin").is_symlink()


@pytest.mark.parametrize("target", ["/etc/passwd", "../../outside", "/etc", "loop"])
def test_outer_link(fetch: Command, claim: Path, target: str) -> None:
    """A link that leaves the claim, loops, or leads to a folder is refused."""
    (claim.parent / "outside").write_bytes(b"x")
    (claim / "v1/loop").symlink_to(target)
    ended = fetch.given("--uri", "pvc://claim/v1").run()
    assert (ended.code, ended.reason) == (2, "UnsafePath"), ended.output
    assert contents(fetch.to) == {}


def test_path_through_outer_link(fetch: Command, claim: Path) -> None:
    """The path itself may not go through a link out of the claim either."""
    (claim / "out").symlink_to("/etc")
    assert fetch.given("--uri", "pvc://claim/out").run().reason == "UnsafePath"


def test_special_file(fetch: Command, claim: Path) -> None:
    """A pipe would hang a reader; it is refused."""
    os.mkfifo(claim / "v1/pipe")
    assert fetch.given("--uri", "pvc://claim/v1").run().reason == "UnsafePath"


@pytest.mark.parametrize("name", ["a\nb", "a\\b", "-", ".linnet"])
def test_names_that_no_digest_covers(fetch: Command, claim: Path, name: str) -> None:
    """Names that sha256sum escapes, or that are the fetcher's own, are refused."""
    (claim / "v1" / name).write_bytes(b"x")
    assert fetch.given("--uri", "pvc://claim/v1").run().reason == "UnsafePath"


def test_undecodable_name(fetch: Command, claim: Path) -> None:
    """A file name of arbitrary bytes is carried over as it is."""
    (claim / "v1" / os.fsdecode(b"\xff.bin")).write_bytes(b"x")
    ended = fetch.given("--uri", "pvc://claim/v1").run()
    assert ended.code == 0, ended.output
    assert ended.outcome["digest"] == shell_digest(fetch.to) == shell_digest(claim / "v1")


def test_fault_while_publishing(fetch: Command, claim: Path) -> None:
    """A run that ends between two files of the published tree leaves no marker; the next one completes it."""
    renames = itertools.count()
    rename = Path.rename

    def second_fails(path: Path, target: Path) -> Path:
        if next(renames) == 1:
            raise OSError(errno.EIO, "Input/output error", str(path))
        return rename(path, target)

    fetch.given("--uri", "pvc://claim/v1")
    with patch.object(Path, "rename", second_fails):
        first = fetch.run()
    assert (first.code, first.reason) == (1, "Internal")
    assert not (fetch.to / ".linnet/fetched.json").exists()
    second = fetch.run()
    assert second.code == 0, second.output
    assert second.outcome["digest"] == shell_digest(fetch.to) == shell_digest(claim / "v1")


def test_not_mounted(fetch: Command, tmp_path: Path) -> None:
    """Without the mount the message says where it should be."""
    ended = fetch.given("--pvc-root", str(tmp_path / "none"), "--uri", "pvc://claim/v1").run()
    assert (ended.reason, "not mounted" in ended.message) == ("NotFound", True)


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root: it mounts a folder")
def test_mounted_by_name(fetch: Command, claim: Path) -> None:
    """A claim may be mounted below the root under its own name."""
    (claim / "mine").mkdir()
    source = claim.parent / "volume"
    (source / "v9").mkdir(parents=True)
    (source / "v9/f").write_bytes(b"9")
    subprocess.run(["mount", "--bind", source, claim / "mine"], check=True)
    try:
        assert fetch.given("--uri", "pvc://mine/v9").run().code == 0
    finally:
        subprocess.run(["umount", claim / "mine"], check=True)
    assert contents(fetch.to) == {"f": b"9"}
