"""What holds of every traffic router: one walk over the table. A new router needs its `spec.traffic` here, no more."""

from typing import Any, Final, get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from linnet.api.parts.strategy import Step
from linnet.api.parts.traffic import TrafficType
from linnet.core.rollout.traffic import router, split
from linnet.core.rollout.traffic.router import ROUTERS
from linnet.core.rollout.traffic.split import Stage
from simulator import Behavior, Cluster

TRAFFIC: Final[dict[TrafficType, dict[str, Any]]] = {
    "Replicas": {"type": "Replicas"},
    "Gateway": {"type": "Gateway", "parentRefs": [{"name": "public"}]},
}
STEPS: Final = [{"setWeight": 20}, {"pause": {}}]


def test_every_type_has_a_router() -> None:
    """The API's types, the table and the specs of this test are the same."""
    assert set(ROUTERS) == set(get_args(TrafficType)) == set(TRAFFIC)


@pytest.mark.parametrize("name", ROUTERS)
@given(full=st.integers(1, 1000), weight=st.integers(1, 50))
def test_a_weight_takes_at_least_one_pod(name: TrafficType, full: int, weight: int) -> None:
    """A canary that shall get requests has a pod to answer them, and what becomes of a weight is a percentage."""
    way = ROUTERS[name]
    assert way.canary_replicas(full, Stage(weight=weight)) >= 1
    assert 0 < way.effective_weight(full, weight) <= 100
    assert way.effective_weight(full, 0) == 0


@pytest.mark.parametrize("name", ROUTERS)
@given(full=st.integers(1, 1000))
def test_more_weight_takes_no_fewer_pods(name: TrafficType, full: int) -> None:
    """From step to step of a growing weight the canary loses no pod."""
    pods = [ROUTERS[name].canary_replicas(full, split.at([Step(set_weight=w)], 0)) for w in range(1, 51)]
    assert pods == sorted(pods)


@pytest.fixture(params=ROUTERS)
def cluster(request: pytest.FixtureRequest) -> Cluster:
    """Four pods of version 1, whose traffic is split by one of the routers."""
    made = Cluster(rate=100)
    made.edit(
        replicas=4, traffic=TRAFFIC[request.param], strategy={"canary": {"steps": STEPS}, "bake": {"time": "10s"}}
    )
    made.run(5)
    made.unanswered = 0
    assert made.ready_reason() == "True/AsDesired"
    return made


@pytest.mark.rollouts
class TestWholeRollouts:
    """Every router carries a rollout there and back, and no client notices."""

    def test_at_rest_stable_is_alone_and_nothing_is_written(self, cluster: Cluster) -> None:
        """What is written sends every request to stable; looking again changes nothing."""
        context = _context(cluster)
        assert router.of(context).alone(context, context.status.stable)
        before = cluster.writes
        cluster.run(10)
        assert cluster.writes == before

    def test_a_canary_shares_traffic_and_is_promoted(self, cluster: Cluster) -> None:
        """At a weight both serve, in a segment with a name; after the promotion the new version is alone."""
        cluster.publish(2).run(60, until=_pausing)
        context = _context(cluster)
        assert context.under_way is not None
        assert router.of(context).segment(context.under_way)
        assert not any(router.of(context).alone(context, r) for r in (context.status.stable, _new(cluster)))
        cluster.ask("promote v2 1 ann").run(300, until=lambda c: c.phase == "AtRest")
        after = _context(cluster)
        assert after.status.stable is not None
        assert after.status.stable.version == 2
        assert router.of(after).alone(after, after.status.stable)
        assert cluster.unanswered == 0

    def test_a_rollback_leaves_stable_alone(self, cluster: Cluster) -> None:
        """Once it is over, every request goes to version 1 again, and none was lost on the way."""
        cluster.publish(2, Behavior()).run(60, until=_pausing)
        cluster.ask("rollback v2 1 ann").run(300, until=lambda c: c.phase == "AtRest")
        context = _context(cluster)
        assert context.status.stable is not None
        assert context.status.stable.version == 1
        assert router.of(context).alone(context, context.status.stable)
        assert cluster.unanswered == 0


def _pausing(cluster: Cluster) -> bool:
    return cluster.typed.rollout is not None and cluster.phase == "Stepping" and cluster.typed.rollout.step == 1


def _new(cluster: Cluster) -> Any:
    rollout = cluster.typed.rollout
    assert rollout is not None
    return rollout.to


def _context(cluster: Cluster) -> Any:
    from linnet.core.rollout.context import context_without_spec

    return context_without_spec(cluster.observe(), cluster.typed, cluster.now)
