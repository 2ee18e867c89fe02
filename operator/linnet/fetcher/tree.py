r"""The digest of an artifact's tree: the identity by which a model is pinned, served and quarantined.

It is the sha256 of the sorted lines "<sha256 of the file>  <path relative to the root>\n" of all regular files,
as `sha256sum` prints them, so that anybody can compute it without Linnet:

    find . -type f ! -path './.linnet/*' -printf '%P\0' | xargs -0r sha256sum -- | LC_ALL=C sort | sha256sum

Names, modes, times and empty folders: only the first counts. The folder `.linnet` at the root is the fetcher's own.
"""

import hashlib
import os
import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

OWN = ".linnet"
_UNPRINTABLE = re.compile(r"[\x00-\x1f\x7f\\]")


@dataclass(frozen=True)
class Tree:
    """What was found below a root. `strays` counts links, devices and sockets, which no digest covers."""

    digest: str
    bytes: int
    files: int
    strays: int


def read(root: Path) -> Tree:
    """Read everything below `root`, two files at a time. Raises OSError if something can't be read."""
    entries = sorted(_walk(root))
    files = [path for path in entries if path.is_file() and not path.is_symlink()]
    with ThreadPoolExecutor(2) as pool:
        sums = list(pool.map(_sha256, files))
    lines = [f"{digest}  {path.relative_to(root).as_posix()}\n" for digest, path in zip(sums, files, strict=True)]
    return Tree(
        digest=digest_of(lines),
        bytes=sum(path.stat().st_size for path in files),
        files=len(files),
        strays=len(entries) - len(files),
    )


def digest_of(lines: list[str]) -> str:
    """The digest `sha256:…` of the lines, taken and sorted as bytes."""
    data = sorted(line.encode(errors="surrogateescape") for line in lines)
    return "sha256:" + hashlib.sha256(b"".join(data)).hexdigest()


def is_safe(path: str) -> bool:
    """Whether a relative POSIX path stays below its root, and sha256sum takes and prints it as it is."""
    parts = path.split("/")
    if _UNPRINTABLE.search(path) or path == "-" or parts[0] == OWN:
        return False
    return all(part not in ("", ".", "..") for part in parts)


def _walk(root: Path) -> Iterator[Path]:
    for folder, folders, files in os.walk(root):
        here = Path(folder)
        if here == root and OWN in folders:
            folders.remove(OWN)
        yield from (here / name for name in files)
        yield from (here / name for name in folders if (here / name).is_symlink())


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
