"""Checks by slice: what is counted of each, at which part of alpha it is judged, and what is kept of it."""

from __future__ import annotations

import math
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import combinations
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from linnet.api.kinds.deployment import DeploymentSpec
from linnet.api.kinds.model_version import CheckResult, Decision
from linnet.api.parts.runtime import FrozenRuntime
from linnet.core.analysis import evidence as rollout_evidence
from linnet.core.analysis import kinds
from linnet.core.analysis.checks import CountCheck, Policy, Signal, Slice, Track, together
from linnet.core.analysis.counts.evidence import CountEvidence, CountStream, start
from linnet.core.analysis.counts.judge import judge_all
from linnet.core.analysis.evidence import restored, stored
from linnet.core.analysis.metrics.counters import count_pod
from linnet.core.analysis.metrics.fold import MAX_PODS, Snapshot
from linnet.core.analysis.metrics.readings import Unreadable, read
from linnet.core.analysis.statistics import evalues
from linnet.core.analysis.statistics.sums import Spread, Sums
from linnet.core.analysis.verdict import Judgement, Look, Verdict
from linnet.core.policy import preflight
from linnet.core.policy import rules as policy
from linnet.core.policy.metrics import metric_rules
from linnet.core.policy.rules import Rules
from linnet.core.registry import decisions

NOW = datetime(2026, 1, 1, tzinfo=UTC)
COUNTRIES = ["de", "fr", "at"]
BY_COUNTRY = {"label": "country", "values": COUNTRIES}
ERRORS = {"name": "errors", "signal": "Errors", "maxRatioToStable": "1", "slice": BY_COUNTRY}
METRICS = {
    "requests": [{"name": "asked_total"}],
    "errors": [{"name": "asked_total", "match": [{"label": "code", "prefix": "5"}]}],
    "latency": {"histograms": [{"name": "took_seconds"}], "bounds": ["0.1", "0.5"]},
    "feedback": {"correct": [{"name": "right_total"}], "total": [{"name": "known_total"}]},
}
PAGE = """\
asked_total{code="200",country="de"} 90
asked_total{code="500",country="de"} 10
asked_total{code="200",country="ch"} 7
asked_total{code="500",country="fr"} 2
# TYPE unsure_total counter
unsure_total{country="de"} 4
took_seconds_bucket{country="de",le="0.1"} 60
took_seconds_bucket{country="de",le="+Inf"} 100
took_seconds_bucket{country="ch",le="0.1"} 1
took_seconds_bucket{country="ch",le="+Inf"} 7
right_total{country="de"} 30
known_total{country="de"} 40
"""


def runtime(**metrics: Any) -> FrozenRuntime:
    data = {"name": "custom", "image": "server:1", "ports": {"http": 80}, "readyPath": "/", "metrics": metrics}
    return FrozenRuntime.model_validate(data)


SERVED = runtime(**METRICS)


def resolved(*checks: dict[str, Any], served: FrozenRuntime = SERVED) -> Rules:
    spec = DeploymentSpec.model_validate(
        {"model": {"name": "risk"}, "analysis": {"defaultChecks": False, "checks": list(checks)}}
    )
    found = policy.resolve(policy.source_of(spec), served)
    assert found is not None
    return found


def counted(page: str, **check: Any) -> dict[str, tuple[int, int] | Unreadable]:
    """What each slice of a check reads in a pod's metrics."""
    found = resolved({**ERRORS, **check})
    pod = count_pod(page, metric_rules(SERVED.metrics, found.asked))
    return {str(c.slice.value): read(c, pod) for c in found.judged.checks if c.slice is not None}


# The part of alpha

LOGS = st.lists(st.floats(-20, 20) | st.sampled_from([0.0, math.log(100), math.log(500)]), min_size=1, max_size=5)


def refuted_by_all_sets(evidence: list[float], at: int, alpha: float) -> bool:
    """Closed testing by brute force: each set of hypotheses with this one has a mean of at least 1/alpha."""
    others = [e for i, e in enumerate(evidence) if i != at]
    sets = (some for size in range(len(others) + 1) for some in combinations(others, size))
    return all((math.exp(evidence[at]) + sum(map(math.exp, some))) / (1 + len(some)) >= 1 / alpha for some in sets)


@given(LOGS, st.sampled_from([0.05, 0.01, 0.001]))
def test_the_parts_of_alpha_are_those_of_closed_testing(evidence: list[float], alpha: float) -> None:
    """Each slice is refuted at its part if, and only if, all sets with it are refuted; away from rounding."""
    for at, part in enumerate(evalues.closed_testing_alphas(alpha, evidence)):
        if not math.isclose(evidence[at], -math.log(part), rel_tol=1e-9):
            assert (evidence[at] >= -math.log(part)) == refuted_by_all_sets(evidence, at, alpha)


