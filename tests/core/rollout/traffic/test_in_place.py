"""Rollouts without spare capacity: never more pods than the spec has, and nobody is left alone on the way."""

from typing import Any

import pytest

from core.rollout.test_strategies import until_phase
from core.rollout.test_transitions import at_rest
from core.rollout.traffic.test_gateway import GATEWAY_TRAFFIC, pods_of, weights
from linnet.core.rollout.traffic import replicas
from linnet.core.rollout.traffic.split import Stage
from simulator import Behavior, Cluster

ANALYSIS = {
    "interval": "2s",
    "warmUp": "0s",
    "defaultChecks": False,
    "checks": [{"name": "errors", "signal": "Errors", "maxRatioToStable": "1", "max": "0.05"}],
}
STEPS = [{"setWeight": 25}, {"pause": {"maxTime": "20s"}}, {"setWeight": 50}, {"pause": {"maxTime": "20s"}}]
rollouts = pytest.mark.rollouts


class Scarce(Cluster):
    """A cluster with as many GPUs as the Deployment has pods, and no other."""

    most: int = 0

    def _start_pods(self) -> bool:
        changed = super()._start_pods()
        self.most = max(self.most, len(self.pods))
        return changed


def deployed(replicas: int = 4, *, traffic: dict[str, Any] | None = None, **strategy: Any) -> Scarce:
    """Version 1 serves on every GPU."""
    cluster = Scarce(rate=100)
    strategy = {"canary": {"steps": STEPS}, **strategy} if "allAtOnce" not in strategy else strategy
    cluster.edit(
        replicas=replicas,
        strategy={"capacity": "InPlace", "bake": {"time": "30s"}, **strategy},
        analysis=ANALYSIS,
        deadlines={"ready": "30s"},
        **({"traffic": traffic} if traffic else {}),
    )
    cluster.run(5)
    cluster.unanswered = 0
    return cluster


def stable(cluster: Cluster) -> int:
    assert cluster.typed.stable is not None
    return cluster.typed.stable.version


@rollouts
@pytest.mark.parametrize("traffic", [None, GATEWAY_TRAFFIC])
def test_a_promotion_needs_no_spare_pod(traffic: dict[str, Any] | None) -> None:
    """Never more than four pods at a time, and every request is answered."""
    cluster = deployed(traffic=traffic)
    cluster.publish(2)
    cluster.run(300, lambda c: at_rest(c) and stable(c) == 2)
    assert stable(cluster) == 2
    assert cluster.most == 4
    assert (pods_of(cluster, 1), pods_of(cluster, 2)) == (0, 4)
    assert cluster.unanswered == 0


@rollouts
def test_the_weight_is_of_all_pods() -> None:
    """25 % of four pods is one of them, where a surge would make it one beside four."""
    cluster = deployed()
    cluster.publish(2)
    cluster.run(60, lambda c: c.typed.rollout is not None and c.typed.rollout.step == 1)
    assert (pods_of(cluster, 1), pods_of(cluster, 2)) == (3, 1)


@rollouts
@pytest.mark.parametrize("traffic", [None, GATEWAY_TRAFFIC])
def test_a_bad_version_gives_its_pods_back(traffic: dict[str, Any] | None) -> None:
    """Traffic returns at once, and stable grows as the failed pods end."""
    cluster = deployed(traffic=traffic)
    cluster.publish(2, Behavior(errors=0.5))
    cluster.run(200, lambda c: at_rest(c) and "RollingBack" in c.history)
    cluster.run(3)
    assert stable(cluster) == 1
    assert (pods_of(cluster, 1), pods_of(cluster, 2)) == (4, 0)
    assert cluster.most == 4
    assert cluster.unanswered == 0


@rollouts
def test_a_version_that_fails_in_its_bake_goes_pod_by_pod() -> None:
    """No former pod is left by then: they come back one by one, and take every request when half are there."""
    cluster = deployed()
    cluster.publish(2)
    cluster.run(300, until_phase("Baking"))
    cluster.run(5)
    assert pods_of(cluster, 1) == 0
    cluster.behaviors[2].errors = 0.5
    cluster.run(200, at_rest)
    cluster.run(3)
    assert stable(cluster) == 1
    assert pods_of(cluster, 1) == 4
    assert cluster.most == 4
    assert cluster.unanswered == 0


@rollouts
def test_a_new_version_that_does_not_start_leaves_the_others_serving() -> None:
    """One pod of four was given up for it; it comes back."""
    cluster = deployed()
    cluster.publish(2, Behavior(starts=False))
    cluster.run(20)
    assert (pods_of(cluster, 1), pods_of(cluster, 2)) == (3, 1)
    cluster.run(60, at_rest)
    cluster.run(3)
    assert pods_of(cluster, 1) == 4
    assert cluster.unanswered == 0


@rollouts
def test_one_gpu_is_handed_over() -> None:
    """All at once: the former pod goes, then the new one comes; nobody else could answer in between."""
    cluster = deployed(1, allAtOnce={})
    cluster.publish(2)
    cluster.run(200, lambda c: at_rest(c) and stable(c) == 2)
    assert stable(cluster) == 2
    assert cluster.most == 1


@rollouts
def test_one_gpu_is_handed_back() -> None:
    """A version that does not start on it is taken away in time, and the former one starts again."""
    cluster = deployed(1, allAtOnce={})
    cluster.publish(2, Behavior(starts=False))
    cluster.run(100, lambda c: at_rest(c) and "RollingBack" in c.history)
    cluster.run(3)
    assert (pods_of(cluster, 1), pods_of(cluster, 2)) == (1, 0)
    assert cluster.message().startswith("rolled back")


@rollouts
def test_a_gateways_weights_follow_the_pods_of_a_promotion() -> None:
    """The former version's last pod goes only after the route has left it."""
    cluster = deployed(traffic=GATEWAY_TRAFFIC)
    cluster.publish(2)
    cluster.run(300, until_phase("Baking"))
    cluster.run(3)
    assert weights(cluster) == {2: 100}
    assert cluster.unanswered == 0


@pytest.mark.parametrize(
    ("full", "weight", "pods"), [(4, 25, 1), (4, 50, 2), (2, 10, 1), (2, 50, 1), (10, 1, 1), (3, 100, 2)]
)
def test_pods_of_a_weight(full: int, weight: int, pods: int) -> None:
    """A share of all pods; stable keeps one at least."""
    assert replicas.canary_replicas_in_place(full, Stage(weight=weight)) == pods
