"""What a rollout has seen of the canary's and stable's answers: counts by class, and the evidence that they differ.

Only sums are kept, and each pod's last counters: a restarted operator judges exactly as the one before it.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import astuple, dataclass, field, replace
from datetime import datetime
from typing import Any, Final

from linnet.core.analysis.checks import Track
from linnet.core.analysis.metrics.counters import PodCounters
from linnet.core.analysis.metrics.recent import MAX_PODS, Recent
from linnet.core.analysis.statistics.divergence import Pair, added, summed
from linnet.core.analysis.statistics.equality import Scatter, gain, scatter

KEY: Final = "predictions"
WITNESSES: Final = 100
"""Pods of a track whose answers are compared with each other; more would not say more."""
FORGET_SECONDS: Final = 600.0
NO_ANSWER: Final = "a pod did not answer the scrape"

Counts = tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Pod:
    """`last`: its counters when last read. `counted`: what counts of it; `latest`: in its last interval with any."""

    track: Track
    seen: float
    last: Counts = ()
    counted: Counts = ()
    latest: Counts = ()


@dataclass(frozen=True)
class Answers:
    """The whole evidence. `classes` are the names of what is counted: for others it begins anew.

    `evidence` is a natural logarithm, undivided. `bursts` compares each pod's interval with its former one.
    """

    classes: tuple[str, ...] = ()
    segments: Mapping[str, Pair] = field(default_factory=dict)
    evidence: float = 0.0
    bursts: Scatter = field(default_factory=Scatter)
    recent: Recent = field(default_factory=Recent)
    pods: Mapping[str, Pod] = field(default_factory=dict)
    read_at: Mapping[Track, float] = field(default_factory=dict)
    problems: Mapping[Track, str] = field(default_factory=dict)
    present: frozenset[Track] = frozenset()
    folded_at: float | None = None

    @property
    def total(self) -> Pair:
        return summed(self.segments.values())

    @property
    def clients(self) -> Scatter:
        """How the pods of one track differ from each other, as they do if each has clients of its own.

        That needs two pods of it. With `bursts` it says how many answers of one kind come together.
        """
        pods = Scatter()
        for track in Track:
            mine = (pod.counted for pod in self.pods.values() if pod.track is track and pod.counted)
            pods = pods.plus(scatter(tuple(mine)[:WITNESSES]))
        return pods


def start(classes: tuple[str, ...]) -> Answers:
    return Answers(classes)


def fold(
    known: Answers,
    samples: Mapping[str, PodCounters],
    tracks: Mapping[str, Track],
    segment: str,
    now: datetime,
    *,
    count: bool = True,
) -> Answers:
    """One interval's scrapes more; the same arguments as `evidence.fold`, of which it is the twin for many classes."""
    at = now.timestamp()
    read = {uid: _read(known.classes, samples.get(uid)) for uid in tracks}
    new = {
        uid: _since(known.pods.get(uid), track, counts) if count else ()
        for uid, track in tracks.items()
        if not isinstance(counts := read[uid], str)
    }
    elapsed = at - known.folded_at if known.folded_at is not None else 0.0
    grown = plus(known, [(uid, tracks[uid], counts) for uid, counts in new.items() if any(counts)], segment, elapsed)
    pods = {u: p for u, p in grown.pods.items() if u in tracks or at - p.seen < FORGET_SECONDS}
    for uid, track in tracks.items():
        counts, pod = read[uid], pods.get(uid, Pod(track, at))
        pods[uid] = replace(pod, seen=at, last=pod.last if isinstance(counts, str) else counts)
    problems = {tracks[uid]: found for uid, found in read.items() if isinstance(found, str)}
    return replace(
        grown,
        pods=pods,
        read_at={**known.read_at, **{tracks[uid]: at for uid in new}},
        problems=problems,
        present=frozenset(tracks.values()),
        folded_at=at,
    )


