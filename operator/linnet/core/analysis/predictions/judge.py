"""Checks of signal Predictions: whether the canary answers as the concurrent stable does, and how far off it is.

A Fail needs both: that equality is refuted within alpha, and that the divergence exceeds its bound by more than its
error. A difference that is certain and small rolls nothing back.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from linnet.core.analysis.checks import Policy, PredictionCheck, Track
from linnet.core.analysis.codec import LARGEST_COUNT
from linnet.core.analysis.metrics.counters import excess
from linnet.core.analysis.predictions.basis import PredictionBasis
from linnet.core.analysis.predictions.evidence import PredictionEvidence
from linnet.core.analysis.statistics.divergence import SEEN, Estimate, Pair, estimate, needed, summed
from linnet.core.analysis.verdict import ClassCount, Counts, Finding, Judgement, Look, Rule, Shape, Verdict, first


@dataclass(frozen=True)
class Facts:
    """All that the rules look at; `evidence` is divided by the dispersion, `rejects` is where it refutes equality."""

    basis: PredictionBasis
    total: Pair
    found: Estimate
    dispersion: float
    evidence: float
    rejects: float

    @property
    def allowed(self) -> float:
        return self.basis.check.max_divergence


def judge(policy: Policy, check: PredictionCheck, known: PredictionEvidence, look: Look) -> Judgement:
    """The verdict on what is known at this moment."""
    answers = known.answers
    return decide(
        PredictionBasis(
            check=check,
            alpha=policy.alpha_each,
            detect_power=policy.detect_power,
            stale_after=policy.stale_after_seconds,
            answers=tuple(answers.segments.values()),
            log_evidence=answers.log_evidence,
            bursts=answers.bursts,
            clients=answers.clients,
            present=known.present,
            ages={track: round(look.now.timestamp() - at, 6) for track, at in answers.read_at.items()},
            elapsed=look.elapsed,
            required=look.required,
            problems=answers.problems,
            canary_rate=answers.recent.canary_rate,
        )
    )


def decide(basis: PredictionBasis) -> Judgement:
    """The verdict from what it stands on, now or from a record; the first rule that has a finding decides."""
    facts = _facts(basis)
    found = first(RULES, facts)
    missing = _missing(facts) if found.reason == "TooFewAnswers" else None
    counts = Counts(sum(facts.total.canary), 0, sum(facts.total.stable), 0, round(facts.dispersion, 3))
    return Judgement(
        check=basis.check.name,
        verdict=found.verdict,
        reason=found.reason,
        message=f"{found.message} (answers: canary {counts.canary_n:,}, stable {counts.stable_n:,})",
        counts=counts,
        statistic=facts.evidence,
        bound=facts.rejects,
        needed_requests=missing,
        eta_seconds=round(missing / basis.canary_rate, 1) if missing and basis.canary_rate else None,
        cause=excess(basis.problems.values()) if found.verdict is Verdict.ERROR else "",
        shape=_shape(facts),
        basis=basis,
    )


def judge_all(policy: Policy, known: PredictionEvidence | None, look: Look) -> tuple[Judgement, ...]:
    """Judge the answers if the policy compares them."""
    check = policy.resemblance
    if check is None or known is None:
        return ()
    return (judge(policy, check, known, look),)


def _facts(basis: PredictionBasis) -> Facts:
    dispersion = max(basis.bursts.ratio, basis.clients.ratio)
    return Facts(
        basis=basis,
        total=summed(basis.answers),
        found=estimate(basis.answers, dispersion),
        dispersion=dispersion,
        evidence=basis.log_evidence / dispersion,
        rejects=-math.log(basis.alpha),
    )


def _shape(facts: Facts) -> Shape:
    total, found = facts.total, facts.found
    rows = zip(facts.basis.check.classes, total.canary, total.stable, strict=True) if total.canary else ()
    return Shape(found.divergence, found.error, facts.allowed, tuple(ClassCount(*row) for row in rows))


def _missing(facts: Facts) -> int:
    """Return how many more canary answers would make a divergence of `SEEN` times the bound fail."""
    found = facts.found
    if not found.canary_n:
        return 0
    classes, odds = max(2, found.classes), found.canary_n / found.stable_n
    enough = needed(facts.allowed, classes, odds, facts.dispersion, facts.rejects, facts.basis.detect_power)
    return max(0, math.ceil(min(enough, LARGEST_COUNT) - found.canary_n))


def refuted(facts: Facts) -> Finding | None:
    """The canary does not answer as stable does, and the difference matters."""
    if facts.evidence < facts.rejects or facts.found.least <= facts.allowed:
        return None
    return Finding(Verdict.FAIL, "AnswersDiffer", f"the canary does not answer as stable does: {_told(facts)}")


def unreadable(facts: Facts) -> Finding | None:
    """A track that has pods was not read lately."""
    basis = facts.basis
    for track in (Track.CANARY, *((Track.STABLE,) if Track.STABLE in basis.present else ())):
        age = basis.ages.get(track)
        if age is None or age > basis.stale_after:
            since = "were never read" if age is None else f"were last read {age:.0f} s ago"
            why = f": {basis.problems[track]}" if track in basis.problems else ""
            return Finding(Verdict.ERROR, "MetricsUnreadable", f"the {track} pods' answers {since}{why}")
    return None


def nothing_to_compare(facts: Facts) -> Finding | None:
    """No answers yet on a track, or never at the same time."""
    for track, counts in ((Track.CANARY, facts.total.canary), (Track.STABLE, facts.total.stable)):
        if not any(counts):
            return Finding(
                Verdict.INSUFFICIENT_DATA, f"No{track.capitalize()}Answers", f"{track} has given no answers yet"
            )
    if not facts.found.canary_n:
        return Finding(
            Verdict.INSUFFICIENT_DATA, "NothingToCompare", "both tracks have not answered at the same time yet"
        )
    return None


def too_few(facts: Facts) -> Finding | None:
    """Fewer than would have shown a canary at `SEEN` times the bound, with the power promised."""
    if not (missing := _missing(facts)):
        return None
    far = f"a divergence of {SEEN * facts.allowed:.3g}"
    return Finding(
        Verdict.INSUFFICIENT_DATA, "TooFewAnswers", f"{missing:,} more canary answers are needed to see {far}"
    )


def breached(facts: Facts) -> Finding | None:
    """Enough answers, and the estimate is beyond the bound, but chance may still explain it."""
    if facts.found.divergence <= facts.allowed:
        return None
    return Finding(Verdict.INCONCLUSIVE, "MaybeAnswersDiffer", f"the canary's answers look different: {_told(facts)}")


def too_early(facts: Facts) -> Finding | None:
    """All is well, and `for` has not elapsed."""
    left = (facts.basis.required - facts.basis.elapsed).total_seconds()
    if left <= 0:
        return None
    text = f"no breach so far, {timedelta(seconds=math.ceil(left))} left: {_told(facts)}"
    return Finding(Verdict.INSUFFICIENT_DATA, "StillAnalysing", text)


def passed(facts: Facts) -> Finding:
    return Finding(Verdict.PASS, "WithinBounds", f"the canary answers as stable does: {_told(facts)}")


def _told(facts: Facts) -> str:
    found = facts.found
    allowed = f"at most {facts.allowed:.3g} allowed"
    return f"divergence {found.divergence:.4f} ± {found.error:.4f} bits, {allowed}"


RULES: Final[tuple[Rule[Facts], ...]] = (
    refuted, unreadable, nothing_to_compare, too_few, breached, too_early, passed,
)  # fmt: skip
