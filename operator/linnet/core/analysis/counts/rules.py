"""The rules of a verdict, in the order in which they are applied; the first that has a finding decides.

A Fail comes first: evidence that has refuted a bound stays refuted, whatever can't be read now. Nothing
but counts refutes or passes: absent data ends in Error or InsufficientData, which hold.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from linnet.core.analysis.checks import Bound, CountCheck, Track
from linnet.core.analysis.statistics.hypotheses import Hypothesis, Setting
from linnet.core.analysis.verdict import Counts, Finding, Rule, Verdict

_BAD: Final = {Bound.RATIO: "WorseThanStable", Bound.KNOWN: "BoundExceeded"}


@dataclass(frozen=True)
class Facts:
    """All that the rules look at. `ages`: seconds since each track was last read; absent = never."""

    check: CountCheck
    problems: Mapping[Track, str]
    present: frozenset[Track]
    counts: Counts
    setting: Setting
    hypotheses: tuple[Hypothesis, ...]
    ages: Mapping[Track, float]
    stale_after: float
    elapsed: timedelta
    required: timedelta


def refuted(facts: Facts) -> Finding | None:
    """The bound is rejected at alpha, and by a difference that matters."""
    for h in facts.hypotheses:
        if h.breached and h.against_bound >= facts.setting.rejects:
            return Finding(Verdict.FAIL, _BAD[h.bound], f"the canary is worse than {h.limit_text}")
    return None


def unbounded(facts: Facts) -> Finding | None:
    """A check without a bound tests nothing, and nothing is never a Pass."""
    return None if facts.hypotheses else Finding(Verdict.ERROR, "NoBound", "the check has no bound")


def unreadable(facts: Facts) -> Finding | None:
    """A track that has pods, and that this check compares, was not read lately."""
    compared = any(h.bound is Bound.RATIO for h in facts.hypotheses) and Track.STABLE in facts.present
    for track in (Track.CANARY, *((Track.STABLE,) if compared else ())):
        age = facts.ages.get(track)
        if age is None or age > facts.stale_after:
            since = "were never read" if age is None else f"were last read {age:.0f} s ago"
            why = f": {facts.problems[track]}" if track in facts.problems else ""
            return Finding(Verdict.ERROR, "MetricsUnreadable", f"the {track} pods' metrics {since}{why}")
    return None


def nothing_to_compare(facts: Facts) -> Finding | None:
    """No requests yet on a track that the check needs."""
    if not facts.counts.canary_n:
        return Finding(Verdict.INSUFFICIENT_DATA, "NoCanaryRequests", f"the canary has had no {facts.check.things} yet")
    if any(not h.canary_n for h in facts.hypotheses):
        text = f"stable has had no {facts.check.things} to compare with"
        return Finding(Verdict.INSUFFICIENT_DATA, "NoStableRequests", text)
    return None


def too_few(facts: Facts) -> Finding | None:
    """Fewer requests than would have shown a canary as bad as `detect`, with the power promised."""
    missing = [(h.needed(h.detect, facts.setting.power) - h.canary_n, h) for h in facts.hypotheses]
    more, h = max(missing, key=lambda pair: pair[0])
    if more <= 0:
        return None
    if math.isinf(more):
        text = f"no traffic can show a canary at {h.detect:.2%} to be worse than {h.limit_text}"
        return Finding(Verdict.INSUFFICIENT_DATA, "NotDetectable", text)
    text = f"{math.ceil(more):,} more canary {facts.check.things} are needed to see a rate of {h.detect:.2%}"
    return Finding(Verdict.INSUFFICIENT_DATA, "TooFewRequests", text, math.ceil(more))


def breached(facts: Facts) -> Finding | None:
    """Enough requests, and the estimate is beyond the bound, but chance may still explain it."""
    for h in facts.hypotheses:
        if h.breached:
            text = f"the canary looks worse than {h.limit_text}, but chance may explain it"
            return Finding(Verdict.INCONCLUSIVE, f"Maybe{_BAD[h.bound]}", text)
    return None


def not_excluded(facts: Facts) -> Finding | None:
    """The estimate is good, but `detect` itself is not yet refuted: 1 - power is a promise, kept by this."""
    for h in facts.hypotheses:
        evidence = h.against_detect()
        if evidence < facts.setting.excludes:
            more = math.ceil(h.canary_n * (facts.setting.excludes / evidence - 1)) if evidence > 0 else None
            text = f"a rate of {h.detect:.2%} can't be excluded yet"
            return Finding(Verdict.INSUFFICIENT_DATA, "DetectNotExcluded", text, more)
    return None


def too_early(facts: Facts) -> Finding | None:
    """All is well, and `for` has not elapsed."""
    left = (facts.required - facts.elapsed).total_seconds()
    if left <= 0:
        return None
    text = f"no breach so far, {timedelta(seconds=math.ceil(left))} left"
    return Finding(Verdict.INSUFFICIENT_DATA, "StillAnalysing", text, wait=left)


def passed(facts: Facts) -> Finding:
    """The check passes: no other rule has a finding."""
    limits = " and ".join(h.limit_text for h in facts.hypotheses)
    return Finding(Verdict.PASS, "WithinBounds", f"the canary is not worse than {limits}")


RULES: Final[tuple[Rule[Facts], ...]] = (
    refuted, unbounded, unreadable, nothing_to_compare, too_few, breached, not_excluded, too_early, passed,
)  # fmt: skip
