"""Autoscaling and rollouts in memory, with an autoscaler that does what its bounds allow."""

from typing import Any

import pytest

from core.rollout.test_strategies import until_phase
from core.rollout.test_transitions import at_rest
from core.rollout.traffic.test_gateway import GATEWAY_TRAFFIC, pods_of
from linnet.core.plan import Apply, Patch
from simulator import Behavior, Cluster

AUTOSCALING = {"minReplicas": 2, "maxReplicas": 10, "metrics": [{"type": "CPU", "target": 70}]}
ANALYSIS = {
    "interval": "2s",
    "warmUp": "0s",
    "defaultChecks": False,
    "checks": [{"name": "errors", "signal": "Errors", "maxRatioToStable": "1", "max": "0.05"}],
}
STEPS = [{"setWeight": 50}, {"pause": {}}]
pytestmark = pytest.mark.rollouts


def deployed(**fields: Any) -> Cluster:
    """Version 1 serves with as many pods as the autoscaler wants: six."""
    cluster = Cluster(spec={"model": {"name": "tumor-risk"}}, rate=100)
    cluster.edit(
        autoscaling=AUTOSCALING,
        analysis=ANALYSIS,
        strategy={"canary": {"steps": STEPS}, "bake": {"time": "1m"}},
        **fields,
    )
    cluster.run(5)
    cluster.demand = 6
    cluster.run(5)
    assert cluster.ready_reason() == "True/AsDesired"
    assert pods_of(cluster, 1) == 6
    cluster.unanswered = 0
    return cluster


def in_the_middle(cluster: Cluster) -> bool:
    """Half of the requests are the canary's."""
    return cluster.typed.rollout is not None and cluster.typed.rollout.step == 1


def bounds(cluster: Cluster) -> tuple[str, int, int]:
    """The autoscaler's target, minimum and maximum."""
    assert cluster.autoscaler is not None
    spec = cluster.autoscaler["spec"]
    return spec["scaleTargetRef"]["name"], spec["minReplicas"], spec["maxReplicas"]


def test_the_first_pods_are_the_minimum() -> None:
    """Before an autoscaler has seen anything, as many serve as the spec guarantees."""
    cluster = Cluster(spec={"model": {"name": "tumor-risk"}})
    cluster.edit(autoscaling=AUTOSCALING).run(5)
    assert pods_of(cluster, 1) == 2
    assert bounds(cluster) == (cluster.revision(1), 2, 10)


def test_the_number_of_pods_is_the_autoscalers(monkeypatch: pytest.MonkeyPatch) -> None:
    """It grows and shrinks them, and the operator writes neither the pods' number nor the autoscaler."""
    cluster = deployed()
    acts: list[Any] = []
    act = cluster._act

    def watched(action: Any) -> None:
        acts.append(action)
        act(action)

    monkeypatch.setattr(cluster, "_act", watched)
    cluster.demand = 9
    cluster.run(10)
    cluster.demand = 2
    cluster.run(10)
    assert pods_of(cluster, 1) == 2
    assert [a for a in acts if isinstance(a, Apply) or (isinstance(a, Patch) and a.kind != "Pod")] == []


def test_stable_is_not_shrunk_while_a_canary_takes_its_load() -> None:
    """The autoscaler would halve stable: its minimum is as many pods as served when the rollout began."""
    cluster = deployed().publish(2)
    cluster.run(60, in_the_middle)
    cluster.demand = 3
    cluster.run(30)
    assert bounds(cluster) == (cluster.revision(1), 6, 10)
    assert pods_of(cluster, 1) == 6


def test_the_canary_follows_stable() -> None:
    """More load in mid-rollout: both versions grow, and the weight stays."""
    cluster = deployed().publish(2)
    cluster.run(60, in_the_middle)
    assert (pods_of(cluster, 1), pods_of(cluster, 2)) == (6, 6)
    cluster.demand = 8
    cluster.run(10)
    assert (pods_of(cluster, 1), pods_of(cluster, 2)) == (8, 8)


