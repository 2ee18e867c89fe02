"""A folder or file on a PersistentVolumeClaim, which the pod mounts at `--pvc-root`."""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from linnet.api.parts.uri import Location
from linnet.fetcher.command.outcome import Failure, Reason, Transient
from linnet.fetcher.order import Order
from linnet.fetcher.sources.source import Item

CHUNK = 2**20  # bytes


@dataclass(frozen=True)
class PvcSource:
    location: Location
    root: Path
    streams: int = 4

    def items(self) -> list[Item]:
        """All regular files below the path. Links are followed to files that are on the claim too."""
        start = self.root / self.location.path
        if not self.root.is_dir():
            message = f"{self.location.told}: the claim is not mounted at {self.root}"
            raise Failure(Reason.NOT_FOUND, message)
        self._resolved(start)
        if start.is_file():
            return [self._item(start, start.parent)]
        return [self._item(path, start) for path in sorted(self._walk(start))]

    def read(self, item: Item, start: int, stop: int | None) -> Iterator[bytes]:
        try:
            with Path(item.key).open("rb", buffering=0) as file:
                file.seek(start)
                while chunk := file.read(CHUNK if stop is None else min(CHUNK, stop - file.tell())):
                    yield chunk
        except OSError as error:
            raise self._explained(error, item.path) from error

    def _walk(self, start: Path) -> Iterator[Path]:
        def fail(error: OSError) -> None:
            raise self._explained(error, "") from error

        for folder, folders, files in os.walk(start, onerror=fail):
            if linked := next((name for name in folders if (Path(folder) / name).is_symlink()), None):
                message = f"{self.location.told}: {linked} is a link to a folder; put the folder itself there"
                raise Failure(Reason.UNSAFE_PATH, message)
            folders[:] = [name for name in folders if name != "lost+found"]
            yield from (Path(folder) / name for name in files)

    def _item(self, path: Path, start: Path) -> Item:
        real = self._resolved(path)
        if not real.is_file():
            message = f"{self.location.told}: {path.name} is neither a file nor a folder; remove it"
            raise Failure(Reason.UNSAFE_PATH, message)
        status = real.stat()
        version = f"{status.st_ino}-{status.st_mtime_ns}"
        return Item(path.relative_to(start).as_posix(), str(real), status.st_size, version)

    def _resolved(self, path: Path) -> Path:
        try:
            real = path.resolve(strict=True)
        except (FileNotFoundError, NotADirectoryError) as error:
            message = f"{self.location.told}: there is no {path.name or 'such path'} on the claim"
            raise Failure(Reason.NOT_FOUND, message) from error
        except (OSError, RuntimeError) as error:  # a loop of links
            raise Failure(Reason.UNSAFE_PATH, f"{self.location.told}: {path.name} can't be followed") from error
        if not real.is_relative_to(self.root.resolve()):
            message = f"{self.location.told}: {path.name} is a link to a place outside the claim; remove it"
            raise Failure(Reason.UNSAFE_PATH, message)
        return real

    def _explained(self, error: OSError, name: str) -> Failure | Transient:
        shown = f"{self.location.told} {name}".strip()
        if isinstance(error, PermissionError):
            message = f"{shown}: this user may not read it; set its mode, or the volume's fsGroup"
            return Failure(Reason.FORBIDDEN, message)
        return Transient(f"{shown}: {error.strerror}")


def open_source(location: Location, order: Order) -> PvcSource:
    """Open the source. The claim is mounted at `--pvc-root`, or below it under its own name."""
    named = order.pvc_root / location.authority
    return PvcSource(location, named if _is_mounted(named) else order.pvc_root)


def _is_mounted(path: Path) -> bool:
    """Whether the kernel lists a mount at `path`; one of the same device looks like an ordinary folder otherwise."""
    mounts = Path("/proc/self/mountinfo").read_text(encoding="utf-8").splitlines()
    return str(path.resolve()) in {line.split()[4] for line in mounts}
