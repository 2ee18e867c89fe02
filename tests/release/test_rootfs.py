"""The image's last stage: what Python needs, and nothing that somebody who got in could use."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from control_plane import REPO

pytestmark = pytest.mark.packages
TOOLS = {"sh", "bash", "dash", "perl", "apt", "apt-get", "dpkg", "pip", "pip3", "busybox", "curl", "wget", "openssl"}
PROGRAM = """
import ctypes, lzma, pwd, sqlite3, ssl, zoneinfo
assert zoneinfo.ZoneInfo("Europe/Berlin")
assert ssl.create_default_context().get_ca_certs()
assert pwd.getpwuid(65532).pw_name == "nonroot"
print("works")
"""


@pytest.fixture(scope="module")
def rootfs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Made of this machine's Python, as the Dockerfile makes it of the base's."""
    folder = tmp_path_factory.mktemp("image")
    venv = folder / "venv"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", venv], check=True)
    script = REPO / "hack/images/linnet/rootfs.py"
    subprocess.run([venv / "bin/python3", script, folder / "rootfs", venv], check=True)
    subprocess.run(["cp", "-a", venv, folder / "rootfs" / "venv"], check=True)
    return folder / "rootfs"


def programs(root: Path) -> Iterator[Path]:
    for folder, _, files in os.walk(root):
        yield from (Path(folder, name) for name in files)


def test_it_has_no_tools(rootfs: Path) -> None:
    """No shell, no package manager, no perl, no pip, no client."""
    listed = rootfs / "var/lib/dpkg/status.d"  # names of packages, not programs
    assert [str(path) for path in programs(rootfs) if path.name in TOOLS and path.parent != listed] == []
    assert not list(rootfs.rglob("ensurepip"))
    assert not list(rootfs.rglob("pip"))


def test_python_works_in_it(rootfs: Path) -> None:
    """With its compiled modules, the certificates, the time zones and the image's user."""
    if os.geteuid() != 0:
        pytest.skip("only root may change the root directory")
    command = ["chroot", str(rootfs), "/venv/bin/python3", "-c", PROGRAM]
    assert subprocess.run(command, capture_output=True, text=True, check=True).stdout == "works\n"


def test_scanners_find_the_packages(rootfs: Path) -> None:
    """Where files were taken from Debian's packages, each is named with its version."""
    if not Path("/var/lib/dpkg/status").exists():
        pytest.skip("this machine has no dpkg")
    known = {path.name: path.read_text() for path in (rootfs / "var/lib/dpkg/status.d").iterdir()}
    assert {"libc6", "libssl3", "ca-certificates", "tzdata"} <= {name.removesuffix("t64") for name in known}
    assert all(f"Package: {name}\n" in text and "\nVersion: " in text for name, text in known.items())
