"""Several teams' Deployments may follow a Model: no one of them keeps its versions from being validated."""

from datetime import datetime, timedelta
from typing import Any, Final

import pytest

from builders import NOW, VersionWorld
from core.registry.test_model_version import FETCHED, PROBED, new_version, pod, reason, said
from linnet.api.parts.conditions import timestamp
from linnet.core.plan import Apply, Delete
from linnet.core.registry.model_version import plan
from linnet.core.registry.validation.trials import PATIENCE

Json = dict[str, Any]
MINUTE: Final = timedelta(minutes=1)
NOWHERE: Json = {"pod": {"nodeSelector": {"there": "is-none"}}}
BAD: Json = {"runtime": {"args": ["--no-such-argument"]}}
GOOD: Json = {"pod": {"resources": {"limits": {"memory": "2Gi"}}}}
NOT_LOADED = said(outcome="Failed", reason="LoadFailed", message="not ready within 10m")
PENDING: Json = {
    "conditions": [{"type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": "no node"}]
}


class Trials:
    """A version whose Job is played; time goes on by `later`."""

    def __init__(self, *deployments: Json, names: list[str] | None = None) -> None:
        self.world: VersionWorld = new_version()
        self.world.deployments, self.world.names = list(deployments), names or []
        self.now: datetime = NOW
        self.deleted: list[str] = []
        self.look()

    def look(self) -> "Trials":
        done = plan(self.world.observed(), self.now)
        for action in done.actions:
            if isinstance(action, Delete) and action.kind == "Job":
                self.deleted.append(action.name)
                self.world.jobs, self.world.pods = [], []
        for action in done.actions:
            if isinstance(action, Apply) and action.manifest["kind"] == "Job":
                action.manifest["metadata"] |= {"uid": "uid-job", "creationTimestamp": timestamp(self.now)}
                self.world.jobs, self.world.pods = [action.manifest], []
        self.world.become(done.status)
        return self

    def later(self, time: timedelta) -> "Trials":
        self.now += time
        return self.look()

    def pending(self) -> "Trials":
        made = pod(self.world)
        self.world.pods = [{**made, "status": {"phase": "Pending", **PENDING}}]
        return self

    def fails(self, message: str = NOT_LOADED) -> "Trials":
        self.world.pods = [pod(self.world, fetch=FETCHED, probe={"exitCode": 2, "message": message})]
        return self.later(MINUTE)

    def hangs(self) -> "Trials":
        made = pod(self.world, fetch=FETCHED, server={"state": {"running": {}}})
        self.world.pods = [made]
        return self

    def passes(self) -> "Trials":
        self.world.pods = [pod(self.world, fetch=FETCHED, probe=PROBED)]
        return self.later(MINUTE)

    @property
    def where(self) -> str:
        """What tells the places of these tests apart."""
        spec = self.world.jobs[0]["spec"]["template"]["spec"]
        [server] = [c for c in spec["initContainers"] if c["name"] == "server"]
        if spec.get("nodeSelector"):
            return "nowhere"
        return "bad" if "--no-such-argument" in server["args"] else "good"

    @property
    def message(self) -> str:
        return str(self.world.status["conditions"][0]["message"])


def test_a_place_without_a_node_gives_way_to_the_next() -> None:
    """Another team's Deployment asks for nodes that there are none of: its pod goes, and the next place is tried."""
    trials = Trials(NOWHERE, GOOD)
    assert trials.where == "nowhere"
    trials.pending().later(PATIENCE)
    assert trials.where == "nowhere"
    trials.later(MINUTE)
    assert (trials.where, trials.deleted) == ("good", ["risk-v1-check-1"])
    assert "with the settings of mld/risk-1" in trials.message
    assert reason(trials.passes().world) == "True/Validated"
    assert "trials" not in trials.world.status


def test_a_place_in_which_it_fails_gives_way_to_the_next() -> None:
    """Its arguments are what doesn't start."""
    trials = Trials(BAD, GOOD).fails()
    assert (trials.where, reason(trials.world)) == ("good", "Unknown/Validating")
    assert reason(trials.passes().world) == "True/Validated"


