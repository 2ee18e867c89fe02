"""What a verdict on a named query's value was worked out from, and how a record keeps it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final

from linnet.core.analysis.forms import number, read_times, real, times

QUERY: Final = "Prometheus"
"""The signal of those that ask a named query."""
Json = dict[str, Any]


@dataclass(frozen=True)
class Asked:
    """`read_ago`: seconds since `value` came, None = never.

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


def form(basis: Asked) -> Json:
    """As JSON; `None` is unset."""
    return {
        "signal": QUERY,
        "min": real(basis.min),
        "max": real(basis.max),
        "value": real(basis.value),
        "readAgo": real(basis.read_ago),
        "breaches": basis.breaches,
        "asked": basis.asked,
        "known": basis.known,
        "answered": basis.answered,
        "failed": bool(basis.problem),
        "silent": basis.silent,
        **times(basis.stale_after, basis.elapsed, basis.required),
    }


def read(check: Mapping[str, Any], kept: Mapping[str, Any]) -> Asked:
    """The inverse, of a recorded check and its evidence."""
    return Asked(
        name=str(check["name"]),
        query=str(check.get("query", "")),
        min=number(kept.get("min")),
        max=number(kept.get("max")),
        value=number(kept.get("value")),
        read_ago=number(kept.get("readAgo")),
        breaches=int(kept["breaches"]),
        asked=bool(kept["asked"]),
        known=bool(kept["known"]),
        answered=kept.get("answered"),
        problem="there was no answer" if kept["failed"] else "",
        silent=bool(kept["silent"]),
        **read_times(kept),
    )
