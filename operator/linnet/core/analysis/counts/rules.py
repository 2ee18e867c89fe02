"""The rules of a verdict, in the order in which they are asked; the first that answers decides.

A Fail comes first: evidence that has refuted a bound stays refuted, whatever can't be read now. Nothing
but counts refutes or passes: absent data ends in Error or InsufficientData, which hold.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from linnet.core.analysis.checks import Bound, Check, Track
from linnet.core.analysis.statistics.hypotheses import Hypothesis, Setting
from linnet.core.analysis.verdict import Counts, Verdict

_BAD: Final = {Bound.RATIO: "WorseThanStable", Bound.KNOWN: "BoundExceeded"}


@dataclass(frozen=True)
class Case:
    """All that the rules look at. `ages`: seconds since each track was last read; absent = never."""

    check: Check
    problems: Mapping[Track, str]
    present: frozenset[Track]
    counts: Counts
    setting: Setting
    hypotheses: tuple[Hypothesis, ...]
    ages: Mapping[Track, float]
    stale_after: float
    elapsed: timedelta
    required: timedelta


@dataclass(frozen=True)
class Said:
    """A rule's answer: `needed` canary requests and `wait` seconds until it may change, where known."""

    verdict: Verdict
    reason: str
    message: str
    needed: int | None = None
    wait: float | None = None


def refuted(case: Case) -> Said | None:
    """The bound is rejected at alpha, and by a difference that matters."""
    for h in case.hypotheses:
        if h.breached and h.against_bound >= case.setting.rejects:
            return Said(Verdict.FAIL, _BAD[h.bound], f"the canary is worse than {h.limit_text}")
    return None


def unbounded(case: Case) -> Said | None:
    """A check without a bound tests nothing, and nothing is never a Pass."""
    return None if case.hypotheses else Said(Verdict.ERROR, "NoBound", "the check has no bound")


def unreadable(case: Case) -> Said | None:
    """A track that has pods, and that this check compares, was not read lately."""
    compared = any(h.bound is Bound.RATIO for h in case.hypotheses) and Track.STABLE in case.present
    for track in (Track.CANARY, *((Track.STABLE,) if compared else ())):
        age = case.ages.get(track)
        if age is None or age > case.stale_after:
            since = "were never read" if age is None else f"were last read {age:.0f} s ago"
            why = f": {case.problems[track]}" if track in case.problems else ""
            return Said(Verdict.ERROR, "MetricsUnreadable", f"the {track} pods' metrics {since}{why}")
    return None


def nothing_to_compare(case: Case) -> Said | None:
    """No requests yet on a track that the check needs."""
    if not case.counts.canary_n:
        return Said(Verdict.INSUFFICIENT_DATA, "NoCanaryRequests", f"the canary has had no {case.check.things} yet")
    if any(not h.canary_n for h in case.hypotheses):
        text = f"stable has had no {case.check.things} to compare with"
        return Said(Verdict.INSUFFICIENT_DATA, "NoStableRequests", text)
    return None


def too_few(case: Case) -> Said | None:
    """Fewer requests than would have shown a canary as bad as `detect`, with the power promised."""
    missing = [(h.needed(h.detect, case.setting.power) - h.canary_n, h) for h in case.hypotheses]
    more, h = max(missing, key=lambda pair: pair[0])
    if more <= 0:
        return None
    if math.isinf(more):
        text = f"no traffic can show a canary at {h.detect:.2%} to be worse than {h.limit_text}"
        return Said(Verdict.INSUFFICIENT_DATA, "NotDetectable", text)
    text = f"{math.ceil(more):,} more canary {case.check.things} are needed to see a rate of {h.detect:.2%}"
    return Said(Verdict.INSUFFICIENT_DATA, "TooFewRequests", text, math.ceil(more))


def breached(case: Case) -> Said | None:
    """Enough requests, and the estimate is beyond the bound, but chance may still explain it."""
    for h in case.hypotheses:
        if h.breached:
            text = f"the canary looks worse than {h.limit_text}, but chance may explain it"
            return Said(Verdict.INCONCLUSIVE, f"Maybe{_BAD[h.bound]}", text)
    return None


def not_excluded(case: Case) -> Said | None:
    """The estimate is good, but `detect` itself is not yet refuted: 1 - power is a promise, kept by this."""
    for h in case.hypotheses:
        evidence = h.against_detect()
        if evidence < case.setting.excludes:
            more = math.ceil(h.canary_n * (case.setting.excludes / evidence - 1)) if evidence > 0 else None
            text = f"a rate of {h.detect:.2%} can't be excluded yet"
            return Said(Verdict.INSUFFICIENT_DATA, "DetectNotExcluded", text, more)
    return None


def too_early(case: Case) -> Said | None:
    """All is well, and `for` has not elapsed."""
    left = (case.required - case.elapsed).total_seconds()
    if left <= 0:
        return None
    text = f"no breach so far, {timedelta(seconds=math.ceil(left))} left"
    return Said(Verdict.INSUFFICIENT_DATA, "StillAnalysing", text, wait=left)


def passed(case: Case) -> Said:
    """None of the others has anything to say."""
    limits = " and ".join(h.limit_text for h in case.hypotheses)
    return Said(Verdict.PASS, "WithinBounds", f"the canary is not worse than {limits}")


RULES: Final[tuple[Callable[[Case], Said | None], ...]] = (
    refuted, unbounded, unreadable, nothing_to_compare, too_few, breached, not_excluded, too_early, passed,
)  # fmt: skip
