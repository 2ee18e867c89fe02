"""Metric, Feedback and other histograms: counted as errors are, by the same test, and never by what is missing."""

from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from linnet.api.kinds.deployment import DeploymentSpec
from linnet.api.kinds.model import ModelSpec
from linnet.api.parts.runtime import FrozenRuntime
from linnet.core.analysis import evidence as rollout_evidence
from linnet.core.analysis.checks import CountCheck, Policy, Signal, Track
from linnet.core.analysis.counts.evidence import CountEvidence, start
from linnet.core.analysis.counts.judge import judge
from linnet.core.analysis.evidence import restored, stored
from linnet.core.analysis.metrics.counters import PodCounters, count_pod
from linnet.core.analysis.metrics.fold import fold
from linnet.core.analysis.metrics.selectors import CORRECT, TOTAL
from linnet.core.analysis.verdict import Judgement, Look, Verdict
from linnet.core.policy import preflight, unsupported
from linnet.core.policy import rules as policy
from linnet.core.policy.metrics import metric_rules
from linnet.core.policy.rules import Rules
from linnet.core.serving.runtimes import freeze
from simulator import CATALOGUE

START = datetime(2026, 1, 1, tzinfo=UTC)
TRACKS = {"c": Track.CANARY, "s": Track.STABLE}
MISSED = CountCheck("missed", Signal.METRIC, max_ratio_to_stable=1.0, counter="missed_total")
TRUTH = CountCheck("truth", Signal.FEEDBACK, max_ratio_to_stable=1.0, min_excess=0.01)
LONG = CountCheck("long", Signal.METRIC, max=0.05, threshold_seconds=500, histogram="tokens")
FIRST_TOKEN = "vllm:time_to_first_token_seconds"
METRICS = {
    "requests": [{"name": "asked_total"}],
    "latency": {"histograms": [{"name": "took_seconds"}], "bounds": ["0.1", "0.5", "1"]},
    "histograms": [
        {"name": FIRST_TOKEN, "unit": "ms", "bounds": ["100", "250"]},
        {"name": "tokens", "bounds": ["100", "500"]},
    ],
    "feedback": {"correct": [{"name": "right_total"}], "total": [{"name": "known_total"}]},
}


def runtime(**metrics: Any) -> FrozenRuntime:
    data = {"name": "custom", "image": "server:1", "ports": {"http": 80}, "readyPath": "/", "metrics": metrics}
    return FrozenRuntime.model_validate(data)


def resolved(*checks: dict[str, Any], served: FrozenRuntime) -> Rules:
    spec = DeploymentSpec.model_validate(
        {"model": {"name": "risk"}, "analysis": {"defaultChecks": False, "checks": list(checks)}}
    )
    assert list(unsupported.in_deployment(spec)) == []
    found = policy.resolve(policy.source_of(spec), served)
    assert found is not None
    return found


def verdict(check: CountCheck, evidence: CountEvidence, now: datetime = START) -> Judgement:
    return judge(Policy((check,)), check, evidence, Look(timedelta(hours=1), timedelta(0), now))


def judged(check: CountCheck, *looks: dict[str, PodCounters]) -> Judgement:
    """Five seconds apart, stable's first being its baseline."""
    evidence, now = start([check]), START
    for look in looks:
        now += timedelta(seconds=5)
        evidence = fold(evidence, look, TRACKS, "w", now)
    return verdict(check, evidence, now)


def events(requests: int, missed: float) -> PodCounters:
    return PodCounters(float(requests), counters={"missed_total": missed})


def known(right: float, total: float) -> PodCounters:
    return PodCounters(counters={CORRECT: right, TOTAL: total})


def tokens(long: int, of: int) -> PodCounters:
    return PodCounters(latency={"tokens": {100.0: 0.0, 500.0: float(of - long), math.inf: float(of)}})


def test_events_of_a_counter_are_judged_as_errors_are() -> None:
    """More fraud missed per request than by stable at the same time rolls back."""
    looks = [{"c": events(100 * n, 10 * n), "s": events(900 * n, 9 * n)} for n in range(30)]
    found = judged(MISSED, *looks)
    assert (found.verdict, found.counts.canary_n, found.counts.canary_bad) == (Verdict.FAIL, 2900, 290)


def test_observations_above_a_bound_are_judged_as_errors_are() -> None:
    """In the histogram's own unit, and in its own words."""
    found = judged(LONG, *({"c": tokens(30 * n, 100 * n), "s": tokens(0, 0)} for n in range(10)))
    assert found.verdict is Verdict.FAIL
    assert "bad: canary 270 of 900 observations" in found.message


@pytest.mark.parametrize("check", [MISSED, TRUTH, LONG])
def test_a_metric_that_no_pod_exposes_is_an_error_and_never_a_verdict(check: CountCheck) -> None:
    """It is neither good nor bad: it holds, whatever else the pods say."""
    silent = PodCounters(100.0, 50.0)
    found = judged(check, *({"c": silent, "s": silent} for _ in range(20)))
    assert (found.verdict, found.reason) == (Verdict.ERROR, "MetricsUnreadable")


