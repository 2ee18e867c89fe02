"""What was counted lately: the canary's observed share of the requests, and its rate."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

from linnet.core.analysis.checks import Track
from linnet.core.analysis.codec import LARGEST_COUNT

MEMORY, ENOUGH = 400.0, 50.0
"""Requests over which the observed share is averaged, and those before which it is not asked for."""
STEP, MOST_STEPS = 1.5, 8
"""Shares whose odds differ by less than the factor are compared together; 8 steps are a factor of 25."""


@dataclass(frozen=True)
class Recent:
    """The last few hundred requests by track, and the seconds they took; all three fade together."""

    canary_n: float = 0.0
    stable_n: float = 0.0
    seconds: float = 0.0

    @property
    def possible(self) -> bool:
        """Whether something can have been counted so lately."""
        return all(0 <= number <= LARGEST_COUNT for number in (self.canary_n, self.stable_n, self.seconds))

    @property
    def canary_rate(self) -> float:
        """Return how many requests a second the canary has had lately."""
        return self.canary_n / self.seconds if self.seconds > 0 else 0.0

    def plus(self, requests: Iterable[tuple[Track, int]], elapsed: float) -> Recent:
        """What was counted lately once an interval of `elapsed` seconds has brought these requests of each track."""
        counts = {Track.CANARY: 0, Track.STABLE: 0}
        for track, n in requests:
            counts[track] += n
        canary, stable = counts[Track.CANARY], counts[Track.STABLE]
        keep = math.exp(-(canary + stable) / MEMORY)
        return Recent(self.canary_n * keep + canary, self.stable_n * keep + stable, self.seconds * keep + elapsed)

    @property
    def stratum(self) -> int | None:
        """The canary's odds of a request, in steps of `STEP`: 0 = as many as stable, -5 = about a tenth.

        None while there are too few requests to say.
        """
        if self.canary_n + self.stable_n < ENOUGH:
            return None
        steps = round(math.log((self.canary_n + 0.5) / (self.stable_n + 0.5)) / math.log(STEP))
        return max(-MOST_STEPS, min(MOST_STEPS, steps))

    def segment(self, weight: str) -> str:
        """Return the key of the sums to compare with each other: the weight, and the share that was observed."""
        return weight if self.stratum is None else f"{weight}|{self.stratum}"