@given(st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=8))
def test_the_parts_lie_between_bonferroni_and_the_whole(evidence: list[float]) -> None:
    """However strong or weak the evidence is."""
    parts = evalues.closed_testing_alphas(0.01, evidence)
    assert all(0.01 / len(evidence) * (1 - 1e-12) <= part <= 0.01 for part in parts)


def test_what_is_refuted_no_longer_counts_for_the_others() -> None:
    """Seven of eight refuted: the last has all of alpha."""
    assert evalues.closed_testing_alphas(0.01, [800.0] * 7 + [0.0])[-1] == pytest.approx(0.01)
    assert evalues.closed_testing_alphas(0.01, [0.0] * 8)[0] == pytest.approx(0.01 / 7.93)


def test_slices_share_the_part_of_their_check() -> None:
    """Beside another check each has half, however many slices there are; two bounds have a part each."""
    other = {"name": "latency", "signal": "Latency", "threshold": "500ms", "maxShareSlower": "0.1"}
    assert resolved(ERRORS, other).judged.alpha_each == pytest.approx(0.005)
    assert resolved({**ERRORS, "max": "0.1"}, other).judged.alpha_each == pytest.approx(0.01 / 3)


# What is counted


def test_each_value_is_counted_apart_and_others_are_not() -> None:
    """A value without an event yet has zero requests."""
    assert counted(PAGE) == {"de": (100, 10), "fr": (2, 2), "at": (0, 0)}


@pytest.mark.parametrize(
    ("check", "reading"),
    [
        ({"signal": "Latency", "threshold": "100ms"}, (100, 40)),
        ({"signal": "Metric", "metric": {"name": "unsure_total"}}, (100, 4)),
        ({"signal": "Feedback"}, (40, 10)),
    ],
    ids=["Latency", "Metric", "Feedback"],
)
def test_other_signals_are_sliced_as_errors_are(check: dict[str, Any], reading: tuple[int, int]) -> None:
    """By the same label of their own series."""
    found = counted(PAGE, **check)
    assert found["de"] == reading
    assert found["at"] == (0, 0)


@pytest.mark.parametrize(
    ("page", "check", "family"),
    [
        ('asked_total{code="200"} 5', {}, "asked_total"),
        ('asked_total{country="de",code="200"} 5\nunsure_total 0', {"metric": "unsure_total"}, "unsure_total"),
        ('took_seconds_bucket{le="0.1"} 1\ntook_seconds_bucket{le="+Inf"} 1', {"threshold": "100ms"}, "took_seconds"),
        ('right_total{country="de"} 1\nknown_total 2', {"signal": "Feedback"}, "known_total"),
    ],
)
def test_series_without_the_label_are_unreadable_and_never_zero(page: str, check: dict[str, Any], family: str) -> None:
    """The sentence names metric and label: no errors of a slice that can't be told apart are no good sign."""
    if "metric" in check:
        check = {"signal": "Metric", "metric": {"name": check["metric"]}}
    elif "threshold" in check:
        check = {"signal": "Latency", **check}
    found = counted(page, **check)
    assert found == dict.fromkeys(COUNTRIES, Unreadable(f"metric {family} has no label country"))


def test_a_slice_without_a_counter_of_right_answers_is_not_all_wrong() -> None:
    """As for the whole: known answers of a country none of whose right ones are counted say nothing."""
    page = 'right_total{country="de"} 1\nknown_total{country="de"} 2\nknown_total{country="at"} 5'
    assert counted(page, signal="Feedback")["at"] == Unreadable("the pod exposes no metric right_total")


# The verdict


def stream(check: CountCheck, *numbers: int) -> CountStream:
    """(canary requests, bad, stable requests, bad), each request a cell of its own."""
    spread = {
        track: Spread(n, bad, n, bad, n, bad, bad)
        for track, (n, bad) in zip((Track.CANARY, Track.STABLE), (numbers[:2], numbers[2:]), strict=True)
    }
    return CountStream(check, {"w": Sums(*numbers)}, spread, read_at=dict.fromkeys(Track, NOW.timestamp()))


def judged(found: Policy, *counts: tuple[int, int, int, int]) -> dict[str, Judgement]:
    streams = {c.name: stream(c, *numbers) for c, numbers in zip(found.checks, counts, strict=True)}
    evidence = CountEvidence(streams, present=frozenset(Track), folded_at=NOW.timestamp())
    all_ = judge_all(found, evidence, Look(timedelta(minutes=5), timedelta(0), NOW))
    return {j.check: j for j in all_}


GOOD = (1000, 10, 9000, 90)


