"""Traffic split by a gateway: whole rollouts in memory, with a gateway that carries out what its routes say."""

from typing import Any, ClassVar

import pytest

from core.rollout.test_strategies import until_phase
from core.rollout.test_transitions import at_rest
from linnet.api.kinds.deployment import DeploymentSpec
from linnet.core.rollout.traffic import split
from linnet.core.rollout.traffic.gateway import GATEWAY
from simulator import Behavior, Cluster

ANALYSIS = {
    "interval": "2s",
    "warmUp": "0s",
    "defaultChecks": False,
    "checks": [{"name": "errors", "signal": "Errors", "maxRatioToStable": "1"}],
}
GATEWAY_TRAFFIC = {"type": "Gateway", "parentRefs": [{"name": "public"}], "hostnames": ["risk.example.org"]}
Steps = list[dict[str, Any]]
STEPS: Steps = [{"setWeight": 5}, {"pause": {"maxTime": "30s"}}, {"setWeight": 80}, {"pause": {}}]


def deployed(*, traffic: dict[str, Any] | None = None, steps: Steps | None = None) -> Cluster:
    """Four pods of version 1 behind a gateway."""
    cluster = Cluster(rate=100)
    cluster.edit(
        replicas=4,
        traffic=traffic or GATEWAY_TRAFFIC,
        strategy={"canary": {"steps": STEPS if steps is None else steps}, "bake": {"time": "1m"}},
        analysis=ANALYSIS,
    )
    cluster.run(5)
    cluster.unanswered = 0
    assert cluster.ready_reason() == "True/AsDesired"
    return cluster


def weights(cluster: Cluster) -> dict[int, int]:
    """Version → weight in the last rule of the HTTPRoute."""
    [*_, rule] = cluster.routes["HTTPRoute"]["spec"]["rules"]
    return {int(ref["name"].split("-v")[1].split("-")[0]): ref["weight"] for ref in rule["backendRefs"]}


def pods_of(cluster: Cluster, number: int) -> int:
    return len([p for p in cluster.pods.values() if p["metadata"]["labels"]["linnet.dev/version"] == str(number)])


def in_step(index: int) -> Any:
    return lambda c: c.typed.rollout is not None and c.phase == "Stepping" and c.typed.rollout.step == index


@pytest.mark.rollouts
class TestWeights:
    """The canary's share is the weight that was asked for, whatever the number of pods."""

    def test_at_rest_every_request_goes_to_stable(self) -> None:
        """One backend, one route, no canary; looking again writes nothing."""
        cluster = deployed()
        before = cluster.writes
        cluster.run(60)
        assert weights(cluster) == {1: 100}
        assert cluster.writes == before

    def test_five_percent_is_five_percent_at_four_replicas(self) -> None:
        """One pod of the canary gets 5 % of the requests, where a split by pods would make it 20 %."""
        cluster = deployed().publish(2)
        cluster.run(60, in_step(1))
        cluster.served.clear()
        cluster.run(20)
        assert weights(cluster) == {1: 95, 2: 5}
        assert (pods_of(cluster, 1), pods_of(cluster, 2)) == (4, 1)
        assert cluster.served[2] / sum(cluster.served.values()) == pytest.approx(0.05, abs=0.015)
        assert cluster.typed.rollout is not None
        assert cluster.typed.rollout.effective_weight == 5

    def test_weights_beyond_half_are_possible(self) -> None:
        """80 % of four pods' requests need four pods: rounded up, and stable keeps its own."""
        cluster = deployed().publish(2)
        cluster.run(400, in_step(3))
        assert weights(cluster) == {1: 20, 2: 80}
        assert (pods_of(cluster, 1), pods_of(cluster, 2)) == (4, 4)

    def test_weights_wait_for_the_pods_that_they_need(self) -> None:
        """While the pods of the next weight are not ready, requests stay split as they were."""
        cluster = deployed().publish(2)
        cluster.run(60, in_step(1))
        cluster.behaviors[2].starts = False
        cluster.run(300, in_step(2))
        cluster.run(20)
        assert cluster.phase == "Stepping"
        assert weights(cluster) == {1: 95, 2: 5}

    def test_a_good_version_is_promoted_without_a_lost_request(self) -> None:
        """Every request is answered, from the first weight to the end of the bake."""
        cluster = deployed(steps=STEPS[:3]).publish(2)
        cluster.run(900, at_rest)
        assert cluster.typed.stable is not None
        assert cluster.typed.stable.version == 2
        assert weights(cluster) == {2: 100}
        assert cluster.unanswered == 0
        assert pods_of(cluster, 1) == 0

    def test_in_the_bake_the_former_version_keeps_its_holdback(self) -> None:
        """It stays as comparator with 5 % of the requests."""
        cluster = deployed(steps=[{"setWeight": 10}]).publish(2)
        cluster.run(300, until_phase("Baking"))
        cluster.run(10)
        assert weights(cluster) == {1: 5, 2: 95}
        assert (pods_of(cluster, 1), pods_of(cluster, 2)) == (1, 4)

    def test_callers_inside_the_cluster_reach_one_version(self) -> None:
        """`<name>` selects stable until the promotion, and the new version after it."""
        cluster = deployed().publish(2)
        cluster.run(60, in_step(1))
        assert cluster.selected() == {"linnet.dev/revision": cluster.revision(1)}


