"""Checks of signal Predictions: whether the canary answers as the concurrent stable does, and how far off it is.

A Fail needs both: that equality is refuted within alpha, and that the divergence exceeds its bound by more than its
error. A difference that is certain and small rolls nothing back.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from linnet.core.checks import ClassCount, Counts, Judgement, Policy, Resemblance, Shape, Track, Verdict
from linnet.core.divergence import SEEN, Estimate, estimate, needed
from linnet.core.predictions import Answers


@dataclass(frozen=True)
class Case:
    """All that the rules look at; `evidence` is divided by the dispersion, `rejects` is where it refutes equality."""

    check: Resemblance
    known: Answers
    found: Estimate
    dispersion: float
    evidence: float
    rejects: float
    power: float
    stale_after: float
    elapsed: timedelta
    required: timedelta
    now: float


Said = tuple[Verdict, str, str]
"""Verdict, reason, message."""


def judge(
    policy: Policy, check: Resemblance, known: Answers, *, elapsed: timedelta, required: timedelta, now: datetime
) -> Judgement:
    """The verdict; the rules are asked in order, the first that answers decides."""
    case = _case(policy, check, known, elapsed, required, now)
    verdict, reason, message = next(said for rule in RULES if (said := rule(case)) is not None)
    total = known.total
    missing = _missing(case)
    counts = Counts(sum(total.canary), 0, sum(total.stable), 0, round(case.dispersion, 3))
    return Judgement(
        check=check.name,
        verdict=verdict,
        reason=reason,
        message=f"{message} (answers: canary {counts.canary_n:,}, stable {counts.stable_n:,})",
        counts=counts,
        statistic=case.evidence,
        bound=case.rejects,
        needed_requests=missing if reason == "TooFewAnswers" else None,
        eta_seconds=_eta(case, missing) if reason == "TooFewAnswers" else None,
        shape=_shape(case),
    )


def judge_all(
    policy: Policy, known: Answers | None, *, elapsed: timedelta, required: timedelta, now: datetime
) -> tuple[Judgement, ...]:
    """One judgement if the policy compares answers, else none."""
    check = policy.resemblance
    if check is None or known is None:
        return ()
    return (judge(policy, check, known, elapsed=elapsed, required=required, now=now),)


def _case(
    policy: Policy, check: Resemblance, known: Answers, elapsed: timedelta, required: timedelta, now: datetime
) -> Case:
    dispersion = known.dispersion
    return Case(
        check=check,
        known=known,
        found=estimate(known.segments.values(), dispersion),
        dispersion=dispersion,
        evidence=known.evidence / dispersion,
        rejects=-math.log(policy.alpha_each),
        power=policy.detect_power,
        stale_after=policy.stale_after_seconds,
        elapsed=elapsed,
        required=required,
        now=now.timestamp(),
    )


def _shape(case: Case) -> Shape:
    total, found = case.known.total, case.found
    rows = zip(case.known.classes, total.canary, total.stable, strict=True) if total.canary else ()
    return Shape(found.divergence, found.error, case.check.max_divergence, tuple(ClassCount(*row) for row in rows))


def _missing(case: Case) -> int:
    """Canary answers until a divergence of `SEEN` times the bound would have failed."""
    found = case.found
    if not found.canary_n:
        return 0
    classes, odds = max(2, found.classes), found.canary_n / found.stable_n
    enough = needed(case.check.max_divergence, classes, odds, case.dispersion, case.rejects, case.power)
    return max(0, math.ceil(enough - found.canary_n))


def _eta(case: Case, missing: int) -> float | None:
    recent = case.known.recent
    return round(missing * recent.seconds / recent.canary_n, 1) if recent.canary_n else None


def refuted(case: Case) -> Said | None:
    """The canary does not answer as stable does, and the difference matters."""
    if case.evidence < case.rejects or case.found.least <= case.check.max_divergence:
        return None
    return Verdict.FAIL, "AnswersDiffer", f"the canary does not answer as stable does: {_told(case)}"


def unreadable(case: Case) -> Said | None:
    """A track that has pods was not read lately."""
    for track in (Track.CANARY, *((Track.STABLE,) if Track.STABLE in case.known.present else ())):
        at = case.known.read_at.get(track)
        if at is None or case.now - at > case.stale_after:
            since = "were never read" if at is None else f"were last read {case.now - at:.0f} s ago"
            why = f": {case.known.problems[track]}" if track in case.known.problems else ""
            return Verdict.ERROR, "MetricsUnreadable", f"the {track} pods' answers {since}{why}"
    return None


def nothing_to_compare(case: Case) -> Said | None:
    """No answers yet on a track, or never at the same time."""
    total = case.known.total
    for track, counts in ((Track.CANARY, total.canary), (Track.STABLE, total.stable)):
        if not any(counts):
            return Verdict.INSUFFICIENT_DATA, f"No{track.capitalize()}Answers", f"{track} has given no answers yet"
    if not case.found.canary_n:
        return Verdict.INSUFFICIENT_DATA, "NothingToCompare", "both tracks have not answered at the same time yet"
    return None


def too_few(case: Case) -> Said | None:
    """Fewer than would have shown a canary at `SEEN` times the bound, with the power promised."""
    if not (missing := _missing(case)):
        return None
    far = f"a divergence of {SEEN * case.check.max_divergence:.3g}"
    return Verdict.INSUFFICIENT_DATA, "TooFewAnswers", f"{missing:,} more canary answers are needed to see {far}"


def breached(case: Case) -> Said | None:
    """Enough answers, and the estimate is beyond the bound, but chance may still explain it."""
    if case.found.divergence <= case.check.max_divergence:
        return None
    return Verdict.INCONCLUSIVE, "MaybeAnswersDiffer", f"the canary's answers look different: {_told(case)}"


def too_early(case: Case) -> Said | None:
    """All is well, and `for` has not elapsed."""
    left = (case.required - case.elapsed).total_seconds()
    if left <= 0:
        return None
    text = f"no breach so far, {timedelta(seconds=math.ceil(left))} left: {_told(case)}"
    return Verdict.INSUFFICIENT_DATA, "StillAnalysing", text


def passed(case: Case) -> Said:
    return Verdict.PASS, "WithinBounds", f"the canary answers as stable does: {_told(case)}"


def _told(case: Case) -> str:
    found = case.found
    allowed = f"at most {case.check.max_divergence:.3g} allowed"
    return f"divergence {found.divergence:.4f} ± {found.error:.4f} bits, {allowed}"


RULES: Final[tuple[Callable[[Case], Said | None], ...]] = (
    refuted, unreadable, nothing_to_compare, too_few, breached, too_early, passed,
)  # fmt: skip
