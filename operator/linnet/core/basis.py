"""What a verdict was worked out from: what a record keeps, so that `simulate --replay` can work it out again.

As JSON it has no type of the API, since the command line reads records with Python's standard library alone. Here are
those of count checks; `basis_answers`, `basis_pods` and `basis_query` have the others.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import astuple, dataclass, field
from datetime import timedelta
from typing import Any, Final, assert_never

from linnet.core import basis_answers, basis_pods, basis_query
from linnet.core.basis_answers import ANSWERS, Compared
from linnet.core.basis_forms import number, read_times, real, times
from linnet.core.basis_pods import PODS, Pods
from linnet.core.basis_query import QUERY, Asked
from linnet.core.checks import Check, Signal, Track
from linnet.core.slices import Slice
from linnet.core.tallies import Spread, Sums

BY_SHARE: Final = ("segments", "answers")
"""What is kept for each share of the traffic."""
MOST_SHARES: Final = 64
"""Of so many a ModelVersion keeps it; the log has all."""
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


Basis = Counted | Asked | Compared | Pods


def wire(basis: Basis) -> Json:
    """As JSON, without what is unset; numbers that are no integers are strings."""
    return {key: value for key, value in _form(basis).items() if value is not None}


def _form(basis: Basis) -> Json:
    match basis:
        case Counted():
            return _counted(basis)
        case Asked():
            return basis_query.form(basis)
        case Compared():
            return basis_answers.form(basis)
        case Pods():
            return basis_pods.form(basis)
        case _:
            assert_never(basis)


def read(check: Mapping[str, Any]) -> Basis | None:
    """Of a recorded check; None where it has none, not all of it, or of a signal that this release does not know.

    ValueError if it is not as `wire` makes it.
    """
    kept = check.get("evidence") or {}
    try:
        needs, reader = _READERS.get(str(kept.get("signal")), ("signal", None))
        return reader(check, kept) if reader is not None and needs in kept else None
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise ValueError(f"the evidence of {check.get('name')} can't be read: {error}") from error


def _counted(basis: Counted) -> Json:
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


def _read_counted(check: Mapping[str, Any], kept: Mapping[str, Any]) -> Counted:
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


_READERS: Final[Mapping[str, tuple[str, Callable[[Mapping[str, Any], Mapping[str, Any]], Basis]]]] = {
    **dict.fromkeys(map(str, Signal), ("segments", _read_counted)),
    QUERY: ("signal", basis_query.read),
    ANSWERS: ("answers", basis_answers.read),
    PODS: ("signal", basis_pods.read),
}
"""Signal → what a record may lack, being too long for it; and how it is read."""
