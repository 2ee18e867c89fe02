"""What a rollout's evidence is made of, and how it lies in a ConfigMap: compact, bounded, exact."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, astuple, dataclass, field, replace
from typing import Any

from linnet.core.checks import Check, Signal, Track
from linnet.core.readings import Reading
from linnet.core.silence import NO_SILENCE, Silence, restored, stored
from linnet.core.slices import Slice
from linnet.core.tallies import Spread, Sums

FORMAT = "2"
PREFIX = "evidence."
"""Of its keys among the others in a rollout's ConfigMap."""
MAX_PODS = 1000
"""Pods' last counters that are stored, the latest seen first: some 15 bytes each for every check."""


MEMORY, ENOUGH = 400.0, 50.0
"""Requests over which the observed share is averaged, and those before which it is not asked for."""
STEP, MOST_STEPS = 1.5, 8
"""Shares whose odds differ by less than the factor are compared together; 8 steps are a factor of 25."""

Cell = tuple[Track, int, int]
"""One pod in one interval: its track, its requests, the bad ones among them."""


@dataclass(frozen=True)
class Recent:
    """The last few hundred requests by track, and the seconds they took; all three fade together."""

    canary_n: float = 0.0
    stable_n: float = 0.0
    seconds: float = 0.0

    @property
    def canary_rate(self) -> float:
        """Canary requests a second, lately."""
        return self.canary_n / self.seconds if self.seconds > 0 else 0.0

    def plus(self, cells: Iterable[Cell], elapsed: float) -> Recent:
        """The same one interval later."""
        counts = {Track.CANARY: 0, Track.STABLE: 0}
        for track, n, _ in cells:
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


def to_data(evidence: Evidence) -> dict[str, str]:
    """A ConfigMap's `data`: with `MAX_PODS` pods about 15 kB for each check or slice, and 70 kB."""
    names = [check.name for check in evidence.checks]
    pods = sorted(evidence.pods.items(), key=lambda item: (-item[1].seen, item[0]))[:MAX_PODS]
    silence = {"silence": _dumps(stored(evidence.silence, MAX_PODS))} if evidence.silence != NO_SILENCE else {}
    return {
        "format": FORMAT,
        "checks": _dumps([asdict(check) for check in evidence.checks]),
        "streams": _dumps({name: _stream_data(stream) for name, stream in evidence.streams.items()}),
        "pods": _dumps({uid: _pod_data(pod, names) for uid, pod in sorted(pods)}),
        "present": _dumps(sorted(evidence.present)),
        "foldedAt": _dumps(evidence.folded_at),
        **silence,
    }


def from_data(data: Mapping[str, str]) -> Evidence:
    """The inverse of `to_data`; ValueError if it is not ours or of another format."""
    if data.get("format") != FORMAT:
        raise ValueError(f"evidence is of format {data.get('format')!r}, not {FORMAT!r}")
    try:
        checks = tuple(_check(check) for check in json.loads(data["checks"]))
        names = [check.name for check in checks]
        return Evidence(
            checks=checks,
            streams={name: _stream(stream) for name, stream in json.loads(data["streams"]).items()},
            pods={uid: _pod(pod, names) for uid, pod in json.loads(data["pods"]).items()},
            present=frozenset(Track(track) for track in json.loads(data["present"])),
            folded_at=json.loads(data["foldedAt"]),
            silence=restored(json.loads(data["silence"])) if "silence" in data else NO_SILENCE,
        )
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        raise ValueError(f"evidence cannot be read: {error}") from error


def _dumps(value: object) -> str:
    return json.dumps(value, separators=(",", ":"), sort_keys=True)


def _stream_data(stream: Stream) -> dict[str, Any]:
    return {
        "segments": {key: astuple(sums) for key, sums in stream.segments.items()},
        "spread": {track: astuple(spread) for track, spread in stream.spread.items()},
        "readAt": dict(stream.read_at),
        "unreadable": dict(stream.unreadable),
        "problems": dict(stream.problems),
        "recent": astuple(stream.recent),
    }


def _stream(data: Mapping[str, Any]) -> Stream:
    return Stream(
        segments={key: Sums(*sums) for key, sums in data["segments"].items()},
        spread={Track(track): Spread(*spread) for track, spread in data["spread"].items()},
        read_at={Track(track): at for track, at in data["readAt"].items()},
        unreadable={Track(track): count for track, count in data["unreadable"].items()},
        problems={Track(track): problem for track, problem in data["problems"].items()},
        recent=Recent(*data["recent"]),
    )


def _pod_data(pod: Snapshot, names: Iterable[str]) -> list[Any]:
    """Its counts in the order of the checks, whose names are longer than they."""
    found = (pod.counts.get(name) for name in names)
    return [pod.track, pod.seen, [[r.n, r.bad] if r is not None else None for r in found]]


def _pod(data: Any, names: Sequence[str]) -> Snapshot:
    track, seen, counts = data
    found = zip(names, counts, strict=True)
    return Snapshot(Track(track), seen, {name: Reading(*pair) for name, pair in found if pair is not None})


def _check(data: Mapping[str, Any]) -> Check:
    part = data.get("slice")
    return Check(**{**data, "signal": Signal(data["signal"]), "slice": None if part is None else Slice(**part)})
