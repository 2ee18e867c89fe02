"""Objects of whole rollouts, as the API server would show them: the pure plans make them, with seeded traffic."""

import copy
from dataclasses import replace
from typing import Any

from linnet.api.names import API_VERSION
from linnet.api.parts.base import Wire
from linnet.api.parts.hooks import Hooks
from linnet.api.parts.prometheus import PrometheusServer
from linnet.core.analysis.prometheus.response import Failure, Value
from linnet.core.rollout.judging import seal
from simulator import Behavior, Cluster

Object = dict[str, Any]
QUICK: dict[str, Any] = {
    "strategy": {
        "canary": {
            "steps": [{"setWeight": 34}, {"analyze": {"for": "10s"}}, {"setWeight": 50}, {"analyze": {"for": "10s"}}]
        },
        "bake": {"time": "30s"},
    },
    "analysis": {"interval": "2s", "warmUp": "0s"},
}
FAILING = Behavior(errors=0.3)


def serving() -> Cluster:
    """Version 1 serves."""
    return Cluster().edit(**QUICK).run(5)


def sharing() -> Cluster:
    """Version 2 is a canary by the RolloutPolicy that the Deployment names."""
    named = {"model": {"name": "tumor-risk"}, "replicas": 2, "policy": {"name": "gentle"}}
    cluster = Cluster(spec=named).share(**QUICK).run(5).publish(2)
    return cluster.run(60, until=lambda c: c.phase == "Stepping").run(6)


def canary() -> Cluster:
    """Version 2 has its first seconds of traffic, too few for a verdict."""
    return serving().publish(2).run(60, until=lambda c: c.phase == "Stepping").run(6)


def rolled_back() -> Cluster:
    """Version 2 failed."""
    return serving().publish(2, FAILING).run(300, until=lambda c: c.version_status(2).quarantine is not None).run(30)


def asking(answer: Value | Failure) -> Cluster:
    """Version 2 is judged by a query of the platform's, which gets this answer at the time of each question."""
    checks = [{"name": "slo", "signal": "Prometheus", "query": {"name": "http-success"}, "min": "0.99"}]
    cluster = serving().edit(analysis={**QUICK["analysis"], "defaultChecks": False, "checks": checks})
    server = {"url": "http://prometheus", "scrapeInterval": "1s", "queries": {"http-success": "success"}}
    cluster.prometheus = PrometheusServer.model_validate(server)
    cluster.answer = lambda _: replace(answer, at=cluster.now.timestamp()) if isinstance(answer, Value) else answer
    return cluster.publish(2)


def answering_otherwise() -> Cluster:
    """Version 2 failed: it gives high scores where version 1 gives low ones."""
    checks = [{"name": "answers", "signal": "Predictions", "maxDivergence": "0.02"}]
    cluster = (
        serving()
        .edit(analysis={**QUICK["analysis"], "defaultChecks": False, "checks": checks})
        .publish(2, Behavior(high=0.6))
    )
    counted = {"histogram": {"name": "score", "bounds": ["0.5"]}}
    cluster.versions[2]["spec"]["runtime"]["metrics"]["predictions"] = counted
    return cluster.run(300, until=lambda c: c.version_status(2).quarantine is not None).run(30)


def sliced(behavior: Behavior) -> Cluster:
    """Version 2 is judged by country."""
    by = {"label": "country", "values": ["de", "fr", "at"]}
    checks = [{"name": "errors", "signal": "Errors", "maxRatioToStable": "1", "slice": by}]
    cluster = serving().edit(analysis={**QUICK["analysis"], "defaultChecks": False, "checks": checks})
    cluster.countries = ("de", "fr", "at")
    for counts in cluster.counters.values():
        counts["in"] = {country: [0, 0] for country in cluster.countries}
    return cluster.publish(2, behavior)


def waiting_for_hook() -> Cluster:
    """Version 2 has its pods, and no word of the change calendar."""
    endpoints = {"endpoints": [{"name": "calendar", "url": "http://calendar"}]}
    hook = {"name": "change-freeze", "at": "PreRollout", "endpoint": "calendar"}
    cluster = Cluster(hooks=Hooks.model_validate(endpoints)).edit(**QUICK).run(5)
    cluster.edit(strategy={**QUICK["strategy"], "hooks": [hook]}).publish(2)
    return cluster.run(60, until=lambda c: bool(c.called)).run(20)


def promoted() -> Cluster:
    return serving().publish(2).run(900, until=lambda c: c.typed.stable is not None and c.typed.stable.version == 2)


def objects(cluster: Cluster) -> list[Object]:
    """The Deployment, its Model's versions and its pods, and what a rollout has counted, as if saved at this moment."""
    counted = seal.keyed(cluster.memory) if cluster.memory else {}
    status = copy.deepcopy(cluster.status)
    if counted and "rollout" in status:
        status["rollout"]["evidence"] = [seal.seal(counted)]
    deployment = _object("Deployment", "tumor-risk", cluster.spec, status)
    versions = [
        _object("ModelVersion", f"tumor-risk-v{n}", v["spec"], v["status"]) for n, v in cluster.versions.items()
    ]
    pods = [{"apiVersion": "v1", "kind": "Pod", **pod} for pod in cluster.pods.values()]
    kept = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "tumor-risk-evidence"}, "data": counted}
    return [deployment, *versions, *pods, *([kept] if counted else [])]


def _object(kind: str, name: str, spec: Object, status: Object | Wire) -> Object:
    written = status.wire() if isinstance(status, Wire) else status
    return {"apiVersion": API_VERSION, "kind": kind, "metadata": {"name": name}, "spec": spec, "status": written}