@pytest.mark.rollouts
class TestRollback:
    """A failed check sends every request back in one write, and drains."""

    def test_a_bad_version_is_rolled_back(self) -> None:
        """Both backends are written together: stable's alone is left."""
        cluster = deployed().publish(2, Behavior(errors=0.5))
        cluster.run(300, at_rest)
        assert cluster.typed.last_rollout is not None
        assert cluster.typed.last_rollout.outcome == "RolledBack"
        assert weights(cluster) == {1: 100}
        assert cluster.unanswered == 0

    def test_its_pods_stay_until_the_gateway_has_taken_the_change_up(self) -> None:
        """A gateway that is slow to learn still sends requests to them."""
        cluster = deployed().publish(2, Behavior(errors=0.5))
        cluster.run(60, in_step(1))
        cluster.gateway = False
        cluster.run(120, until_phase("RollingBack"))
        cluster.run(10)
        assert weights(cluster) == {1: 100}
        assert pods_of(cluster, 2) == 1
        cluster.gateway = True
        cluster.run(30, at_rest)
        assert pods_of(cluster, 2) == 0
        assert cluster.unanswered == 0

    def test_a_version_that_fails_in_its_bake_goes_when_the_former_has_its_pods(self) -> None:
        """The former one has one pod then: three more come first, and nobody waits for an answer."""
        cluster = deployed(steps=[{"setWeight": 10}]).publish(2)
        cluster.run(300, until_phase("Baking"))
        cluster.run(5)
        cluster.behaviors[2].errors = 0.5
        cluster.run(300, at_rest)
        assert weights(cluster) == {1: 100}
        assert pods_of(cluster, 1) == 4
        assert cluster.unanswered == 0


