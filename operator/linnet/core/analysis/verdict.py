"""What a judgement says: the verdict on one check, with the numbers that `explain` and the status need."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from linnet.core.analysis.records import Basis


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
class Asked:
    """A named query's value at the time of a judgement, and what it is held against; None = none."""

    query: str
    value: float | None = None
    min: float | None = None
    max: float | None = None


@dataclass(frozen=True)
class ClassCount:
    """Answers of one class by track."""

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


@dataclass(frozen=True)
class Judgement:
    """The verdict on one check, with everything that `explain` and the status need.

    `statistic` is the log-evidence against the bound, `bound` the value at which it rejects (both
    natural logarithms, of the hypothesis nearest to rejection). `needed_requests` are canary requests
    still missing, `eta_seconds` their time at the present rate; None where unknown or none are missing.
    `asked` is there where the check asks a named query, `shape` where it compares answers, and `cause` where a person
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
    asked: Asked | None = None
    cause: str = ""
    shape: Shape | None = None
    basis: Basis | None = None
