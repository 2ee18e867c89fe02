"""What a judgement says: the verdict on one check, with the numbers that `explain` and the status need."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Protocol, TypeVar

from linnet.core.analysis.checks import Slice


class Verdict(StrEnum):
    """Only `FAIL` rolls back, only `PASS` goes on; the other three hold and say so."""

    FAIL = "Fail"
    PASS = "Pass"  # noqa: S105 (a verdict, not a password)
    INSUFFICIENT_DATA = "InsufficientData"
    INCONCLUSIVE = "Inconclusive"
    ERROR = "Error"


@dataclass(frozen=True)
class Counts:
    """What a judgement stands on: requests and bad requests by track, and the dispersion used."""

    canary_n: int = 0
    canary_bad: int = 0
    stable_n: int = 0
    stable_bad: int = 0
    dispersion: float = 1.0


@dataclass(frozen=True)
class QueryValue:
    """A named query's value at the time of a judgement, and what it is held against; None = none."""

    query: str
    value: float | None = None
    min: float | None = None
    max: float | None = None


@dataclass(frozen=True)
class ClassCount:
    """Each track gave so many answers of one class."""

    name: str
    canary: int
    stable: int


@dataclass(frozen=True)
class Shape:
    """What a judgement on predictions stands on: divergence and error in bits, and both distributions."""

    divergence: float
    error: float
    max: float
    classes: tuple[ClassCount, ...] = ()


class Basis(Protocol):
    """What a verdict was worked out from: all that it depends on, so that it can be worked out again.

    A frozen dataclass whose type hints say how a record keeps it (`codec`); `kinds` knows who judges it.
    """

    @property
    def signal(self) -> str:
        """What was measured, as policies and records call it."""

    @property
    def slice(self) -> Slice | None:
        """The part of the traffic that was judged; None = all of it."""


@dataclass(frozen=True)
class Judgement:
    """The verdict on one check, with everything that `explain` and the status need.

    `statistic` is the log-evidence against the bound, `bound` the value at which it rejects (both
    natural logarithms, of the hypothesis nearest to rejection). `needed_requests` are canary requests
    still missing, `eta_seconds` their time at the present rate; None where unknown or none are missing.
    `query` is there where the check asks a named query, `shape` where it compares answers, and `cause` where a person
    can mend it: a sentence that stays the same from look to look. `basis` is what the verdict was worked out from,
    where that can be done again.
    """

    check: str
    verdict: Verdict
    reason: str
    message: str
    counts: Counts = field(default_factory=Counts)
    statistic: float = 0.0
    bound: float = 0.0
    needed_requests: int | None = None
    eta_seconds: float | None = None
    query: QueryValue | None = None
    cause: str = ""
    shape: Shape | None = None
    basis: Basis | None = None


@dataclass(frozen=True)
class Finding:
    """What a rule concludes: `needed` canary requests and `wait` seconds until that may change, where known."""

    verdict: Verdict
    reason: str
    message: str
    needed: int | None = None
    wait: float | None = None


F = TypeVar("F")
Rule = Callable[[F], Finding | None]
"""One rule of a kind of check: from the facts to its finding, None where it has none."""


def first(rules: Sequence[Rule[F]], facts: F) -> Finding:
    """The finding of the first rule that has one; the last rule always has."""
    return next(found for rule in rules if (found := rule(facts)) is not None)


@dataclass(frozen=True)
class Look:
    """`elapsed`: how long this step has lasted so far; `required`: how long it must last (`for`); `now` has a zone."""

    elapsed: timedelta
    required: timedelta
    now: datetime
