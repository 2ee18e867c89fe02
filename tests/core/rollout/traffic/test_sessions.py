"""Session persistence: written to the routes where the gateway keeps sessions, and a condition where it doesn't."""

from typing import Any

import pytest

from core.rollout.test_transitions import at_rest
from core.rollout.traffic.test_gateway import ANALYSIS, GATEWAY_TRAFFIC, Steps, deployed, in_step, weights
from linnet.core.resources.sessions import FEATURES
from simulator import Behavior, Cluster

STEPS: Steps = [{"setWeight": 5}, {"pause": {}}]
COHORT: Steps = [{"matchHeaders": [{"name": "x-cohort", "exact": "beta"}]}, {"setWeight": 5}, {"pause": {}}]


def sticky(**session: Any) -> dict[str, Any]:
    return {**GATEWAY_TRAFFIC, "sessionPersistence": session}


def keeps_sessions(*, traffic: dict[str, Any] | None = None, steps: Steps | None = None) -> Cluster:
    """Version 1 behind a gateway that keeps sessions."""
    cluster = Cluster(rate=100, features=FEATURES)
    strategy = {"canary": {"steps": STEPS if steps is None else steps}, "bake": {"time": "10s"}}
    cluster.edit(replicas=4, traffic=traffic or sticky(), strategy=strategy, analysis=ANALYSIS)
    cluster.run(5)
    assert cluster.ready_reason() == "True/AsDesired"
    return cluster


def sessions_of(cluster: Cluster, kind: str = "HTTPRoute") -> list[Any]:
    """Of each rule of the route; None: it has none."""
    return [rule.get("sessionPersistence") for rule in cluster.routes[kind]["spec"]["rules"]]


def test_a_session_is_written_to_the_route() -> None:
    """Its name is always written: an implementation's own could change with the rules."""
    asked = {"absoluteTimeout": "12h", "idleTimeout": "30m", "cookieConfig": {"lifetimeType": "Permanent"}}
    cluster = keeps_sessions(traffic=sticky(**asked))
    assert sessions_of(cluster) == [{"sessionName": "linnet-tumor-risk", "type": "Cookie", **asked}]


def test_without_the_field_no_rule_has_a_session() -> None:
    """Each request is split anew."""
    assert sessions_of(deployed()) == [None]


def test_both_kinds_of_route_have_sessions_of_their_own() -> None:
    """Rules that lead to the same pods must not share one."""
    traffic = {**sticky(sessionName="risk", type="Header"), "protocols": ["HTTP", "GRPC"]}
    cluster = keeps_sessions(traffic=traffic)
    assert sessions_of(cluster) == [{"sessionName": "risk", "type": "Header"}]
    assert sessions_of(cluster, "GRPCRoute") == [{"sessionName": "risk-grpc", "type": "Header"}]


@pytest.mark.rollouts
def test_a_cohorts_rule_does_not_share_the_session_of_the_others() -> None:
    """The session of everybody keeps its name while a cohort's rule comes before it."""
    cluster = keeps_sessions(steps=COHORT).publish(2)
    cluster.run(60, in_step(2))
    assert [s["sessionName"] for s in sessions_of(cluster)] == ["linnet-tumor-risk-cohort", "linnet-tumor-risk"]


@pytest.mark.rollouts
def test_a_failed_version_keeps_no_session() -> None:
    """Its backend leaves the route: a weight of 0 would keep the sessions that it has."""
    cluster = keeps_sessions().publish(2, Behavior(errors=0.5))
    cluster.run(300, at_rest)
    assert cluster.typed.last_rollout is not None
    assert cluster.typed.last_rollout.outcome == "RolledBack"
    assert weights(cluster) == {1: 100}
    assert len(sessions_of(cluster)) == 1


def test_at_rest_nothing_is_written() -> None:
    """What the API server would fill in is written, so that the route reads back as it was written."""
    cluster = keeps_sessions(traffic=sticky(cookieConfig={}))
    before = cluster.writes
    cluster.run(60)
    assert sessions_of(cluster)[0]["cookieConfig"] == {"lifetimeType": "Session"}
    assert cluster.writes == before


MISSING = [
    (FEATURES, frozenset({"GRPCRoute"}), "HTTPRoute has no spec.rules[].sessionPersistence in this cluster"),
    (FEATURES, None, "the schema of routes can't be read (/openapi/v3)"),
    (
        frozenset[str](),
        frozenset({"HTTPRoute"}),
        "the class of Gateway public does not name HTTPRouteSessionPersistenceCookie",
    ),
    (None, frozenset({"HTTPRoute"}), "the class of Gateway public can't be asked"),
]


@pytest.mark.parametrize(("features", "kinds", "why"), MISSING)
def test_where_no_session_is_kept_traffic_stays_where_it_was(
    features: frozenset[str] | None, kinds: frozenset[str] | None, why: str
) -> None:
    """No rollout begins whose clients would flip between versions; Ready says what is missing and the way out."""
    cluster = deployed()
    before = cluster.routes["HTTPRoute"]["spec"]
    cluster.features, cluster.session_kinds = features, kinds
    cluster.edit(traffic=sticky()).publish(2).run(30)
    assert cluster.ready_reason() == "False/SessionsNotKept"
    assert cluster.message().startswith(f"spec.traffic.sessionPersistence: {why}")
    assert cluster.message().endswith(
        "or leave sessionPersistence out: each request is split anew then. Version 1 serves."
    )
    assert cluster.routes["HTTPRoute"]["spec"] == before
    assert cluster.phase == "AtRest"


def test_a_session_that_the_gateway_has_stays_while_its_class_is_silent() -> None:
    """A GatewayClass that is gone for a moment must not scatter the clients."""
    cluster = keeps_sessions()
    before = sessions_of(cluster)
    cluster.features = None
    cluster.run(30)
    assert cluster.ready_reason() == "False/SessionsNotKept"
    assert sessions_of(cluster) == before


@pytest.mark.rollouts
def test_a_rollout_under_way_can_be_rolled_back_though_no_session_is_kept_any_more() -> None:
    """Somebody has installed other definitions: the API server drops the field, and would refuse it."""
    cluster = keeps_sessions().publish(2)
    cluster.run(60, in_step(1))
    cluster.session_kinds = frozenset()
    for rule in cluster.routes["HTTPRoute"]["spec"]["rules"]:
        del rule["sessionPersistence"]
    cluster.behaviors[2].errors = 0.5
    cluster.run(300, at_rest)
    assert weights(cluster) == {1: 100}
    assert sessions_of(cluster) == [None]
