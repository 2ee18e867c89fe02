"""Why the cluster cannot run here, in one sentence, before anything on the machine is changed."""

import ipaddress
import os
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from hack.cluster import layout
from hack.cluster.steps import ClusterError

OTHER_CLUSTER = "To use another cluster instead: make demo KUBECONFIG=/path/to/kubeconfig (such as kind's)."
MIN_FREE_GB = 13.0
"""Go's modules and build cache 6, images and their layers 5, binaries 1, Debian packages and state 0.3. The gateway's
build is 2 of these: Traefik's modules, with their archives, are 0.7, and its build cache 1.3."""
CAP_NET_ADMIN = 12
LISTENING = "0A"
ROUTES = Path("/proc/net/route")
TEST_NAMESPACES = ["unshare", "--mount", "--net", "--pid", "--fork", "mount", "-t", "tmpfs", "none", "/mnt"]


def refuse_system() -> None:
    """Raise ClusterError where this machine can run no cluster at all, before anything is installed."""
    for check in (not_linux, not_root, no_cgroups, no_namespaces, no_network, no_space):
        refuse(check)


def refuse_occupied() -> None:
    """Raise ClusterError where somebody else has what the cluster needs; run after our own leftovers are gone."""
    for check in (taken_port, taken_network, foreign_proxy):
        refuse(check)


def refuse(check: Callable[[], str | None]) -> None:
    reason = check()
    if reason:
        raise ClusterError(f"The embedded cluster cannot run here: {reason}. {OTHER_CLUSTER}")


def not_linux() -> str | None:
    return None if sys.platform == "linux" else f"it needs Linux, and this is {sys.platform}"


def not_root() -> str | None:
    return None if os.geteuid() == 0 else "it needs root (try sudo), for network interfaces, mounts and cgroups"


def no_cgroups() -> str | None:
    """A cgroup of our own can be made in a writable hierarchy; each process tries one of its own name."""
    for hierarchy in cgroup_hierarchies():
        probe = hierarchy / f"{layout.CGROUP}-probe-{os.getpid()}"
        try:
            probe.mkdir(exist_ok=True)
            probe.rmdir()
        except OSError as error:
            return f"no cgroup can be made below {hierarchy} ({error.strerror})"
    return None if cgroup_hierarchies() else "no cgroup hierarchy is mounted below /sys/fs/cgroup"


def no_namespaces() -> str | None:
    """Namespaces and a mount, tried for real: capabilities do not tell what a sandbox filters."""
    try:
        done = subprocess.run(TEST_NAMESPACES, capture_output=True, check=False)
    except FileNotFoundError:
        return "the program `unshare` (package util-linux) is missing"
    return None if done.returncode == 0 else f"no right to make namespaces and mounts ({done.stderr.decode().strip()})"


def no_network() -> str | None:
    """Root of a container often lacks the capability to make interfaces."""
    status = Path("/proc/self/status").read_text()
    effective = int(status.partition("CapEff:")[2].split()[0], 16)
    return None if effective >> CAP_NET_ADMIN & 1 else "no right to make network interfaces (CAP_NET_ADMIN)"


def cgroup_hierarchies() -> list[Path]:
    """Mount points of cgroup v1 controllers, or the one of v2; a hybrid's v2 tree holds no controller."""
    mounts = [line.split() for line in Path("/proc/self/mounts").read_text().splitlines()]
    v1 = [Path(m[1]) for m in mounts if m[2] == "cgroup" and "name=" not in m[3]]
    return v1 or [Path(m[1]) for m in mounts if m[2] == "cgroup2"]


def taken_port() -> str | None:
    """A listener on one of our ports, on every address or on the node's."""
    for address, port, inode in listeners():
        if port in layout.PORTS and address in ("0.0.0.0", "::", layout.NODE_IP):
            return f"port {port} is taken by {owner(inode)}"
    return None


def listeners() -> list[tuple[str, int, str]]:
    """Listening TCP sockets as (address, port, inode)."""
    found = []
    for table in ("tcp", "tcp6"):
        path = Path("/proc/net") / table
        for line in path.read_text().splitlines()[1:] if path.exists() else []:
            fields = line.split()
            if fields[3] == LISTENING:
                address, port = fields[1].split(":")
                found.append((kernel_address(address), int(port, 16), fields[9]))
    return found


def kernel_address(text: str) -> str:
    """An address as /proc/net/tcp writes it: 32-bit words in the machine's byte order.

    >>> kernel_address("0100BC0A") if sys.byteorder == "little" else "10.188.0.1"
    '10.188.0.1'
    """
    raw = b"".join(
        bytes.fromhex(text[i : i + 8])[:: -1 if sys.byteorder == "little" else 1] for i in range(0, len(text), 8)
    )
    return socket.inet_ntop(socket.AF_INET if len(raw) == 4 else socket.AF_INET6, raw)  # noqa: PLR2004 - bytes of IPv4


def owner(inode: str) -> str:
    """The process that holds a socket, as `name (pid)`."""
    for link in Path("/proc").glob("[0-9]*/fd/*"):
        try:
            if link.readlink().name == f"socket:[{inode}]":
                pid = link.parts[2]
                return f"{Path(f'/proc/{pid}/comm').read_text().strip()} (process {pid})"
        except OSError:
            continue
    return "another process"


def taken_network() -> str | None:
    """A route of the machine's that overlaps the pods' or the Services' addresses."""
    ours = [ipaddress.ip_network(cidr) for cidr in (layout.POD_CIDR, layout.SERVICE_CIDR)]
    for line in ROUTES.read_text().splitlines()[1:]:
        device, destination, *_, mask = line.split()[:8]
        theirs = ipaddress.ip_network(f"{kernel_address(destination)}/{kernel_address(mask)}")
        if theirs.prefixlen and any(theirs.overlaps(net) for net in ours):
            return f"the route {theirs} of {device} overlaps the cluster's own network"
    return None


def foreign_proxy() -> str | None:
    done = subprocess.run(["nft", "list", "tables"], capture_output=True, check=False)
    if "kube-proxy" in done.stdout.decode():
        return "this machine is a node of another cluster (the nftables table kube-proxy exists)"
    return None


def no_space() -> str | None:
    """Builds, images and containers of a cold `make cluster` take about this much, the gateway's included."""
    layout.cache().mkdir(parents=True, exist_ok=True)
    free = os.statvfs(layout.cache())
    gigabytes = free.f_bavail * free.f_frsize / 1e9
    if gigabytes < MIN_FREE_GB and not (layout.bin_dir() / "kubelet").exists():
        return f"{layout.cache()} has {gigabytes:.1f} GB free, and {MIN_FREE_GB:.0f} GB are needed (see LINNET_CACHE)"
    return None
