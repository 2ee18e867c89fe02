"""From absolute counters of pods to what they have counted since they were last read: one fold for each kind of check.

Only sums and each pod's last counters are kept: a restarted operator judges exactly as the one before it.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Final, Generic, Self, TypeVar

from linnet.core.analysis.checks import Track
from linnet.core.analysis.codec import LARGEST_COUNT, Row
from linnet.core.analysis.metrics.counters import PodCounters
from linnet.core.analysis.metrics.increase import increase
from linnet.core.analysis.metrics.readings import Unreadable
from linnet.core.analysis.metrics.recent import Recent

MAX_PODS: Final = 1000
"""Pods' last counters that are stored, the latest seen first: some 15 bytes each for every check."""
FORGET_SECONDS: Final = 600.0
"""A pod that is gone stays known this long: one that a slow list leaves out must not be counted twice."""
NO_ANSWER: Final = Unreadable("a pod did not answer the scrape")

MOST_A_SECOND: Final = 10**6
"""Events of a pod in a second that are believed: no server of models has a tenth of it, tokens included."""
MOST_AT_FIRST: Final = 10**12
"""What a pod may have counted when it is first seen: a year of 30,000 a second."""

Counters = tuple[int, ...]
"""What a pod has counted of one stream since it started; its length is the stream's."""
Cell = tuple[str, Track, Counters]
"""One pod in one interval: its uid, its track, and what it has counted in that time, which is not nothing."""


@dataclass(frozen=True, kw_only=True)
class Stream(ABC):
    """Everything known of one thing that pods count: a count check, or the answers by class.

    `read_at` is in epoch seconds, `problems` are those of the last fold, `unreadable` counts pods that said nothing.
    """

    recent: Row[Recent] = field(default_factory=Recent)
    read_at: Mapping[Track, float] = field(default_factory=dict)
    unreadable: Mapping[Track, int] = field(default_factory=dict)
    problems: Mapping[Track, str] = field(default_factory=dict)

    @property
    @abstractmethod
    def width(self) -> int:
        """How many numbers the counters of a pod are."""

    def fits(self) -> bool:
        """Whether all that was stored of it is as wide as its counters, and can have been counted."""
        return self.recent.possible

    @abstractmethod
    def read(self, sample: PodCounters) -> Counters | Unreadable:
        """What this stream counts in one scrape of a pod."""

    @abstractmethod
    def plus(self, weight: str, cells: Sequence[Cell], elapsed: float) -> Self:
        """The stream and one interval of `elapsed` seconds more, which had this share of the traffic."""

    @abstractmethod
    def monotonic(self, counters: Counters) -> Counters:
        """Return the numbers that only a restart of the container makes fall."""

    @abstractmethod
    def grown(self, before: Counters, after: Counters) -> Counters:
        """What was counted between two reads of one container's life; nothing, if that can't be told."""

    def remembered(self, _before: Counters, after: Counters) -> Counters:
        """What to compare with at the next read of the same life."""
        return after

    def until(self, now: float) -> Self:
        """The stream, in which nothing was read later than now: a clock was ahead, and has been put right."""
        return replace(self, read_at={track: min(at, now) for track, at in self.read_at.items()})

    def noted(self, readings: Iterable[tuple[Track, Counters | Unreadable]], at: float) -> Self:
        """The stream, which knows when each track was last readable, and what was not."""
        read_at, unreadable = dict(self.read_at), dict(self.unreadable)
        problems: dict[Track, str] = {}
        for track, reading in readings:
            if not isinstance(reading, Unreadable):
                read_at[track] = at
                continue
            unreadable[track] = unreadable.get(track, 0) + 1
            if reading is not NO_ANSWER or track not in problems:
                problems[track] = reading.problem
        return replace(self, read_at=read_at, unreadable=unreadable, problems=problems)


def _fits(counts: Counters, width: int) -> bool:
    """Whether a pod can have counted this; a difference of two counters may be one below nothing for a moment."""
    return len(counts) == width and all(abs(number) <= LARGEST_COUNT for number in counts)


S = TypeVar("S", bound=Stream)


@dataclass(frozen=True)
class Snapshot:
    """A pod's counters when it was last seen, of each stream in their order; None where they were never readable."""

    track: Track
    seen: float
    counts: tuple[Counters | None, ...] = ()


@dataclass(frozen=True)
class StreamEvidence(Generic[S]):
    """What is known of all streams of one kind. `present`: tracks that had pods at the last fold."""

    streams: Mapping[str, S] = field(default_factory=dict)
    pods: Mapping[str, Row[Snapshot]] = field(default_factory=dict)
    present: frozenset[Track] = frozenset()
    folded_at: float | None = None

    def fits(self) -> bool:
        """Whether each pod has counters of each stream, and as many numbers as that counts."""
        widths = [stream.width for stream in self.streams.values()]
        return all(stream.fits() for stream in self.streams.values()) and all(
            len(pod.counts) == len(widths)
            and all(counts is None or _fits(counts, width) for counts, width in zip(pod.counts, widths, strict=True))
            for pod in self.pods.values()
        )

    def until(self, now: float) -> Self:
        """The evidence, of which nothing was seen later than now."""
        pods = {u: p if p.seen <= now else replace(p, seen=now) for u, p in self.pods.items()}
        streams = {name: stream.until(now) for name, stream in self.streams.items()}
        folded_at = None if self.folded_at is None else min(self.folded_at, now)
        return replace(self, pods=pods, streams=streams, folded_at=folded_at)

    def bounded(self) -> Self:
        """The evidence with no more pods than can be stored: the latest seen, in the order of their uids."""
        latest = sorted(self.pods.items(), key=lambda item: (-item[1].seen, item[0]))[:MAX_PODS]
        return replace(self, pods=dict(sorted(latest)))