@pytest.mark.rollouts
class TestSteps:
    """Steps that need routing: copies, a cohort, a number of pods."""

    def test_mirror_shows_a_bad_version_and_no_user_sees_it(self) -> None:
        """Copies of half of the requests fail on the canary, which is rolled back; no answer of it was ever used."""
        steps: Steps = [
            {"mirror": {"percent": 50}},
            {"analyze": {"for": "30s"}},
            {"setWeight": 50},
            {"pause": {}},
        ]
        cluster = deployed(steps=steps).publish(2, Behavior(errors=0.2))
        cluster.run(300, at_rest)
        assert cluster.typed.last_rollout is not None
        assert cluster.typed.last_rollout.outcome == "RolledBack"
        assert cluster.served.get(2, 0) == 0

    @pytest.mark.parametrize(
        ("features", "why"),
        [(frozenset({"HTTPRouteRequestMirror"}), "does not name HTTPRouteRequestPercentageMirror"), (None, "can't be")],
    )
    def test_copies_are_asked_only_of_a_gateway_that_makes_them(
        self, features: frozenset[str] | None, why: str
    ) -> None:
        """Traefik 3.6 accepts such a route, and answers every request with an error: the rollout does not start."""
        cluster = deployed(steps=[{"mirror": {"percent": 50}}, {"pause": {}}])
        cluster.features = features
        cluster.publish(2).run(30)
        assert cluster.ready_reason() == "False/InvalidSpec"
        assert cluster.message().startswith(f"spec.strategy.canary.steps[0].mirror: the class of Gateway public {why}")
        assert weights(cluster) == {1: 100}

    def test_copies_end_with_the_first_weight(self) -> None:
        """A canary that answers users must not answer the same requests twice."""
        steps: Steps = [
            {"mirror": {"percent": 50}},
            {"pause": {"maxTime": "10s"}},
            {"setWeight": 50},
            {"pause": {}},
        ]
        cluster = deployed(steps=steps).publish(2)
        cluster.run(300, in_step(3))
        [rule] = cluster.routes["HTTPRoute"]["spec"]["rules"]
        assert "filters" not in rule

    def test_a_cohort_goes_to_the_canary_and_nobody_else(self) -> None:
        """Requests with the header, a tenth here, are the canary's."""
        steps: Steps = [{"matchHeaders": [{"name": "x-cohort", "exact": "beta"}]}, {"pause": {}}]
        cluster = deployed(steps=steps).publish(2)
        cluster.cohort = 0.1
        cluster.run(60, in_step(1))
        cluster.served.clear()
        cluster.run(30)
        assert cluster.served[2] / sum(cluster.served.values()) == pytest.approx(0.1, abs=0.02)

    def test_a_cohort_is_judged_and_rolled_back(self) -> None:
        """What its requests show counts as any other evidence."""
        steps: Steps = [
            {"matchHeaders": [{"name": "x-cohort", "exact": "beta"}]},
            {"analyze": {"for": "1m"}},
        ]
        cluster = deployed(steps=steps).publish(2, Behavior(errors=0.3))
        cluster.cohort = 0.1
        cluster.run(300, at_rest)
        assert cluster.typed.last_rollout is not None
        assert cluster.typed.last_rollout.reason == "errors"

    def test_set_replicas_sizes_the_canary_apart_from_its_weight(self) -> None:
        """Three pods for 5 % of the requests; 0 goes back to what the weight needs."""
        steps: Steps = [
            {"setReplicas": 3},
            {"setWeight": 5},
            {"pause": {}},
            {"setReplicas": 0},
            {"pause": {}},
        ]
        cluster = deployed(steps=steps).publish(2)
        cluster.run(60, in_step(2))
        assert pods_of(cluster, 2) == 3
        cluster.ask("resume - id1 jane").run(60, in_step(4))
        assert pods_of(cluster, 2) == 1


