"""Checks of signal Prometheus: a plain threshold on a value that somebody else has counted, outside alpha.

A value says neither how many requests it stands on nor how it scatters, so that no test of it has a known error. What
stands instead: a breach counts only if it lasts for `LIMIT` answers in succession, and no answer is never a breach.
"""

from dataclasses import dataclass
from typing import Final

from linnet.core.analysis.checks import QueryCheck
from linnet.core.analysis.prometheus.basis import QueryBasis
from linnet.core.analysis.prometheus.evidence import Measurement
from linnet.core.analysis.verdict import Finding, Judgement, Look, QueryValue, Rule, Verdict, first

LIMIT: Final = 3
"""So many answers beyond the bound in succession fail the canary: one odd answer is none, and two may be one twice."""


@dataclass(frozen=True)
class Context:
    """What a verdict depends on besides what was measured.

    `queries`: names of those that the platform has. `answered`: whether the canary has answered a request; None = not
    knowable. `stale_after` is in seconds.
    """

    queries: tuple[str, ...]
    answered: bool | None
    look: Look
    stale_after: float


def judge(check: QueryCheck, known: Measurement, context: Context) -> Judgement:
    """The verdict on one check at this moment."""
    return decide(
        QueryBasis(
            check=check,
            stale_after=context.stale_after,
            value=known.value,
            read_ago=None if known.read_at is None else round(context.look.now.timestamp() - known.read_at, 6),
            breaches=known.breaches,
            asked=known.asked_at is not None,
            known=check.query in context.queries,
            answered=context.answered,
            failed=bool(known.problem),
            silent=known.silent,
            elapsed=context.look.elapsed,
            required=context.look.required,
            problem=known.problem,
            queries=context.queries,
        )
    )


def decide(basis: QueryBasis) -> Judgement:
    """The verdict from what it stands on, now or from a record; the first rule that has a finding decides."""
    check, found = basis.check, first(RULES, basis)
    value = basis.value if basis.read_ago is not None else None
    return Judgement(
        check=check.name,
        verdict=found.verdict,
        reason=found.reason,
        message=f"query {check.query}: {found.message}",
        query=QueryValue(check.query, value, check.min, check.max),
        cause=found.message if found.verdict is Verdict.ERROR or found.reason == "NoValue" else "",
        basis=basis,
    )


def unknown(basis: QueryBasis) -> Finding | None:
    """The platform took the query away in mid-rollout."""
    if basis.known:
        return None
    there = ", ".join(basis.queries) or "none"
    return Finding(Verdict.ERROR, "UnknownQuery", f"the platform has no such query; it has {there}")


def idle(basis: QueryBasis) -> Finding | None:
    """Whatever the query says then, it is not about this canary: some give 0 where there were no requests."""
    if basis.answered is not False:
        return None
    return Finding(Verdict.INSUFFICIENT_DATA, "NoCanaryRequests", "the canary has had no requests yet")


def missing(basis: QueryBasis) -> Finding | None:
    """The query was not asked yet, or its last answer was none."""
    if not basis.asked:
        return Finding(Verdict.INSUFFICIENT_DATA, "NotAskedYet", "not asked yet")
    if basis.failed and basis.silent:
        return Finding(Verdict.INSUFFICIENT_DATA, "NoValue", basis.problem)
    if basis.failed:
        return Finding(Verdict.ERROR, "QueryFailed", basis.problem)
    if basis.read_ago is None or basis.read_ago > basis.stale_after:
        return Finding(Verdict.ERROR, "StaleValue", "no new answer came for too long")
    return None


def breached(basis: QueryBasis) -> Finding | None:
    """Fail once it has lasted."""
    if not basis.breaches:
        return None
    text = f"{basis.value:.8g}, and must be {basis.check.text}; {basis.breaches} such answers in succession"
    if basis.breaches >= LIMIT:
        return Finding(Verdict.FAIL, "ThresholdBreached", text)
    return Finding(Verdict.INCONCLUSIVE, "MaybeThresholdBreached", f"{text}, and {LIMIT} fail")


def too_early(basis: QueryBasis) -> Finding | None:
    """No answer in this step yet, or `for` has not elapsed."""
    if basis.read_ago is None or basis.read_ago > basis.elapsed.total_seconds():
        return Finding(Verdict.INSUFFICIENT_DATA, "NoValueInStep", "not asked in this step yet")
    if basis.elapsed < basis.required:
        return Finding(Verdict.INSUFFICIENT_DATA, "StillAnalysing", "no breach so far, and its time is not over")
    return None


def passed(basis: QueryBasis) -> Finding:
    return Finding(Verdict.PASS, "WithinBounds", f"{basis.value:.8g} is {basis.check.text}")


RULES: Final[tuple[Rule[QueryBasis], ...]] = (
    unknown, idle, missing, breached, too_early, passed,
)  # fmt: skip
