"""Verdicts: what fails, what passes, and everything that must do neither."""

from __future__ import annotations

import math
import random
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from linnet.core.analysis import evidence as rollout_evidence
from linnet.core.analysis.checks import CountCheck, Policy, Signal, Track
from linnet.core.analysis.counts.evidence import CountEvidence, CountStream, start
from linnet.core.analysis.counts.judge import judge, judge_all, overall
from linnet.core.analysis.evidence import restored, stored
from linnet.core.analysis.metrics.counters import PodCounters
from linnet.core.analysis.metrics.fold import fold
from linnet.core.analysis.statistics.dispersion import dispersion
from linnet.core.analysis.statistics.evalues import EFFECTS, rate_evidence, ratio_evidence, scale_odds
from linnet.core.analysis.statistics.power import rate_needed, ratio_needed
from linnet.core.analysis.statistics.sums import Spread, Sums, compare
from linnet.core.analysis.verdict import Judgement, Look, Verdict

NOW = datetime(2026, 1, 1, tzinfo=UTC)
ERRORS = CountCheck("errors", Signal.ERRORS, max_ratio_to_stable=1.0)
BOUND = CountCheck("bound", Signal.ERRORS, max=0.01)
LATENCY = CountCheck("latency", Signal.LATENCY, max=0.05, threshold_seconds=0.25)


def seen(check: CountCheck, *segments: tuple[int, int, int, int], cells: int = 0) -> CountEvidence:
    """CountEvidence with these (canary requests, bad, stable requests, bad) by segment, in single requests."""
    stream = CountStream(check, read_at=dict.fromkeys(Track, NOW.timestamp()))
    spread = {Track.CANARY: Spread(), Track.STABLE: Spread()}
    sums = {}
    for number, (canary_n, canary_bad, stable_n, stable_bad) in enumerate(segments):
        sums[f"s{number}"] = Sums(canary_n, canary_bad, stable_n, stable_bad)
        for track, n, bad in ((Track.CANARY, canary_n, canary_bad), (Track.STABLE, stable_n, stable_bad)):
            s = spread[track]
            spread[track] = Spread(
                s.cells + n, s.bad_cells + bad, s.n + n, s.bad + bad, s.n + n, s.bad + bad, s.bad + bad
            )
    stream = replace(stream, segments=sums, spread=spread)
    return CountEvidence({check.name: stream}, {}, frozenset(Track), NOW.timestamp())


def verdict(
    evidence: CountEvidence,
    elapsed: int = 300,
    required: int = 300,
    after: int = 0,
    check: CountCheck | None = None,
    **policy: Any,
) -> Judgement:
    """The judgement on the evidence's only check, or on this one, `after` seconds from its last reading."""
    check = check or evidence.checks[0]
    look = Look(timedelta(seconds=elapsed), timedelta(seconds=required), NOW + timedelta(seconds=after))
    return judge(Policy((check,), **policy), check, evidence, look)


class Case(NamedTuple):
    name: str
    check: CountCheck
    counts: tuple[int, int, int, int]
    verdict: Verdict
    reason: str