E = TypeVar("E", bound=StreamEvidence)  # type: ignore[type-arg] # of whatever streams: it is folded into its like


def fold(
    evidence: E,
    samples: Mapping[str, PodCounters],
    tracks: Mapping[str, Track],
    segment: str,
    now: datetime,
    *,
    count: bool = True,
    uncounted: Collection[str] = (),
) -> E:
    """Add one interval's scrapes: pod uid -> counters, for the pods in `tracks` (those that exist now).

    Call it once an interval: a cell of the dispersion is one pod between two calls. A pod of `tracks`
    without a sample counts as unreadable. With `count=False`, or for the streams named in `uncounted`
    (warm-up), the counters become the baseline and nothing is added.
    """
    at, streams = now.timestamp(), dict[str, Stream](evidence.streams)
    scrapes = [_scrape(streams, uid, t, samples.get(uid), evidence.pods.get(uid), at) for uid, t in tracks.items()]
    elapsed = max(0.0, at - evidence.folded_at) if evidence.folded_at is not None else 0.0
    for name, stream in evidence.streams.items():
        noted = stream.noted([(scrape.track, scrape.found[name]) for scrape in scrapes], at)
        counted = count and name not in uncounted
        streams[name] = noted.plus(segment, _cells(name, stream, scrapes), elapsed) if counted else noted
    gone = {u: pod for u, pod in evidence.pods.items() if u not in tracks and at - pod.seen < FORGET_SECONDS}
    seen = {scrape.uid: Snapshot(scrape.track, at, scrape.remembered(streams)) for scrape in scrapes}
    return replace(evidence, streams=streams, pods={**gone, **seen}, present=frozenset(tracks.values()), folded_at=at)


@dataclass(frozen=True, slots=True)
class _Scrape:
    """A scrape is what one pod says at this fold, beside what it had said when it was last seen."""

    uid: str
    track: Track
    found: Mapping[str, Counters | Unreadable]
    last: Mapping[str, Counters]
    reset: bool

    def grown(self, name: str, stream: Stream) -> Counters:
        """What it has counted since it was last seen.

        A canary pod was made for this rollout: all that it has counted belongs to it. A stable pod that is
        new to us has counted before: that is its baseline. Any counter that fell means that the container
        restarted: everything that it counts now is new.
        """
        reading, base = self.found[name], self.last.get(name)
        if isinstance(reading, Unreadable) or (base is None and self.track is Track.STABLE):
            return ()
        return reading if base is None or self.reset else stream.grown(base, reading)

    def remembered(self, streams: Mapping[str, Stream]) -> tuple[Counters | None, ...]:
        """Return its counters; a stream that can't be read now keeps its former ones, unless all began anew."""
        return tuple(self._remembered(name, stream) for name, stream in streams.items())

    def _remembered(self, name: str, stream: Stream) -> Counters | None:
        reading, base = self.found[name], self.last.get(name)
        if isinstance(reading, Unreadable):
            return None if self.reset else base
        return reading if base is None or self.reset else stream.remembered(base, reading)


def _scrape(
    streams: Mapping[str, Stream],
    uid: str,
    track: Track,
    sample: PodCounters | None,
    known: Snapshot | None,
    at: float,
) -> _Scrape:
    former = zip(streams, known.counts, strict=True) if known is not None else ()
    last = {name: counts for name, counts in former if counts is not None}
    elapsed = at - known.seen if known is not None else 0.0
    found = {name: _believed(_read(stream, sample), last.get(name), elapsed) for name, stream in streams.items()}
    return _Scrape(uid, track, found, last, reset=any(_fell(s, found[n], last.get(n)) for n, s in streams.items()))


def _read(stream: Stream, sample: PodCounters | None) -> Counters | Unreadable:
    return stream.read(sample) if sample is not None else NO_ANSWER


def _believed(reading: Counters | Unreadable, base: Counters | None, elapsed: float) -> Counters | Unreadable:
    """The reading, if so much can have been counted: sums of what can't would be no numbers that anybody could keep."""
    if isinstance(reading, Unreadable):
        return reading
    most = MOST_AT_FIRST if base is None else round(MOST_A_SECOND * max(elapsed, 1.0))
    for before, after in zip(base or (0,) * len(reading), reading, strict=True):
        rise = after - before if after >= before else after
        if rise > most:
            return Unreadable(
                f"a pod says that it has counted {rise:g} since it was last read: no server counts so fast"
            )
    return reading


def _fell(stream: Stream, reading: Counters | Unreadable, base: Counters | None) -> bool:
    if isinstance(reading, Unreadable) or base is None:
        return False
    return increase(stream.monotonic(base), stream.monotonic(reading)) is None


def _cells(name: str, stream: Stream, scrapes: Iterable[_Scrape]) -> list[Cell]:
    """The pods that have counted something."""
    return [(s.uid, s.track, grown) for s in scrapes if any(grown := s.grown(name, stream))]
