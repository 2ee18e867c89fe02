"""The kernel's list of mounts, and the removal of all below a folder."""

import re
from dataclasses import dataclass
from pathlib import Path

from hack.cluster.steps import attempt

ESCAPE = re.compile(r"\\([0-7]{3})")


@dataclass(frozen=True)
class Mount:
    """One line of /proc/self/mountinfo."""

    path: Path
    filesystem: str


def parse(mountinfo: str) -> list[Mount]:
    r"""Every mount, oldest first; blanks and the like are octal escapes.

    >>> parse("36 35 98:0 /mnt1 /mnt\\0402 rw,noatime master:1 - ext3 /dev/root rw")
    [Mount(path=PosixPath('/mnt 2'), filesystem='ext3')]
    """
    found = []
    for line in mountinfo.splitlines():
        before, _, after = line.partition(" - ")
        path = ESCAPE.sub(lambda octal: chr(int(octal[1], 8)), before.split()[4])
        found.append(Mount(Path(path), after.split()[0]))
    return found


def current() -> list[Mount]:
    return parse(Path("/proc/self/mountinfo").read_text())


def below(folder: Path) -> list[Path]:
    """Mount points in a folder or at it, newest first, which is the order to unmount them in."""
    return [mount.path for mount in reversed(current()) if mount.path == folder or folder in mount.path.parents]


def unmount_below(folder: Path) -> None:
    """Unmount everything in a folder; lazily what is still in use."""
    for path in below(folder):
        attempt(["umount", path]) or attempt(["umount", "-l", path])


def filesystem_of(path: Path) -> str:
    """The type of the file system that holds an existing path, such as `ext4` or `overlay`."""
    holders = [mount for mount in current() if mount.path == path or mount.path in path.parents]
    return max(holders, key=lambda mount: len(mount.path.parts)).filesystem
