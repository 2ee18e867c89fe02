"""Prometheus text as servers write it, and as they should not."""

from __future__ import annotations

import math
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.openmetrics import exposition as openmetrics

from linnet.core.analysis.checks import Signal
from linnet.core.analysis.metrics.counters import PodCounters, count_pod
from linnet.core.analysis.metrics.selectors import (
    TOTAL,
    CounterRule,
    HistogramRule,
    LabelRule,
    MetricRules,
    Op,
    Selector,
    Unit,
)

INFER = LabelRule("path", Op.REGEX, "/v2/models/.+/infer")
SERVER_ERROR = LabelRule("status_code", Op.PREFIX, "5")
RULES = MetricRules(
    requests=(Selector("rest_server_requests_total", (INFER,)),),
    errors=(Selector("rest_server_requests_total", (INFER, SERVER_ERROR)),),
    latency=(HistogramRule("rest_server_request_duration_seconds", (INFER,)),),
)
MLSERVER = """\
# HELP python_gc_objects_collected_total Objects collected during gc
# TYPE python_gc_objects_collected_total counter
python_gc_objects_collected_total{generation="0"} 1071.0
# HELP rest_server_requests_total Total HTTP requests
# TYPE rest_server_requests_total counter
rest_server_requests_total{app_name="starlette",path="/v2/health/ready",status_code="200"} 50.0
rest_server_requests_total{app_name="starlette",path="/v2/models/risk/infer",status_code="200"} 1.2e+03
rest_server_requests_total{app_name="starlette",path="/v2/models/risk/infer",status_code="400"} 7.0
rest_server_requests_total{app_name="starlette",path="/v2/models/risk/infer",status_code="500"} 30.0
rest_server_requests_created{app_name="starlette",path="/v2/models/risk/infer",status_code="500"} 1.7e+09
# TYPE rest_server_request_duration_seconds histogram
rest_server_request_duration_seconds_bucket{le="0.25",path="/v2/health/ready",status_code="200"} 50.0
rest_server_request_duration_seconds_bucket{le="0.1",path="/v2/models/risk/infer",status_code="200"} 1000.0
rest_server_request_duration_seconds_bucket{le="0.25",path="/v2/models/risk/infer",status_code="200"} 1150.0
rest_server_request_duration_seconds_bucket{le="+Inf",path="/v2/models/risk/infer",status_code="200"} 1200.0
rest_server_request_duration_seconds_bucket{le="0.1",path="/v2/models/risk/infer",status_code="500"} 30.0
rest_server_request_duration_seconds_bucket{le="0.25",path="/v2/models/risk/infer",status_code="500"} 30.0
rest_server_request_duration_seconds_bucket{le="+Inf",path="/v2/models/risk/infer",status_code="500"} 30.0
rest_server_request_duration_seconds_sum{path="/v2/models/risk/infer",status_code="200"} 81.5
"""


def test_an_inference_server() -> None:
    """Probes are left out, a client's own 400 is a request and no error, buckets add up over statuses."""
    counters = count_pod(MLSERVER, RULES)
    assert (counters.requests, counters.errors) == (1237.0, 30.0)
    assert counters.latency == {"latency": {0.1: 1030.0, 0.25: 1180.0, math.inf: 1230.0}}
    assert counters.absent == frozenset()


@pytest.mark.parametrize("write", [generate_latest, openmetrics.generate_latest], ids=["prometheus", "openmetrics"])
def test_what_the_client_library_writes(write: Callable[[CollectorRegistry], bytes]) -> None:
    """Counters and histograms as Python servers really expose them, with exemplars and odd label values."""
    registry = CollectorRegistry()
    served = Counter("rest_server_requests", "Requests", ["path", "status_code"], registry=registry)
    took = Histogram(
        "rest_server_request_duration_seconds", "Duration", ["path"], buckets=(0.1, 0.25, 1), registry=registry
    )
    Gauge("rest_server_requests_in_progress", 'With a "quote"\nand a line', ["path"], registry=registry).labels(
        "{}"
    ).set(3)
    for seconds, status in ((0.05, "200"), (0.2, "200"), (0.3, "500"), (7, "200")):
        served.labels("/v2/models/m/infer", status).inc(exemplar={"trace_id": "a b"})
        took.labels("/v2/models/m/infer").observe(seconds)
    served.labels('/v2/health/live\\"}\n', "500").inc(40)
    counters = count_pod(write(registry).decode(), RULES)
    assert (counters.requests, counters.errors) == (4.0, 1.0)
    assert counters.latency == {"latency": {0.1: 1.0, 0.25: 2.0, 1.0: 3.0, math.inf: 4.0}}


def one(name: str, labels: str = "", *rules: LabelRule) -> float | None:
    """The requests that a single series counts as."""
    return count_pod(f"{name}{labels} 5\n", MetricRules((Selector("up_total", rules),))).requests


