"""A status may say anything, whoever restored, edited or invented it: each plan goes through, judges and answers."""

import copy
from collections.abc import Iterator
from datetime import timedelta
from functools import cache
from typing import Any, Final

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from builders import NOW, ModelWorld, VersionWorld
from builders_retrain import NOW as RETRAIN_NOW
from builders_retrain import World, claim, standing
from core.rollout.test_transitions import QUICK
from linnet.api.parts.conditions import past_or_none, time_or_none
from linnet.core.registry.model_version import plan as plan_version
from linnet.core.requests import lifecycle
from linnet.core.resources.objects import Parent
from simulator import Behavior, Cluster

pytestmark = pytest.mark.rollouts

TIMES: Final = (
    "0000-01-01T00:00:00Z",
    "0001-01-01T00:00:00Z",
    "0001-01-01T00:00:00+23:59",
    "9999-12-31T23:59:59Z",
    "9999-12-31T23:59:59-23:59",
    "2026-01-01T00:00:00",
    "2026-01-01",
    "2026-02-30T00:00:00Z",
    "2026-01-01t00:00:00z",
    "2026-01-01T23:59:60Z",
    "20260101T000000Z",
    "yesterday",
    "",
)
"""What the format date-time of a CRD lets through, and what it doesn't."""
OTHERS: Final[tuple[Any, ...]] = (
    *(None, True, -1, 0, 10**19, 1.5, "x", "-", "a b c d e", "[" * 3000, '{"a": NaN}', "\ud800", "9" * 5000),
    *([], [None], ["x"], {}, {"a": None}, [[]], {"version": 1}),
)
HOSTILE: Final = st.sampled_from((*TIMES, *TIMES, *OTHERS))
PHASES: Final = ("Starting", "Stepping", "Promoting", "Baking", "Finishing", "RollingBack", "AtRest")
STEPS: Final = [{"setWeight": 34}, {"analyze": {"for": "6s"}}, {"setWeight": 50}, {"pause": {"maxTime": "5s"}}]


def places(value: Any) -> Iterator[tuple[Any, Any]]:
    """(container, key) of each value within."""
    for key in list(value) if isinstance(value, dict) else range(len(value)) if isinstance(value, list) else ():
        yield value, key
        yield from places(value[key])


def spoiled(status: Any, data: st.DataObject) -> Any:
    """The status with something else in the place of one to three of its values."""
    made = {"status": copy.deepcopy(status)}
    for _ in range(data.draw(st.integers(1, 3))):
        container, key = data.draw(st.sampled_from(list(places(made))[1:] or [(made, "status")]))
        container[key] = copy.deepcopy(data.draw(HOSTILE))
    return made["status"]


@cache
def rolling(phase: str) -> Cluster:
    """A bad version 2 in this phase, after a version that had failed before."""
    cluster = Cluster().edit(**{**QUICK, "strategy": {"canary": {"steps": STEPS}, "bake": {"time": "60s"}}})
    cluster.run(5)
    failing = Behavior(errors=0.5)
    cluster.publish(2, failing if phase == "RollingBack" else None)
    cluster.run(600, until=lambda c: c.phase == phase)
    return cluster


@pytest.mark.parametrize("phase", PHASES)
@settings(max_examples=25, deadline=None)
@given(data=st.data())
def test_a_deployments_plan_goes_through(phase: str, data: st.DataObject) -> None:
    """And what it writes is a status that the next look can go on with."""
    cluster = copy.deepcopy(rolling(phase))
    cluster.status = spoiled(cluster.status, data)
    cluster.run(3)


@pytest.mark.parametrize("time", TIMES)
@pytest.mark.parametrize("field", ["startedAt", "stepStartedAt", "readyAt"])
def test_a_made_up_time_stops_neither_the_judge_nor_a_person(field: str, time: str) -> None:
    """The bad version is rolled back by its numbers, or by `abort`."""
    judged = copy.deepcopy(rolling("Stepping"))
    judged.status["rollout"][field] = time
    asked = copy.deepcopy(judged)
    judged.behaviors[2] = Behavior(errors=0.5)
    judged.run(90, until=lambda c: c.phase in {"RollingBack", "AtRest"})
    assert judged.phase in {"RollingBack", "AtRest"}
    asked.ask("abort v2 id jane").run(3)
    assert asked.answered.outcome == "Accepted"
    assert asked.phase in {"RollingBack", "AtRest"}


@pytest.mark.parametrize("time", TIMES)
def test_a_made_up_time_ends_no_bake_and_prolongs_none_for_ever(time: str) -> None:
    """It counts as now: the bake begins anew, and ends."""
    cluster = copy.deepcopy(rolling("Baking"))
    cluster.status["rollout"]["stepStartedAt"] = time
    cluster.run(300, until=lambda c: c.phase == "AtRest")
    assert cluster.typed.stable is not None
    assert (cluster.phase, cluster.typed.stable.version) == ("AtRest", 2)


