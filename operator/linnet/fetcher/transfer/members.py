"""What an archive says of its members, read in bounded memory and time.

tarfile and zipfile keep in memory, whole and at once, what an archive says of itself: extended headers, maps of sparse
files, the table of contents. A hundred kilobytes of gzip can say so by the gigabyte.
"""

import gzip
import posixpath
import re
import tarfile
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from io import BufferedReader
from pathlib import Path
from typing import IO, Any, Final

from linnet.fetcher.command.units import human
from linnet.fetcher.tree import is_safe

MOST_OF_ONE: Final = 256 * 1024
"""Bytes of all headers of one member: a path has up to 4 KiB, and extended attributes up to 64 KiB."""
MOST_OF_ALL: Final = 256 * 2**20
"""Bytes of all headers of a tar: a hundred thousand members with 2 KiB each are fine."""
MOST_OF_TABLE: Final = 32 * 2**20
"""Bytes of a zip's table of contents: a hundred thousand members with long names are fine."""
MOST_OF_GLOBAL: Final = MOST_OF_ONE
"""Bytes of what a tar says of all of its members; it is kept to the end."""
_COMPRESSIONS: Final = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
"""Read in bounded memory: zipfile makes 400 MB of 500 bytes of bzip2, and LZMA says how large its dictionary is."""
_GZIP: Final = b"\x1f\x8b"
_TYPE: Final = slice(156, 157)
_PAX: Final = (tarfile.XHDTYPE, tarfile.XGLTYPE, tarfile.SOLARIS_XHDTYPE)
_LONG: Final = (tarfile.GNUTYPE_LONGNAME, tarfile.GNUTYPE_LONGLINK)
_RECORD: Final = re.compile(rb"(\d{1,7}) [^=\n\0]{1,255}=")
_DIGITS: Final = re.compile(rb"\d{64}")
"""Python's tarfile looks for words after digits, and goes back over them as often as there are digits."""


class TooMuchError(ValueError):
    """An archive says more of itself, or otherwise, than is read."""


@dataclass(frozen=True)
class Member:
    """One entry of an archive: a file of `size` bytes to `open`, or a link to the path `target` within the archive."""

    path: str
    size: int
    open: Callable[[], IO[bytes] | None]
    target: str = ""


def members(archive: Path) -> Iterator[Member]:
    """Yield what is in the archive; whatever its readers raise, and TooMuchError, says that it can't be unpacked."""
    with archive.open("rb") as file:
        yield from (_zip_members(file) if archive.name.lower().endswith(".zip") else _tar_members(file))


def _tar_members(file: BufferedReader) -> Iterator[Member]:
    for tar, info in _infos(file):
        path = _relative(info.name)
        if info.isdir():
            yield from () if path in ("", ".") or is_safe(path) else (Member(path, 0, lambda: None),)
        elif info.issym() or info.islnk():
            base = "" if info.islnk() else posixpath.dirname(path)
            yield Member(path, 0, lambda: None, _target(base, info.linkname))
        else:
            yield Member(path, info.size, lambda i=info, t=tar: t.extractfile(i) if i.isreg() else None)  # type: ignore[misc]


def _infos(file: BufferedReader) -> Iterator[tuple[tarfile.TarFile, tarfile.TarInfo]]:
    zipped = file.peek(len(_GZIP)).startswith(_GZIP)
    headers = _Headers(gzip.GzipFile(fileobj=file) if zipped else file)
    with tarfile.TarFile(fileobj=headers) as tar:  # type: ignore[arg-type]  # nothing is written
        while (info := headers.next(tar)) is not None:
            yield tar, info


