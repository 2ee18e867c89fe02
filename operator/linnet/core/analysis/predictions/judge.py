"""Checks of signal Predictions: whether the canary answers as the concurrent stable does, and how far off it is.

A Fail needs both: that equality is refuted within alpha, and that the divergence exceeds its bound by more than its
error. A difference that is certain and small rolls nothing back.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from linnet.core.analysis.checks import Policy, Resemblance, Track
from linnet.core.analysis.look import Look
from linnet.core.analysis.predictions.evidence import Answers
from linnet.core.analysis.predictions.record import Compared
from linnet.core.analysis.statistics.divergence import SEEN, Estimate, Pair, estimate, needed, summed
from linnet.core.analysis.verdict import ClassCount, Counts, Judgement, Shape, Verdict


@dataclass(frozen=True)
class Case:
    """All that the rules look at; `evidence` is divided by the dispersion, `rejects` is where it refutes equality."""

    basis: Compared
    total: Pair
    found: Estimate
    dispersion: float
    evidence: float
    rejects: float

    @property
    def allowed(self) -> float:
        return self.basis.check.max_divergence


Said = tuple[Verdict, str, str]
"""Verdict, reason, message."""


def judge(policy: Policy, check: Resemblance, known: Answers, look: Look) -> Judgement:
    """The verdict on what is known at this moment."""
    return weighed(
        Compared(
            check=check,
            alpha=policy.alpha_each,
            detect_power=policy.detect_power,
            stale_after=policy.stale_after_seconds,
            segments=tuple(known.segments.values()),
            evidence=known.evidence,
            bursts=known.bursts,
            clients=known.clients,
            present=known.present,
            ages={track: round(look.now.timestamp() - at, 6) for track, at in known.read_at.items()},
            elapsed=look.elapsed,
            required=look.required,
            problems=known.problems,
            canary_rate=known.recent.canary_rate,
        )
    )


def weighed(basis: Compared) -> Judgement:
    """The verdict from what it stands on, now or from a record; the first rule that answers decides."""
    case = _case(basis)
    verdict, reason, message = next(said for rule in RULES if (said := rule(case)) is not None)
    missing = _missing(case) if reason == "TooFewAnswers" else None
    counts = Counts(sum(case.total.canary), 0, sum(case.total.stable), 0, round(case.dispersion, 3))
    return Judgement(
        check=basis.check.name,
        verdict=verdict,
        reason=reason,
        message=f"{message} (answers: canary {counts.canary_n:,}, stable {counts.stable_n:,})",
        counts=counts,
        statistic=case.evidence,
        bound=case.rejects,
        needed_requests=missing,
        eta_seconds=round(missing / basis.canary_rate, 1) if missing and basis.canary_rate else None,
        shape=_shape(case),
        basis=basis,
    )


def judge_all(policy: Policy, known: Answers | None, look: Look) -> tuple[Judgement, ...]:
    """One judgement if the policy compares answers, else none."""
    check = policy.resemblance
    if check is None or known is None:
        return ()
    return (judge(policy, check, known, look),)


def _case(basis: Compared) -> Case:
    dispersion = max(basis.bursts.ratio, basis.clients.ratio)
    return Case(
        basis=basis,
        total=summed(basis.segments),
        found=estimate(basis.segments, dispersion),
        dispersion=dispersion,
        evidence=basis.evidence / dispersion,
        rejects=-math.log(basis.alpha),
    )


def _shape(case: Case) -> Shape:
    total, found = case.total, case.found
    rows = zip(case.basis.check.classes, total.canary, total.stable, strict=True) if total.canary else ()
    return Shape(found.divergence, found.error, case.allowed, tuple(ClassCount(*row) for row in rows))


def _missing(case: Case) -> int:
    """Canary answers until a divergence of `SEEN` times the bound would have failed."""
    found = case.found
    if not found.canary_n:
        return 0
    classes, odds = max(2, found.classes), found.canary_n / found.stable_n
    enough = needed(case.allowed, classes, odds, case.dispersion, case.rejects, case.basis.detect_power)
    return max(0, math.ceil(enough - found.canary_n))


def refuted(case: Case) -> Said | None:
    """The canary does not answer as stable does, and the difference matters."""
    if case.evidence < case.rejects or case.found.least <= case.allowed:
        return None
    return Verdict.FAIL, "AnswersDiffer", f"the canary does not answer as stable does: {_told(case)}"


def unreadable(case: Case) -> Said | None:
    """A track that has pods was not read lately."""
    basis = case.basis
    for track in (Track.CANARY, *((Track.STABLE,) if Track.STABLE in basis.present else ())):
        age = basis.ages.get(track)
        if age is None or age > basis.stale_after:
            since = "were never read" if age is None else f"were last read {age:.0f} s ago"
            why = f": {basis.problems[track]}" if track in basis.problems else ""
            return Verdict.ERROR, "MetricsUnreadable", f"the {track} pods' answers {since}{why}"
    return None


def nothing_to_compare(case: Case) -> Said | None:
    """No answers yet on a track, or never at the same time."""
    for track, counts in ((Track.CANARY, case.total.canary), (Track.STABLE, case.total.stable)):
        if not any(counts):
            return Verdict.INSUFFICIENT_DATA, f"No{track.capitalize()}Answers", f"{track} has given no answers yet"
    if not case.found.canary_n:
        return Verdict.INSUFFICIENT_DATA, "NothingToCompare", "both tracks have not answered at the same time yet"
    return None


def too_few(case: Case) -> Said | None:
    """Fewer than would have shown a canary at `SEEN` times the bound, with the power promised."""
    if not (missing := _missing(case)):
        return None
    far = f"a divergence of {SEEN * case.allowed:.3g}"
    return Verdict.INSUFFICIENT_DATA, "TooFewAnswers", f"{missing:,} more canary answers are needed to see {far}"


def breached(case: Case) -> Said | None:
    """Enough answers, and the estimate is beyond the bound, but chance may still explain it."""
    if case.found.divergence <= case.allowed:
        return None
    return Verdict.INCONCLUSIVE, "MaybeAnswersDiffer", f"the canary's answers look different: {_told(case)}"


def too_early(case: Case) -> Said | None:
    """All is well, and `for` has not elapsed."""
    left = (case.basis.required - case.basis.elapsed).total_seconds()
    if left <= 0:
        return None
    text = f"no breach so far, {timedelta(seconds=math.ceil(left))} left: {_told(case)}"
    return Verdict.INSUFFICIENT_DATA, "StillAnalysing", text


def passed(case: Case) -> Said:
    return Verdict.PASS, "WithinBounds", f"the canary answers as stable does: {_told(case)}"


def _told(case: Case) -> str:
    found = case.found
    allowed = f"at most {case.allowed:.3g} allowed"
    return f"divergence {found.divergence:.4f} ± {found.error:.4f} bits, {allowed}"


RULES: Final[tuple[Callable[[Case], Said | None], ...]] = (
    refuted, unreadable, nothing_to_compare, too_few, breached, too_early, passed,
)  # fmt: skip
