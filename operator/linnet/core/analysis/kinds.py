"""Every kind of check: who judges it, and what a decision keeps of it, so that `simulate --replay` can judge it again.

A kind is a folder beside this file, and an entry of `KINDS`. What else must know it (its part of the evidence, the
policy that asks for it, the look that gathers for it) is listed in docs/how-to/write-a-kind-of-check.md. A record is
JSON without a type of the API, since the command line reads it with Python's standard library alone.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from linnet.core.analysis import codec
from linnet.core.analysis.checks import Signal, Slice
from linnet.core.analysis.codec import FormatError, Json
from linnet.core.analysis.counts import judge as counts
from linnet.core.analysis.counts.basis import CountBasis
from linnet.core.analysis.pod_health import judge as pod_health
from linnet.core.analysis.pod_health.basis import POD_HEALTH, PodBasis
from linnet.core.analysis.predictions import judge as predictions
from linnet.core.analysis.predictions.basis import PREDICTIONS, PredictionBasis
from linnet.core.analysis.prometheus import judge as prometheus
from linnet.core.analysis.prometheus.basis import PROMETHEUS, QueryBasis
from linnet.core.analysis.verdict import Basis, Judgement

MOST_SHARES: Final = 64
"""The shares of the traffic of which a ModelVersion keeps what was counted; the log has all."""
BESIDE: Final = ("name", "slice", "query", "classes")
"""Fields of a basis that a recorded check has for itself, beside its evidence."""


@dataclass(frozen=True)
class Kind:
    """A kind of check is its signals, what its verdicts stand on, and how they follow from that.

    `by_share` is the key of what is kept for each share of the traffic: a record that has too many lacks it.
    """

    signals: tuple[str, ...]
    basis: type[Any]
    decide: Callable[[Any], Judgement]
    by_share: str | None = None


KINDS: Final = (
    Kind(tuple(map(str, Signal)), CountBasis, counts.decide, by_share="segments"),
    Kind((PREDICTIONS,), PredictionBasis, predictions.decide, by_share="answers"),
    Kind((PROMETHEUS,), QueryBasis, prometheus.decide),
    Kind((POD_HEALTH,), PodBasis, pod_health.decide),
)
_BY_SIGNAL: Final = {signal: kind for kind in KINDS for signal in kind.signals}


@dataclass(frozen=True)
class _Class:
    name: str


@dataclass(frozen=True)
class _Predictions:
    classes: tuple[_Class, ...] | None


@dataclass(frozen=True)
class _Recorded:
    """What a recorded check says beside its evidence."""

    name: str
    query: str | None
    slice: Slice | None
    predictions: _Predictions | None


@dataclass(frozen=True)
class _Signal:
    signal: str


def decide(basis: Basis) -> Judgement:
    """The verdict from what it stands on."""
    return _BY_SIGNAL[basis.signal].decide(basis)


def record(basis: Basis, most_shares: int | None = None) -> dict[str, Json]:
    """What a decision keeps of it, as JSON; without what there is for more than `most_shares` shares of the traffic."""
    kind = _BY_SIGNAL[basis.signal]
    kept = {"signal": basis.signal, **codec.dump(kind.basis, basis)}
    long = most_shares is not None and len(kept.get(kind.by_share or "", ())) > most_shares
    return {key: value for key, value in kept.items() if key not in BESIDE and not (long and key == kind.by_share)}


def read(check: Json) -> Basis | None:
    """The basis of a recorded check; None where it has none, not all of it, or of a signal that this release lacks.

    FormatError, a ValueError, if it is not as `record` makes it.
    """
    evidence = check.get("evidence") if isinstance(check, dict) else None
    if not evidence:
        return None
    try:
        kind = _BY_SIGNAL.get(codec.load(_Signal, evidence).signal)
        if kind is None or (kind.by_share is not None and kind.by_share not in evidence):
            return None
        found: Basis = codec.load(kind.basis, {**evidence, **_beside(codec.load(_Recorded, check))})
    except FormatError as error:
        raise FormatError(f"the evidence of {check.get('name')!s:.64} can't be read: {error}") from error
    return found


def _beside(check: _Recorded) -> dict[str, Json]:
    """The fields `BESIDE`, as a basis has them."""
    classes = check.predictions.classes if check.predictions is not None else None
    return {
        "name": check.name,
        "query": check.query or "",
        "classes": [one.name for one in classes or ()],
        "slice": codec.dump(Slice, check.slice) if check.slice is not None else None,
    }
