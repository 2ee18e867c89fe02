"""What other tools got wrong, each by its number: the cases that a whole rollout in memory can show.

Others stand where their subject is: test_transitions.py, analysis/counts/test_judge.py, integration/test_rollouts.py.
"""

import pytest

from core.rollout.test_transitions import QUICK, at_rest, serving
from simulator import Behavior, Cluster

pytestmark = pytest.mark.rollouts


def versions_answering(cluster: Cluster) -> set[str]:
    return {p["metadata"]["labels"]["linnet.dev/version"] for p in cluster.answering()}


def stable_is(number: int, cluster: Cluster) -> bool:
    return at_rest(cluster) and cluster.typed.stable is not None and cluster.typed.stable.version == number


def test_an_overlapping_release_sends_no_traffic_to_the_one_before() -> None:
    """argo #4390: a version that is published while a failed one is taken back never shares `<name>` with it."""
    cluster = serving().publish(2, Behavior(errors=0.3))
    cluster.run(300, until=lambda c: c.phase == "RollingBack")
    cluster.publish(3)
    seen: set[str] = set()

    def promoted(c: Cluster) -> bool:
        seen.update(versions_answering(c))
        return stable_is(3, c)

    cluster.run(900, until=promoted)
    assert stable_is(3, cluster)
    assert seen == {"1", "3"}
    assert cluster.unanswered <= cluster.rate * 5


def test_a_promotion_that_fails_leaves_the_former_version_whole() -> None:
    """flagger #1898, #1932: new pods that do not start in the promotion cost the former version none of its own."""
    strategy = {"canary": {"steps": [{"setWeight": 25}, {"analyze": {"for": "10s"}}]}}
    cluster = serving(deadlines={"ready": "30s"}, replicas=4, strategy=strategy).publish(2)
    before = len(versions_of(cluster, 1))
    cluster.run(60, until=lambda c: c.phase == "Stepping")
    cluster.behaviors[2].starts = False
    fewest = before

    def back(c: Cluster) -> bool:
        nonlocal fewest
        fewest = min(fewest, len(versions_of(c, 1)))
        return "RollingBack" in c.history and at_rest(c)

    cluster.run(600, until=back)
    assert "Promoting" in cluster.history
    assert fewest == before == 4
    assert versions_answering(cluster) == {"1"}
    assert "ImagePullBackOff" in cluster.message()


def versions_of(cluster: Cluster, number: int) -> list[str]:
    return [n for n, p in cluster.pods.items() if p["metadata"]["labels"]["linnet.dev/version"] == str(number)]


def test_a_retired_revision_is_not_revived_and_the_canary_service_leaks_nothing() -> None:
    """kserve #1968, #2130: after a promotion, an operator's restart and a failed successor, version 1 stays retired."""
    cluster = serving().publish(2)
    cluster.run(900, until=lambda c: stable_is(2, c))
    cluster.restart_operator()
    cluster.publish(3, Behavior(errors=0.3)).run(300, until=lambda c: "RollingBack" in c.history and at_rest(c))
    cluster.run(60)
    assert versions_of(cluster, 1) == []
    assert cluster.workloads[cluster.revision(1)]["spec"]["replicas"] == 0
    selected = cluster.services["tumor-risk-canary"]["spec"]["selector"]
    assert selected == {"linnet.dev/revision": cluster.revision(2)}


def test_an_analysis_without_a_single_measurement_is_no_success() -> None:
    """argo-rollouts analysis.go: a run that measured nothing ended as Successful; here its step never passes."""
    cluster = serving(strategy=QUICK["strategy"])
    cluster.rate = 0.0
    cluster.publish(2, Behavior(silent=True)).run(900)
    assert "Promoting" not in cluster.history
    assert cluster.phase == "Stepping"