class _Headers:
    """The file that tarfile reads: what it reads between two members is counted, and looked at before it is parsed."""

    def __init__(self, file: Any) -> None:
        self.seek, self.tell, self._file = file.seek, file.tell, file
        self._reading, self._type, self._begun = True, b"", False
        self._of_one = self._of_all = self._of_global = 0

    def next(self, tar: tarfile.TarFile) -> tarfile.TarInfo | None:
        """Return the tar's next member; sizes below zero would lead back to what was read."""
        self._reading, self._type, self._of_one, before = True, b"", 0, tar.offset
        first, self._begun = not self._begun, True  # that one was read as the tar was opened
        info = tar.next()
        self._reading = False
        tar.members.clear()  # type: ignore[attr-defined]  # or each member is kept with all that was said of it
        if info is not None and not first and tar.offset <= before:
            raise TooMuchError(f"{info.name!r} has a size below zero")
        return info

    def read(self, size: int) -> bytes:
        if not self._reading:
            return bytes(self._file.read(size))
        self._of_one += max(size, 0)
        self._of_all += max(size, 0)
        if size < 0 or self._of_one > MOST_OF_ONE or self._of_all > MOST_OF_ALL:
            bounds = f"{human(MOST_OF_ONE)} for one member, {human(MOST_OF_ALL)} in all"
            raise TooMuchError(f"it has headers of more than is read: {bounds}")
        data = bytes(self._file.read(size))
        self._look_at(data)
        return data

    def _look_at(self, data: bytes) -> None:
        """Follow what is read: a header, or what stands behind one that extends the next one."""
        if self._type in _PAX:
            self._of_global += len(data) if self._type == tarfile.XGLTYPE else 0
            if self._of_global > MOST_OF_GLOBAL:
                raise TooMuchError(f"it says more than {human(MOST_OF_GLOBAL)} of all of its members")
            _check(data)
        behind = self._type in _PAX + _LONG
        self._type = b"" if behind else data[_TYPE]

    def close(self) -> None:
        self._file.close()


def _check(records: bytes) -> None:
    """An extended header is records of `length keyword=value`, each as long as it says; then nothing."""
    position, end = 0, len(records.rstrip(b"\0"))
    while position < end:
        found = _RECORD.match(records, position)
        after = position + int(found[1]) if found else 0
        if found is None or not found.end() < after <= end or records[after - 1 : after] != b"\n":
            raise TooMuchError("it has an extended header that can't be read")
        position = after
    if _DIGITS.search(records):
        raise TooMuchError("it has an extended header with a number of more than 63 digits")


def _zip_members(file: BufferedReader) -> Iterator[Member]:
    table = _Table(file)
    with zipfile.ZipFile(table) as package:
        table.left = None
        for info in package.infolist():
            kind = info.external_attr >> 16 & 0o170000
            if info.is_dir():
                continue
            if info.compress_type not in _COMPRESSIONS:
                raise TooMuchError(
                    f"{info.filename!r} is compressed otherwise than by deflate, which may take gigabytes"
                )
            if kind not in (0, 0o100000):  # a link's target would be the file's content
                yield Member(info.filename, 0, lambda: None)
            else:
                yield Member(info.filename, info.file_size, lambda i=info: package.open(i))  # type: ignore[misc]


class _Table:
    """The file that zipfile reads: until its table of contents is known, `left` bytes may be read."""

    def __init__(self, file: BufferedReader) -> None:
        self.seek, self.tell, self.seekable, self._file = file.seek, file.tell, file.seekable, file
        self.left: int | None = MOST_OF_TABLE

    def read(self, size: int = -1) -> bytes:
        if self.left is not None:
            self.left -= max(size, 0)
            if self.left < 0:
                raise TooMuchError(f"it has a table of contents of more than {human(MOST_OF_TABLE)}")
        return self._file.read(size)


def _relative(name: str) -> str:
    """A name without the `./` that `tar -C folder .` writes; an absolute name stays one, to be refused."""
    return posixpath.normpath(name) if name.startswith("./") and ".." not in name.split("/") else name


def _target(base: str, link: str) -> str:
    """A link's target as a path within the archive; one that leaves it keeps a `..` or `/`, to be refused."""
    return posixpath.normpath(posixpath.join(base, link))
