"""What a verdict was worked out from: what a record keeps, so that `simulate --replay` can work it out again.

As JSON it has no type of the API, since the command line reads records with Python's standard library alone. A signal
that is judged by something else gets a basis of its own here.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import astuple, dataclass, field
from datetime import timedelta
from typing import Any, Final

from linnet.core.checks import Check, Signal, Track
from linnet.core.slices import Slice
from linnet.core.tallies import Spread, Sums

QUERY: Final = "Prometheus"
"""The signal of those that ask a named query."""
MOST_SEGMENTS: Final = 64
"""So many a ModelVersion keeps of a check; the log has all."""
Json = dict[str, Any]


@dataclass(frozen=True)
class Counted:
    """Of a count check. `alpha` is that of each bound; that of a slice has in it what the others have shown.

    `ages`: seconds since each track was read, absent = never.

    `problems` and `canary_rate` shape the message and the estimate only, and are not kept.
    """

    check: Check
    alpha: float
    detect_ratio: float
    detect_power: float
    stale_after: float
    segments: tuple[Sums, ...] = ()
    spread: Mapping[Track, Spread] = field(default_factory=dict)
    present: frozenset[Track] = frozenset()
    ages: Mapping[Track, float] = field(default_factory=dict)
    elapsed: timedelta = timedelta(0)
    required: timedelta = timedelta(0)
    problems: Mapping[Track, str] = field(default_factory=dict)
    canary_rate: float = 0.0


@dataclass(frozen=True)
class Asked:
    """Of a check of signal Prometheus. `read_ago`: seconds since `value` came, None = never.

    `known`: whether the platform has the query; `answered`: whether the canary answered a request, None = not knowable.
    """

    name: str
    query: str
    min: float | None
    max: float | None
    stale_after: float
    value: float | None = None
    read_ago: float | None = None
    breaches: int = 0
    asked: bool = False
    known: bool = True
    answered: bool | None = None
    problem: str = ""
    silent: bool = False
    elapsed: timedelta = timedelta(0)
    required: timedelta = timedelta(0)


Basis = Counted | Asked


def wire(basis: Basis) -> Json:
    """As JSON, without what is unset; numbers that are no integers are strings."""
    form = _counted(basis) if isinstance(basis, Counted) else _asked(basis)
    return {key: value for key, value in form.items() if value is not None}


def read(check: Mapping[str, Any]) -> Basis | None:
    """Of a recorded check; None where it has none, not all of it, or of a signal that this release does not know.

    ValueError if it is not as `wire` makes it.
    """
    kept = check.get("evidence") or {}
    try:
        if kept.get("signal") == QUERY:
            return _read_asked(check, kept)
        return _read_counted(check, kept) if kept.get("signal") in set(Signal) and "segments" in kept else None
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise ValueError(f"the evidence of {check.get('name')} can't be read: {error}") from error


def _counted(basis: Counted) -> Json:
    check = basis.check
    return {
        "signal": str(check.signal),
        "alpha": _real(basis.alpha),
        "detectRatio": _real(basis.detect_ratio),
        "detectPower": _real(basis.detect_power),
        "maxRatioToStable": _real(check.max_ratio_to_stable),
        "minExcess": _real(check.min_excess),
        "max": _real(check.max),
        "segments": [[int(number) for number in astuple(sums)] for sums in basis.segments],
        **{f"{track}Cells": list(astuple(basis.spread[track])) for track in Track if track in basis.spread},
        "present": sorted(str(track) for track in basis.present),
        **{f"{track}ReadAgo": _real(basis.ages[track]) for track in Track if track in basis.ages},
        **_times(basis),
    }


def _read_counted(check: Mapping[str, Any], kept: Mapping[str, Any]) -> Counted:
    part = check.get("slice")
    return Counted(
        check=Check(
            str(check["name"]),
            Signal(kept["signal"]),
            _number(kept.get("maxRatioToStable")),
            float(kept["minExcess"]),
            _number(kept.get("max")),
            slice=Slice(str(part["label"]), str(part["value"])) if part else None,
        ),
        alpha=float(kept["alpha"]),
        detect_ratio=float(kept["detectRatio"]),
        detect_power=float(kept["detectPower"]),
        segments=tuple(Sums(*numbers) for numbers in kept["segments"]),
        spread={track: Spread(*kept[f"{track}Cells"]) for track in Track if f"{track}Cells" in kept},
        present=frozenset(Track(track) for track in kept["present"]),
        ages={track: float(kept[f"{track}ReadAgo"]) for track in Track if f"{track}ReadAgo" in kept},
        **_read_times(kept),
    )


def _asked(basis: Asked) -> Json:
    return {
        "signal": QUERY,
        "min": _real(basis.min),
        "max": _real(basis.max),
        "value": _real(basis.value),
        "readAgo": _real(basis.read_ago),
        "breaches": basis.breaches,
        "asked": basis.asked,
        "known": basis.known,
        "answered": basis.answered,
        "failed": bool(basis.problem),
        "silent": basis.silent,
        **_times(basis),
    }


def _read_asked(check: Mapping[str, Any], kept: Mapping[str, Any]) -> Asked:
    return Asked(
        name=str(check["name"]),
        query=str(check.get("query", "")),
        min=_number(kept.get("min")),
        max=_number(kept.get("max")),
        value=_number(kept.get("value")),
        read_ago=_number(kept.get("readAgo")),
        breaches=int(kept["breaches"]),
        asked=bool(kept["asked"]),
        known=bool(kept["known"]),
        answered=kept.get("answered"),
        problem="there was no answer" if kept["failed"] else "",
        silent=bool(kept["silent"]),
        **_read_times(kept),
    )


def _times(basis: Basis) -> Json:
    return {
        "staleAfter": _real(basis.stale_after),
        "elapsed": _real(basis.elapsed.total_seconds()),
        "required": _real(basis.required.total_seconds()),
    }


def _read_times(kept: Mapping[str, Any]) -> Json:
    return {
        "stale_after": float(kept["staleAfter"]),
        "elapsed": timedelta(seconds=float(kept["elapsed"])),
        "required": timedelta(seconds=float(kept["required"])),
    }


def _real(number: float | None) -> str | None:
    """Shortest decimal that is read as the same number; None where there is none."""
    return repr(float(number)) if number is not None and math.isfinite(number) else None


def _number(text: str | None) -> float | None:
    return None if text is None else float(text)
