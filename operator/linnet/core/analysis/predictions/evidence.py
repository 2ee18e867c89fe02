"""What a rollout has seen of the canary's and stable's answers: counts by class, and the evidence that they differ."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Final, Self

from linnet.core.analysis.checks import Track
from linnet.core.analysis.codec import LARGEST_COUNT, Row
from linnet.core.analysis.metrics import fold as metrics_fold
from linnet.core.analysis.metrics.counters import PodCounters
from linnet.core.analysis.metrics.fold import Cell, Counters, Stream, StreamEvidence
from linnet.core.analysis.metrics.increase import increase
from linnet.core.analysis.metrics.readings import Unreadable
from linnet.core.analysis.statistics.divergence import Pair, added, summed
from linnet.core.analysis.statistics.equality import Scatter, gain, scatter

ANSWERS: Final = "answers"
"""The name of the only stream: a rollout compares its answers once."""
WITNESSES: Final = 100
"""Pods of a track whose answers are compared with each other; more would not say more."""


@dataclass(frozen=True, slots=True)
class PodAnswers:
    """What counts of one pod: `counted` in all, `latest` in its last interval with any."""

    track: Track
    counted: Counters = ()
    latest: Counters = ()


@dataclass(frozen=True)
class AnswerStream(Stream):
    """Everything known of the answers. `classes` are the names of what a pod counts, in the order of its counters.

    `log_evidence` is a natural logarithm, undivided. `bursts` compares each pod's interval with its former one.
    """

    classes: tuple[str, ...]
    segments: Mapping[str, Row[Pair]] = field(default_factory=dict)
    log_evidence: float = 0.0
    bursts: Row[Scatter] = field(default_factory=Scatter)
    pods: Mapping[str, Row[PodAnswers]] = field(default_factory=dict)

    @property
    def width(self) -> int:
        return len(self.classes)

    def fits(self) -> bool:
        segments = (counts for pair in self.segments.values() for counts in (pair.canary, pair.stable))
        pods = (counts for pod in self.pods.values() for counts in (pod.counted, pod.latest) if counts)
        counted = (*segments, *pods)
        possible = all(len(counts) == self.width and all(0 <= n <= LARGEST_COUNT for n in counts) for counts in counted)
        return super().fits() and possible and self.bursts.possible

    def read(self, sample: PodCounters) -> Counters | Unreadable:
        if sample.problem:
            return Unreadable(sample.problem)
        found = sample.predictions
        if found is None:
            return Unreadable("its runtime names no predictions")
        if isinstance(found, str):
            return Unreadable(found)
        if tuple(found) != self.classes:
            others = f"by {', '.join(found)}, and the canary's by {', '.join(self.classes)}"
            return Unreadable(f"its answers are counted {others}")
        return tuple(round(number) for number in found.values())

    def monotonic(self, counters: Counters) -> Counters:
        """A total that fell is a restart; a class that fell alone is none."""
        return (sum(counters),)

    def grown(self, before: Counters, after: Counters) -> Counters:
        """A class that fell while the total rose is no restart and no count: the pod begins anew."""
        return increase(before, after) or ()

    def plus(self, weight: str, cells: Sequence[Cell], elapsed: float) -> Self:
        recent = self.recent.plus([(track, sum(counts)) for _, track, counts in cells], elapsed)
        if not cells:
            return replace(self, recent=recent)
        now = Pair(*(self._of(track, cells) for track in (Track.CANARY, Track.STABLE)))
        bursts, pods = self.bursts, dict(self.pods)
        for uid, track, counts in cells:
            pod = pods.get(uid, PodAnswers(track))
            bursts = bursts.plus(scatter((pod.latest, counts)) if pod.latest else Scatter())
            pods[uid] = PodAnswers(track, added(pod.counted, counts), counts)
        segment = recent.segment(weight)
        known = self.segments.get(segment)
        return replace(
            self,
            segments={**self.segments, segment: known.plus(now) if known is not None else now},
            log_evidence=self.log_evidence + gain(now, self.total),
            bursts=bursts,
            recent=recent,
            pods=pods,
        )

    def _of(self, wanted: Track, cells: Iterable[Cell]) -> Counters:
        mine = [counts for _, track, counts in cells if track is wanted]
        return tuple(map(sum, zip(*mine, strict=True))) if mine else (0,) * len(self.classes)

    @property
    def total(self) -> Pair:
        """The answers of all segments."""
        return summed(self.segments.values())

    @property
    def clients(self) -> Scatter:
        """How the pods of one track differ from each other, as they do if each has clients of its own.

        That needs two pods of it. With `bursts` it says how many answers of one kind come together. The order of the
        pods is that of their uids, so that a restarted operator adds in the same one.
        """
        found = Scatter()
        for track in Track:
            mine = [pod.counted for _, pod in sorted(self.pods.items(), key=lambda item: item[0]) if pod.track is track]
            found = found.plus(scatter(mine[:WITNESSES]))
        return found

    def within(self, pods: Collection[str]) -> Self:
        """The stream without the answers of all other pods; what they add to the sums stays."""
        return replace(self, pods={uid: pod for uid, pod in self.pods.items() if uid in pods})


@dataclass(frozen=True)
class PredictionEvidence(StreamEvidence[AnswerStream]):
    """The evidence of the one check of signal Predictions that a rollout may have."""

    streams: Mapping[str, AnswerStream] = field(default_factory=dict)

    def fits(self) -> bool:
        """Whether it is the evidence of one stream of answers, with counters as wide as its classes."""
        return self.streams.keys() == {ANSWERS} and super().fits()

    @property
    def answers(self) -> AnswerStream:
        return self.streams[ANSWERS]

    @property
    def total(self) -> Pair:
        """The answers of all segments."""
        return self.answers.total

    def bounded(self) -> Self:
        """The evidence of as many pods as can be stored; of the first of them, also what counts of each."""
        known = super().bounded()
        return known.with_answers(known.answers.within(sorted(self.answers.pods.keys() & known.pods)[: 2 * WITNESSES]))

    def with_answers(self, answers: AnswerStream) -> Self:
        return replace(self, streams={ANSWERS: answers})


def start(classes: tuple[str, ...]) -> PredictionEvidence:
    """The evidence of a rollout that has seen no answer yet."""
    return PredictionEvidence({ANSWERS: AnswerStream(classes)})


def fold(
    known: PredictionEvidence,
    samples: Mapping[str, PodCounters],
    tracks: Mapping[str, Track],
    segment: str,
    now: datetime,
    *,
    count: bool = True,
) -> PredictionEvidence:
    """Add one interval's scrapes as `metrics.fold.fold` does; pods that it forgets are forgotten here, too."""
    grown = metrics_fold.fold(known, samples, tracks, segment, now, count=count)
    return grown.with_answers(grown.answers.within(grown.pods))
