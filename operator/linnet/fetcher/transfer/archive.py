"""Unpacking of archives that nobody vouches for: nothing lands outside the folder, and nothing but plain files.

Links become second names of the files that they point to, so that the digest covers what a server reads.
"""

import errno
import lzma
import os
import struct
import tarfile
import zipfile
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from linnet.fetcher.command.outcome import Failure, Reason, failed_write
from linnet.fetcher.command.units import human
from linnet.fetcher.transfer.members import Member, TooMuchError, members
from linnet.fetcher.transfer.space import Space
from linnet.fetcher.tree import is_safe

SUFFIXES = (".tar.gz", ".tgz", ".tar", ".zip")
MOST_MEMBERS = 100_000
CHUNK = 2**20  # bytes
# RuntimeError: a zip that needs a password, or a compression that this Python lacks. ArithmeticError, MemoryError:
# sizes that nothing has.
DAMAGE = (
    *(tarfile.TarError, zipfile.BadZipFile, zlib.error, lzma.LZMAError, struct.error),
    *(EOFError, RuntimeError, ValueError, ArithmeticError, MemoryError),
)
# Readers of gzip and bzip2 raise an OSError without a number; EINVAL is a place before the file's beginning.
_OF_READERS = (None, errno.EINVAL)


@dataclass
class Unpacking:
    """One unpacking into `folder`, of at most `cap` bytes; `wanted` says which members count."""

    folder: Path
    space: Space
    cap: int
    wanted: Callable[[str], bool]
    shown: str
    _written: int = 0
    _free: int = 0

    def run(self, archive: Path) -> None:
        """Unpack `archive`. Raises Failure(UnsafeArchive) or Failure(NoSpace)."""
        links: dict[str, str] = {}
        self._free = self.space.free()
        try:
            for count, member in enumerate(members(archive)):
                if count >= MOST_MEMBERS:
                    raise self._unsafe(f"it has more than {MOST_MEMBERS} entries")
                self._take(member, links)
        except TooMuchError as error:
            raise self._unsafe(str(error)) from error
        except DAMAGE as error:
            raise self._unsafe(f"it can't be read as an archive ({error})") from error
        except OSError as error:
            if error.errno not in _OF_READERS:
                raise
            raise self._unsafe(f"it can't be read as an archive ({error})") from error
        for path in sorted(links):
            self._link(path, _end_of(path, links))

    def _take(self, member: Member, links: dict[str, str]) -> None:
        if not is_safe(member.path) or (member.target and not is_safe(member.target)):
            raise self._unsafe(f"{member.path!r} leaves the archive's folder or has a name that may not be")
        if member.target:
            links[member.path] = member.target
        elif self.wanted(member.path):
            self._write(member)

    def _write(self, member: Member) -> None:
        path = self.folder / member.path
        source = member.open()
        if source is None:
            raise self._unsafe(f"{member.path!r} is neither a file, a folder nor a link")
        self._make_room(path)
        try:
            with source, path.open("xb") as file:
                while chunk := source.read(CHUNK):
                    self._count(len(chunk))
                    file.write(chunk)
        except OSError as error:
            if error.errno is None:
                raise
            raise failed_write(error, path) from error

    def _make_room(self, path: Path) -> None:
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.unlink(missing_ok=True)  # the last entry of a name counts, as for tar
        except OSError as error:
            raise self._unsafe(f"{path.name!r} is both a file and a folder in it") from error

    def _count(self, count: int) -> None:
        self._written += count
        if self._written > self.cap:
            raise self._unsafe(f"it unpacks to more than {human(self.cap)}, the limit (--max-unpacked)")
        if self._written > self._free:
            self.space.refuse(self._written, self._free, f"{self.shown}, unpacked,")

    def _link(self, path: str, target: str) -> None:
        if not self.wanted(path):
            return
        if not (self.folder / target).is_file():
            raise self._unsafe(f"{path!r} links to {target!r}, which is none of the files unpacked from it")
        self._make_room(self.folder / path)
        os.link(self.folder / target, self.folder / path)

    def _unsafe(self, why: str) -> Failure:
        return Failure(Reason.UNSAFE_ARCHIVE, f"{self.shown} was not unpacked: {why}")


def is_archive(name: str) -> bool:
    return name.lower().endswith(SUFFIXES)


def _end_of(path: str, links: dict[str, str]) -> str:
    """Where a chain of links ends; a loop ends at a link, which is no file."""
    for _ in range(len(links) + 1):
        if path not in links:
            break
        path = links[path]
    return path
