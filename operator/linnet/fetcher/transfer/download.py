"""The way of a source's files into a folder: several parts at once, in bounded memory, resumed after a fault."""

import os
from collections.abc import Sequence
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from linnet.fetcher.command.outcome import Failure, Reason, Transient, failed_write
from linnet.fetcher.sources.source import Item, Source
from linnet.fetcher.transfer.journal import Journal, Part, parts_of
from linnet.fetcher.transfer.progress import Progress
from linnet.fetcher.transfer.retry import Retry


def remaining(items: Sequence[Item], folder: Path, journal: Journal) -> list[Part]:
    """The parts that an earlier run didn't leave in `folder`."""
    return [
        part
        for item in items
        for part in parts_of(item)
        if not (journal.has(part) and _size(folder / item.path) == item.size)
    ]


@dataclass(frozen=True)
class Transfer:
    """The transfer of parts of `source` into the files `folder / item.path`."""

    source: Source
    folder: Path
    journal: Journal
    progress: Progress
    retry: Retry

    def run(self, parts: Sequence[Part]) -> None:
        """Bring the parts until every byte is written. Raises the first Failure, at which the other parts stop."""
        for item in {part.item: None for part in parts}:
            _prepare(self.folder, item)
        with ThreadPoolExecutor(self.source.streams) as pool:
            futures = [pool.submit(self._bring, part) for part in parts]
            finished, _ = wait(futures, return_when=FIRST_EXCEPTION)
            if any(future.exception() for future in finished):
                self.retry.stop.set()
                pool.shutdown(cancel_futures=True)
        for future in finished:
            future.result()

    def _bring(self, part: Part) -> None:
        """Read the part to its end, going on after each fault from where it happened if the source can."""
        position, failures = part.start, 0
        while (read := self._copy(part, position)).fault:
            moved = read.position > position and part.stop is not None
            failures = 1 if moved else failures + 1
            position = self._resume_at(part, read.position)
            self.retry.wait(part.item.path, read.fault, failures)
        self.journal.add(part)

    def _copy(self, part: Part, position: int) -> "_Read":
        try:
            with _Target(self.folder / part.item.path, truncate=part.stop is None) as target:
                for chunk in self.source.read(part.item, position, part.stop) if position != part.stop else ():
                    position = self._write(target, part, position, memoryview(chunk))
        except Transient as fault:
            return _Read(position, fault)
        whole = part.item.size if part.stop is None else part.stop
        if whole is not None and position < whole:
            return _Read(position, Transient(f"the answer ended after {position} of {whole} bytes"))
        return _Read(position, None)

    def _write(self, target: "_Target", part: Part, position: int, chunk: memoryview) -> int:
        if self.retry.stop.is_set():
            raise Failure(Reason.INTERRUPTED, "stopped, because another part of the artifact failed")
        whole = part.item.size if part.stop is None else part.stop
        if whole is not None and position + len(chunk) > whole:
            raise Failure(Reason.CHANGED, f"{part.item.path} grew while it was read; it is fetched anew")
        target.write(chunk, position)
        self.progress.add(len(chunk))
        return position + len(chunk)

    def _resume_at(self, part: Part, position: int) -> int:
        if part.stop is not None:
            return position
        self.progress.add(part.start - position)
        return part.start


@dataclass(frozen=True)
class _Read:
    position: int
    fault: Transient | None


class _Target:
    """A file open for writing at any offset, by several threads each with its own."""

    def __init__(self, path: Path, *, truncate: bool) -> None:
        flags = os.O_WRONLY | os.O_CREAT | os.O_NOFOLLOW | (os.O_TRUNC if truncate else 0)
        self._path = path
        self._descriptor = os.open(path, flags, 0o644)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        os.close(self._descriptor)

    def write(self, data: memoryview, offset: int) -> None:
        try:
            while data:
                count = os.pwrite(self._descriptor, data, offset)
                data, offset = data[count:], offset + count
        except OSError as error:
            raise failed_write(error, self._path) from error


def _prepare(folder: Path, item: Item) -> None:
    """Make the file with its final size, so that parts can be written in any order."""
    path = folder / item.path
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with _Target(path, truncate=False):
            os.truncate(path, item.size or 0)
    except (FileExistsError, NotADirectoryError, IsADirectoryError) as error:
        message = f"{item.path}: the artifact has a file and a folder of the same name; rename one of them"
        raise Failure(Reason.UNSAFE_PATH, message) from error
    except OSError as error:
        raise failed_write(error, path) from error


def _size(path: Path) -> int:
    return path.lstat().st_size if path.is_file() else -1
