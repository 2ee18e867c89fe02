"""Anytime-valid evidence that two tracks do not answer alike, and how far answers are from being independent.

The test is an e-variable for two samples (Turner, Ly and Grünwald 2024), one for each interval, multiplied.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from linnet.core.analysis.codec import LARGEST_COUNT
from linnet.core.analysis.statistics.divergence import Pair

Group = Sequence[int]


def gain(now: Pair, past: Pair) -> float:
    """The log e-value of one interval against "both tracks draw their answers from one distribution".

    Each answer is worth the share that its class had on its own track before, over that of both together, p0, weighted
    by this interval's numbers of answers. If both draw from one distribution, whichever it is at that time, the mean of
    the product is at most 1: those of a canary's and a stable answer, a and b, have n·a + n'·b = n + n' (as p0 is that
    mixture), so that aⁿ·bⁿ' is at most 1. What was learned is from earlier intervals; the first is worth nothing.
    """
    n, m = sum(now.canary), sum(now.stable)
    if not (n and m and past.canary and past.stable):
        return 0.0
    stable = _learned(past.stable, [1 / len(past.stable)] * len(past.stable))
    canary = _learned(past.canary, stable)
    total = 0.0
    for c, s, p, q in zip(now.canary, now.stable, canary, stable, strict=True):
        mixed = (n * p + m * q) / (n + m)
        total += c * math.log(p / mixed) + s * math.log(q / mixed)
    return total


def _learned(counts: Group, before: Sequence[float]) -> list[float]:
    """Dirichlet-smoothed: what was believed before counts as half an answer for each class."""
    weight = len(before) / 2
    whole = sum(counts) + weight
    return [(count + weight * share) / whole for count, share in zip(counts, before, strict=True)]


@dataclass(frozen=True, slots=True)
class Scatter:
    """Pearson's chi-square of groups that should be alike, and what independent answers would show."""

    observed: float = 0.0
    expected: float = 0.0

    @property
    def possible(self) -> bool:
        """Whether groups of answers can show it: both are sums of squares, or of counts."""
        both = (self.observed, self.expected, self.ratio)
        return all(0 <= number <= LARGEST_COUNT for number in both)

    def plus(self, other: Scatter) -> Scatter:
        return Scatter(self.observed + other.observed, self.expected + other.expected)

    @property
    def ratio(self) -> float:
        """How many answers one event is worth; 1 if nothing could be compared."""
        return max(1.0, self.observed / self.expected) if self.expected > 0 else 1.0


def scatter(groups: Sequence[Group]) -> Scatter:
    """Compare groups of answers by class. The mean is exact for given totals: (groups - 1)(classes - 1) · N/(N - 1).

    Worked example: one group answered yes three times, another no three times: 6 observed, 1.2 expected.
    """
    filled = [(group, sum(group)) for group in groups if any(group)]
    if not filled[1:]:
        return Scatter()
    n = sum(size for _, size in filled)
    totals = [sum(counts) for counts in zip(*(group for group, _ in filled), strict=True)]
    classes = sum(total > 0 for total in totals)
    squares = sum(
        sum(count * count / total for count, total in zip(group, totals, strict=True) if count) / size
        for group, size in filled
    )
    return Scatter(squares * n - n, (len(filled) - 1) * (classes - 1) * n / (n - 1))
