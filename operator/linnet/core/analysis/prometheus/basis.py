"""What a verdict on a named query's value stands on, as a decision keeps it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Annotated, ClassVar, Final

from linnet.core.analysis.checks import QueryCheck, Slice
from linnet.core.analysis.codec import Inline, NotKept

PROMETHEUS: Final = "Prometheus"
"""The signal of checks that ask a named query."""


@dataclass(frozen=True)
class QueryBasis:
    """What one query's check is judged by.

    `read_ago`: seconds since `value` came, None = never. `known`: whether the platform has the query; `answered`:
    whether the canary answered a request, None = not knowable. `failed`: whether the last answer was none, for the
    reason `problem`; `silent`: whether that was a good answer without a value. `queries` are the platform's.
    """

    signal: ClassVar[str] = PROMETHEUS
    slice: ClassVar[Slice | None] = None

    check: Annotated[QueryCheck, Inline()]
    stale_after: float
    value: float | None = None
    read_ago: float | None = None
    breaches: int = 0
    asked: bool = False
    known: bool = True
    answered: bool | None = None
    failed: bool = False
    silent: bool = False
    elapsed: timedelta = timedelta(0)
    required: timedelta = timedelta(0)
    problem: NotKept[str] = "there was no answer"
    queries: NotKept[tuple[str, ...]] = ()
