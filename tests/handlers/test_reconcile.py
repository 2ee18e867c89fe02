"""One reconcile: in order, whole or not at all, and what is refused stands in the condition."""

from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from adapters.objects import own
from linnet.adapters.cache.gatherer import as_parent
from linnet.adapters.cluster.errors import (
    ConflictError,
    ForbiddenError,
    ForeignObjectError,
    InvalidError,
    KubeError,
    UnavailableError,
)
from linnet.api.kinds.deployment import DeploymentStatus
from linnet.api.kinds.request import RequestStatus
from linnet.core.plan import Action, AnswerRequest, Emit, Log, Manifest, Plan, Ref
from linnet.core.resources.objects import Parent
from linnet.handlers.kinds import Kind
from linnet.handlers.reconcile import Deps, reconcile, refused

REF = Ref("Deployment", "ml", "iris")
NOW = datetime(2026, 1, 1, tzinfo=UTC)
LATER = NOW + timedelta(hours=1)
FIRST, SECOND = Log("first", {}), Emit("Normal", "Second", "x")

ANSWER = AnswerRequest("iris-abort", "u1", RequestStatus(outcome="Accepted"))


@dataclass
class Desk:
    """Records what was done, in order."""

    parent: Parent | None
    plan: Plan[Any]
    error: Exception | None = None
    done: list[Any] = field(default_factory=list)

    def deps(self) -> Deps:
        kind = Kind(self.observe, lambda _, __: self.plan, DeploymentStatus)
        return Deps(
            {"Deployment": kind}, lambda _: self.parent, self.act, self.write, self.keep, self.drop, lambda: NOW
        )

    async def observe(self, parent: Parent) -> Parent:
        return parent

    async def act(self, _: Ref, __: Parent, action: Action) -> None:
        self.done.append(action)
        if self.error is not None:
            raise self.error

    async def write(self, _: Ref, __: Parent, status: Manifest) -> None:
        self.done.append(status)

    def keep(self, *_: Any) -> None:
        self.done.append("remembered")

    def drop(self, _: Ref) -> None:
        self.done.append("forgotten")


def parent(**status: Any) -> Parent:
    return as_parent(own("Deployment", "iris", status=status))


async def test_actions_come_before_the_status() -> None:
    """The status says what was done, so it is written last; then the evidence is kept."""
    desk = Desk(parent(), Plan(DeploymentStatus(replicas=1), (FIRST, SECOND), timedelta(seconds=5)))
    assert await reconcile(REF, desk.deps()) == timedelta(seconds=5)
    assert desk.done == [FIRST, SECOND, {"replicas": 1, "conditions": []}, "remembered"]


async def test_an_answer_comes_after_the_status_that_remembers_it() -> None:
    """Who dies before it gives it again; who wrote it first would obey twice."""
    desk = Desk(parent(), Plan(DeploymentStatus(replicas=1), (FIRST, ANSWER, SECOND)))
    await reconcile(REF, desk.deps())
    assert desk.done == [FIRST, SECOND, {"replicas": 1, "conditions": []}, ANSWER, "remembered"]


async def test_a_plan_without_a_status_leaves_it() -> None:
    """None is not an empty status."""
    desk = Desk(parent(replicas=1), Plan(None))
    await reconcile(REF, desk.deps())
    assert desk.done == ["remembered"]


@pytest.mark.parametrize("gone", [None, replace(parent(), deleting=True)])
async def test_what_is_gone_is_forgotten(gone: Parent | None) -> None:
    """Owner references clean up; there is nothing to decide."""
    desk = Desk(gone, Plan(DeploymentStatus(), (FIRST,)))
    assert await reconcile(REF, desk.deps()) is None
    assert desk.done == ["forgotten"]


@pytest.mark.parametrize("error", [ForeignObjectError("theirs"), InvalidError("bad"), ForbiddenError("quota")])
async def test_a_refusal_is_told_and_the_plans_status_is_not_written(error: KubeError) -> None:
    """Its actions were not done: a status that says so would be a lie."""
    desk = Desk(parent(replicas=1), Plan(DeploymentStatus(replicas=2), (FIRST, SECOND)), error)
    with pytest.raises(type(error)):
        await reconcile(REF, desk.deps())
    assert [d for d in desk.done if isinstance(d, Log | Emit)] == [FIRST]
    (status,) = [d for d in desk.done if isinstance(d, dict)]
    assert status["replicas"] == 1
    assert status["conditions"][0]["message"] == str(error)


@pytest.mark.parametrize("error", [ConflictError("x"), UnavailableError("x"), ValueError("x")])
async def test_passing_trouble_is_not_told(error: Exception) -> None:
    """A condition that flickers with every conflict helps nobody."""
    desk = Desk(parent(), Plan(DeploymentStatus(), (FIRST,)), error)
    with pytest.raises(type(error)):
        await reconcile(REF, desk.deps())
    assert desk.done == [FIRST]


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (ForeignObjectError("x"), "ForeignObject"),
        (ForbiddenError("x"), "Forbidden"),
        (InvalidError("x"), "InvalidSpec"),
    ],
)
def test_each_refusal_has_its_reason(error: Any, reason: str) -> None:
    """For programs; the message is for people."""
    told = [(c["type"], c["status"], c["reason"]) for c in refused(parent(), error, NOW)["conditions"]]
    assert told == [("Ready", "False", reason), ("Stalled", "True", reason)]


def test_the_same_refusal_again_changes_nothing() -> None:
    """An object that stays refused is not written at each retry."""
    once = refused(parent(replicas=1), ForeignObjectError("x"), NOW)
    assert refused(parent(**once), ForeignObjectError("x"), LATER) == once


def test_a_refusal_leaves_the_other_conditions() -> None:
    """Whether pods serve is still true."""
    available = {"type": "Available", "status": "True", "reason": "Available", "message": "pods serve"}
    passing = {**available, "type": "Reconciling"}
    status = refused(parent(conditions=[available, passing, {"nonsense": 1}]), ForeignObjectError("x"), NOW)
    assert [c["type"] for c in status["conditions"]] == ["Ready", "Stalled", "Available"]
