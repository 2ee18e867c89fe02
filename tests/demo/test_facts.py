"""What the demo reads from the changes of the cluster's objects."""

import itertools
from typing import Any

import pytest
from demo.evidence.facts import facts_of

REVISION = {"name": "tumor-risk-v3-0a1b2c3d", "version": 3}


def deployment(**rollout: Any) -> dict[str, Any]:
    return {"kind": "Deployment", "status": {"rollout": {"id": "r", "to": REVISION, **rollout}}}


def test_a_rollout_begins_moves_and_is_decided() -> None:
    """Each transition is one fact, told once."""
    steps = [
        {"kind": "Deployment", "status": {}},
        deployment(phase="Starting", effectiveWeight=0),
        deployment(phase="Stepping", weight=25, effectiveWeight=33),
        deployment(phase="RollingBack", weight=25, effectiveWeight=33, decision="RolledBack", reason="errors"),
    ]
    told = [f.topic for old, new in itertools.pairwise(steps) for f in facts_of("Deployment", old, new, 1.0)]
    assert told == ["started", "phase", "weight", "phase", "weight", "phase", "decision"]
    assert facts_of("Deployment", steps[3], steps[3], 2.0) == []


@pytest.mark.parametrize(
    ("selector", "alone"),
    [({"linnet.dev/revision": REVISION["name"]}, 3), ({"linnet.dev/deployment": "tumor-risk"}, None)],
)
def test_routing_is_what_the_service_selects(selector: dict[str, str], alone: int | None) -> None:
    """One revision, or all serving pods."""
    service = {"metadata": {"name": "tumor-risk"}, "spec": {"selector": selector}}
    (fact,) = facts_of("Service", None, service, 1.0)
    assert (fact.topic, fact.data["alone"]) == ("routing", alone)


@pytest.mark.parametrize(
    "name", ["tumor-risk-canary", "tumor-risk-preview", "tumor-risk-stable", "tumor-risk-v3-0a1b2c3d"]
)
def test_other_services_are_no_routing(name: str) -> None:
    """Only the Service that clients call counts."""
    service = {"metadata": {"name": name}, "spec": {"selector": {"a": "b"}}}
    assert facts_of("Service", None, service, 1.0) == []


def test_a_route_that_changes_its_weights_is_routing() -> None:
    """Weights are told as they change; the route's first ones are no part of a rollout."""
    steps = [None, route(v5=100), route(v5=95, v6=5), route(v5=100)]
    told = [f for old, new in itertools.pairwise(steps) for f in facts_of("HTTPRoute", old, new, 1.0)]
    assert [(f.text, f.data["alone"]) for f in told] == [
        ("HTTPRoute tumor-risk: v5 95 %, v6 5 %", None),
        ("HTTPRoute tumor-risk: v5 100 %", 5),
    ]


def route(**weights: int) -> dict[str, Any]:
    backends = [{"name": f"tumor-risk-{name}-0a1b2c3d", "weight": weight} for name, weight in weights.items()]
    return {"metadata": {"name": "tumor-risk"}, "spec": {"rules": [{"backendRefs": backends}]}}


def test_a_pod_is_created_ready_stopping_gone() -> None:
    """The four stages of a serving pod, each once."""
    labels = {"linnet.dev/component": "serving", "linnet.dev/version": "3"}
    new: dict[str, Any] = {"metadata": {"name": "p", "labels": labels}}
    ready = {**new, "status": {"conditions": [{"type": "Ready", "status": "True"}]}}
    ending = {**ready, "metadata": {**new["metadata"], "deletionTimestamp": "now"}}
    steps = [None, new, ready, ending, None]
    stages = [f.data["stage"] for old, now in itertools.pairwise(steps) for f in facts_of("Pod", old, now, 1)]
    assert stages == ["created", "ready", "stopping", "gone"]


def test_a_quarantine_is_told_when_it_is_added() -> None:
    """Two entries in all, of which one is new."""
    spec = {"version": 3, "source": {"uri": "s3://aucket/b"}}
    one, two = {"reason": "errors"}, {"reason": "latency"}
    before = {"spec": spec, "status": {"quarantine": [one]}}
    now = {"spec": spec, "status": {"quarantine": [one, two]}}
    assert [f.data["reason"] for f in facts_of("ModelVersion", before, now, 1)] == ["latency"]
