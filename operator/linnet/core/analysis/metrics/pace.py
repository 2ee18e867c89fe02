"""Whether pods are read as often as the policy wants it: who is late judges late, and must say so.

An interval in which nobody read them is missed: no operator led, or the one that did had too much to do. Evidence is
none the worse for it, since counters go on; a rollback comes later by as much.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

MISSED: Final = "missed"
"""The key of the evidence's ConfigMap for how many intervals of the rollout were missed."""
_EARLY: Final = 0.9
"""A look that comes a little too early reads all the same: the next would come most of an interval too late."""
_MOST_DIGITS: Final = 9


@dataclass(frozen=True)
class Pace:
    """Times are seconds since 1970: `last` is when the pods were read last, `now` that of the look."""

    interval: timedelta
    last: float | None
    now: float

    @property
    def is_due(self) -> bool:
        """Whether the pods are to be read now; a clock that went back does not stop that until it has caught up."""
        return self.last is None or not 0 <= self._gap < _EARLY * self._wanted

    @property
    def missed(self) -> int:
        """How many intervals nobody read the pods. At 5 s, a gap of 9 s misses none, one of 12 s one."""
        return max(0, int(self._gap / self._wanted) - 1)

    @property
    def lag(self) -> float:
        """How many seconds later than wanted they are read now."""
        return max(0.0, self._gap - self._wanted)

    def next_due(self, *, read: bool) -> float:
        """When they are to be read next; `read` says whether they were at this look."""
        return (self.now if read or self.last is None else self.last) + self._wanted

    @property
    def _gap(self) -> float:
        return 0.0 if self.last is None else self.now - self.last

    @property
    def _wanted(self) -> float:
        return max(0.1, self.interval.total_seconds())


def missed_before(data: Mapping[str, str] | None) -> int:
    """How many intervals were missed, as the evidence's ConfigMap has it; none where it does not say."""
    told = (data or {}).get(MISSED, "")
    return int(told) if told.isascii() and told.isdigit() and len(told) <= _MOST_DIGITS else 0