def test_one_bad_slice_fails_by_its_name() -> None:
    """The others pass by themselves."""
    found = judged(resolved(ERRORS).judged, GOOD, GOOD, (1000, 60, 9000, 90))
    verdicts = {name: str(j.verdict) for name, j in found.items()}
    assert verdicts == {"errors[country=de]": "Pass", "errors[country=fr]": "Pass", "errors[country=at]": "Fail"}
    assert "60 of 1,000 requests with country=at" in found["errors[country=at]"].message


def test_a_rare_slice_says_how_many_requests_of_its_own_it_needs() -> None:
    """However many the others have."""
    rare = judged(resolved(ERRORS).judged, GOOD, GOOD, (20, 0, 180, 2))["errors[country=at]"]
    assert rare.verdict is Verdict.INSUFFICIENT_DATA
    assert "more canary requests with country=at are needed" in rare.message
    assert rare.needed_requests is not None


def test_a_slice_is_judged_again_without_its_siblings() -> None:
    """Its bound has in it what they showed."""
    found = judged(resolved(ERRORS).judged, GOOD, (1000, 200, 9000, 90), (1000, 33, 9000, 90))
    alone = [kinds.decide(j.basis) for j in found.values() if j.basis is not None]
    assert [(j.verdict, j.bound) for j in alone] == [(j.verdict, j.bound) for j in found.values()]
    assert len({j.bound for j in alone}) > 1


@pytest.mark.slow
@given(st.lists(st.tuples(st.integers(0, 400), st.integers(0, 40)), min_size=3, max_size=3))
def test_with_two_bounds_a_family_is_never_bolder_than_one_for_each_bound(numbers: list[tuple[int, int]]) -> None:
    """What only one bound has refuted still counts for the other."""
    counts = [(n + bad, bad, 9 * n, n // 10) for n, bad in numbers]
    both = judged(replace(resolved({**ERRORS, "max": "0.05"}).judged, alpha=0.02), *counts)
    known = {**ERRORS, "max": "0.05"}
    del known["maxRatioToStable"]
    for single in (resolved(ERRORS).judged, resolved(known).judged):
        alone = judged(single, *counts)
        assert all(both[name].bound >= alone[name].bound - 1e-9 for name in both)


def test_a_runtime_that_can_not_answer_is_named_by_the_checks_place() -> None:
    """As the person wrote it: the check, not one of its slices."""
    served = runtime(requests=[{"name": "asked_total"}])
    found = resolved({"name": "known", "signal": "Errors", "max": "0.1"}, ERRORS, served=served)
    told = preflight.trouble(replace(found, judged=replace(found.judged, checks=found.judged.checks[1:])), served)
    assert told is not None
    assert told[1].startswith("spec.analysis.checks[1].signal: runtime custom exposes no Errors")


# What is kept


def most(pods: int) -> rollout_evidence.Evidence:
    """As many slices as there may be, beside as many other checks."""
    sliced = [
        CountCheck(f"{'c' * 60}{n}", Signal.ERRORS, max=0.1).sliced(Slice("l" * 63, f"{v}{'v' * 62}"))
        for n in range(4)
        for v in range(8)
    ]
    checks = [*sliced, *(CountCheck(f"{'c' * 60}{n}", Signal.ERRORS, max=0.1) for n in range(10, 22))]
    counts = ((123_456_789, 1_234_567),) * len(checks)
    snapshots = {f"{n:036d}": Snapshot(Track.STABLE, 1_767_225_600.123, counts) for n in range(pods)}
    return rollout_evidence.Evidence(replace(start(checks), pods=snapshots))


@pytest.mark.slow
def test_the_evidence_of_all_slices_fits_into_a_configmap() -> None:
    """Of a thousand pods, with the longest names."""
    assert sum(map(len, stored(most(MAX_PODS)).values())) < 2**20


def test_the_evidence_of_slices_is_read_as_it_was_written() -> None:
    """With each pod's readings."""
    assert restored(stored(most(3))) == most(3)


def decided(number: int, checks: int) -> Decision:
    results = [CheckResult(name=f"errors[country={n}]", verdict="Pass") for n in range(checks)]
    return Decision(id=str(number), deployment="d", decision="Promoted", by="analysis", checks=results)


def test_decisions_on_many_slices_are_fewer() -> None:
    """An object has bounds: 32 decisions of few checks, fewer of many, and the newest always."""
    assert len(decisions.kept([decided(n, 17) for n in range(40)], 32)) == 32
    kept = decisions.kept([decided(n, 48) for n in range(40)], 32)
    assert [d.id for d in kept] == [str(n) for n in range(29, 40)]


def test_slices_of_the_same_verdict_are_told_together() -> None:
    """A line has room for that."""
    told = [("errors[country=de]", "Pass"), ("errors[country=fr]", "Fail"), ("errors[country=at]", "Pass")]
    assert list(together([*told, ("latency", "Pass")])) == [
        ("errors[country=de|at]", "Pass"),
        ("errors[country=fr]", "Fail"),
        ("latency", "Pass"),
    ]
