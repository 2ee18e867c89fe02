"""Which parts of which version of a file are on disk, so that a killed fetch goes on where it was."""

import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from linnet.fetcher.sources.source import Item

PART = 32 * 2**20  # bytes


@dataclass(frozen=True)
class Part:
    """The bytes [start, stop) of an item; if `stop` is None it is read whole, in one go."""

    item: Item
    start: int
    stop: int | None

    @property
    def length(self) -> int:
        return 0 if self.stop is None else self.stop - self.start

    @property
    def entry(self) -> str:
        item = self.item
        return json.dumps([item.path, item.key, item.version, item.size, self.start, self.stop])


def parts_of(item: Item) -> list[Part]:
    """The parts of an item: 70 MiB that can be resumed are 0-32, 32-64, 64-70 MiB, and all else is one part."""
    if not item.resumable or item.size is None:
        return [Part(item, 0, None)]
    starts = range(0, max(item.size, 1), PART)
    return [Part(item, start, min(start + PART, item.size)) for start in starts]


class Journal:
    """A file whose lines are appended only after their bytes were written; a torn last line counts for nothing."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = threading.Lock()
        self._done = set(_lines(path))
        with path.open("a", encoding="utf-8") as file:
            file.write("\n")  # so that an entry never continues a torn line

    def has(self, part: Part) -> bool:
        return part.stop is not None and part.entry in self._done

    def add(self, part: Part) -> None:
        with self._lock, self._path.open("a", encoding="utf-8") as file:
            file.write(part.entry + "\n")


def _lines(path: Path) -> Iterator[str]:
    if path.exists():
        yield from path.read_text(encoding="utf-8", errors="replace").splitlines()
