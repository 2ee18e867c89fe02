"""Unpacking of archives that nobody vouches for: nothing lands outside the folder, and nothing but plain files.

Links become second names of the files that they point to, so that the digest covers what a server reads.
"""

import errno
import lzma
import os
import posixpath
import struct
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from linnet.fetcher.command.outcome import Failure, Reason, failed_write
from linnet.fetcher.command.units import human
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


@dataclass(frozen=True)
class Member:
    """One entry of an archive: a file of `size` bytes to `open`, or a link to the path `target` within the archive."""

    path: str
    size: int
    open: Callable[[], IO[bytes] | None]
    target: str = ""


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
            for count, member in enumerate(_members(archive)):
                if count >= MOST_MEMBERS:
                    raise self._unsafe(f"it has more than {MOST_MEMBERS} entries")
                self._take(member, links)
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


def _members(archive: Path) -> Iterator[Member]:
    yield from (_zip_members(archive) if archive.name.lower().endswith(".zip") else _tar_members(archive))


def _tar_members(archive: Path) -> Iterator[Member]:
    with tarfile.open(archive) as tar:
        for info in tar:
            path = _relative(info.name)
            if info.isdir():
                yield from () if path in ("", ".") or is_safe(path) else (Member(path, 0, lambda: None),)
            elif info.issym() or info.islnk():
                base = "" if info.islnk() else posixpath.dirname(path)
                yield Member(path, 0, lambda: None, _target(base, info.linkname))
            else:
                yield Member(path, info.size, lambda i=info: tar.extractfile(i) if i.isreg() else None)  # type: ignore[misc]


def _zip_members(archive: Path) -> Iterator[Member]:
    with zipfile.ZipFile(archive) as package:
        for info in package.infolist():
            kind = info.external_attr >> 16 & 0o170000
            if info.is_dir():
                continue
            if kind not in (0, 0o100000):  # a link's target would be the file's content
                yield Member(info.filename, 0, lambda: None)
            else:
                yield Member(info.filename, info.file_size, lambda i=info: package.open(i))  # type: ignore[misc]


def _relative(name: str) -> str:
    """A name without the `./` that `tar -C folder .` writes; an absolute name stays one, to be refused."""
    return posixpath.normpath(name) if name.startswith("./") and ".." not in name.split("/") else name


def _target(base: str, link: str) -> str:
    """A link's target as a path within the archive; one that leaves it keeps a `..` or `/`, to be refused."""
    return posixpath.normpath(posixpath.join(base, link))


def _end_of(path: str, links: dict[str, str]) -> str:
    """Where a chain of links ends; a loop ends at a link, which is no file."""
    for _ in range(len(links) + 1):
        if path not in links:
            break
        path = links[path]
    return path