@pytest.mark.rollouts
class TestListeners:
    """A Deployment is attached to Gateways, of other namespaces too, or to some of their listeners."""

    REFS: ClassVar[list[dict[str, Any]]] = [
        {"name": "public", "sectionName": "http"},
        {"name": "public", "sectionName": "https"},
        {"name": "public", "namespace": "infra", "port": 8443},
    ]

    def test_the_route_says_each_of_them(self) -> None:
        """In their order, and at rest nothing is written again."""
        cluster = Cluster()
        cluster.edit(replicas=2, traffic={"type": "Gateway", "parentRefs": self.REFS}).run(10)
        assert cluster.routes["HTTPRoute"]["spec"]["parentRefs"] == self.REFS
        assert cluster.ready_reason().startswith("True/")
        writes = cluster.writes
        cluster.run(10)
        assert cluster.writes == writes

    def test_the_own_namespace_may_be_written_down(self) -> None:
        """By a person, and by a controller in what it says of the route."""
        refs = [{"name": "public", "namespace": "ml", "sectionName": "http"}, {"name": "public", "sectionName": "http"}]
        cluster = Cluster()
        cluster.edit(replicas=2, traffic={"type": "Gateway", "parentRefs": refs[:1]}).run(10)
        assert cluster.routes["HTTPRoute"]["spec"]["parentRefs"] == refs[1:]
        for parent in cluster.routes["HTTPRoute"]["status"]["parents"]:
            parent["parentRef"] = {**parent["parentRef"], "namespace": "ml"}
        cluster.routes["HTTPRoute"]["metadata"]["namespace"] = "ml"
        cluster.run(5)
        assert cluster.ready_reason().startswith("True/")

    def test_a_listener_that_refuses_is_told(self) -> None:
        """One of two is enough: its clients would not reach the version."""
        cluster = Cluster()
        cluster.edit(replicas=2, traffic={"type": "Gateway", "parentRefs": self.REFS}).run(10)
        del cluster.routes["HTTPRoute"]["status"]["parents"][2]
        cluster.run(5)
        assert "kubectl get gateway public -n infra" in cluster.message()

    @pytest.mark.parametrize(
        ("refs", "said"),
        [
            ([REFS[0], REFS[0]], "spec.traffic.parentRefs: gateway public is there twice"),
            ([{"name": "public"}, REFS[0]], "spec.traffic.parentRefs: gateway public is named more than once"),
        ],
    )
    def test_a_listener_twice_is_refused(self, refs: list[dict[str, Any]], said: str) -> None:
        """As by the API server, where it is an older one that let it through."""
        cluster = Cluster()
        cluster.edit(replicas=2, traffic={"type": "Gateway", "parentRefs": refs}).run(5)
        assert cluster.ready_reason() == "False/InvalidSpec"
        assert said in cluster.message()


@pytest.mark.rollouts
class TestTrouble:
    """A gateway that is not there, or refuses: nothing moves, and the message says what to do."""

    def test_a_gateway_that_is_not_there_is_named(self) -> None:
        """The pods serve inside the cluster; Ready says which Gateway is missing."""
        cluster = Cluster(gateway=False)
        cluster.edit(replicas=2, traffic=GATEWAY_TRAFFIC)
        cluster.run(5)
        assert cluster.ready_reason() == "False/RouteNotAccepted"
        assert cluster.message() == (
            "spec.traffic.parentRefs: HTTPRoute tumor-risk: no controller has taken the route up for Gateway public: "
            "is there one? kubectl get gateway public -n ml. Version 1 serves."
        )

    def test_no_rollout_starts_without_a_gateway(self) -> None:
        """What serves goes on serving, until the gateway is back."""
        cluster = Cluster(gateway=False)
        cluster.edit(replicas=2, traffic=GATEWAY_TRAFFIC, analysis=ANALYSIS, strategy={"canary": {"steps": STEPS}})
        cluster.run(5)
        cluster.publish(2).run(30)
        assert cluster.phase == "AtRest"
        cluster.gateway = True
        cluster.run(60, in_step(1))
        assert cluster.phase == "Stepping"

    def test_a_step_holds_until_its_weights_are_taken_up(self) -> None:
        """A gateway that goes away in mid-rollout holds it, and Ready says so."""
        cluster = deployed().publish(2)
        cluster.run(60, in_step(1))
        cluster.gateway = False
        cluster.run(300, in_step(2))
        cluster.run(10)
        assert cluster.typed.rollout is not None
        assert cluster.typed.rollout.step == 2
        assert "has not taken up its last change yet" in cluster.message()

    def test_labels_of_a_route_are_never_those_of_the_operator(self) -> None:
        """A route with linnet.dev/managed: "false" would be written in every sweep, and never be seen again."""
        labels = {"linnet.dev/managed": "false", "linnet.dev/deployment": "other", "gateway": "public"}
        cluster = deployed(traffic={**GATEWAY_TRAFFIC, "labels": labels})
        [route] = cluster.routes.values()
        found = route["metadata"]["labels"]
        assert (found["linnet.dev/managed"], found["linnet.dev/deployment"]) == ("true", "tumor-risk")
        assert found["gateway"] == "public"

    def test_the_way_of_traffic_can_be_changed_at_rest(self) -> None:
        """Back to a split by pods: the route goes, and requests to `<name>` are answered as before."""
        cluster = deployed()
        cluster.edit(traffic={"type": "Replicas"}, strategy={"canary": {}}).run(5)
        assert cluster.routes == {}
        assert cluster.ready_reason() == "True/AsDesired"


