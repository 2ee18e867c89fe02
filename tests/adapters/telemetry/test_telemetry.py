"""What the operator tells of itself: counters by a documented mapping, JSON lines, probes."""

import io
import json
import logging
import sys

import httpx
import pytest

from linnet.adapters.cluster import resources
from linnet.adapters.telemetry.logs import OBJECT, JsonFormatter, configure
from linnet.adapters.telemetry.metrics import Metrics
from linnet.adapters.telemetry.probes import ProbeServer
from linnet.core.plan import Ref

REF = Ref("Deployment", "ml", "iris")


def text(metrics: Metrics) -> str:
    return metrics.exposition().decode()


@pytest.mark.parametrize(
    ("event", "fields", "line"),
    [
        ("decision", {"rollout": "v2-1", "decision": "RolledBack"}, 'linnet_rollouts_total{outcome="RolledBack"} 1.0'),
        ("verdict", {"check": "errors", "verdict": "Fail"}, 'linnet_verdicts_total{check="errors",verdict="Fail"} 1.0'),
        ("retrain_run", {"outcome": "Succeeded"}, 'linnet_retrain_runs_total{outcome="Succeeded"} 1.0'),
    ],
)
def test_journal_events_are_counted(event: str, fields: dict[str, str], line: str) -> None:
    """A dashboard needs no log store to count rollbacks."""
    metrics = Metrics()
    metrics.counted(event, fields)
    assert line in text(metrics)


def test_a_quarantine_by_hand_is_no_outcome_of_a_rollout() -> None:
    """A decision that no rollout led to must not stand on a dashboard of rollouts."""
    metrics = Metrics()
    metrics.counted("decision", {"decision": "Quarantined", "by": "jane"})
    assert "Quarantined" not in text(metrics)


def test_gauges_of_an_object_go_with_it() -> None:
    """A weight of a Deployment that was deleted must not stay on a dashboard."""
    metrics = Metrics()
    metrics.gauges(REF, {"linnet_canary_weight": 20.0})
    assert 'linnet_canary_weight{name="iris",namespace="ml"} 20.0' in text(metrics)
    metrics.gauges(REF, {})
    assert "iris" not in text(metrics)


def test_requests_are_counted_in_the_api_servers_words() -> None:
    """By verb, resource with its group, and outcome: `deployments` alone would be two kinds."""
    metrics = Metrics()
    metrics.requested("server_side_apply", resources.WORKLOAD, "200")
    metrics.requested("replace", resources.DEPLOYMENT, "ConflictError")
    assert 'linnet_api_requests_total{code="200",resource="deployments.apps",verb="apply"} 1.0' in text(metrics)
    conflict = 'code="ConflictError",resource="deployments.linnet.dev",verb="update"'
    assert f"linnet_api_requests_total{{{conflict}}} 1.0" in text(metrics)


def test_a_log_line_is_json_with_the_objects_key() -> None:
    """The key of the object that the task works on, the fields beside it, and the traceback in one line."""
    token = OBJECT.set("Deployment/ml/iris")
    try:
        record = logging.LogRecord("linnet.x", logging.WARNING, "f", 1, "went %s", ("wrong",), None)
        record.__dict__["fields"] = {"retry_in_seconds": 1.5, "level": "can't be overwritten"}
        line = json.loads(JsonFormatter().format(record))
    finally:
        OBJECT.reset(token)
    assert line.pop("time").endswith("Z")
    assert line == {
        "level": "warning",
        "logger": "linnet.x",
        "message": "went wrong",
        "object": "Deployment/ml/iris",
        "retry_in_seconds": 1.5,
    }


def test_kopfs_warning_about_signals_alarms_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    """kopf says in its thread that it handles no signals: the process does. Its other warnings are heard."""
    root, out = logging.getLogger(), io.StringIO()
    monkeypatch.setattr(sys, "stderr", out)
    monkeypatch.setattr(root, "handlers", [])
    monkeypatch.setattr(root, "level", root.level)
    configure("INFO")
    for message in ("OS signals are ignored: running not in the main thread.", "Request attempt #1 failed"):
        logging.getLogger("kopf.x").warning(message)
    assert [json.loads(line)["message"] for line in out.getvalue().splitlines()] == ["Request attempt #1 failed"]


async def test_probes_say_why_not() -> None:
    """The kubelet's event shows what is wrong."""
    server = ProbeServer(0, Metrics(), lambda: None, lambda: "the cache is being filled")
    await server.start()
    try:
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{server.port}", trust_env=False) as http:
            alive, ready, metrics = [await http.get(p) for p in ("/healthz", "/readyz", "/metrics")]
    finally:
        await server.stop()
    assert (alive.status_code, alive.text) == (200, "ok\n")
    assert (ready.status_code, ready.text) == (503, "the cache is being filled\n")
    assert "linnet_leader 0.0" in metrics.text


def test_metrics_without_names_tell_no_object() -> None:
    """Any pod may be able to read them: counts stay, and what is labeled with a name is left out."""
    metrics = Metrics(names=False)
    metrics.gauges(Ref("Deployment", "secret-team", "secret-model"), {"linnet_canary_weight": 5})
    metrics.protects("children", "secret-team", missing=True)
    metrics.reconciled("Deployment", "done")
    shown = metrics.exposition().decode()
    assert "secret" not in shown
    assert 'linnet_reconcile_total{kind="Deployment",outcome="done"} 1.0' in shown
