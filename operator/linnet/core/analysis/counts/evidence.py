"""From absolute counters of pods to sums by weight segment: what a rollout knows so far.

Only sums and each pod's last counters are kept: a restarted operator judges exactly as the one before it.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from linnet.core.analysis.checks import Check, Track
from linnet.core.analysis.metrics.counters import PodCounters
from linnet.core.analysis.metrics.readings import Reading, Unreadable, read
from linnet.core.analysis.metrics.recent import Cell, Recent
from linnet.core.analysis.pod_health.silence import NO_SILENCE, Silence
from linnet.core.analysis.statistics.sums import Spread, Sums

NO_ANSWER = Unreadable("a pod did not answer the scrape")
FORGET_SECONDS = 600.0
"""A pod that is gone stays known this long: one that a slow list leaves out must not be counted twice."""


def fold(
    evidence: Evidence,
    samples: Mapping[str, PodCounters],
    tracks: Mapping[str, Track],
    segment_key: str,
    now: datetime,
    *,
    count: bool = True,
    uncounted: Collection[str] = (),
) -> Evidence:
    """Add one interval's scrapes: pod uid -> counters, for the pods in `tracks` (those that exist now).

    Call it once an interval: a cell of the dispersion is one pod between two calls. A pod of `tracks`
    without a sample counts as unreadable. With `count=False`, or for the checks named in `uncounted`
    (warm-up), the counters become the baseline and nothing is added.
    """
    at = now.timestamp()
    pods = {
        uid: _look(evidence.checks, samples.get(uid), track, evidence.pods.get(uid)) for uid, track in tracks.items()
    }
    looks = tuple(pods.values())
    elapsed = at - evidence.folded_at if evidence.folded_at is not None else 0.0
    streams = {name: _noted(stream, name, looks, at) for name, stream in evidence.streams.items()}
    for name in streams.keys() - set(uncounted) if count else ():
        cells = [(look.track, *look.delta(name)) for look in looks]
        streams[name] = streams[name].plus(segment_key, cells, elapsed)
    gone = {u: p for u, p in evidence.pods.items() if u not in tracks and at - p.seen < FORGET_SECONDS}
    seen = {uid: Snapshot(pod.track, at, pod.counts()) for uid, pod in pods.items()}
    present = frozenset(tracks.values())
    return replace(evidence, streams=streams, pods={**gone, **seen}, present=present, folded_at=at)


@dataclass(frozen=True, slots=True)
class _Look:
    """One pod at this fold: what it says now, and what it had said when last seen."""

    track: Track
    found: Mapping[str, Reading | Unreadable]
    last: Mapping[str, Reading]
    restarted: bool

    def delta(self, check: str) -> tuple[int, int]:
        """Requests and bad requests since the pod was last seen.

        A canary pod was made for this rollout: all that it has counted belongs to it. A stable pod that is
        new to us has counted before: that is its baseline. Any counter that fell means that the container
        restarted: everything that it counts now is new.
        """
        reading, base = self.found[check], self.last.get(check)
        if isinstance(reading, Unreadable) or (base is None and self.track is Track.STABLE):
            return 0, 0
        if base is None or self.restarted:
            return reading.n, reading.bad
        n = reading.n - base.n
        return n, max(0, min(reading.bad - base.bad, n))

    def counts(self) -> dict[str, Reading]:
        """What to remember; a check that can't be read now keeps its former reading, unless all began anew."""
        good = {name: reading for name, reading in self.found.items() if isinstance(reading, Reading)}
        return good if self.restarted else {**self.last, **{n: r.since(self.last.get(n)) for n, r in good.items()}}


def _look(checks: Iterable[Check], sample: PodCounters | None, track: Track, known: Snapshot | None) -> _Look:
    found = {check.name: read(check, sample) if sample is not None else NO_ANSWER for check in checks}
    last = known.counts if known else {}
    return _Look(track, found, last, restarted=any(_fell(c, found[c.name], last.get(c.name)) for c in checks))


def _fell(check: Check, reading: Reading | Unreadable, base: Reading | None) -> bool:
    return isinstance(reading, Reading) and base is not None and reading.fell(base, check.signal)


def _noted(stream: Stream, name: str, looks: Iterable[_Look], at: float) -> Stream:
    """When each track was last readable, and what was not."""
    read_at, unreadable = dict(stream.read_at), dict(stream.unreadable)
    problems: dict[Track, str] = {}
    for look in looks:
        reading = look.found[name]
        if isinstance(reading, Reading):
            read_at[look.track] = at
            continue
        unreadable[look.track] = unreadable.get(look.track, 0) + 1
        if reading is not NO_ANSWER or look.track not in problems:
            problems[look.track] = reading.problem
    return replace(stream, read_at=read_at, unreadable=unreadable, problems=problems)


@dataclass(frozen=True)
class Stream:
    """Everything known for one check. `read_at` is in epoch seconds, `problems` are those of the last fold.

    A segment is a weight and, within it, a share that was really observed: clients that keep connections
    alive let the canary's share creep up, and a bad quarter of an hour of both tracks would be blamed on
    the track that had more of it.
    """

    segments: Mapping[str, Sums] = field(default_factory=dict)
    spread: Mapping[Track, Spread] = field(default_factory=dict)
    recent: Recent = field(default_factory=Recent)
    read_at: Mapping[Track, float] = field(default_factory=dict)
    unreadable: Mapping[Track, int] = field(default_factory=dict)
    problems: Mapping[Track, str] = field(default_factory=dict)

    def plus(self, weight: str, cells: Sequence[Cell], elapsed: float) -> Stream:
        """The stream and one interval of `elapsed` seconds more."""
        recent = self.recent.plus(cells, elapsed)
        segment = weight if recent.stratum is None else f"{weight}|{recent.stratum}"
        sums, spread = self.segments.get(segment, Sums()), dict(self.spread)
        for track, n, bad in cells:
            if n:
                sums = sums.plus(track, n, bad)
                spread[track] = spread.get(track, Spread()).plus(n, bad)
        segments = {**self.segments, segment: sums} if sums != Sums() else self.segments
        return replace(self, segments=segments, spread=spread, recent=recent)

    @property
    def canary_rate(self) -> float:
        """Canary requests a second, lately."""
        return self.recent.canary_rate


@dataclass(frozen=True)
class Snapshot:
    """A pod's counters when last seen: check -> reading."""

    track: Track
    seen: float
    counts: Mapping[str, Reading] = field(default_factory=dict)


@dataclass(frozen=True)
class Evidence:
    """The whole evidence of one rollout. `present`: tracks that had pods at the last fold."""

    checks: tuple[Check, ...] = ()
    streams: Mapping[str, Stream] = field(default_factory=dict)
    pods: Mapping[str, Snapshot] = field(default_factory=dict)
    present: frozenset[Track] = frozenset()
    folded_at: float | None = None
    silence: Silence = NO_SILENCE


def start(checks: Iterable[Check]) -> Evidence:
    """Evidence of a rollout that has seen nothing yet."""
    found = tuple(checks)
    return Evidence(checks=found, streams={check.name: Stream() for check in found})


def align(evidence: Evidence, checks: Iterable[Check]) -> Evidence:
    """The evidence for changed checks: what is counted as before keeps its sums, the rest starts anew."""
    wanted = tuple(checks)
    known = {check.counted for check in evidence.checks}
    kept = {c.name: evidence.streams[c.name] for c in wanted if c.counted in known}
    return replace(evidence, checks=wanted, streams={c.name: kept.get(c.name, Stream()) for c in wanted})
