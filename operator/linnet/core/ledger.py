"""What a rollout's evidence is made of, and how it lies in a ConfigMap: compact, bounded, exact."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, astuple, dataclass, field, replace
from typing import Any

from linnet.core.checks import Check, Signal, Track
from linnet.core.readings import Reading
from linnet.core.tallies import Spread, Sums

FORMAT = "1"
MAX_PODS = 1000
"""Pods' last counters that are stored, the latest seen first: about 100 bytes each for every check."""


@dataclass(frozen=True)
class Stream:
    """Everything known for one check. `read_at` is in epoch seconds, `problem` that of the last fold."""

    segments: Mapping[str, Sums] = field(default_factory=dict)
    spread: Mapping[Track, Spread] = field(default_factory=dict)
    read_at: Mapping[Track, float] = field(default_factory=dict)
    unreadable: Mapping[Track, int] = field(default_factory=dict)
    problem: str = ""
    canary_rate: float = 0.0

    def plus(self, segment: str, track: Track, n: int, bad: int) -> Stream:
        """The stream and one more cell: `n` requests of one pod in one interval, `bad` of them bad."""
        if not n:
            return self
        sums = self.segments.get(segment, Sums()).plus(track, n, bad)
        spread = self.spread.get(track, Spread()).plus(n, bad)
        return replace(self, segments={**self.segments, segment: sums}, spread={**self.spread, track: spread})

    @property
    def canary_n(self) -> float:
        """All canary requests counted so far."""
        return sum(sums.canary_n for sums in self.segments.values())


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
    """A ConfigMap's `data`: at most about 100 kB for each check, with `MAX_PODS` pods."""
    pods = sorted(evidence.pods.items(), key=lambda item: (-item[1].seen, item[0]))[:MAX_PODS]
    return {
        "format": FORMAT,
        "checks": _dumps([asdict(check) for check in evidence.checks]),
        "streams": _dumps({name: _stream_data(stream) for name, stream in evidence.streams.items()}),
        "pods": _dumps({uid: _pod_data(pod) for uid, pod in sorted(pods)}),
        "present": _dumps(sorted(evidence.present)),
        "foldedAt": _dumps(evidence.folded_at),
    }


def from_data(data: Mapping[str, str]) -> Evidence:
    """The inverse of `to_data`; ValueError if it is not ours or of another format."""
    if data.get("format") != FORMAT:
        raise ValueError(f"evidence is of format {data.get('format')!r}, not {FORMAT!r}")
    try:
        return Evidence(
            checks=tuple(_check(check) for check in json.loads(data["checks"])),
            streams={name: _stream(stream) for name, stream in json.loads(data["streams"]).items()},
            pods={uid: _pod(pod) for uid, pod in json.loads(data["pods"]).items()},
            present=frozenset(Track(track) for track in json.loads(data["present"])),
            folded_at=json.loads(data["foldedAt"]),
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
        "problem": stream.problem,
        "rate": stream.canary_rate,
    }


def _stream(data: Mapping[str, Any]) -> Stream:
    return Stream(
        segments={key: Sums(*sums) for key, sums in data["segments"].items()},
        spread={Track(track): Spread(*spread) for track, spread in data["spread"].items()},
        read_at={Track(track): at for track, at in data["readAt"].items()},
        unreadable={Track(track): count for track, count in data["unreadable"].items()},
        problem=data["problem"],
        canary_rate=data["rate"],
    )


def _pod_data(pod: Snapshot) -> list[Any]:
    return [pod.track, pod.seen, {name: [r.n, r.bad] for name, r in pod.counts.items()}]


def _pod(data: Any) -> Snapshot:
    track, seen, counts = data
    return Snapshot(Track(track), seen, {name: Reading(*pair) for name, pair in counts.items()})


def _check(data: Mapping[str, Any]) -> Check:
    return Check(**{**data, "signal": Signal(data["signal"])})