def test_the_missing_metric_is_named() -> None:
    """From the text to the sentence that a person reads."""
    asked = {"name": "m", "signal": "Metric", "metric": {"name": "mised_total"}, "max": "0.01"}
    served = runtime(**METRICS)
    rules = metric_rules(served.metrics, resolved(asked, served=served).asked)
    seen = count_pod("asked_total 100\nmissed_total 3\n", rules)
    check = resolved(asked, served=served).judged.checks[0]
    assert "the pod exposes no metric mised_total" in judged(check, {"c": seen, "s": seen}).message


@pytest.mark.parametrize("text", ["known_total 100\n", "# TYPE right_total counter\nknown_total 100\n"])
def test_a_feedback_whose_correct_answers_are_not_exposed_does_not_fail(text: str) -> None:
    """Total alone would make every answer wrong."""
    seen = count_pod(text, metric_rules(runtime(**METRICS).metrics))
    found = judged(TRUTH, *({"c": seen, "s": seen} for _ in range(3)))
    assert (found.verdict, "the pod exposes no metric right_total" in found.message) == (Verdict.ERROR, True)


def test_a_counter_that_counts_more_than_requests_is_an_error() -> None:
    """It is no share of requests: nothing is concluded from it."""
    found = judged(MISSED, *({"c": events(100 * n, 300 * n), "s": events(900 * n, 0)} for n in range(1, 30)))
    assert found.verdict is Verdict.ERROR
    assert "it must count at most one each" in found.message


def test_events_of_requests_under_way_do_not_hide_that_all_are_bad() -> None:
    """A request is counted when it ends: its event is ahead of it, and no reason to hold."""
    looks = [{"c": events(100 * n, 100 * n + 4), "s": events(900 * n, 9 * n)} for n in range(30)]
    assert judged(MISSED, *looks).verdict is Verdict.FAIL


@pytest.mark.parametrize(("right", "total"), [(100, 95), (math.nan, 100), (-1, 100), (90, math.inf)])
def test_feedback_that_makes_no_sense_is_an_error(right: float, total: float) -> None:
    """Two counters that were mixed up would make every answer right."""
    found = judged(TRUTH, {"c": known(right, total), "s": known(90, 100)}, {"c": known(right, total)})
    assert found.verdict is Verdict.ERROR


def test_labels_that_come_days_later_are_judged_as_they_come() -> None:
    """Three days without any, an operator that restarts each hour, then those of both: the worse canary fails."""
    evidence, now, right = start([TRUTH]), START, 0
    for hour in range(1, 97):
        now += timedelta(hours=1)
        right = max(0, hour - 72)
        look = {"c": known(60.0 * right, 100.0 * right), "s": known(810.0 * right, 900.0 * right)}
        counted = fold(evidence, look, TRACKS, "w", now)
        evidence = restored(stored(rollout_evidence.Evidence(counted))).counts
        found = verdict(TRUTH, evidence, now)
        if hour <= 72:
            assert (found.verdict, found.reason) == (Verdict.INSUFFICIENT_DATA, "NoCanaryRequests")
            assert "the canary has had no answers of known truth yet" in found.message
    assert (found.verdict, found.counts.canary_n, found.counts.canary_bad) == (Verdict.FAIL, 2400, 960)


def test_labels_that_worsen_on_both_tracks_blame_nobody() -> None:
    """The comparison is with the labels that stable got at the same time, not with those of before."""
    looks, right = [], 0.0
    for hour in range(60):
        right += 95 if hour < 30 else 70
        looks.append({"c": known(right, 100.0 * (hour + 1)), "s": known(9 * right, 900.0 * (hour + 1))})
    assert judged(TRUTH, *looks).verdict is Verdict.PASS


def test_a_label_between_two_increments_is_no_restart() -> None:
    """A server that counts the correct one first shows one wrong answer fewer for a moment."""
    evidence = start([TRUTH])
    for number, (right, total) in enumerate([(90, 100), (91, 100), (91, 101)]):
        look = {"c": known(right, total), "s": known(0, 0)}
        evidence = fold(evidence, look, TRACKS, "w", START + timedelta(seconds=5 * number))
    assert (verdict(TRUTH, evidence).counts.canary_n, verdict(TRUTH, evidence).counts.canary_bad) == (101, 10)


def test_a_restarted_feedback_counter_begins_anew() -> None:
    """As with errors: what it counts then is new."""
    looks = [{"c": known(right, total), "s": known(0, 0)} for right, total in [(90, 100), (5, 6)]]
    assert judged(TRUTH, *looks).counts.canary_n == 106


def test_each_bound_of_each_signal_has_its_share_of_alpha() -> None:
    """The rollout's alpha stays what it is, whatever is counted."""
    found = resolved(
        {"name": "e", "signal": "Latency", "threshold": "100ms", "maxShareSlower": "0.1", "maxRatioToStable": "1"},
        {"name": "m", "signal": "Metric", "metric": {"name": "x_total"}, "max": "0.1"},
        {"name": "f", "signal": "Feedback", "maxRatioToStable": "1.5"},
        served=runtime(**METRICS),
    )
    assert found.judged.alpha_each == pytest.approx(0.01 / 4)