CASES = (
    Case("an outage of the canary", ERRORS, (5, 5, 45, 0), Verdict.FAIL, "WorseThanStable"),
    Case("five times stable's errors", ERRORS, (400, 20, 3600, 36), Verdict.FAIL, "WorseThanStable"),
    Case("as good as stable", ERRORS, (1000, 10, 9000, 90), Verdict.PASS, "WithinBounds"),
    Case("better than stable", ERRORS, (1000, 0, 9000, 90), Verdict.PASS, "WithinBounds"),
    Case("a common outage is nobody's fault", ERRORS, (100, 100, 900, 900), Verdict.INSUFFICIENT_DATA, "NotDetectable"),
    Case("no errors anywhere", ERRORS, (3000, 0, 27000, 0), Verdict.PASS, "WithinBounds"),
    Case("no errors, few requests", ERRORS, (300, 0, 2700, 0), Verdict.INSUFFICIENT_DATA, "TooFewRequests"),
    Case("a look that chance may explain", ERRORS, (500, 8, 4500, 45), Verdict.INCONCLUSIVE, "MaybeWorseThanStable"),
    Case("no canary requests", ERRORS, (0, 0, 9000, 90), Verdict.INSUFFICIENT_DATA, "NoCanaryRequests"),
    Case("no stable requests", ERRORS, (100, 100, 0, 0), Verdict.INSUFFICIENT_DATA, "NoStableRequests"),
    Case("significant, but too small to matter", ERRORS, (40_000, 90, 360_000, 360), Verdict.PASS, "WithinBounds"),
    Case(
        "good looks that do not exclude detect",
        ERRORS,
        (4000, 7, 36_000, 0),
        Verdict.INSUFFICIENT_DATA,
        "DetectNotExcluded",
    ),
    Case("during the bake stable is the small one", ERRORS, (9500, 500, 500, 1), Verdict.FAIL, "WorseThanStable"),
    Case("above a known bound", BOUND, (300, 15, 0, 0), Verdict.FAIL, "BoundExceeded"),
    Case("below a known bound, without stable", BOUND, (1000, 4, 0, 0), Verdict.PASS, "WithinBounds"),
    Case("slightly above a known bound", BOUND, (1000, 12, 0, 0), Verdict.INCONCLUSIVE, "MaybeBoundExceeded"),
    Case("few requests below a known bound", BOUND, (50, 0, 0, 0), Verdict.INSUFFICIENT_DATA, "TooFewRequests"),
    Case("too slow", LATENCY, (100, 40, 0, 0), Verdict.FAIL, "BoundExceeded"),
    Case("fast enough", LATENCY, (1000, 30, 0, 0), Verdict.PASS, "WithinBounds"),
)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_verdicts(case: Case) -> None:
    """Counts lead to the verdict, and to its reason."""
    judgement = verdict(seen(case.check, case.counts))
    assert (judgement.verdict, judgement.reason) == (case.verdict, case.reason), judgement.message


def test_unreadable_metrics_are_an_error_and_never_a_pass() -> None:
    """Counts that would pass do not, once a track was not read for longer than the policy allows (flagger #1581)."""
    evidence = seen(ERRORS, (1000, 10, 9000, 90))
    assert verdict(evidence).verdict is Verdict.PASS
    assert verdict(evidence, after=61).verdict is Verdict.ERROR
    assert verdict(evidence, after=61, stale_after_seconds=120).verdict is Verdict.PASS


def test_a_failure_stays_a_failure_when_metrics_go_away() -> None:
    """What was refuted stays refuted: a metrics outage does not hide it."""
    assert verdict(seen(ERRORS, (400, 20, 3600, 36)), after=600).verdict is Verdict.FAIL


def test_nothing_measured_is_no_pass() -> None:
    """An analysis that ended with zero measurements is an Error, not a success (argo-rollouts' analysis.go)."""
    judgement = verdict(start([ERRORS]), elapsed=900, required=300)
    assert (judgement.verdict, judgement.reason) == (Verdict.ERROR, "MetricsUnreadable")


def test_a_check_without_a_bound_is_an_error() -> None:
    """A check that tests nothing never passes."""
    assert verdict(seen(CountCheck("empty", Signal.ERRORS), (1000, 0, 9000, 0))).reason == "NoBound"


def test_waits_for_the_time_asked_for() -> None:
    """Good and sufficient evidence waits until `for` has elapsed, and says how long."""
    judgement = verdict(seen(ERRORS, (1000, 10, 9000, 90)), elapsed=100, required=300)
    assert (judgement.verdict, judgement.reason) == (Verdict.INSUFFICIENT_DATA, "StillAnalysing")
    assert judgement.eta_seconds == 200


