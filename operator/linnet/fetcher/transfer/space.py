"""The space on the volume, which is compared with the artifact before its first byte is fetched."""

import os
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

from linnet.fetcher.command.outcome import Failure, Reason
from linnet.fetcher.command.units import human


@dataclass(frozen=True)
class Space:
    """The space in `folder`, of which spec.pod.storage.size grants `limit` bytes, None if that is unknown.

    An emptyDir's limit can't be seen in the file system: kubelet evicts the pod once it is passed.
    """

    folder: Path
    limit: int | None

    def free(self) -> int:
        status = os.statvfs(self.folder)
        available = status.f_bavail * status.f_frsize
        if self.limit is None:
            return available
        return max(0, min(available, self.limit - used(self.folder)))

    def check(self, needed: int, what: str) -> None:
        """Refuse `needed` bytes that do not fit. Raises Failure(NoSpace) with both numbers and the field to raise."""
        free = self.free()
        if needed > free:
            self.refuse(needed, free, what)

    def refuse(self, needed: int, free: int, what: str) -> NoReturn:
        granted = f" (now {human(self.limit)})" if self.limit is not None else ""
        raise Failure(
            Reason.NO_SPACE,
            f"{what} needs at least {human(needed)} ({needed} bytes), but {self.folder} has {human(free)} "
            f"({free} bytes) free; raise spec.pod.storage.size{granted}",
        )


def used(folder: Path) -> int:
    """Bytes on disk below `folder`; sparse files count for what they hold."""
    return sum((Path(here) / name).lstat().st_blocks * 512 for here, _, names in os.walk(folder) for name in names)
