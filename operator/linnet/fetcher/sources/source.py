"""What the transfer needs from a place that artifacts come from; one module implements it for each scheme of
`api/parts/uri.py`, and `choice` names it.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True)
class Item:
    """One file to bring: where it goes (`path`, relative), where it comes from (`key`), and what is known of it.

    size: bytes, None if only reading tells. version: changes whenever the content does (an ETag), None if the
    place can't tell; only an item with both is read in parts and resumed.
    """

    path: str
    key: str
    size: int | None
    version: str | None

    @property
    def resumable(self) -> bool:
        return self.size is not None and self.version is not None


class Source(Protocol):
    """A place that artifacts come from.

    Its methods raise Failure for what only a person can change, and Transient for what may pass.
    """

    @property
    def streams(self) -> int:
        """How many reads at once this place is asked for."""

    def items(self) -> list[Item]:
        """Everything that the URI names, which is an empty list if it names nothing."""

    def read(self, item: Item, start: int, stop: int | None) -> Iterator[bytes]:
        """The bytes [start, stop) of an item in order, or to its end if `stop` is None."""
