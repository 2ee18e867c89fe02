"""Removes everything that a cluster leaves on the machine, also one that was killed or that another clone started."""

import os
import shutil
import signal
import socket
import time
from pathlib import Path

from hack.cluster import layout
from hack.cluster.machine import cgroups, mounts, network, packets, processes
from hack.cluster.steps import ClusterError

GIVE_UP_SECONDS = 10.0
CNI_RESULTS = Path("/var/lib/cni/results")
CONTAINER_LOGS = Path("/var/log/containers")
DEVICE_SOCKET = Path("/var/lib/kubelet/device-plugins/kubelet.sock")
# Folders that containerd and kubelet make outside their own, children first.
SHARED = (
    *(Path("/run/containerd/s"), Path("/run/containerd/runc/k8s.io"), Path("/run/containerd/runc")),
    *(Path("/run/containerd"), CNI_RESULTS, CNI_RESULTS.parent, CONTAINER_LOGS),
    *(DEVICE_SOCKET.parent, DEVICE_SOCKET.parent.parent),
)


def everything() -> None:
    """Leave no process, mount, interface, table, network namespace, cgroup or file of the cluster."""
    sockets = sockets_of_shims()
    processes.stop([*host_processes(), *processes.marked(layout.STATE)], within=0)
    kill_shims()
    cgroups.kill()
    mounts.unmount_below(layout.STATE)
    network.down()
    wait_until_gone()
    cgroups.remove()
    remove_files(sockets)


def host_processes() -> list[processes.Process]:
    return processes.recorded(layout.STATE)


def shims() -> list[int]:
    """Processes of containerd's that hold a container each and outlive containerd; ours name our socket."""
    ours = f"\0-address\0{layout.CONTAINERD_SOCKET}\0".encode()
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            line = path.read_bytes()
        except OSError:
            continue
        if line.split(b"\0", 1)[0].endswith(b"containerd-shim-runc-v2") and ours in line:
            found.append(int(path.parts[2]))
    return found


def kill_shims() -> None:
    end = time.monotonic() + GIVE_UP_SECONDS
    while (alive := shims()) and time.monotonic() < end:
        for pid in alive:
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                continue
        time.sleep(0.02)


def pod_interfaces() -> list[str]:
    """Host ends of the pods' wires: the ones that carry the pods' gateway."""
    answer = os.popen(f"ip -o address show to {layout.POD_GATEWAY}").read()
    return [line.split()[1] for line in answer.splitlines()]


def wait_until_gone() -> None:
    """The kernel removes a dead pod's network namespace, and its wire with it, a moment later."""
    end = time.monotonic() + GIVE_UP_SECONDS
    while pod_interfaces() and time.monotonic() < end:
        time.sleep(0.02)


def sockets_of_shims() -> list[Path]:
    """Sockets that our shims listen on, in a folder that all of the machine's containerds share."""
    tasks = layout.STATE / "containerd-state/io.containerd.runtime.v2.task"
    return [Path(path.read_text().strip().removeprefix("unix://")) for path in tasks.glob("*/*/address")]


def remove_files(shim_sockets: list[Path]) -> None:
    for path in shim_sockets:
        path.unlink(missing_ok=True)
    for path in CNI_RESULTS.glob("*"):
        if str(layout.STATE) in path.read_text(errors="replace"):
            path.unlink()
    if DEVICE_SOCKET.exists() and not answers(DEVICE_SOCKET):
        DEVICE_SOCKET.unlink()
    for link in CONTAINER_LOGS.glob("*.log"):
        if link.is_symlink() and layout.STATE in link.readlink().parents:
            link.unlink(missing_ok=True)
    for folder in SHARED:
        remove_if_empty(folder)
    remove_tree(layout.STATE)


def answers(path: Path) -> bool:
    """Whether anybody listens on a socket."""
    with socket.socket(socket.AF_UNIX) as probe:
        return probe.connect_ex(str(path)) == 0


def remove_if_empty(folder: Path) -> None:
    try:
        folder.rmdir()
    except OSError:  # not there, or somebody else's
        return


def remove_tree(folder: Path) -> None:
    """Delete a folder, but never through a mount: a volume's files are its owner's."""
    held = mounts.below(folder)
    if held:
        raise ClusterError(f"{held[0]} is still mounted, so {folder} was not removed")
    shutil.rmtree(folder, ignore_errors=True)


def leftovers() -> list[str]:
    """What is still there, in words; empty after `everything`."""
    living = sorted((p.pid, p.name) for p in processes.marked(layout.STATE))
    found = [f"process {pid} ({name})" for pid, name in living]
    found += [f"containerd shim {pid}" for pid in shims()]
    found += [f"process {pid} in a cgroup" for pid in cgroups.members()]
    found += [f"mount {path}" for path in mounts.below(layout.STATE)]
    found += [f"interface {name}" for name in (*pod_interfaces(), *bridge())]
    found += [f"nftables table {name}" for name in tables()]
    found += [f"iptables chain {layout.POLICY_CHAIN}"] if packets.are_queued() else []
    found += [f"cgroup {root}" for root in cgroups.roots() if root.exists()]
    found += [f"folder {layout.STATE}"] if layout.STATE.exists() else []
    return found


def bridge() -> list[str]:
    return [name for _, name in socket.if_nameindex() if name == layout.BRIDGE]


def tables() -> list[str]:
    listed = os.popen("nft list tables").read().splitlines()
    return [name for family, name in network.tables() if f"table {family} {name}" in listed]
