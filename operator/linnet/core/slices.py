"""Parts of the traffic that a check judges apart, and how a check's name shows them: `errors[country=de]`."""

from collections.abc import Hashable, Iterable, Iterator
from dataclasses import dataclass
from typing import TypeVar

T = TypeVar("T", bound=Hashable)


@dataclass(frozen=True)
class Slice:
    """The part of the traffic whose series have this value of a label."""

    label: str
    value: str

    def __str__(self) -> str:
        return f"{self.label}={self.value}"

    def of(self, check: str) -> str:
        """The name of this slice of the check. A check's own name has no bracket, nor has a value."""
        return f"{check}[{self}]"


def family(name: str) -> str:
    """The check's name as the policy has it: `errors` of its slice `errors[country=de]`."""
    return name.partition("[")[0]


def together(told: Iterable[tuple[str, T]]) -> Iterator[tuple[str, T]]:
    """Slices of one check of which the same is told, under one name: `errors[country=de|fr]`."""
    groups: dict[tuple[str, T], list[str]] = {}
    for name, what in told:
        groups.setdefault((family(name), what), []).append(name)
    for (_, what), (first, *others) in groups.items():
        more = "".join(f"|{name.partition('=')[2].removesuffix(']')}" for name in others)
        yield (f"{first.removesuffix(']')}{more}]" if others else first), what