@pytest.mark.parametrize(
    ("metric", "bounds", "seen", "counted"),
    [
        ({"name": FIRST_TOKEN}, {"threshold": "250ms", "maxShareSlower": "0.05"}, f"{FIRST_TOKEN}_bucket", 0.25),
        ({"name": "tokens", "above": "500"}, {"max": "0.05"}, "tokens_bucket", 500),
        ({"name": FIRST_TOKEN, "above": "250"}, {"max": "0.05"}, f"{FIRST_TOKEN}_bucket", 0.25),
    ],
)
def test_another_histogram_is_read_by_its_name(
    metric: dict[str, Any], bounds: dict[str, str], seen: str, counted: float
) -> None:
    """Latency in time, Metric in the histogram's own unit."""
    signal = "Latency" if "threshold" in bounds else "Metric"
    served = runtime(**METRICS)
    found = resolved({"name": "x", "signal": signal, "metric": metric, **bounds}, served=served)
    assert preflight.trouble(found, served) is None
    check = found.judged.checks[0]
    assert check.threshold_seconds == pytest.approx(counted)
    inside = "250" if seen.startswith(FIRST_TOKEN) else "500"
    text = f'{seen}{{le="{inside}"}} 90\n{seen}{{le="+Inf"}} 100\n'
    counters = count_pod(text, metric_rules(served.metrics, found.asked))
    assert judged(check, {"c": counters, "s": PodCounters()}).counts.canary_bad == 10


@pytest.mark.parametrize(
    ("check", "metrics", "missing", "sentence"),
    [
        (
            {"signal": "Latency", "metric": {"name": FIRST_TOKEN}, "threshold": "200ms", "maxShareSlower": "0.05"},
            METRICS,
            False,
            f"spec.analysis.checks[0].threshold: 0.2s is no bucket of {FIRST_TOKEN} of custom: 0.1s, 0.25s",
        ),
        (
            {"signal": "Metric", "metric": {"name": "tokens", "above": "200"}, "max": "0.05"},
            METRICS,
            False,
            "spec.analysis.checks[0].metric.above: 200 is no bucket of tokens of custom: 100, 500",
        ),
        (
            {"signal": "Metric", "metric": {"name": FIRST_TOKEN, "above": "0.25"}, "max": "0.05"},
            METRICS,
            False,
            "spec.analysis.checks[0].metric.above: 0.25ms is no bucket",
        ),
        (
            {"signal": "Latency", "metric": {"name": "tokens"}, "threshold": "100ms", "maxShareSlower": "0.05"},
            METRICS,
            False,
            "spec.analysis.checks[0].metric.name: tokens does not measure time",
        ),
        (
            {"signal": "Latency", "metric": {"name": "ttft"}, "threshold": "100ms", "maxShareSlower": "0.05"},
            METRICS,
            True,
            f"checks[0].metric.name: runtime custom names no histogram ttft; known are {FIRST_TOKEN}, tokens",
        ),
        (
            {"signal": "Feedback", "max": "0.05"},
            {"requests": METRICS["requests"]},
            True,
            "spec.analysis.checks[0].signal: runtime custom exposes no Feedback",
        ),
    ],
)
def test_what_the_runtime_can_not_answer_is_refused_before_traffic_moves(
    check: dict[str, Any], metrics: dict[str, Any], missing: bool, sentence: str
) -> None:
    """With the field's path, the value and what there is."""
    served = runtime(**metrics)
    found = preflight.trouble(resolved({"name": "x", **check}, served=served), served)
    assert found is not None
    assert (found[0], sentence in found[1]) == (missing, True), found[1]


def test_a_counter_is_chosen_by_its_labels() -> None:
    """Two checks of one family do not share their counts."""
    served = runtime(**METRICS)
    checks = [
        {
            "name": kind,
            "signal": "Metric",
            "metric": {"name": "events_total", "match": [{"label": "kind", "in": [kind]}]},
            "max": "0.1",
        }
        for kind in ("missed", "late")
    ]
    found = resolved(*checks, served=served)
    text = 'asked_total 10\nevents_total{kind="missed"} 3\nevents_total{kind="late"} 1\n'
    seen = count_pod(text, metric_rules(served.metrics, found.asked))
    counts = [judged(check, {"c": seen, "s": seen}).counts.canary_bad for check in found.judged.checks]
    assert counts == [3, 1]


def test_a_model_adds_what_it_counts_itself() -> None:
    """Histograms and feedback of the model, the rest of the catalogue's server."""
    own = {"histograms": METRICS["histograms"], "feedback": METRICS["feedback"]}
    spec = {
        "format": {"name": "sklearn"},
        "source": {"uri": "s3://mucket/1"},
        "runtime": {"name": "mlserver", "metrics": own},
    }
    frozen = freeze("risk", ModelSpec.model_validate(spec), CATALOGUE)
    assert Signal.FEEDBACK in metric_rules(frozen.metrics).signals()
    assert frozen.metrics is not None
    assert frozen.metrics.errors is not None
    assert [h.name for h in frozen.metrics.histograms or ()] == [FIRST_TOKEN, "tokens"]