LABELS = (
    (LabelRule("a", Op.EQUAL, "x"), '{a="x"}', 5.0),
    (LabelRule("a", Op.EQUAL, "x"), '{a="xy"}', 0.0),
    (LabelRule("a", Op.NOT_EQUAL, "x"), '{a="y"}', 5.0),
    (LabelRule("a", Op.PREFIX, "x"), '{a="xy"}', 5.0),
    (LabelRule("a", Op.NOT_PREFIX, "x"), '{a="xy"}', 0.0),
    (LabelRule("a", Op.REGEX, "5.."), '{a="503"}', 5.0),
    (LabelRule("a", Op.REGEX, "5"), '{a="503"}', 0.0),
    (LabelRule("a", Op.NOT_REGEX, "5.."), '{a="200"}', 5.0),
    (LabelRule("a", Op.EQUAL, ""), "", 5.0),
    (LabelRule("a", Op.NOT_EQUAL, "x"), "", 5.0),
    (LabelRule("a", Op.EQUAL, 'a "quoted" }, b="c'), r'{z="1",a="a \"quoted\" }, b=\"c"}', 5.0),
    (LabelRule("a", Op.EQUAL, "back\\slash\nline"), r'{a="back\\slash\nline",}', 5.0),
    (LabelRule("path", Op.EQUAL, "/v2/models/{name}/infer"), '{path="/v2/models/{name}/infer"}', 5.0),
)


@pytest.mark.parametrize(("rule", "labels", "expected"), LABELS)
def test_labels(rule: LabelRule, labels: str, expected: float) -> None:
    """Conditions on labels hold as in PromQL, whatever braces and quotes the values contain."""
    assert one("up_total", labels, rule) == expected


VALUES = (
    ("up_total 5", 5.0),
    ("up_total\t5.5e+01 1700000000000", 55.0),
    ('up_total{} 5 # {trace_id="x"} 1.0', 5.0),
    ('up_total 5\r\nup_total{a="b"} 2', 7.0),
    ("up_total +Inf", math.inf),
    ("# up_total 7\nup_total 5", 5.0),
    ("up_total_more 7\nup_total 5", 5.0),
    ("more_up_total 7\nup_total 5", 5.0),
    ("up_total:rate 7\nup_total 5", 5.0),
)


@pytest.mark.parametrize(("text", "expected"), VALUES)
def test_values(text: str, expected: float) -> None:
    """Timestamps, exemplars, exponents and neighbors with similar names do not confuse the reader."""
    assert count_pod(text, MetricRules((Selector("up_total"),))).requests == expected


def test_nan_stays_nan() -> None:
    """A NaN is passed on as such: what it means is for the evidence to say."""
    counters = count_pod("up_total NaN\n", MetricRules((Selector("up_total"),), (Selector("up_total"),)))
    assert counters.requests is not None
    assert math.isnan(counters.requests)


def test_a_server_without_requests_counts_zero_only_if_it_is_lazy() -> None:
    """Before its first request a lazy server exposes no series; another one that lacks them lacks the signal."""
    text = "process_cpu_seconds_total 1.5\n"
    lazy = count_pod(text, RULES)
    assert (lazy.requests, lazy.errors, lazy.latency, lazy.absent) == (0.0, 0.0, {"latency": {}}, frozenset())
    strict = count_pod(text, MetricRules(RULES.requests, RULES.errors, RULES.latency, lazy=False))
    assert strict == PodCounters(None, None, {}, frozenset({Signal.ERRORS, Signal.LATENCY}))


@pytest.mark.parametrize("text", ["", "\n\n", "# HELP only comments\n", "<html>502 Bad Gateway</html>", "{}"])
def test_a_bad_scrape_is_absent_and_not_zero(text: str) -> None:
    """Text without a sample says nothing, even of a lazy server (kayenta's and flagger's 'no data')."""
    assert count_pod(text, RULES) == PodCounters(None, None, {}, frozenset({Signal.ERRORS, Signal.LATENCY}))


def test_no_error_series_yet_is_zero_errors() -> None:
    """A family that is there, without the label of failure, has had no failure."""
    strict = MetricRules(RULES.requests, RULES.errors, lazy=False)
    text = 'rest_server_requests_total{path="/v2/models/m/infer",status_code="200"} 5\n'
    assert (count_pod(text, strict).requests, count_pod(text, strict).errors) == (5.0, 0.0)


def test_requests_can_be_the_sum_of_families() -> None:
    """Servers that count success and failure apart have both as their requests."""
    ok, bad = Selector("model_infer_request_success_total"), Selector("model_infer_request_failure_total")
    text = 'model_infer_request_success_total{model="m"} 8\nmodel_infer_request_failure_total{model="m"} 2\n'
    counters = count_pod(text, MetricRules((ok, bad), (bad,)))
    assert (counters.requests, counters.errors) == (10.0, 2.0)


@pytest.mark.parametrize(
    ("unit", "le"), [(Unit.SECONDS, "0.25"), (Unit.MILLISECONDS, "250"), (Unit.MICROSECONDS, "250000.0")]
)
def test_bounds_are_seconds(unit: Unit, le: str) -> None:
    """Whatever the histogram's unit, the counters speak of seconds."""
    rules = MetricRules(latency=(HistogramRule("took", unit=unit, key="first-token"),))
    text = f'took_bucket{{le="{le}"}} 3\ntook_bucket{{le="+Inf"}} 4\n'
    assert [*count_pod(text, rules).latency["first-token"].items()] == [(pytest.approx(0.25), 3.0), (math.inf, 4.0)]


