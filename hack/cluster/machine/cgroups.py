"""The cluster's cgroups: every pod is below `linnet`, so whatever is in there is ours to end."""

import os
import signal
import time
from pathlib import Path

from hack.cluster import layout

GIVE_UP_SECONDS = 20.0


def hierarchies() -> list[Path]:
    """Mount points of all hierarchies: each of v1's controllers, v2's, and a hybrid's."""
    mounts = (line.split() for line in Path("/proc/self/mounts").read_text().splitlines())
    return [Path(fields[1]) for fields in mounts if fields[2] in ("cgroup", "cgroup2")]


def roots() -> list[Path]:
    return [hierarchy / layout.CGROUP for hierarchy in hierarchies()]


def make() -> None:
    """Make the parent of kubelet's cgroups, which kubelet expects to exist in every hierarchy."""
    for root in roots():
        root.mkdir(exist_ok=True)
        inherit_cpuset(root)
        delegate_controllers(root)


def inherit_cpuset(root: Path) -> None:
    """A new v1 cpuset is empty, and an empty one admits no process."""
    for name in ("cpuset.cpus", "cpuset.mems"):
        own, parent = root / name, root.parent / name
        if own.exists() and parent.exists() and not own.read_text().strip():
            own.write_text(parent.read_text())


def delegate_controllers(root: Path) -> None:
    """In cgroup v2 a controller reaches only the groups that the parent passes it to, and kubelet needs several."""
    for folder in (root.parent, root):
        offered = folder / "cgroup.controllers"
        for name in offered.read_text().split() if offered.exists() else []:
            try:
                (folder / "cgroup.subtree_control").write_text(f"+{name}")
            except OSError:  # kubelet says itself which one it misses
                continue


def members() -> set[int]:
    """Ids of all processes in the cluster's cgroups."""
    found: set[int] = set()
    for root in roots():
        for path in [root / "cgroup.procs", *root.rglob("cgroup.procs")]:
            try:
                found.update(int(line) for line in path.read_text().split())
            except OSError:
                continue
    return found


def kill() -> None:
    """Kill all members, and those that they start meanwhile; returns when none is left."""
    end = time.monotonic() + GIVE_UP_SECONDS
    while (alive := members()) and time.monotonic() < end:
        for pid in alive:
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                continue
        time.sleep(0.02)


def remove() -> None:
    """Remove the cgroups, leaves first; a cgroup is busy for a moment after its last process has gone."""
    end = time.monotonic() + GIVE_UP_SECONDS
    while (left := [root for root in roots() if root.exists()]) and time.monotonic() < end:
        for root in left:
            for folder, _, _ in os.walk(root, topdown=False):
                try:
                    Path(folder).rmdir()
                except OSError:
                    continue
        if any(root.exists() for root in left):
            time.sleep(0.02)