@pytest.mark.parametrize("traffic", [{"type": "Replicas"}, GATEWAY_TRAFFIC])
def test_a_rollback_under_load_meets_the_pods_of_both(traffic: dict[str, Any]) -> None:
    """flagger #869, #1600: stable alone had a part of the pods that the load needs; it gets those of both at once."""
    cluster = deployed(traffic=traffic).publish(2)
    cluster.run(60, in_the_middle)
    both = pods_of(cluster, 1) + pods_of(cluster, 2)
    cluster.behaviors[2].errors = 0.5
    cluster.demand = 0
    cluster.run(120, at_rest)
    assert "RollingBack" in cluster.history
    assert pods_of(cluster, 1) == min(both, 10)
    assert bounds(cluster) == (cluster.revision(1), 2, 10)
    assert cluster.unanswered == 0


def test_a_rollback_before_the_promotion_waits_for_no_pod() -> None:
    """Stable has its pods: traffic returns at once, also if the autoscaler's further ones do not start."""
    cluster = deployed().publish(2)
    cluster.run(60, in_the_middle)
    cluster.behaviors[1].starts = False
    cluster.behaviors[2].errors = 0.5
    cluster.run(120, until_phase("RollingBack"))
    cluster.run(2)
    assert cluster.selected() == {"linnet.dev/revision": cluster.revision(1)}


def test_after_the_promotion_the_autoscaler_is_the_new_versions() -> None:
    """Its size is the former one's, and it is not shrunk before the bake has ended."""
    cluster = deployed().publish(2)
    cluster.run(60, in_the_middle)
    cluster.ask("promote-full v2 id1 jane").run(60, until_phase("Baking"))
    cluster.demand = 3
    cluster.run(20)
    assert bounds(cluster) == (cluster.revision(2), 6, 10)
    assert pods_of(cluster, 2) == 6
    cluster.run(120, at_rest)
    cluster.run(5)
    assert bounds(cluster) == (cluster.revision(2), 2, 10)
    assert pods_of(cluster, 2) == 3
    assert cluster.unanswered == 0


def test_a_version_that_fails_in_its_bake_goes_when_the_former_has_its_pods() -> None:
    """The former version was at its holdback: it gets the pods that serve now, then the traffic."""
    cluster = deployed().publish(2)
    cluster.run(60, in_the_middle)
    cluster.ask("promote-full v2 id1 jane").run(60, until_phase("Baking"))
    cluster.run(10)
    cluster.behaviors[2] = Behavior(errors=0.5)
    cluster.run(120, at_rest)
    assert pods_of(cluster, 1) >= 6
    assert cluster.typed.stable is not None
    assert cluster.typed.stable.version == 1
    assert cluster.unanswered == 0


def test_back_to_a_fixed_number_of_pods() -> None:
    """The autoscaler goes, and the spec's replicas hold."""
    cluster = deployed()
    cluster.spec.pop("autoscaling")
    cluster.edit(replicas=3).run(5)
    assert cluster.autoscaler is None
    assert pods_of(cluster, 1) == 3


def test_each_kind_of_metric_is_what_the_autoscaler_calls_it() -> None:
    """CPU and Memory are percentages of the request; Pods and External are averages."""
    metrics = [
        {"type": "CPU", "target": 70},
        {"type": "Memory", "target": 80},
        {"type": "Pods", "name": "in_flight", "target": 4},
        {"type": "External", "name": "queue_length", "target": 100},
    ]
    cluster = Cluster(spec={"model": {"name": "tumor-risk"}})
    cluster.edit(autoscaling={"minReplicas": 1, "maxReplicas": 2, "metrics": metrics}).run(5)
    assert cluster.autoscaler is not None
    cpu, memory, pods, external = cluster.autoscaler["spec"]["metrics"]
    assert cpu["resource"] == {"name": "cpu", "target": {"type": "Utilization", "averageUtilization": 70}}
    assert memory["resource"] == {"name": "memory", "target": {"type": "Utilization", "averageUtilization": 80}}
    assert pods["pods"]["target"] == {"type": "AverageValue", "averageValue": "4"}
    assert external["external"]["metric"] == {"name": "queue_length"}
