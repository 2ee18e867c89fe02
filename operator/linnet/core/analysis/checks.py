"""The words of an analysis: what is checked, and how strictly.

They stand apart from the mathematics so that evidence, judge, CLI and status can share them
without importing each other.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Iterator
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import TypeVar


class Signal(StrEnum):
    """What a count check counts as bad."""

    ERRORS = "Errors"
    """Failed requests (the runtime's rules say which: 5xx, not the client's own 4xx)."""
    LATENCY = "Latency"
    """Requests slower than the bucket bound `threshold_seconds`."""
    METRIC = "Metric"
    """Events of a counter that the check names, or observations above a bound of a histogram."""
    FEEDBACK = "Feedback"
    """Answers that turned out wrong, of those whose truth has become known."""


class Track(StrEnum):
    """Which version a pod serves: the former one, or the one on trial (also during the bake)."""

    STABLE = "stable"
    CANARY = "canary"


class Bound(StrEnum):
    """Which of a check's two possible bounds a hypothesis is about."""

    RATIO = "ratio"
    KNOWN = "known"


@dataclass(frozen=True)
class CountCheck:
    """A count check, or one slice of it, has at least one of `max_ratio_to_stable` and `max`.

    `min_excess` and `max` are shares of requests (0.01 = 1 %), `threshold_seconds` is a bucket's
    bound and belongs to histograms alone (in seconds if they measure time, else in their own unit);
    `histogram` is the key of a `HistogramRule`, `counter` that of a `CounterRule`: a `METRIC` has one of them.
    """

    name: str
    signal: Signal
    max_ratio_to_stable: float | None = None
    min_excess: float = 0.002
    max: float | None = None
    threshold_seconds: float | None = None
    histogram: str = "latency"
    counter: str = ""
    slice: Slice | None = None

    def sliced(self, part: Slice) -> CountCheck:
        """Return this check for one part of the traffic."""
        return replace(self, name=part.of(self.name), slice=part)

    @property
    def counted(self) -> tuple[str, Signal, float | None, str, str]:
        """What is counted, whatever its bounds: checks that agree in this can share evidence."""
        return (self.name, self.signal, self.threshold_seconds, self.histogram, self.counter)

    @property
    def things(self) -> str:
        """What it counts, in a sentence; the bad ones are a part of them."""
        return self._whole_things + (f" with {self.slice}" if self.slice is not None else "")

    @property
    def _whole_things(self) -> str:
        if self.signal is Signal.FEEDBACK:
            return "answers of known truth"
        return "observations" if self.signal is Signal.METRIC and not self.counter else "requests"

    @property
    def bounds(self) -> tuple[Bound, ...]:
        """The hypotheses that this check tests, each with its own part of alpha."""
        ratio = (Bound.RATIO,) if self.max_ratio_to_stable is not None else ()
        known = (Bound.KNOWN,) if self.max is not None else ()
        return ratio + known


@dataclass(frozen=True)
class PredictionCheck:
    """A check of signal Predictions: the canary's answers diverge from stable's by at most so many bits.

    `classes` are the names of what its runtime counts answers by.
    """

    name: str
    max_divergence: float
    classes: tuple[str, ...]


@dataclass(frozen=True)
class QueryCheck:
    """A check of signal Prometheus: the value of the named query is at least `min`, at most `max`, or both."""

    name: str
    query: str
    min: float | None = None
    max: float | None = None

    def holds(self, value: float) -> bool:
        return (self.min is None or value >= self.min) and (self.max is None or value <= self.max)

    @property
    def text(self) -> str:
        """`at least 0.99`."""
        low = f"at least {self.min:.8g}" if self.min is not None else ""
        high = f"at most {self.max:.8g}" if self.max is not None else ""
        return " and ".join(filter(None, (low, high)))


@dataclass(frozen=True)
class Policy:
    """All checks with a part of alpha of one rollout, and the errors that the whole rollout may make.

    Slices of a check stand side by side, each a check of its own.

    `alpha`: chance of rolling back a good version. `detect_ratio`, `detect_power`: what Pass promises.
    `stale_after_seconds`: without a readable scrape of a track for this long, a check is an Error.
    """

    checks: tuple[CountCheck, ...]
    alpha: float = 0.01
    detect_ratio: float = 5.0
    detect_power: float = 0.9
    stale_after_seconds: float = 60.0
    resemblance: PredictionCheck | None = None

    @property
    def alpha_each(self) -> float:
        """Bonferroni: the rollout's alpha over all (check, bound) pairs; the answers are one more.

        Slices of a check share one part.
        """
        bounds = {family(check.name): len(check.bounds) for check in self.checks}
        return self.alpha / max(1, sum(bounds.values()) + (self.resemblance is not None))

    def alpha_of(self, check: CountCheck) -> float:
        """Each bound's part of alpha; a slice has so much of its check's at least, and that while no other is worse."""
        return self.alpha_each / max(1, sum(family(c.name) == family(check.name) for c in self.checks))


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


def together(results: Iterable[tuple[str, T]]) -> Iterator[tuple[str, T]]:
    """Yield slices of one check that have the same result under one name: `errors[country=de|fr]`."""
    groups: dict[tuple[str, T], list[str]] = {}
    for name, what in results:
        groups.setdefault((family(name), what), []).append(name)
    for (_, what), (first, *others) in groups.items():
        more = "".join(f"|{name.partition('=')[2].removesuffix(']')}" for name in others)
        yield (f"{first.removesuffix(']')}{more}]" if others else first), what
