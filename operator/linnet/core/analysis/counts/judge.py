"""Why it rolled back, went on, or waits: the verdict on each check from the sums of its evidence.

The decision is in `rules`; the mathematics in `statistics`: `evalues` (the test, and the slices of a check),
`dispersion` (bursts), `power` (how much is enough) and `hypotheses` (a check's bounds). docs/explanation/analysis.md
explains it, bench/judge/detection.py and bench/judge/slices.py measure it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from itertools import groupby

from linnet.core.analysis.checks import CountCheck, Policy, Track, family
from linnet.core.analysis.counts.basis import CountBasis
from linnet.core.analysis.counts.evidence import CountEvidence, CountStream
from linnet.core.analysis.counts.rules import RULES, Facts
from linnet.core.analysis.metrics.counters import excess
from linnet.core.analysis.statistics import evalues
from linnet.core.analysis.statistics.dispersion import dispersion
from linnet.core.analysis.statistics.hypotheses import Setting, hypotheses
from linnet.core.analysis.statistics.sums import Spread, Sums
from linnet.core.analysis.verdict import Counts, Finding, Judgement, Look, Verdict, first

HOLDS_BY_WEIGHT = (Verdict.FAIL, Verdict.ERROR, Verdict.INSUFFICIENT_DATA, Verdict.INCONCLUSIVE, Verdict.PASS)


def judge(policy: Policy, check: CountCheck, evidence: CountEvidence, look: Look) -> Judgement:
    """The verdict on one check."""
    alpha = _alphas(policy, evidence).get(check.name, policy.alpha_each)
    return decide(_basis(policy, check, alpha, evidence, look))


def judge_all(policy: Policy, evidence: CountEvidence, look: Look) -> tuple[Judgement, ...]:
    """Judge each check of the policy, in its order."""
    alphas = _alphas(policy, evidence)
    bases = (_basis(policy, c, alphas.get(c.name, policy.alpha_each), evidence, look) for c in policy.checks)
    return tuple(decide(basis) for basis in bases)


def _basis(policy: Policy, check: CountCheck, alpha: float, evidence: CountEvidence, look: Look) -> CountBasis:
    stream = _stream(check, evidence)
    return CountBasis(
        check=check,
        alpha=alpha,
        detect_ratio=policy.detect_ratio,
        detect_power=policy.detect_power,
        stale_after=policy.stale_after_seconds,
        segments=tuple(stream.segments.values()),
        spread=stream.spread,
        present=evidence.present,
        ages={track: round(look.now.timestamp() - at, 6) for track, at in stream.read_at.items()},
        elapsed=look.elapsed,
        required=look.required,
        problems=stream.problems,
        canary_rate=stream.canary_rate,
    )


def _alphas(policy: Policy, evidence: CountEvidence) -> Mapping[str, float]:
    """Return each slice's part of what its check has of alpha, by what the other slices show."""
    found: dict[str, float] = {}
    for _, each in groupby((c for c in policy.checks if c.slice is not None), key=lambda c: family(c.name)):
        slices = tuple(each)
        shown = [_least(policy, check, evidence) for check in slices]
        found |= zip((c.name for c in slices), evalues.closed_testing_alphas(policy.alpha_each, shown), strict=True)
    return found


def _least(policy: Policy, check: CountCheck, evidence: CountEvidence) -> float:
    """Return the check's log-evidence; with two bounds, each with a family of its own, that of the less refuted one."""
    stream = _stream(check, evidence)
    setting = Setting.of(policy, check, _dispersion(stream.spread))
    return min((h.against_bound for h in hypotheses(check, tuple(stream.segments.values()), setting)), default=0.0)


def decide(basis: CountBasis) -> Judgement:
    """The verdict from what it stands on, now or from a record: the same sums, the same verdict."""
    facts = _facts(basis)
    found = first(RULES, facts)
    return Judgement(
        check=basis.check.name,
        verdict=found.verdict,
        reason=found.reason,
        message=f"{found.message} ({_counted(facts.counts, basis.check.things)})",
        counts=facts.counts,
        statistic=max((h.against_bound for h in facts.hypotheses), default=0.0),
        bound=facts.setting.rejects,
        needed_requests=found.needed,
        eta_seconds=_eta(basis.canary_rate, found),
        cause=excess(basis.problems.values()) if found.verdict is Verdict.ERROR else "",
        basis=basis,
    )


def overall(judgements: Iterable[Judgement]) -> Verdict:
    """Fail beats all; then Error, InsufficientData, Inconclusive hold; Pass only if all pass, and there are any."""
    verdicts = {judgement.verdict for judgement in judgements}
    return next((v for v in HOLDS_BY_WEIGHT if v in verdicts), Verdict.INSUFFICIENT_DATA)


def _stream(check: CountCheck, evidence: CountEvidence) -> CountStream:
    """What was counted for this very check; nothing, if the evidence was gathered for another definition."""
    known = evidence.streams.get(check.name)
    return known if known is not None and known.check.counted == check.counted else CountStream(check)


def _facts(basis: CountBasis) -> Facts:
    spread = _dispersion(basis.spread)
    setting = Setting(basis.alpha, basis.detect_ratio, basis.detect_power, spread)
    return Facts(
        check=basis.check,
        problems=basis.problems,
        present=basis.present,
        counts=_counts(basis.segments, spread),
        setting=setting,
        hypotheses=hypotheses(basis.check, basis.segments, setting),
        ages=basis.ages,
        stale_after=basis.stale_after,
        elapsed=basis.elapsed,
        required=basis.required,
    )


def _dispersion(spread: Mapping[Track, Spread]) -> float:
    return dispersion([spread.get(track, Spread()) for track in Track])


def _counts(segments: Iterable[Sums], spread: float) -> Counts:
    total = Sums()
    for s in segments:
        total = total.plus(Track.CANARY, s.canary_n, s.canary_bad).plus(Track.STABLE, s.stable_n, s.stable_bad)
    canary, stable = (round(total.canary_n), round(total.canary_bad)), (round(total.stable_n), round(total.stable_bad))
    return Counts(*canary, *stable, round(spread, 3))


def _counted(counts: Counts, things: str) -> str:
    def of(bad: int, n: int) -> str:
        return f"{bad} of {n:,} {things}" + (f", {bad / n:.2%}" if n else "")

    return f"bad: canary {of(counts.canary_bad, counts.canary_n)}; stable {of(counts.stable_bad, counts.stable_n)}"


def _eta(canary_rate: float, found: Finding) -> float | None:
    if found.needed is None or canary_rate <= 0:
        return found.wait
    return max(found.wait or 0.0, round(found.needed / canary_rate, 1))
