"""What goes wrong at a write, by name: a crash, a refusal, a lost answer, silence, gaps, and an API server's past."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from integration.faults import Fate, Refusal

PLAYS: Final[Mapping[str, Fate | Refusal]] = {
    "killed before": Fate.IS_LOST,
    "killed after": Fate.IS_NOT_ANSWERED,
    "409": Refusal(409, "Conflict"),
    "429": Refusal(429, "TooManyRequests", retry_after=1),
    "500": Refusal(500, "InternalError"),
    "503": Refusal(503, "ServiceUnavailable"),
    "reset after commit": Fate.LOSES_ITS_ANSWER,
    "never answered": Fate.IS_KEPT_WAITING,
    "blackhole": Fate.COMES_BEFORE_SILENCE,
    "dropped events": Fate.COMES_BEFORE_GAPS,
    "stale lists": Fate.IS_NOT_ANSWERED,
}
STRIDE: Final = 29
"""Writes between two faults of one run: each finds the operator in another part of the story."""


@dataclass
class Play:
    """Faults in turns, one at every write whose number is `first` and some strides on; Events don't count.

    Events may repeat. The numbers run on when an operator dies and another takes its place.
    """

    names: tuple[str, ...]
    first: int
    struck: list[str] = field(default_factory=list)
    """What each fault was, and what it fell on."""
    _writes: int = 0

    @property
    def last(self) -> str:
        """The name of the newest fault."""
        return self.struck[-1].partition(":")[0] if self.struck else ""

    def judge(self, _: int, method: str, path: str) -> Fate | Refusal:
        if path.endswith("/events"):
            return Fate.PASSES
        self._writes += 1
        if self._writes % STRIDE != self.first:
            return Fate.PASSES
        name = self.names[len(self.struck) % len(self.names)]
        self.struck.append(f"{name}: {method} {path}")
        return PLAYS[name]