@pytest.mark.parametrize("time", TIMES)
def test_what_failed_at_a_made_up_time_is_quarantined_until_it_is_released(time: str) -> None:
    """A release of the version counts, though the quarantine claims to be of a later time; an earlier one does not."""
    cluster = copy.deepcopy(rolling("RollingBack"))
    cluster.run(300, until=lambda c: c.phase == "AtRest")
    (line,) = cluster.status["quarantine"]
    digest, template, revision, _, why = line.split(" ", 4)
    early = {"id": "early", "deployment": "", "decision": "Released", "by": "jane", "time": "9999-01-01T00:00:00Z"}
    status = cluster.versions[2]["status"]
    status["decisions"] = [*status["decisions"], early]
    cluster.status["quarantine"] = [f"{digest} {template} {revision} {time or '?'} {why}"]
    cluster.run(5)
    kept = cluster.status["quarantine"]
    before = time_or_none(kept[0].split(" ")[3])
    assert before is not None
    assert before <= cluster.now
    released = {**early, "id": "late", "time": cluster.now.strftime("%Y-%m-%dT%H:%M:%SZ")}
    status["decisions"] = [*cluster.versions[2]["status"]["decisions"], released]
    status.pop("quarantine", None)
    cluster.versions[2]["status"] = status
    cluster.run(5)
    assert cluster.status.get("quarantine") is None


@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_a_models_plan_goes_through(data: st.DataObject) -> None:
    """Of the Model's own status, of its versions' and of its policies'."""
    world = ModelWorld()
    world.step()
    world.validated(1).source("s3://models/2").step()
    world.retrained(3).step()
    match data.draw(st.sampled_from(["model", "version", "policy"])):
        case "model":
            world.status = spoiled(world.status, data)
        case "version":
            world.versions[1]["status"] = spoiled(world.versions[1]["status"], data)
        case _:
            world.policies["weekly"] = spoiled(world.policies["weekly"], data)
    world.step()


@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_a_versions_plan_goes_through(data: st.DataObject) -> None:
    """Of one that was rolled back, and asked for."""
    whole = copy.deepcopy(rolling("RollingBack")).run(60).versions[2]
    world = VersionWorld(whole["spec"], spoiled(whole["status"], data))
    plan_version(world.observed(), NOW)
    plan_version(world.ask("release - id jane").observed(), NOW)


@cache
def retrained() -> World:
    return standing().due().look().completes("weekly-retrain-29453760", claim()).look()


@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_a_retrain_policys_plan_goes_through(data: st.DataObject) -> None:
    """Of one that has trained, with each rule that reads its times."""
    world = standing().edit(cooldown="1h", budget={"runs": 1, "per": "24h"}, pauseAfterRejections=1)
    world = world.asks("run - id1 jane").look()
    World(**{**vars(world), "status": spoiled(world.status, data)}).asks("run - id2 jane").look().look()


@pytest.mark.parametrize("time", TIMES)
@pytest.mark.parametrize("field", ["lastRunTime", "startedAt"])
def test_a_made_up_time_starves_no_training(field: str, time: str) -> None:
    """Neither a cooldown nor a budget of the year 9999 holds up what is due."""
    world = standing().edit(cooldown="1h", budget={"runs": 1, "per": "24h"}).asks("run - id1 jane").look()
    status = copy.deepcopy(world.status)
    (status if field == "lastRunTime" else status["runs"][0])[field] = time
    status["runs"][0]["outcome"] = "Failed"
    if field == "lastRunTime":
        status["runs"] = []
    later = World(**{**vars(world), "status": status, "jobs": {}, "asked": ()})
    assert (
        later.due(RETRAIN_NOW + timedelta(days=7)).look(RETRAIN_NOW + timedelta(days=7, seconds=2)).last.outcome
        == "Running"
    )


@settings(max_examples=100, deadline=None)
@given(data=st.data(), told=st.booleans())
def test_a_requests_plan_goes_through(data: st.DataObject, told: bool) -> None:
    """Answered or not, whatever its answer says."""
    spec = {"target": {"kind": "Deployment", "name": "risk"}, "verb": "abort", "user": "jane"}
    answer = {"outcome": "Accepted", "message": "back", "time": "2026-01-01T12:00:00Z"}
    asked = Parent("risk-abort-1", "ml", "uid", 1, {}, False, spec, spoiled(answer, data), created=NOW)
    lifecycle.plan(lifecycle.RequestObserved(asked, None, told=told), NOW + timedelta(hours=2))


@given(st.text() | st.sampled_from(TIMES) | st.none() | st.integers())
def test_a_time_is_read_or_it_is_none(text: object) -> None:
    """In UTC, so that nothing that is done with it can leave the calendar by its zone."""
    found = past_or_none(text, NOW)
    assert found is None or (found <= NOW and found.utcoffset() == timedelta(0))
