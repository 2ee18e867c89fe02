"""What the platform's Prometheus has said of a canary: for each named query its last value, and a row of breaches."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from hashlib import sha256
from typing import Final, Self

from linnet.core.analysis.checks import QueryCheck
from linnet.core.analysis.prometheus.query_template import Question
from linnet.core.analysis.prometheus.response import Answer, Failure, NoValue, Value

SKEW_SECONDS: Final = 60.0
"""An answer for another time than now is of a cache, or one of the clocks is wrong."""


@dataclass(frozen=True)
class Measurement:
    """What is known of one check's query. Times are in epoch seconds of the operator's clock.

    `question` is a digest of what was asked: answers to another question count from the beginning.
    `problem` is of the last answer, `silent` if that one was no failure but no value either.
    """

    question: str = ""
    asked_at: float | None = None
    value: float | None = None
    read_at: float | None = None
    breaches: int = 0
    problem: str = ""
    silent: bool = False


@dataclass(frozen=True)
class Measurements:
    """These are the measurements of all checks of one rollout.

    `answered`: the canary has had a request; None = not knowable.
    """

    checks: Mapping[str, Measurement] = field(default_factory=dict)
    answered: bool | None = None

    def until(self, now: float) -> Self:
        """The measurements, of which none was made later than now."""
        return replace(self, checks={name: _until(one, now) for name, one in self.checks.items()})


def _until(known: Measurement, now: float) -> Measurement:
    asked_at, read_at = (None if at is None else min(at, now) for at in (known.asked_at, known.read_at))
    return replace(known, asked_at=asked_at, read_at=read_at)


def updated(
    check: QueryCheck, known: Measurement, question: Question, answer: Answer, now: float, stale_after: float
) -> Measurement:
    """What is known after one answer more.

    An answer that is missing neither adds to a row of breaches nor ends it, unless it lasts.
    """
    digest = sha256(question.text.encode()).hexdigest()[:16]
    if known.question != digest or _old(known, now, stale_after):
        known = Measurement(digest)
    known = replace(known, asked_at=now, problem="", silent=False)
    match answer:
        case Value(value, at) if abs(at - now) <= SKEW_SECONDS:
            breaches = 0 if check.holds(value) else known.breaches + 1
            return replace(known, value=value, read_at=now, breaches=breaches)
        case Value():
            return replace(known, problem="the server answered for another time than now: compare the clocks")
        case NoValue(problem):
            return replace(known, problem=problem, silent=True)
        case Failure(problem):
            return replace(known, problem=problem)


def _old(known: Measurement, now: float, stale_after: float) -> bool:
    return known.read_at is None or now - known.read_at > stale_after