def test_says_how_many_requests_and_how_long() -> None:
    """Too few requests: the estimate, followed, is enough."""
    evidence = fold(start([ERRORS]), {}, {}, "w10", NOW)
    for second in range(5, 65, 5):
        n = second * 2.0
        samples = {"c": PodCounters(n, 0.0), "s": PodCounters(n * 9, second // 6)}
        evidence = fold(
            evidence, samples, {"c": Track.CANARY, "s": Track.STABLE}, "w10", NOW + timedelta(seconds=second)
        )
    judgement = verdict(evidence, after=60)
    assert judgement.verdict is Verdict.INSUFFICIENT_DATA
    assert judgement.needed_requests is not None
    assert judgement.eta_seconds == pytest.approx(judgement.needed_requests / 2, rel=0.1)


def test_a_check_whose_counting_changed_starts_anew() -> None:
    """CountEvidence gathered for another threshold says nothing about this one (flagger #30)."""
    slower = replace(LATENCY, threshold_seconds=0.5)
    evidence = seen(LATENCY, (1000, 30, 0, 0))
    assert verdict(evidence, check=slower).verdict is Verdict.ERROR
    stricter = replace(LATENCY, max=0.01)
    assert verdict(evidence, check=stricter).verdict is Verdict.FAIL


def test_alpha_is_shared_by_all_hypotheses() -> None:
    """Two checks, one with two bounds: each hypothesis is tested at a third of alpha."""
    both = replace(ERRORS, max=0.05)
    policy = Policy((both, LATENCY), alpha=0.03)
    judged = judge_all(policy, start(policy.checks), Look(timedelta(0), timedelta(0), NOW))
    assert [j.bound for j in judged] == pytest.approx([math.log(100)] * 2)


OVERALL = (
    ((), Verdict.INSUFFICIENT_DATA),
    ((Verdict.PASS, Verdict.PASS), Verdict.PASS),
    ((Verdict.PASS, Verdict.INCONCLUSIVE), Verdict.INCONCLUSIVE),
    ((Verdict.PASS, Verdict.INSUFFICIENT_DATA, Verdict.INCONCLUSIVE), Verdict.INSUFFICIENT_DATA),
    ((Verdict.PASS, Verdict.ERROR, Verdict.INSUFFICIENT_DATA), Verdict.ERROR),
    ((Verdict.ERROR, Verdict.FAIL, Verdict.PASS), Verdict.FAIL),
)


@pytest.mark.parametrize(("verdicts", "expected"), OVERALL)
def test_overall(verdicts: tuple[Verdict, ...], expected: Verdict) -> None:
    """Fail beats all; nothing but Pass everywhere passes (argo-rollouts #3850); no checks never pass."""
    judgements = [Judgement(check="x", verdict=v, reason="", message="") for v in verdicts]
    assert overall(judgements) is expected


counts = st.tuples(st.integers(0, 3000), st.integers(0, 3000), st.integers(0, 9000), st.integers(0, 9000)).map(
    lambda c: (max(c[0], c[1]), min(c[0], c[1]), max(c[2], c[3]), min(c[2], c[3]))
)
checks = st.builds(
    CountCheck,
    name=st.just("check"),
    signal=st.just(Signal.ERRORS),
    max_ratio_to_stable=st.none() | st.floats(0.5, 10),
    min_excess=st.floats(0, 0.1),
    max=st.none() | st.floats(0.0001, 0.9),
)


@given(checks, st.lists(counts, max_size=3))
def test_any_counts_get_a_verdict(check: CountCheck, segments: list[tuple[int, int, int, int]]) -> None:
    """No counts and no bounds make the judge raise; Pass and Fail need canary requests."""
    judgement = verdict(seen(check, *segments))
    if judgement.verdict in {Verdict.PASS, Verdict.FAIL}:
        assert judgement.counts.canary_n > 0


@given(counts, st.integers(1, 50))
def test_one_more_canary_error_never_helps(row: tuple[int, int, int, int], more: int) -> None:
    """A rollout that fails still fails with more canary errors among the same requests."""
    canary_n, bad, stable_n, stable_bad = row
    if verdict(seen(ERRORS, row)).verdict is Verdict.FAIL:
        worse = (canary_n, min(canary_n, bad + more), stable_n, stable_bad)
        assert verdict(seen(ERRORS, worse)).verdict is Verdict.FAIL


@given(st.lists(counts, min_size=1, max_size=3))
def test_a_restart_decides_nothing_anew(segments: list[tuple[int, int, int, int]]) -> None:
    """CountEvidence that went through a ConfigMap is judged as before, to the last digit."""
    evidence = seen(ERRORS, *segments)
    assert verdict(restored(stored(rollout_evidence.Evidence(evidence))).counts) == verdict(evidence)


@given(st.integers(1, 200), st.integers(1, 2000), st.floats(0.1, 10), st.floats(0.001, 0.2))
def test_e_values_average_at_most_one(canary_n: int, stable_n: int, ratio: float, rate: float) -> None:
    """Under its null the mixture's mean is at most 1, so that 1/alpha bounds false alarms."""
    total = 0.0
    odds = canary_n / stable_n
    q = ratio * odds / (1 + ratio * odds)
    for canary_bad in (0, 1):
        log_e = ratio_evidence(
            [Sums(canary_n, canary_bad, stable_n, 1 - canary_bad)], ratio, [ratio * e for e in EFFECTS]
        )
        total += (q if canary_bad else 1 - q) * math.exp(log_e)
    assert total == pytest.approx(1)
    rates = [scale_odds(rate, e) for e in EFFECTS]
    mean = sum(p * math.exp(rate_evidence(1, bad, rate, rates)) for bad, p in ((1, rate), (0, 1 - rate)))
    assert mean == pytest.approx(1)


def test_bursts_count_as_events() -> None:
    """Errors that come in threes are worth a third; single ones, however many, are worth themselves."""
    singles, threes = Spread(), Spread()
    rng = random.Random(1)
    for _ in range(3000):
        singles = singles.plus(10, sum(rng.random() < 0.03 for _ in range(10)))
        threes = threes.plus(10, 3 * (rng.random() < 0.1))
    assert dispersion([singles]) == pytest.approx(1, abs=0.1)
    assert dispersion([threes]) == pytest.approx(3, abs=0.4)


def test_one_bad_cell_is_one_event() -> None:
    """All errors of the only cell that had any count as one, whether five or fifty."""
    quiet = Spread(cells=100, n=1000, n_squared=10_000)
    assert dispersion([quiet, Spread().plus(5, 5)]) == 5
    assert dispersion([quiet, Spread().plus(50, 50)]) == 50
    assert dispersion([quiet]) == 1


def test_a_burst_alone_does_not_roll_back() -> None:
    """Four errors one by one refute "as good as stable"; four in one cell do not, though the counts are the same."""
    apart = seen(ERRORS, (100, 4, 900, 0))
    together = Spread(cells=20, n=96, n_squared=96 * 5).plus(4, 4)
    stream = apart.streams["errors"]
    burst = replace(apart, streams={"errors": replace(stream, spread={**stream.spread, Track.CANARY: together})})
    assert verdict(apart).verdict is Verdict.FAIL
    assert (verdict(burst).verdict, verdict(burst).counts.canary_bad) == (Verdict.INSUFFICIENT_DATA, 4)


def test_segments_guard_against_a_common_incident() -> None:
    """A bad hour of both tracks, while the canary had more of the traffic, is no difference (Simpson's paradox)."""
    calm, incident = (500, 0, 9500, 0), (5000, 250, 5000, 250)
    assert verdict(seen(ERRORS, (5500, 250, 14500, 250))).verdict is Verdict.FAIL
    assert verdict(seen(ERRORS, calm, incident)).verdict is Verdict.PASS
    both = compare([Sums(*calm), Sums(*incident)])
    assert both.canary_rate == pytest.approx(both.stable_rate)


def test_needed_requests_are_those_of_the_test() -> None:
    """The number needed to see 5 % against stable's 1 % lies between the test's mean and its 99th percentile."""
    needed = ratio_needed(
        [Sums(100, 1, 900, 9)], null=1, stable_rate=0.01, bad_rate=0.05, dispersion=1, alpha=0.01, power=0.9
    )
    assert 250 < needed < 500
    thrice = ratio_needed(
        [Sums(100, 1, 900, 9)], null=1, stable_rate=0.01, bad_rate=0.05, dispersion=3, alpha=0.01, power=0.9
    )
    assert thrice == pytest.approx(3 * needed, rel=0.05)
    assert rate_needed(null=0.01, bad_rate=0.05, dispersion=1, alpha=0.01, power=0.9, present=1) < needed


def test_judges_every_check_of_the_policy() -> None:
    """One judgement for each check, in order."""
    checks = (ERRORS, BOUND)
    evidence = seen(ERRORS, (1000, 10, 9000, 90))
    judged = judge_all(Policy(checks), evidence, Look(timedelta(0), timedelta(0), NOW))
    assert [j.check for j in judged] == ["errors", "bound"]
    assert judged[1].verdict is Verdict.ERROR
