"""What a verdict was worked out from: what a record keeps, so that `simulate --replay` can work it out again.

As JSON it has no type of the API, since the command line reads records with Python's standard library alone. Each kind
of check has its own, in a module `record` beside its judge.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final, assert_never

from linnet.core.analysis.checks import Signal
from linnet.core.analysis.counts import record as counts_record
from linnet.core.analysis.counts.record import Counted
from linnet.core.analysis.forms import Json
from linnet.core.analysis.pod_health import record as pod_health_record
from linnet.core.analysis.pod_health.record import PODS, Pods
from linnet.core.analysis.predictions import record as predictions_record
from linnet.core.analysis.predictions.record import ANSWERS, Compared
from linnet.core.analysis.prometheus import record as prometheus_record
from linnet.core.analysis.prometheus.record import QUERY, Asked

BY_SHARE: Final = ("segments", "answers")
"""What is kept for each share of the traffic."""
MOST_SHARES: Final = 64
"""Of so many a ModelVersion keeps it; the log has all."""


Basis = Counted | Asked | Compared | Pods


def wire(basis: Basis) -> Json:
    """As JSON, without what is unset; numbers that are no integers are strings."""
    return {key: value for key, value in _form(basis).items() if value is not None}


def _form(basis: Basis) -> Json:
    match basis:
        case Counted():
            return counts_record.form(basis)
        case Asked():
            return prometheus_record.form(basis)
        case Compared():
            return predictions_record.form(basis)
        case Pods():
            return pod_health_record.form(basis)
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


_READERS: Final[Mapping[str, tuple[str, Callable[[Mapping[str, Any], Mapping[str, Any]], Basis]]]] = {
    **dict.fromkeys(map(str, Signal), ("segments", counts_record.read)),
    QUERY: ("signal", prometheus_record.read),
    ANSWERS: ("answers", predictions_record.read),
    PODS: ("signal", pod_health_record.read),
}
"""Signal → what a record may lack, being too long for it; and how it is read."""