@pytest.mark.rollouts
def test_calls_on_a_connection_that_bypasses_the_gateway_are_no_verdict() -> None:
    """gRPC clients that stay on stable's pods leave the canary without a call: InsufficientData, and it holds."""
    steps: Steps = [{"setWeight": 50}, {"analyze": {"for": "10s"}}]
    cluster = deployed(traffic={**GATEWAY_TRAFFIC, "protocols": ["GRPC"]}, steps=steps)
    cluster.publish(2, Behavior(errors=1.0)).run(300)
    assert cluster.typed.rollout is not None
    assert cluster.typed.rollout.checks is not None
    assert (cluster.phase, cluster.typed.rollout.step) == ("Stepping", 1)
    assert {c.name: c.verdict for c in cluster.typed.rollout.checks}["errors"] == "InsufficientData"
    assert cluster.served.get(2) is None


def test_a_grpc_deployment_has_a_grpc_route() -> None:
    """Both protocols are split alike: one route each, at the Services' ports."""
    cluster = deployed(traffic={**GATEWAY_TRAFFIC, "protocols": ["HTTP", "GRPC"]})
    ports = {
        kind: {ref["port"] for rule in route["spec"]["rules"] for ref in rule["backendRefs"]}
        for kind, route in cluster.routes.items()
    }
    assert ports == {"HTTPRoute": {80}, "GRPCRoute": {8081}}


@pytest.mark.parametrize(("full", "weight", "pods"), [(4, 5, 1), (4, 50, 2), (10, 25, 3), (4, 100, 4), (1, 1, 1)])
def test_pods_of_a_weight(full: int, weight: int, pods: int) -> None:
    """As many as the share needs, rounded up."""
    assert GATEWAY.canary_replicas(full, split.Stage(weight=weight)) == pods


def test_the_first_stage_is_the_one_in_which_requests_reach_the_canary() -> None:
    """Its pods are there before it, whatever steps come first."""
    spec = DeploymentSpec.model_validate(
        {
            "model": {"name": "m"},
            "strategy": {"canary": {"steps": [{"setReplicas": 2}, {"pause": {}}, {"setWeight": 5}]}},
        }
    )
    assert spec.strategy is not None
    assert spec.strategy.steps is not None
    assert split.first(spec.strategy.steps) == split.Stage(weight=5, replicas=2)


@pytest.mark.rollouts
def test_a_route_that_hangs_in_deletion_leads_back_all_the_same() -> None:
    """It is there, and the gateway goes by it: a bad version loses its requests, and the rollback ends."""
    cluster = deployed().publish(2)
    cluster.run(60, in_step(1))
    cluster.hang("HTTPRoute", "tumor-risk")
    cluster.behaviors[2] = Behavior(errors=1.0)
    cluster.run(200, until=at_rest)
    assert at_rest(cluster)
    assert weights(cluster) == {1: 100}
    assert "HTTPRoute tumor-risk hangs in deletion" in cluster.run(40).message()
