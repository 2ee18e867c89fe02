"""Checks of signal Prometheus: a plain threshold on a value that somebody else has counted, outside alpha.

A value says neither how many requests it stands on nor how it scatters, so that no test of it has a known error. What
stands instead: a breach counts only if it lasts for `LIMIT` answers in succession, and no answer is never a breach.
"""

from collections.abc import Callable, Collection
from dataclasses import dataclass, replace
from hashlib import sha256
from typing import Final

from linnet.core.analysis.look import Look
from linnet.core.analysis.prometheus import record as prometheus_record
from linnet.core.analysis.prometheus.query_template import Question
from linnet.core.analysis.prometheus.response import Answer, Failure, NoValue, Value
from linnet.core.analysis.verdict import Asked, Judgement, Verdict

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
    knowable. `stale_after` is in seconds.
    """

    known: tuple[str, ...]
    answered: bool | None
    look: Look
    stale_after: float


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
    """The verdict on one check at this moment."""
    read_ago = None if known.read_at is None else round(setting.look.now.timestamp() - known.read_at, 6)
    return weighed(
        prometheus_record.Asked(
            name=check.name,
            query=check.query,
            min=check.min,
            max=check.max,
            stale_after=setting.stale_after,
            value=known.value,
            read_ago=read_ago,
            breaches=known.breaches,
            asked=known.asked_at is not None,
            known=check.query in setting.known,
            answered=setting.answered,
            problem=known.problem,
            silent=known.silent,
            elapsed=setting.look.elapsed,
            required=setting.look.required,
        ),
        setting.known,
    )


def weighed(case: prometheus_record.Asked, there: Collection[str] = ()) -> Judgement:
    """The verdict from what it stands on, now or from a record; `there` are the platform's queries.

    The rules are asked in order, the first that answers decides.
    """
    verdict, reason, message = next(found for rule in RULES if (found := rule(case, there)) is not None)
    value = case.value if case.read_ago is not None else None
    return Judgement(
        check=case.name,
        verdict=verdict,
        reason=reason,
        message=f"query {case.query}: {message}",
        asked=Asked(case.query, value, case.min, case.max),
        cause=message if verdict is Verdict.ERROR or reason == "NoValue" else "",
        basis=case,
    )


Said = tuple[Verdict, str, str]
"""Verdict, reason, message."""


def unknown(case: prometheus_record.Asked, there: Collection[str]) -> Said | None:
    """The platform took the query away in mid-rollout."""
    if case.known:
        return None
    return Verdict.ERROR, "UnknownQuery", f"the platform has no such query; it has {', '.join(there) or 'none'}"


def idle(case: prometheus_record.Asked, _: Collection[str]) -> Said | None:
    """Whatever the query says then, it is not about this canary: some give 0 where there were no requests."""
    if case.answered is not False:
        return None
    return Verdict.INSUFFICIENT_DATA, "NoCanaryRequests", "the canary has had no requests yet"


def missing(case: prometheus_record.Asked, _: Collection[str]) -> Said | None:
    """Not asked yet, or the last answer was none."""
    if not case.asked:
        return Verdict.INSUFFICIENT_DATA, "NotAskedYet", "not asked yet"
    if case.problem:
        return (Verdict.INSUFFICIENT_DATA, "NoValue", case.problem) if case.silent else (
            Verdict.ERROR, "QueryFailed", case.problem,
        )  # fmt: skip
    if case.read_ago is None or case.read_ago > case.stale_after:
        return Verdict.ERROR, "StaleValue", "no new answer came for too long"
    return None


def breached(case: prometheus_record.Asked, _: Collection[str]) -> Said | None:
    """Fail once it has lasted."""
    if not case.breaches:
        return None
    text = f"{case.value:.8g}, and must be {_bounds(case).text}; {case.breaches} such answers in succession"
    if case.breaches >= LIMIT:
        return Verdict.FAIL, "ThresholdBreached", text
    return Verdict.INCONCLUSIVE, "MaybeThresholdBreached", f"{text}, and {LIMIT} fail"


def too_early(case: prometheus_record.Asked, _: Collection[str]) -> Said | None:
    """No answer in this step yet, or `for` has not elapsed."""
    if case.read_ago is None or case.read_ago > case.elapsed.total_seconds():
        return Verdict.INSUFFICIENT_DATA, "NoValueInStep", "not asked in this step yet"
    if case.elapsed < case.required:
        return Verdict.INSUFFICIENT_DATA, "StillAnalysing", "no breach so far, and its time is not over"
    return None


def passed(case: prometheus_record.Asked, _: Collection[str]) -> Said:
    return Verdict.PASS, "WithinBounds", f"{case.value:.8g} is {_bounds(case).text}"


def _bounds(case: prometheus_record.Asked) -> Threshold:
    return Threshold(case.name, case.query, case.min, case.max)


RULES: Final[tuple[Callable[[prometheus_record.Asked, Collection[str]], Said | None], ...]] = (
    unknown, idle, missing, breached, too_early, passed,
)  # fmt: skip
