"""A check of signal Prometheus, from the API server to a real Prometheus and back."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import prometheus_server
from integration.harness import World
from integration.rollouts import (
    NAME,
    QUICK,
    Traffic,
    outcome,
    phase,
    publish,
    quarantine,
    reason,
    rollout,
    serve,
    stable,
)
from prometheus_server import Prometheus

pytestmark = pytest.mark.integration

GOOD = (200, 0, 0)
QUERY = 'http_success_ratio{namespace="{{namespace}}", pod=~"{{revision}}-.*"}'
CHECKS: list[dict[str, Any]] = [
    {"name": "slo", "signal": "Prometheus", "query": {"name": "http-success"}, "min": "0.99"}
]
ANALYSIS = {**QUICK["analysis"], "defaultChecks": False, "checks": CHECKS}


@pytest.fixture
def prometheus(tmp_path: Path) -> Iterator[Prometheus]:
    with prometheus_server.running(tmp_path) as running:
        yield running


def operate(world: World, prometheus: Prometheus, folder: Path) -> None:
    """An operator whose platform names one query."""
    file = folder / "prometheus.yaml"
    server = {"url": prometheus.url, "scrapeInterval": "1s", "timeout": "5s", "queries": {"http-success": QUERY}}
    file.write_text(json.dumps(server))
    world.start_operator(LINNET_PROMETHEUS_FILE=str(file))


def tell(world: World, prometheus: Prometheus, value: float) -> None:
    """The mesh's view of the canary, under the name that only the rollout knows."""
    revision = world.until(lambda: rollout(world).get("to", {}).get("name"), "the rollout")
    labels = f'namespace="{world.namespace}",pod="{revision}-x"'
    prometheus.exporter.text = f"http_success_ratio{{{labels}}} {value}\n"
    prometheus.until(f"http_success_ratio{{{labels}}}", f"{value:g}")


def begin(world: World, prometheus: Prometheus, folder: Path) -> Traffic:
    operate(world, prometheus, folder)
    traffic = serve(world, analysis=ANALYSIS)
    publish(world, 2)
    traffic.answers[2] = GOOD
    return traffic


def test_a_breach_rolls_back(quiet_world: World, prometheus: Prometheus, tmp_path: Path) -> None:
    """flagger #1815: a value beyond its threshold was passed over, and nobody saw it; here it is in the record."""
    traffic = begin(quiet_world, prometheus, tmp_path)
    tell(quiet_world, prometheus, 0.42)
    traffic.until(lambda: outcome(quiet_world) == "RolledBack", "version 2 to be rolled back")
    record = quiet_world.status("ModelVersion", f"{NAME}-v2")["decisions"][-1]
    [check] = [c for c in record["checks"] if c["name"] == "slo"]
    assert (check["query"], check["value"], check["min"], check["verdict"]) == ("http-success", "0.42", "0.99", "Fail")
    assert quarantine(quiet_world, 2)[0]["reason"] == "slo"
    assert stable(quiet_world) == 1


def test_a_prometheus_that_is_away_holds(quiet_world: World, prometheus: Prometheus, tmp_path: Path) -> None:
    """For Flagger a query that fails is a failed check, so that an outage rolls back; here it holds, and is said."""
    prometheus.stop()
    traffic = begin(quiet_world, prometheus, tmp_path)
    traffic.until(lambda: reason(quiet_world) == "MetricsError", "the error to be said")
    assert "can't be reached: Connection refused" in quiet_world.condition("Deployment", NAME)["message"]
    failed = quiet_world.operator.metric("linnet_queries_total", query="http-success", outcome="error")
    enough = failed + 5  # more than the answers in succession that would fail it
    traffic.until(
        lambda: quiet_world.operator.metric("linnet_queries_total", query="http-success", outcome="error") > enough,
        "more failures than a row of breaches needs",
    )
    assert phase(quiet_world) == "Stepping"
    assert not quarantine(quiet_world, 2)
    prometheus.start()
    tell(quiet_world, prometheus, 1.0)
    traffic.until(lambda: outcome(quiet_world) == "Promoted", "version 2 to be promoted")
    assert stable(quiet_world) == 2


def test_a_query_that_is_not_there_starts_nothing(quiet_world: World, prometheus: Prometheus, tmp_path: Path) -> None:
    """flagger #892, #1581: a metric that nobody could measure was passed over, and the canary promoted."""
    operate(quiet_world, prometheus, tmp_path)
    checks = [{**CHECKS[0], "query": {"name": "latency"}}]
    serve(quiet_world, analysis={**ANALYSIS, "defaultChecks": False, "checks": checks})
    publish(quiet_world, 2)
    quiet_world.until(lambda: reason(quiet_world) == "InvalidSpec", "the refusal")
    said = quiet_world.condition("Deployment", NAME)["message"]
    assert "spec.analysis.checks[0].query.name: the platform has no query latency: it has http-success" in said