def test_a_place_in_which_nothing_happens_gives_way_to_the_next() -> None:
    """It gives itself a year; the others' deadlines, or the default ones, count while they wait."""
    trials = Trials({**BAD, "deadlines": {"fetch": "8000h"}}, {**GOOD, "deadlines": {"ready": "20m"}})
    trials.hangs().later(79 * MINUTE)
    assert trials.where == "bad"
    assert trials.later(2 * MINUTE).where == "good"


def test_the_oldest_follower_comes_first() -> None:
    """Whatever the others are called."""
    assert Trials(GOOD, BAD, names=["zebra", "aardvark"]).where == "good"


def test_what_fails_everywhere_has_failed() -> None:
    """And is told as it was with the oldest; nothing is tried again by itself."""
    trials = Trials(GOOD, BAD).fails().fails(said(outcome="Failed", reason="LoadFailed", message="unknown argument"))
    assert reason(trials.world) == "False/LoadFailed"
    assert "mld/risk-0: not ready within 10m" in trials.message
    before = trials.world.status
    assert trials.later(24 * 60 * MINUTE).world.status == before
    assert trials.world.jobs == []


def test_a_follower_that_comes_later_is_tried_too() -> None:
    """The version failed with the settings of the only one that there was, which is another team's."""
    trials = Trials(BAD).fails()
    assert reason(trials.world) == "False/LoadFailed"
    trials.world.deployments.append(GOOD)
    assert trials.look().where == "good"
    assert reason(trials.passes().world) == "True/Validated"


def test_trouble_of_the_cluster_is_not_the_versions() -> None:
    """It failed in one place, and could not be tried in the other: it waits for that, and has its turn again."""
    trials = Trials(NOWHERE, BAD).pending().later(PATIENCE + MINUTE).fails()
    assert (trials.where, reason(trials.world)) == ("nowhere", "Unknown/Validating")
    trials.pending().later(24 * 60 * MINUTE)
    assert (trials.where, reason(trials.world)) == ("nowhere", "Unknown/Validating")
    assert "can't be scheduled" in trials.message


def test_places_without_nodes_take_turns_that_grow() -> None:
    """A pod that waits for a node which is just being made is not taken away again and again."""
    trials = Trials(NOWHERE, GOOD).pending().later(PATIENCE + MINUTE).pending().later(PATIENCE + MINUTE)
    assert trials.where == "nowhere"
    trials.pending().later(2 * PATIENCE)
    assert trials.where == "nowhere"
    assert trials.later(MINUTE).where == "good"


@pytest.mark.parametrize("why", ["NotFound", "Forbidden", "DigestMismatch"])
def test_what_no_place_changes_is_tried_in_one(why: str) -> None:
    """The store's answer is the same everywhere."""
    trials = Trials(GOOD, BAD)
    ended = {"exitCode": 2, "message": said(outcome="Failed", reason=why, message="no")}
    trials.world.pods = [pod(trials.world, fetch=ended)]
    assert reason(trials.look().world) == f"False/{why}"


def test_one_that_changes_its_place_all_the_time_ends() -> None:
    """Each place is another one; after eight of them a person asks for more."""
    trials = Trials(BAD)
    for n in range(20):
        trials.world.deployments = [{"runtime": {"args": ["--no-such-argument", str(n)]}}]
        trials.look()
        if trials.world.jobs:
            trials.fails()
    assert reason(trials.world) == "False/LoadFailed"
    assert trials.world.status["attempt"] == 8
    trials.world.ask("retry - id1 jane")
    trials.look()
    assert (trials.world.status["attempt"], len(trials.world.jobs)) == (9, 1)


def test_a_look_whose_job_is_not_seen_yet_keeps_the_place() -> None:
    """The Job of an attempt is made once, whatever else could be tried."""
    trials = Trials(NOWHERE, GOOD)
    trials.world.jobs = []
    assert trials.look().where == "nowhere"
    assert trials.world.status["attempt"] == 1
