"""What a verdict on a count check stood on, as a decision keeps it: enough to work the verdict out again."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import astuple, dataclass, field
from datetime import timedelta
from typing import Any

from linnet.core.analysis.checks import Check, Signal, Slice, Track
from linnet.core.analysis.forms import Json, number, read_times, real, times
from linnet.core.analysis.statistics.sums import Spread, Sums


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


def form(basis: Counted) -> Json:
    check = basis.check
    return {
        "signal": str(check.signal),
        "alpha": real(basis.alpha),
        "detectRatio": real(basis.detect_ratio),
        "detectPower": real(basis.detect_power),
        "maxRatioToStable": real(check.max_ratio_to_stable),
        "minExcess": real(check.min_excess),
        "max": real(check.max),
        "segments": [[int(number) for number in astuple(sums)] for sums in basis.segments],
        **{f"{track}Cells": list(astuple(basis.spread[track])) for track in Track if track in basis.spread},
        "present": sorted(str(track) for track in basis.present),
        **{f"{track}ReadAgo": real(basis.ages[track]) for track in Track if track in basis.ages},
        **times(basis.stale_after, basis.elapsed, basis.required),
    }


def read(check: Mapping[str, Any], kept: Mapping[str, Any]) -> Counted:
    part = check.get("slice")
    return Counted(
        check=Check(
            str(check["name"]),
            Signal(kept["signal"]),
            number(kept.get("maxRatioToStable")),
            float(kept["minExcess"]),
            number(kept.get("max")),
            slice=Slice(str(part["label"]), str(part["value"])) if part else None,
        ),
        alpha=float(kept["alpha"]),
        detect_ratio=float(kept["detectRatio"]),
        detect_power=float(kept["detectPower"]),
        segments=tuple(Sums(*numbers) for numbers in kept["segments"]),
        spread={track: Spread(*kept[f"{track}Cells"]) for track in Track if f"{track}Cells" in kept},
        present=frozenset(Track(track) for track in kept["present"]),
        ages={track: float(kept[f"{track}ReadAgo"]) for track in Track if f"{track}ReadAgo" in kept},
        **read_times(kept),
    )