IN_FLIGHT = MetricRules(in_flight=(Selector("now", (LabelRule("method", Op.EQUAL, "POST"),)), Selector("streams")))
LEVELS = (
    ('now{method="POST"} 3.0\nnow{method="GET"} 9.0', 3.0),
    ('now{method="POST"} 3.0\nstreams 2', 5.0),
    ('now{method="POST"} 0.0', 0.0),
    ('now{method="GET"} 9.0', None),
    ("up 1", None),
    ('now{method="POST"} NaN\nstreams 2', None),
    ('now{method="POST"} -1\nstreams 2', None),
    ('now{method="POST"} +Inf', None),
)


@pytest.mark.parametrize(("text", "expected"), LEVELS)
def test_requests_in_flight_are_a_gauge(text: str, expected: float | None) -> None:
    """A gauge that is absent says nothing, not zero; nor does one that is no number of requests."""
    assert count_pod(text, IN_FLIGHT).in_flight == expected


def test_a_summary_is_no_histogram() -> None:
    """Where a runtime exposes only sums and counts, latency is absent."""
    rules = MetricRules(latency=(HistogramRule("took"),), lazy=False)
    counters = count_pod("took_sum 3\ntook_count 4\n", rules)
    assert (counters.latency, Signal.LATENCY in counters.absent) == ({}, True)


def test_signals_of_a_runtime() -> None:
    """Rules say offline what a runtime can answer."""
    assert RULES.signals() == {Signal.ERRORS, Signal.LATENCY, Signal.METRIC}
    assert MetricRules(requests=RULES.requests).signals() == {Signal.METRIC}
    assert MetricRules(counters=(CounterRule(TOTAL, (Selector("known_total"),)),)).signals() == {Signal.FEEDBACK}


MISSED = MetricRules(counters=(CounterRule("missed", (Selector("missed_total"),)),))


@pytest.mark.parametrize(
    ("text", "found", "missing"),
    [
        ("missed_total 3\n", {"missed": 3.0}, {}),
        ('missed_total{a="x"} 3\nmissed_total{a="y"} 4\n', {"missed": 7.0}, {}),
        ("# TYPE missed_total counter\n", {"missed": 0.0}, {}),
        ("# TYPE missed counter\n", {"missed": 0.0}, {}),
        ("# TYPE missed_total_more counter\nup 1\n", {}, {"missed": "missed_total"}),
        ("up 1\n", {}, {"missed": "missed_total"}),
    ],
)
def test_a_counter_that_a_check_names_is_never_zero_by_its_absence(
    text: str, found: dict[str, float], missing: dict[str, str]
) -> None:
    """A wrong name must not pass for a quiet server; a TYPE line alone says that the family is there."""
    counters = count_pod(text, MISSED)
    assert (dict(counters.counters), dict(counters.missing)) == (found, missing)


def test_counters_that_are_added_up_are_all_needed() -> None:
    """Half of a sum is a wrong number, not a small one."""
    rules = MetricRules(counters=(CounterRule(TOTAL, (Selector("good_total"), Selector("bad_total"))),))
    assert dict(count_pod("good_total 5\nbad_total 2\n", rules).counters) == {TOTAL: 7.0}
    assert dict(count_pod("good_total 5\n", rules).missing) == {TOTAL: "bad_total"}


def test_a_histogram_that_a_check_names_is_there_or_absent() -> None:
    """Bounds of what measures no time stay as they are; before the first observation it is empty."""
    rules = MetricRules(latency=(HistogramRule("tokens", unit=None, key="tokens", lazy=False),))
    text = 'tokens_bucket{le="100.0"} 3\ntokens_bucket{le="+Inf"} 4\n'
    assert count_pod(text, rules).latency == {"tokens": {100.0: 3.0, math.inf: 4.0}}
    assert count_pod("# TYPE tokens histogram\n", rules).latency == {"tokens": {}}
    assert count_pod("up 1\n", rules).latency == {}


@given(st.text(), st.text(alphabet='upé_total{}="\\ #\n0123456789.eE+-NaInf,', max_size=200))
def test_no_text_breaks_it(noise: str, crafted: str) -> None:
    """Whatever a pod answers, counting it raises nothing."""
    for text in (noise, crafted, MLSERVER[:700] + noise + crafted, crafted + "\n" + MLSERVER):
        count_pod(text, RULES)
        count_pod(text, IN_FLIGHT)
        count_pod(text, MetricRules((Selector("up_total"),), latency=(HistogramRule("up"),)))


@given(st.text().filter(lambda text: "\n" not in text and "\r" not in text), st.integers(0, 10**12))
def test_any_label_value_survives(value: str, count: int) -> None:
    """A value that was escaped as the format asks is found again."""
    escaped = value.replace("\\", "\\\\").replace('"', '\\"')
    rules = MetricRules((Selector("up_total", (LabelRule("a", Op.EQUAL, value),)),))
    assert count_pod(f'up_total{{a="{escaped}"}} {count}\n', rules).requests == count
