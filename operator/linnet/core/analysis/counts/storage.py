"""What a rollout's evidence is made of, and how it lies in a ConfigMap: compact, bounded, exact."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, astuple
from typing import Any

from linnet.core.analysis.checks import Check, Signal, Slice, Track
from linnet.core.analysis.counts.evidence import Evidence, Snapshot, Stream
from linnet.core.analysis.metrics.readings import Reading
from linnet.core.analysis.metrics.recent import MAX_PODS, Recent
from linnet.core.analysis.pod_health.silence import NO_SILENCE, restored, stored
from linnet.core.analysis.statistics.sums import Spread, Sums

FORMAT = "2"
PREFIX = "evidence."
"""Of its keys among the others in a rollout's ConfigMap."""


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