def plus(known: Answers, cells: Iterable[tuple[str, Track, Counts]], weight: str, elapsed: float) -> Answers:
    """One interval of `elapsed` seconds more: (pod, track, answers by class), of pods that had any."""
    cells = tuple(cells)
    recent = known.recent.plus([(track, sum(counts), 0) for _, track, counts in cells], elapsed)
    if not cells:
        return replace(known, recent=recent)
    now = Pair(*(_summed(known.classes, cells, track) for track in (Track.CANARY, Track.STABLE)))
    bursts, pods = known.bursts, dict(known.pods)
    for uid, track, counts in cells:
        pod = pods.get(uid, Pod(track, 0.0))
        bursts = bursts.plus(scatter((pod.latest, counts)) if pod.latest else Scatter())
        pods[uid] = Pod(track, pod.seen, pod.last, added(pod.counted, counts), counts)
    segment = weight if recent.stratum is None else f"{weight}|{recent.stratum}"
    return replace(
        known,
        segments={**known.segments, segment: known.segments[segment].plus(now) if segment in known.segments else now},
        evidence=known.evidence + gain(now, known.total),
        bursts=bursts,
        recent=recent,
        pods=pods,
    )


def _summed(classes: tuple[str, ...], cells: Iterable[tuple[str, Track, Counts]], of: Track) -> Counts:
    mine = [counts for _, track, counts in cells if track is of]
    return tuple(map(sum, zip(*mine, strict=True))) if mine else (0,) * len(classes)


def _read(classes: tuple[str, ...], sample: PodCounters | None) -> Counts | str:
    """Its counters, in the order of the classes; or why not."""
    if sample is None:
        return NO_ANSWER
    found = sample.predictions
    if found is None:
        return "its runtime names no predictions"
    if isinstance(found, str):
        return found
    if tuple(found) != classes:
        return f"its answers are counted by {', '.join(found)}, and the canary's by {', '.join(classes)}"
    return tuple(round(number) for number in found.values())


def _since(pod: Pod | None, track: Track, counts: Counts) -> Counts:
    """Answers since the pod was last read.

    A canary pod was made for this rollout: all that it has counted belongs to it. What a stable pod has counted before
    it was known is its baseline. A total that fell is a restart: everything counts. A class that fell alone is
    neither, and the pod begins anew.
    """
    if pod is None or not pod.last:
        return counts if track is Track.CANARY else ()
    if sum(counts) < sum(pod.last):
        return counts
    rises = tuple(now - then for now, then in zip(counts, pod.last, strict=True))
    return rises if min(rises) >= 0 else ()


def to_data(known: Answers) -> str:
    """As JSON: at most about 120 bytes for each pod and segment, and 250 for each of the first `WITNESSES`."""
    latest = sorted(known.pods.items(), key=lambda item: (-item[1].seen, item[0]))[:MAX_PODS]
    witnesses = {uid for uid, pod in latest if pod.counted}
    witnesses = set(sorted(witnesses)[: 2 * WITNESSES])
    pods = {uid: pod if uid in witnesses else replace(pod, counted=(), latest=()) for uid, pod in latest}
    stored = {
        "classes": known.classes,
        "segments": {key: astuple(pair) for key, pair in known.segments.items()},
        "evidence": known.evidence,
        "bursts": astuple(known.bursts),
        "recent": astuple(known.recent),
        "pods": {uid: astuple(pod) for uid, pod in pods.items()},
        "readAt": dict(known.read_at),
        "problems": dict(known.problems),
        "present": sorted(known.present),
        "foldedAt": known.folded_at,
    }
    return json.dumps(stored, separators=(",", ":"), sort_keys=True)


def from_data(text: str, classes: tuple[str, ...]) -> Answers:
    """The inverse of `to_data`; begun anew if it can't be read, or counts other classes."""
    try:
        data = json.loads(text)
        known = _restored(data)
    except (ValueError, TypeError, KeyError, AttributeError):
        return start(classes)
    return known if known.classes == classes else start(classes)


def _restored(data: Mapping[str, Any]) -> Answers:
    return Answers(
        classes=tuple(data["classes"]),
        segments={key: Pair(tuple(canary), tuple(stable)) for key, (canary, stable) in data["segments"].items()},
        evidence=data["evidence"],
        bursts=Scatter(*data["bursts"]),
        recent=Recent(*data["recent"]),
        pods={
            uid: Pod(Track(track), seen, *(tuple(counts) for counts in rest))
            for uid, (track, seen, *rest) in data["pods"].items()
        },
        read_at={Track(track): at for track, at in data["readAt"].items()},
        problems={Track(track): problem for track, problem in data["problems"].items()},
        present=frozenset(Track(track) for track in data["present"]),
        folded_at=data["foldedAt"],
    )
