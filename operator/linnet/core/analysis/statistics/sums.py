"""The sums that evidence consists of, and how one cell (a pod in one interval) adds to them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from linnet.core.analysis.checks import Track
from linnet.core.analysis.codec import LARGEST_COUNT


@dataclass(frozen=True, slots=True)
class Sums:
    """Sums are the requests and bad requests by track of one check in one weight segment.

    Counted ones are whole numbers; the power calculation puts expected ones in, which are not.
    """

    canary_n: float = 0
    canary_bad: float = 0
    stable_n: float = 0
    stable_bad: float = 0

    @property
    def possible(self) -> bool:
        """Whether requests can have been counted so: none is bad that is no request."""
        tracks = ((self.canary_bad, self.canary_n), (self.stable_bad, self.stable_n))
        return all(0 <= bad <= n <= LARGEST_COUNT for bad, n in tracks)

    def plus(self, track: Track, n: float, bad: float) -> Sums:
        """The sums and one more cell."""
        if track is Track.CANARY:
            return Sums(self.canary_n + n, self.canary_bad + bad, self.stable_n, self.stable_bad)
        return Sums(self.canary_n, self.canary_bad, self.stable_n + n, self.stable_bad + bad)


@dataclass(frozen=True, slots=True)
class Spread:
    """A spread is the sums over the cells of one track: all that its dispersion needs."""

    cells: int = 0
    bad_cells: int = 0
    n: int = 0
    bad: int = 0
    n_squared: int = 0
    n_bad: int = 0
    bad_squared: int = 0

    @property
    def possible(self) -> bool:
        """Whether cells of whole numbers can have these sums: a sum of their squares is no less than their sum."""
        counted = 0 <= self.bad_cells <= self.cells <= LARGEST_COUNT and 0 <= self.bad <= self.n <= LARGEST_COUNT
        products = ((self.n, self.n_squared), (self.bad, self.n_bad), (self.bad, self.bad_squared))
        return counted and all(least <= product <= LARGEST_COUNT**2 for least, product in products)

    def plus(self, n: int, bad: int) -> Spread:
        """The sums and one more cell of `n` > 0 requests."""
        return Spread(
            self.cells + 1,
            self.bad_cells + (bad > 0),
            self.n + n,
            self.bad + bad,
            self.n_squared + n * n,
            self.n_bad + n * bad,
            self.bad_squared + bad * bad,
        )


@dataclass(frozen=True, slots=True)
class Comparison:
    """A comparison holds the canary against stable over all segments in which both had requests.

    `expected` is what the canary's requests would have failed at stable's rate of the same segment
    (indirect standardization), so that a busy hour in one segment cannot pass for a difference.
    """

    canary_n: float = 0
    canary_bad: float = 0
    expected: float = 0

    @property
    def canary_rate(self) -> float:
        """The canary's share of bad requests, 0 without requests."""
        return self.canary_bad / self.canary_n if self.canary_n else 0.0

    @property
    def stable_rate(self) -> float:
        """Stable's share of bad requests at the canary's mix of segments, 0 without requests."""
        return self.expected / self.canary_n if self.canary_n else 0.0


def compare(segments: Iterable[Sums]) -> Comparison:
    """The comparison of all segments that can be compared."""
    both = [s for s in segments if s.canary_n and s.stable_n]
    return Comparison(
        canary_n=sum(s.canary_n for s in both),
        canary_bad=sum(s.canary_bad for s in both),
        expected=sum(s.canary_n * s.stable_bad / s.stable_n for s in both),
    )
