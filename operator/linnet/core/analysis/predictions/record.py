"""What a verdict on the canary's answers was worked out from, and how a record keeps it.

The evidence is a product over intervals, and a record has no room for them: it keeps the product, and what it is
divided by. All that follows from it, and the divergence, is worked out again.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import astuple, dataclass, field
from datetime import timedelta
from typing import Any, Final

from linnet.core.analysis.checks import Resemblance, Track
from linnet.core.analysis.forms import read_times, real, times
from linnet.core.analysis.statistics.divergence import Pair
from linnet.core.analysis.statistics.equality import Scatter

ANSWERS: Final = "Predictions"
"""The signal of those that compare answers."""
Json = dict[str, Any]


@dataclass(frozen=True)
class Compared:
    """`evidence` is a natural logarithm, undivided; `bursts` and `clients` say by what it is divided.

    `alpha` is that of this check; `ages`: seconds since each track was read, absent = never. `problems` and
    `canary_rate` (answers a second) shape the message and the estimate only, and are not kept.
    """

    check: Resemblance
    alpha: float
    detect_power: float
    stale_after: float
    segments: tuple[Pair, ...] = ()
    evidence: float = 0.0
    bursts: Scatter = field(default_factory=Scatter)
    clients: Scatter = field(default_factory=Scatter)
    present: frozenset[Track] = frozenset()
    ages: Mapping[Track, float] = field(default_factory=dict)
    elapsed: timedelta = timedelta(0)
    required: timedelta = timedelta(0)
    problems: Mapping[Track, str] = field(default_factory=dict)
    canary_rate: float = 0.0


def form(basis: Compared) -> Json:
    """As JSON; the names of the classes stand beside it, with what was counted of each."""
    return {
        "signal": ANSWERS,
        "alpha": real(basis.alpha),
        "detectPower": real(basis.detect_power),
        "maxDivergence": real(basis.check.max_divergence),
        "answers": [[list(pair.canary), list(pair.stable)] for pair in basis.segments],
        "logEvidence": real(basis.evidence),
        "bursts": [real(number) for number in astuple(basis.bursts)],
        "clients": [real(number) for number in astuple(basis.clients)],
        "present": sorted(str(track) for track in basis.present),
        **{f"{track}ReadAgo": real(basis.ages[track]) for track in Track if track in basis.ages},
        **times(basis.stale_after, basis.elapsed, basis.required),
    }


def read(check: Mapping[str, Any], kept: Mapping[str, Any]) -> Compared:
    """The inverse, of a recorded check and its evidence."""
    named = (check.get("predictions") or {}).get("classes") or ()
    classes = tuple(str(one["name"]) for one in named)
    return Compared(
        check=Resemblance(str(check["name"]), float(kept["maxDivergence"]), classes),
        alpha=float(kept["alpha"]),
        detect_power=float(kept["detectPower"]),
        segments=tuple(Pair(tuple(canary), tuple(stable)) for canary, stable in kept["answers"]),
        evidence=float(kept["logEvidence"]),
        bursts=Scatter(*map(float, kept["bursts"])),
        clients=Scatter(*map(float, kept["clients"])),
        present=frozenset(Track(track) for track in kept["present"]),
        ages={track: float(kept[f"{track}ReadAgo"]) for track in Track if f"{track}ReadAgo" in kept},
        **read_times(kept),
    )
