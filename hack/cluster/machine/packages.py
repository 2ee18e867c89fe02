"""Debian packages: only those whose programs are missing, and never by removing another.

What counts is the program, not the package: a machine with Docker has runc already, and Debian's containerd
would push Docker's out.
"""

import os
import shutil
import tempfile
from pathlib import Path

from hack.cluster import layout
from hack.cluster.steps import ClusterError, attempt, follow, run, say

SEARCH = ":".join([os.environ.get("PATH", ""), "/usr/local/sbin", "/usr/sbin", "/sbin"])

NODE = {
    "containerd": "containerd",
    "containerd-shim-runc-v2": "containerd",
    "ctr": "containerd",
    "runc": "runc",
    "ip": "iproute2",
    "nft": "nftables",
    "iptables": "iptables",
    "mount": "mount",
    "openssl": "openssl",
    str(layout.CNI_PLUGINS / "ptp"): "containernetworking-plugins",
}
IMAGES = {"buildah": "buildah", "mmdebstrap": "mmdebstrap"}


def present(program: str) -> bool:
    """Whether a program is there, by name or by absolute path."""
    return Path(program).exists() if program.startswith("/") else shutil.which(program, path=SEARCH) is not None


def missing(wanted: dict[str, str]) -> list[str]:
    return sorted({package for program, package in wanted.items() if not present(program)})


def install(wanted: dict[str, str]) -> None:
    """Install what is missing; the package lists are refreshed only if they do not serve."""
    names = missing(wanted)
    if not names:
        return
    say(f"Debian packages: {' '.join(names)}")
    if shutil.which("apt-get") is None:
        raise ClusterError(f"these programs' Debian packages are missing, and apt-get too: {' '.join(names)}")
    command = ["apt-get", "install", "-y", "-qq", "--no-install-recommends", "--no-remove", *names]
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    log = layout.cache() / "logs" / "apt.log"
    try:
        follow(command, env=environment, log=log)
    except ClusterError:
        attempt(["apt-get", "update", "-qq"])
        follow(command, env=environment, log=log)


def unpacked(package: str) -> Path:
    """The folder of a package's files, fetched but not installed: no service starts, nothing else comes."""
    folder = layout.cache() / "debian" / package
    if folder.exists():
        return folder
    if shutil.which("apt-get") is None:
        raise ClusterError(f"Debian's package {package} can't be fetched: there is no apt-get; put its program on PATH")
    say(f"Debian package, only unpacked: {package}")
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent) as made:
        _download(package, Path(made))
        [archive] = Path(made).glob("*.deb")
        run(["dpkg-deb", "--extract", archive, Path(made) / "files"])
        if not folder.exists():  # another process may have been quicker
            (Path(made) / "files").rename(folder)
    return folder


def _download(package: str, folder: Path) -> None:
    """As the user that runs, not as apt's own, who may not enter the folder."""
    command = ["apt-get", "download", "-qq", "-o", "APT::Sandbox::User=root", package]
    try:
        run(command, cwd=folder)
    except ClusterError:
        attempt(["apt-get", "update", "-qq"])
        run(command, cwd=folder)
