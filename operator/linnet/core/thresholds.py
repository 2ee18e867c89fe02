"""Checks of signal Prometheus: a plain threshold on a value that somebody else has counted, outside alpha.

A value says neither how many requests it stands on nor how it scatters, so that no test of it has a known error. What
stands instead: a breach counts only if it lasts for `LIMIT` answers in succession, and no answer is never a breach.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import timedelta
from hashlib import sha256
from typing import Final

from linnet.core.checks import Asked, Judgement, Verdict
from linnet.core.instant import Answer, Failure, NoValue, Value
from linnet.core.queries import Question

LIMIT: Final = 3
"""So many answers beyond the bound in succession fail the canary: one odd answer is none, and two may be one twice."""
SKEW_SECONDS: Final = 60.0
"""An answer for another time than now is of a cache, or one of the clocks is wrong."""


@dataclass(frozen=True)
class Threshold:
    """One check: the value of the named query is at least `min`, at most `max`, or both."""

    name: str
    query: str
    min: float | None = None
    max: float | None = None

    def holds(self, value: float) -> bool:
        return (self.min is None or value >= self.min) and (self.max is None or value <= self.max)

    @property
    def text(self) -> str:
        """`at least 0.99`."""
        low = f"at least {self.min:.8g}" if self.min is not None else ""
        high = f"at most {self.max:.8g}" if self.max is not None else ""
        return " and ".join(filter(None, (low, high)))


@dataclass(frozen=True)
class Measured:
    """What is known for one check. Times are in epoch seconds of the operator's clock.

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
class Setting:
    """What the rules of a verdict look at besides what was measured.

    `known`: names of the platform's queries. `answered`: whether the canary has answered a request; None = not
    knowable. `elapsed` of this step so far, `required` is its `for`.
    """

    known: tuple[str, ...]
    answered: bool | None
    elapsed: timedelta
    required: timedelta
    stale_after: float
    now: float


def heard(
    check: Threshold, known: Measured, question: Question, answer: Answer, now: float, stale_after: float
) -> Measured:
    """One answer more. One that is missing neither adds to a row of breaches nor ends it, unless it lasts."""
    digest = sha256(question.text.encode()).hexdigest()[:16]
    if known.question != digest or _old(known, now, stale_after):
        known = Measured(digest)
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


def _old(known: Measured, now: float, stale_after: float) -> bool:
    return known.read_at is None or now - known.read_at > stale_after


def judge(check: Threshold, known: Measured, setting: Setting) -> Judgement:
    """The verdict; the rules are asked in order, the first that answers decides."""
    said = next(found for rule in RULES if (found := rule(check, known, setting)) is not None)
    verdict, reason, message = said
    value = known.value if known.read_at is not None else None
    return Judgement(
        check=check.name,
        verdict=verdict,
        reason=reason,
        message=f"query {check.query}: {message}",
        asked=Asked(check.query, value, check.min, check.max),
        cause=message if verdict is Verdict.ERROR or reason == "NoValue" else "",
    )


Said = tuple[Verdict, str, str]
"""Verdict, reason, message."""


def unknown(check: Threshold, _: Measured, setting: Setting) -> Said | None:
    """The platform took the query away in mid-rollout."""
    if check.query in setting.known:
        return None
    there = ", ".join(setting.known) or "none"
    return Verdict.ERROR, "UnknownQuery", f"the platform has no such query; it has {there}"


def idle(_: Threshold, __: Measured, setting: Setting) -> Said | None:
    """Whatever the query says then, it is not about this canary: some give 0 where there were no requests."""
    if setting.answered is not False:
        return None
    return Verdict.INSUFFICIENT_DATA, "NoCanaryRequests", "the canary has had no requests yet"


def missing(_: Threshold, known: Measured, setting: Setting) -> Said | None:
    """Not asked yet, or the last answer was none."""
    if known.asked_at is None:
        return Verdict.INSUFFICIENT_DATA, "NotAskedYet", "not asked yet"
    if known.problem:
        return (Verdict.INSUFFICIENT_DATA, "NoValue", known.problem) if known.silent else (
            Verdict.ERROR, "QueryFailed", known.problem,
        )  # fmt: skip
    if setting.now - (known.read_at or 0.0) > setting.stale_after:
        return Verdict.ERROR, "StaleValue", "no new answer came for too long"
    return None


def breached(check: Threshold, known: Measured, _: Setting) -> Said | None:
    """Fail once it has lasted."""
    if not known.breaches:
        return None
    text = f"{known.value:.8g}, and must be {check.text}; {known.breaches} such answers in succession"
    if known.breaches >= LIMIT:
        return Verdict.FAIL, "ThresholdBreached", text
    return Verdict.INCONCLUSIVE, "MaybeThresholdBreached", f"{text}, and {LIMIT} fail"


def too_early(_: Threshold, known: Measured, setting: Setting) -> Said | None:
    """No answer in this step yet, or `for` has not elapsed."""
    if (known.read_at or 0.0) < setting.now - setting.elapsed.total_seconds():
        return Verdict.INSUFFICIENT_DATA, "NoValueInStep", "not asked in this step yet"
    if setting.elapsed < setting.required:
        return Verdict.INSUFFICIENT_DATA, "StillAnalysing", "no breach so far, and its time is not over"
    return None


def passed(check: Threshold, known: Measured, _: Setting) -> Said:
    return Verdict.PASS, "WithinBounds", f"{known.value:.8g} is {check.text}"


RULES: Final[tuple[Callable[[Threshold, Measured, Setting], Said | None], ...]] = (
    unknown, idle, missing, breached, too_early, passed,
)  # fmt: skip
