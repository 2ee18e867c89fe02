"""From absolute counters of pods to sums by weight segment: what a rollout knows so far.

Only sums and each pod's last counters are kept: a restarted operator judges exactly as the one before it.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime

from linnet.core.checks import Check, Track
from linnet.core.counters import PodCounters
from linnet.core.ledger import Evidence, Snapshot, Stream, align, from_data, start, to_data
from linnet.core.readings import Reading, Unreadable, read

__all__ = ["Evidence", "Snapshot", "Stream", "align", "fold", "from_data", "start", "to_data"]

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
