"""Why it rolled back, went on, or waits: the verdict on each check from the sums of its evidence."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta

from linnet.core.checks import Check, Counts, Judgement, Policy, Signal, Track, Verdict, policy_hash
from linnet.core.evidence import Evidence

__all__ = [
    "Check",
    "Counts",
    "Judgement",
    "Policy",
    "Signal",
    "Track",
    "Verdict",
    "judge",
    "judge_all",
    "overall",
    "policy_hash",
]


def judge(
    policy: Policy,
    check: Check,
    evidence: Evidence,
    *,
    elapsed: timedelta,
    required: timedelta,
    now: datetime,
) -> Judgement:
    """The verdict on one check; `elapsed` of this analysis so far, `required` is its `for`."""
    raise NotImplementedError


def judge_all(
    policy: Policy, evidence: Evidence, *, elapsed: timedelta, required: timedelta, now: datetime
) -> tuple[Judgement, ...]:
    """One judgement for each check of the policy, in its order."""
    return tuple(
        judge(policy, check, evidence, elapsed=elapsed, required=required, now=now) for check in policy.checks
    )


def overall(judgements: Iterable[Judgement]) -> Verdict:
    """Fail beats all; then Error, InsufficientData, Inconclusive hold; Pass only if all pass."""
    verdicts = {judgement.verdict for judgement in judgements}
    if not verdicts:
        return Verdict.INSUFFICIENT_DATA
    order = (Verdict.FAIL, Verdict.ERROR, Verdict.INSUFFICIENT_DATA, Verdict.INCONCLUSIVE, Verdict.PASS)
    return next(verdict for verdict in order if verdict in verdicts)
