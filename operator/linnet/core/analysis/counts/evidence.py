"""What a rollout knows of its count checks: requests and bad requests, by track and share of the traffic."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Self

from linnet.core.analysis.checks import CountCheck, Signal, Track
from linnet.core.analysis.codec import Row
from linnet.core.analysis.metrics import readings
from linnet.core.analysis.metrics.counters import PodCounters
from linnet.core.analysis.metrics.fold import Cell, Counters, Stream, StreamEvidence
from linnet.core.analysis.metrics.readings import Unreadable
from linnet.core.analysis.statistics.sums import Spread, Sums


@dataclass(frozen=True)
class CountStream(Stream):
    """Everything known for one check; of a pod it counts requests and the bad ones among them.

    A segment is a weight and, within it, a share that was really observed: clients that keep connections
    alive let the canary's share creep up, and a bad quarter of an hour of both tracks would be blamed on
    the track that had more of it.
    """

    check: CountCheck
    segments: Mapping[str, Row[Sums]] = field(default_factory=dict)
    spread: Mapping[Track, Row[Spread]] = field(default_factory=dict)

    @property
    def width(self) -> int:
        return 2

    def fits(self) -> bool:
        segments, spread = self.segments.values(), self.spread.values()
        return super().fits() and all(sums.possible for sums in segments) and all(sums.possible for sums in spread)

    def read(self, sample: PodCounters) -> Counters | Unreadable:
        return readings.read(self.check, sample)

    def monotonic(self, counters: Counters) -> Counters:
        """Requests and bad ones only rise; of `Feedback` it is all answers and the good ones.

        Between two increments of one label, first correct, then total, the bad ones are one less for a moment: that
        is no restart.
        """
        n, bad = counters
        return (n, n - bad) if self.check.signal is Signal.FEEDBACK else counters

    def grown(self, before: Counters, after: Counters) -> Counters:
        n, bad = after[0] - before[0], after[1] - before[1]
        return n, max(0, min(bad, n))

    def remembered(self, before: Counters, after: Counters) -> Counters:
        """Bad ones that were counted are not counted again."""
        return after[0], max(after[1], before[1])

    def plus(self, weight: str, cells: Sequence[Cell], elapsed: float) -> Self:
        recent = self.recent.plus([(track, n) for _, track, (n, _) in cells], elapsed)
        segment = recent.segment(weight)
        sums, spread = self.segments.get(segment, Sums()), dict(self.spread)
        for _, track, (n, bad) in cells:
            sums = sums.plus(track, n, bad)
            spread[track] = spread.get(track, Spread()).plus(n, bad)
        segments = {**self.segments, segment: sums} if cells else self.segments
        return replace(self, segments=segments, spread=spread, recent=recent)

    @property
    def canary_rate(self) -> float:
        """Return how many requests a second the canary has had lately."""
        return self.recent.canary_rate


@dataclass(frozen=True)
class CountEvidence(StreamEvidence[CountStream]):
    """The evidence of all count checks of one rollout, by their names."""

    streams: Mapping[str, CountStream] = field(default_factory=dict)

    @property
    def checks(self) -> tuple[CountCheck, ...]:
        """The checks for which it was gathered."""
        return tuple(stream.check for stream in self.streams.values())


def start(checks: Iterable[CountCheck]) -> CountEvidence:
    """The evidence of a rollout that has seen nothing yet."""
    return CountEvidence({check.name: CountStream(check) for check in checks})
