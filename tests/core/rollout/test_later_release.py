"""A rollout that a later release of Linnet has begun, met by this one after a downgrade: it is kept, and told."""

import copy
from typing import Any

import pytest

from simulator import Behavior, Cluster

pytestmark = pytest.mark.rollouts

STRATEGY: dict[str, Any] = {
    "canary": {"steps": [{"setWeight": 25}, {"pause": {}}]},
    "bake": {"time": "10s"},
    "abortScaleDownDelay": "0s",
}
LATER: list[dict[str, Any]] = [
    {"phase": "Mirroring", "mirrored": 20},
    {"decision": "Superseded"},
    {"phase": "Weighing", "decision": "Split"},
]


def met(later: dict[str, Any], behavior: Behavior | None = None) -> Cluster:
    """Version 2 has a share of the traffic, and its rollout's status has words of a later release."""
    cluster = Cluster().edit(strategy=STRATEGY, analysis={"interval": "2s", "warmUp": "0s"}, replicas=4)
    cluster.run(5)
    cluster.publish(2).run(60, until=lambda c: c.phase == "Stepping").run(10)
    if behavior is not None:
        cluster.behaviors[2] = behavior
    cluster.status = {**cluster.status, "rollout": {**cluster.status["rollout"], **later}}
    return cluster


def versions_answering(cluster: Cluster) -> set[str]:
    return {p["metadata"]["labels"]["linnet.dev/version"] for p in cluster.answering()}


@pytest.mark.parametrize("later", LATER)
def test_nothing_is_done_but_to_say_so(later: dict[str, Any]) -> None:
    """Not even a canary that fails is judged: what its pods and its traffic mean now, only the later release knows."""
    cluster = met(later, Behavior(errors=0.5))
    rollout, pods, selected = copy.deepcopy(cluster.status["rollout"]), set(cluster.pods), cluster.selected()
    cluster.run(5)
    written = cluster.writes
    cluster.run(300)
    assert cluster.status["rollout"] == rollout
    assert (set(cluster.pods), cluster.selected(), cluster.writes) == (pods, selected, written)
    assert versions_answering(cluster) == {"1", "2"}
    assert cluster.ready_reason() == "False/UnknownPhase"
    assert "a later release of Linnet wrote phase" in cluster.message()
    assert "abort or rollback" in cluster.message()


@pytest.mark.parametrize("later", LATER)
@pytest.mark.parametrize("verb", ["abort", "rollback"])
def test_a_person_can_take_it_back(later: dict[str, Any], verb: str) -> None:
    """Traffic returns to the former version, as from any phase."""
    cluster = met(later).run(20)
    cluster.ask(f"{verb} v2 id1 jane").run(60, until=lambda c: c.phase == "AtRest")
    assert cluster.phase == "AtRest"
    assert versions_answering(cluster) == {"1"}
    assert bool(cluster.version_status(2).quarantine) == (verb == "rollback")
    assert cluster.unanswered == 0


@pytest.mark.parametrize("verb", ["promote", "promote-full", "pause", "resume", "retry"])
def test_what_would_move_it_on_is_refused(verb: str) -> None:
    """Where it would go on to is not known."""
    cluster = met(LATER[0]).run(5)
    cluster.ask(f"{verb} v2 id1 jane").run(5)
    last = cluster.answered
    assert (last.outcome, last.message) == ("Refused", f"{verb} does nothing in phase Mirroring")
    assert cluster.status["rollout"]["phase"] == "Mirroring"


def test_it_goes_on_where_a_phase_is_known_again() -> None:
    """The later release ran in between, and brought it to a phase that this one knows."""
    cluster = met(LATER[0]).run(20)
    known = {**cluster.status["rollout"], "phase": "Stepping"}
    cluster.status = {**cluster.status, "rollout": known}
    cluster.run(5).ask("promote-full v2 id1 jane").run(120, until=lambda c: c.phase == "AtRest")
    assert versions_answering(cluster) == {"2"}
