"""From absolute counters of pods to sums by weight segment: what a rollout knows so far.

Only sums are kept, so that a restarted operator judges exactly as the one before it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from linnet.core.checks import Check, Track
from linnet.core.exposition import PodCounters


@dataclass(frozen=True)
class Sums:
    """One check in one weight segment: requests and bad requests by track."""

    canary_n: int = 0
    canary_bad: int = 0
    stable_n: int = 0
    stable_bad: int = 0


@dataclass(frozen=True)
class Spread:
    """Sums over the cells (one pod in one interval) of a track, enough for its dispersion."""

    cells: int = 0
    n: int = 0
    bad: int = 0
    n_squared: int = 0
    n_bad: int = 0
    bad_squared: int = 0


@dataclass(frozen=True)
class Stream:
    """Everything known for one check."""

    segments: Mapping[str, Sums] = field(default_factory=dict)
    spread: Mapping[Track, Spread] = field(default_factory=dict)
    read_at: Mapping[Track, float] = field(default_factory=dict)
    unreadable: Mapping[Track, int] = field(default_factory=dict)
    canary_rate: float = 0.0


@dataclass(frozen=True)
class Snapshot:
    """A pod's counters when last seen: check -> (requests, bad)."""

    track: Track
    seen: float
    counts: Mapping[str, tuple[int, int]] = field(default_factory=dict)


@dataclass(frozen=True)
class Evidence:
    """The whole evidence of one rollout. Start with `start(checks)`."""

    checks: tuple[Check, ...] = ()
    streams: Mapping[str, Stream] = field(default_factory=dict)
    pods: Mapping[str, Snapshot] = field(default_factory=dict)
    folded_at: float | None = None


def start(checks: Iterable[Check]) -> Evidence:
    """Evidence of a rollout that has seen nothing yet."""
    raise NotImplementedError


def fold(
    evidence: Evidence,
    samples: Mapping[str, PodCounters],
    tracks: Mapping[str, Track],
    segment_key: str,
    now: datetime,
    *,
    count: bool = True,
) -> Evidence:
    """Add one interval's scrapes: pod uid -> counters, for the pods in `tracks`.

    Call it once an interval: a cell of the dispersion is one pod between two calls. With
    `count=False` (warm-up) the counters become the baseline and nothing is added.
    """
    raise NotImplementedError


def to_data(evidence: Evidence) -> dict[str, str]:
    """A ConfigMap's `data`, bounded in size."""
    raise NotImplementedError


def from_data(data: Mapping[str, str]) -> Evidence:
    """The inverse of `to_data`; ValueError if it is not ours or of another format."""
    raise NotImplementedError
