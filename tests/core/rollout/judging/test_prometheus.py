"""Whole rollouts with a check of signal Prometheus, in memory."""

from typing import Any

import pytest

from core.rollout.test_transitions import QUICK, at_rest, serving
from linnet.api.parts.prometheus import PrometheusServer
from linnet.core.analysis.prometheus.query_template import Question
from linnet.core.analysis.prometheus.response import Failure, NoValue, Value
from simulator import Behavior, Cluster

pytestmark = pytest.mark.rollouts

QUERY = 'success{namespace="{{namespace}}", pod=~"{{revision}}-.*"}'
SLO: dict[str, Any] = {"name": "slo", "signal": "Prometheus", "query": {"name": "http-success"}, "min": "0.99"}
ANALYSIS = {**QUICK["analysis"], "defaultChecks": False, "checks": [SLO]}


def asking(**fields: Any) -> Cluster:
    """Version 1 serves; version 2 is judged by the platform's query alone, which is asked every two seconds."""
    cluster = serving(**{"analysis": ANALYSIS, **fields})
    queries = {"http-success": QUERY}
    cluster.prometheus = PrometheusServer.model_validate(
        {"url": "http://prometheus:9090", "scrapeInterval": "1s", "queries": queries}
    )
    return cluster


def says(cluster: Cluster, value: float) -> None:
    cluster.answer = lambda _: Value(value, cluster.now.timestamp())


def rolled_back(cluster: Cluster) -> bool:
    return at_rest(cluster) and "RollingBack" in cluster.history


def promoted(cluster: Cluster) -> bool:
    return at_rest(cluster) and cluster.typed.stable is not None and cluster.typed.stable.version == 2


def test_a_good_value_promotes_and_at_rest_nobody_is_asked() -> None:
    """The question names the canary."""
    cluster = asking()
    says(cluster, 0.995)
    cluster.publish(2).run(300, until=promoted)
    assert promoted(cluster)
    assert {q.text for q in cluster.asked} == {f'success{{namespace="ml", pod=~"{cluster.revision(2)}-.*"}}'}
    count = len(cluster.asked)
    cluster.run(60)
    assert len(cluster.asked) == count


def test_a_breach_that_lasts_rolls_back_and_is_recorded_with_value_and_bound() -> None:
    """flagger #1815: a failing metric was ignored, and its value nowhere to be seen."""
    cluster = asking()
    says(cluster, 0.42)
    cluster.publish(2).run(120, until=rolled_back)
    [decision] = cluster.version_status(2).decisions or []
    [check] = [c for c in decision.checks or [] if c.name == "slo"]
    assert (decision.reason, check.verdict) == ("slo", "Fail")
    assert (check.query, str(check.value), str(check.min)) == ("http-success", "0.42", "0.99")
    assert "0.42, and must be at least 0.99" in decision.message
    assert len(cluster.asked) == 3


def test_one_odd_answer_does_not_roll_back() -> None:
    """A single bad scrape in a hundred good ones."""
    cluster = asking()
    odd = {4, 9, 10}

    def value(_: Question) -> Value:
        return Value(0.0 if len(cluster.asked) in odd else 1.0, cluster.now.timestamp())

    cluster.answer = value
    cluster.publish(2).run(300, until=promoted)
    assert promoted(cluster)


@pytest.mark.parametrize("said", [Failure("the server can't be reached: Connection refused"), NoValue("no series")])
def test_no_answer_neither_promotes_nor_rolls_back(said: Failure | NoValue) -> None:
    """For Flagger both are failed checks, which roll back (#1035 without traffic); here it waits and says the cause."""
    cluster = asking()
    cluster.answer = lambda _: said
    cluster.publish(2).run(600)
    assert cluster.phase == "Stepping"
    assert said.problem in cluster.message()
    before = len(cluster.history)
    cluster.run(60)
    assert {*cluster.history[before:]} <= {"Stepping"}, "only the evidence's hash is written"
    says(cluster, 1.0)
    cluster.run(300, until=promoted)
    assert promoted(cluster)


def test_a_restarted_operator_goes_on_with_the_row_of_breaches() -> None:
    """The row lies in the evidence: nothing is decided anew."""
    cluster = asking()
    says(cluster, 0.42)
    cluster.publish(2).run(60, until=lambda c: len(c.asked) == 2)
    cluster.save().restart_operator().run(60, until=rolled_back)
    assert rolled_back(cluster)
    assert len(cluster.asked) == 3


def test_a_canary_without_requests_is_not_asked_about() -> None:
    """flagger #1035: no traffic is no failure, though the query gives 0 for it."""
    cluster = asking()
    cluster.rate = 0.0
    says(cluster, 0.0)
    cluster.publish(2).run(300)
    assert cluster.phase == "Stepping"
    assert not quarantined(cluster)


def quarantined(cluster: Cluster) -> bool:
    return bool(cluster.version_status(2).quarantine)


def test_both_kinds_of_checks_must_pass() -> None:
    """Errors are counted in the pods, and roll back though the query is content."""
    checks = [SLO, {"name": "errors", "signal": "Errors", "maxRatioToStable": "1"}]
    cluster = asking(analysis={**ANALYSIS, "defaultChecks": False, "checks": checks})
    says(cluster, 1.0)
    cluster.publish(2, Behavior(errors=0.3)).run(300, until=rolled_back)
    assert rolled_back(cluster)
    assert "errors" in cluster.message()


@pytest.mark.parametrize(
    ("server", "reason", "said"),
    [
        (None, "UnsupportedSignal", "http-success can't be asked: the platform has no Prometheus server"),
        ({"latency": "x", "wait": "y"}, "InvalidSpec", "the platform has no query http-success: it has latency, wait"),
    ],
)
def test_a_query_that_is_not_there_starts_no_rollout(server: dict[str, str] | None, reason: str, said: str) -> None:
    """flagger #892, #1581 went on without it; here the path, the value and what there is are said."""
    checks = [{"name": "errors", "signal": "Errors", "maxRatioToStable": "1"}, SLO]
    cluster = serving(analysis={**ANALYSIS, "defaultChecks": False, "checks": checks})
    if server is not None:
        cluster.prometheus = PrometheusServer.model_validate({"url": "http://p", "queries": server})
    cluster.publish(2).run(30)
    assert at_rest(cluster)
    assert cluster.ready_reason() == f"False/{reason}"
    assert f"spec.analysis.checks[1].query.name: {said}" in cluster.message()
