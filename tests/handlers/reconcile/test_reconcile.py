"""One reconcile: the status first, then each action by itself, and what is refused stands in a condition."""

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
    LeadershipLostError,
    UnavailableError,
)
from linnet.api.kinds.deployment import DeploymentStatus
from linnet.api.kinds.request import RequestStatus
from linnet.api.parts.conditions import Reason, condition
from linnet.core.plan import (
    Action,
    AnswerRequest,
    Apply,
    Create,
    Delete,
    Emit,
    Log,
    Manifest,
    Plan,
    Record,
    Ref,
    SaveEvidence,
)
from linnet.core.resources.objects import Parent
from linnet.handlers.kinds import Kind
from linnet.handlers.reconcile.attempts import Attempts
from linnet.handlers.reconcile.reconcile import Deps, reconcile

REF = Ref("Deployment", "ml", "iris")
NOW = datetime(2026, 1, 1, tzinfo=UTC)
LATER = timedelta(seconds=5)
WELL = DeploymentStatus(conditions=[condition("Ready", True, Reason.AS_DESIRED, "version 1 serves")])
COMING = DeploymentStatus(conditions=[condition("Ready", None, Reason.STARTING, "its pods are starting")])
Json = dict[str, Any]


def service(name: str = "iris", **spec: Any) -> Apply:
    return Apply({"apiVersion": "v1", "kind": "Service", "metadata": {"name": name}, "spec": spec})


TOLD, SAID = Log("decision", {}), Emit("Normal", "Promoted", "x")
SAVED = SaveEvidence({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "iris-evidence"}})
GONE = Delete("v1", "Pod", "iris-1", "uid-1")

ANSWER = AnswerRequest("iris-abort", "u1", RequestStatus(outcome="Accepted"))


@dataclass
class Desk:
    """Records what was done, in order; `refuses` holds what the API server says to an action, by its object's name."""

    parent: Parent | None
    plan: Plan[Any]
    refuses: dict[str, KubeError] = field(default_factory=dict)
    done: list[Any] = field(default_factory=list)
    monotonic: float = 0.0
    kind: Kind | None = None
    takes: Any = None
    """Which statuses the API server takes; all if None."""

    def __post_init__(self) -> None:
        self.attempts = Attempts(lambda: self.monotonic)

    def deps(self) -> Deps:
        kind = self.kind or Kind(self.observe, lambda _, __: self.plan, DeploymentStatus)
        return Deps(
            {"Deployment": kind},
            lambda _: self.parent,
            self.act,
            self.write,
            self.keep,
            self.drop,
            lambda: NOW,
            self.attempts,
        )

    async def look(self) -> timedelta | None:
        return await reconcile(REF, self.deps())

    async def observe(self, parent: Parent) -> Parent:
        return parent

    async def act(self, _: Ref, __: Parent, action: Action) -> None:
        if error := self.refuses.get(_name(action)):
            self.done.append(f"{_name(action)}: refused")
            raise error
        self.done.append(action)

    async def write(self, _: Ref, parent: Parent, status: Manifest) -> None:
        if status == parent.status:
            return
        if error := self.refuses.get("status"):
            raise error
        if self.takes is not None and not self.takes(status):
            raise InvalidError("status: too long")
        self.done.append("status")
        assert self.parent is not None
        self.parent = replace(self.parent, status=status)

    def keep(self, *_: Any) -> None:
        self.done.append("remembered")

    def drop(self, _: Ref) -> None:
        self.done.append("forgotten")

    def condition(self, type_: str) -> Json:
        assert self.parent is not None
        found = self.parent.status.get("conditions") or []
        return next((dict(c) for c in found if c["type"] == type_), {})


def _name(action: Action) -> str:
    match action:
        case Apply(manifest) | Create(manifest) | SaveEvidence(manifest):
            return str(manifest["metadata"]["name"])
        case Delete():
            return action.name
        case Record():
            return action.version
        case _:
            return type(action).__name__


def parent(**status: Any) -> Parent:
    return as_parent(own("Deployment", "iris", status=status))


async def test_the_status_comes_before_what_follows_from_it() -> None:
    """What is told and done is what was written; then the evidence is kept."""
    desk = Desk(parent(), Plan(DeploymentStatus(replicas=1), (TOLD, service(), SAVED), LATER))
    assert await desk.look() == LATER
    assert desk.done == ["status", TOLD, service(), SAVED, "remembered"]


async def test_a_lock_comes_before_the_status() -> None:
    """A version's number is taken by making it: only then does a status name it."""
    made = Create({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "lock"}})
    desk = Desk(parent(), Plan(DeploymentStatus(replicas=1), (SAID, made)))
    await desk.look()
    assert desk.done == [made, "status", SAID, "remembered"]


async def test_a_lock_that_is_lost_writes_and_tells_nothing() -> None:
    """Somebody else took the number: the plan is made anew."""
    made = Create({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "lock"}})
    desk = Desk(parent(), Plan(DeploymentStatus(replicas=1), (SAID, made)), {"lock": ConflictError("taken")})
    with pytest.raises(ConflictError):
        await desk.look()
    assert desk.done == ["lock: refused"]


async def test_an_answer_comes_after_the_status_that_remembers_it() -> None:
    """Who dies before it gives it again; who wrote it first would obey twice."""
    desk = Desk(parent(), Plan(DeploymentStatus(replicas=1), (TOLD, service(), ANSWER)))
    await reconcile(REF, desk.deps())
    assert desk.done == ["status", TOLD, service(), ANSWER, "remembered"]


async def test_a_plan_without_a_status_leaves_it() -> None:
    """None is not an empty status."""
    desk = Desk(parent(replicas=1), Plan(None))
    await desk.look()
    assert desk.done == ["remembered"]


async def test_what_is_gone_is_forgotten() -> None:
    """Owner references clean up; there is nothing to decide."""
    desk = Desk(None, Plan(DeploymentStatus(), (TOLD,)))
    assert await desk.look() is None
    assert desk.done == ["forgotten"]


@pytest.mark.parametrize("until_gone", [True, False])
async def test_a_deletion_that_hangs_is_looked_at_where_traffic_depends_on_it(until_gone: bool) -> None:
    """A stranger's finalizer leaves a canary in traffic: it is judged as long as it is there."""
    desk = Desk(replace(parent(), deleting=True), Plan(None, (TOLD,)))
    desk.kind = Kind(desk.observe, lambda _, __: desk.plan, DeploymentStatus, until_gone=until_gone)
    await desk.look()
    assert desk.done == ([TOLD, "remembered"] if until_gone else ["forgotten"])


REFUSALS = [
    (ForeignObjectError("Service iris is another's"), "ForeignObject"),
    (ForbiddenError("services iris is forbidden: quota"), "Forbidden"),
    (InvalidError("Service iris is invalid"), "InvalidSpec"),
]


@pytest.mark.parametrize(("error", "reason"), REFUSALS)
async def test_an_action_that_is_refused_costs_itself_alone(error: KubeError, reason: str) -> None:
    """The others are done, the status is written, and the condition has the API server's words."""
    desk = Desk(parent(), Plan(WELL, (TOLD, service(), SAVED, GONE), LATER), {"iris": error})
    await desk.look()
    assert [d for d in desk.done if not isinstance(d, Emit)] == [
        "status",
        TOLD,
        "iris: refused",
        SAVED,
        GONE,
        "remembered",
        "status",
    ]
    refused, ready = desk.condition("Refused"), desk.condition("Ready")
    assert (refused["status"], refused["reason"], refused["message"]) == ("True", reason, str(error))
    assert (ready["status"], ready["reason"], ready["message"]) == ("False", reason, str(error))
    assert desk.condition("Stalled")["reason"] == reason
    assert desk.condition("Reconciling") == {}


async def test_a_refusal_is_an_event_once() -> None:
    """Whoever watches Events sees it come, and not again with each try."""
    desk = Desk(parent(), Plan(WELL, (service(),)), {"iris": ForbiddenError("quota of iris")})
    for desk.monotonic in range(0, 300, 10):
        await desk.look()
    assert [d for d in desk.done if isinstance(d, Emit)] == [Emit("Warning", "Forbidden", "quota of iris")]


async def test_a_refused_child_is_not_hammered_and_nothing_is_written_meanwhile() -> None:
    """It is tried ever more rarely, while the rest is looked at as often as before."""
    desk = Desk(parent(), Plan(WELL, (service(), GONE), LATER), {"iris": ForbiddenError("quota of iris")})
    for desk.monotonic in range(300):
        assert (await desk.look() or LATER) <= LATER
    assert 6 <= desk.done.count("iris: refused") <= 14
    assert desk.done.count(GONE) == 300
    assert desk.done.count("status") == 2


async def test_what_is_wanted_anew_is_tried_at_once() -> None:
    """A person who corrects the spec does not wait for the time of the wrong one."""
    desk = Desk(parent(), Plan(WELL, (service(),)), {"iris": InvalidError("iris")})
    await desk.look()
    desk.refuses.clear()
    await desk.look()
    assert service() not in desk.done
    desk.plan = Plan(WELL, (service(port=81),))
    await desk.look()
    assert service(port=81) in desk.done
    assert desk.condition("Refused") == {}
    assert desk.condition("Ready")["status"] == "True"


async def test_what_nobody_wants_any_more_is_not_told() -> None:
    """A rollout that is over leaves no complaint about its canary's Service."""
    desk = Desk(parent(), Plan(WELL, (service(),)), {"iris": ForbiddenError("quota of iris")})
    await desk.look()
    desk.plan = Plan(WELL)
    await desk.look()
    assert desk.condition("Refused") == {}


ROLLOUT = {
    "id": "v2-x",
    "phase": "Stepping",
    "startedAt": "2026-01-01T00:00:00Z",
    "from": {"name": "iris-v1-x", "version": 1},
    "to": {"name": "iris-v2-x", "version": 2},
}


async def test_a_rollout_that_goes_on_is_what_ready_says() -> None:
    """The refusal stands beside it."""
    status = COMING.model_copy(update={"rollout": DeploymentStatus.model_validate({"rollout": ROLLOUT}).rollout})
    desk = Desk(parent(), Plan(status, (service(),)), {"iris": ForbiddenError("quota of iris")})
    await desk.look()
    assert desk.condition("Ready")["reason"] == "Starting"
    assert desk.condition("Refused")["reason"] == "Forbidden"


async def test_what_a_person_must_know_first_is_left_in_ready() -> None:
    """A version in quarantine is more than a budget that can't be made."""
    said = DeploymentStatus(conditions=[condition("Ready", False, Reason.QUARANTINED, "version 2")])
    desk = Desk(parent(), Plan(said, (service(),)), {"iris": ForbiddenError("quota of iris")})
    await desk.look()
    assert desk.condition("Ready")["reason"] == "Quarantined"


@pytest.mark.parametrize("kept", [SAVED, GONE])
async def test_what_is_kept_for_the_record_makes_nothing_unready(kept: Action) -> None:
    """Evidence that can't be saved is told, and what serves is ready all the same."""
    name = _name(kept)
    desk = Desk(parent(), Plan(WELL, (kept,)), {name: ForbiddenError(f"quota of {name}")})
    await desk.look()
    assert desk.condition("Refused")["message"] == f"quota of {name}"
    assert desk.condition("Ready")["status"] == ("True" if kept == SAVED else "False")


async def test_an_outage_is_told_when_it_lasts() -> None:
    """A condition that flickers with every lost connection helps nobody."""
    desk = Desk(parent(), Plan(WELL, (service(),)), {"iris": UnavailableError("a webhook of iris is down")})
    await desk.look()
    assert desk.condition("Refused") == {}
    for desk.monotonic in (10, 20, 30):
        await desk.look()
    assert desk.condition("Refused")["reason"] == "NotWritten"


async def test_a_wait_that_the_server_asks_for_is_bounded() -> None:
    """A day of Retry-After would keep a bad version in traffic for a day."""
    desk = Desk(parent(), Plan(WELL, (service(),)), {"iris": UnavailableError("busy", retry_after=86400.0)})
    again = await desk.look()
    assert again is not None
    assert timedelta(seconds=55) <= again <= timedelta(seconds=75)


async def test_a_conflict_costs_itself_and_the_look_is_taken_again() -> None:
    """It is no news for a person."""
    desk = Desk(parent(), Plan(WELL, (service(), GONE)), {"iris": ConflictError("uid")})
    with pytest.raises(ConflictError):
        await desk.look()
    assert GONE in desk.done
    assert desk.condition("Refused") == {}


async def test_a_new_process_repeats_what_the_former_one_found() -> None:
    """Else Ready would say for a moment that all is well."""
    desk = Desk(parent(), Plan(WELL, (service(),)), {"iris": ForbiddenError("quota of iris")})
    await desk.look()
    desk.done.clear()
    desk.attempts = Attempts(lambda: desk.monotonic)
    await desk.look()
    assert "status" not in desk.done


async def test_without_the_lease_nothing_else_is_tried() -> None:
    """Another process leads by now."""
    desk = Desk(parent(), Plan(WELL, (service(), GONE)), {"iris": LeadershipLostError("lost")})
    with pytest.raises(LeadershipLostError):
        await desk.look()
    assert GONE not in desk.done


@pytest.mark.parametrize("error", [InvalidError("too large"), ForbiddenError("a policy"), UnavailableError("down")])
async def test_what_leads_back_is_done_even_if_the_status_cant_be_written(error: KubeError) -> None:
    """And nothing is told that was not written."""
    desk = Desk(parent(), Plan(WELL, (TOLD, service(), SAVED, GONE), LATER, urgent=True), {"status": error})
    if isinstance(error, UnavailableError):
        with pytest.raises(UnavailableError):
            await desk.look()
    else:
        assert await desk.look() is not None
    assert [d for d in desk.done if d != "remembered"] == [service()]


async def test_what_leads_back_is_done_before_a_lost_race_is_run_again() -> None:
    """Somebody who writes to the object all the time can't keep a bad version in traffic."""
    desk = Desk(parent(), Plan(WELL, (service(),), urgent=True), {"status": ConflictError("modified")})
    with pytest.raises(ConflictError):
        await desk.look()
    assert desk.done == [service()]


async def test_no_step_forward_is_taken_on_a_lost_race() -> None:
    """What is to come was not written down."""
    desk = Desk(parent(), Plan(WELL, (service(),)), {"status": ConflictError("modified")})
    with pytest.raises(ConflictError):
        await desk.look()
    assert desk.done == []


async def test_a_status_that_is_refused_is_written_with_less_in_it() -> None:
    """The decision is written; sentences and lists go."""
    rolled = {**ROLLOUT, "phase": "RollingBack", "decision": "RolledBack", "message": "!" * 900}
    status = DeploymentStatus.model_validate({"rollout": rolled, "conditions": WELL.wire()["conditions"]})
    desk = Desk(parent(), Plan(status, (TOLD,)), takes=lambda s: len(s["rollout"]["message"]) < 900)
    await desk.look()
    assert desk.parent is not None
    assert desk.parent.status["rollout"]["decision"] == "RolledBack"
    assert desk.parent.status["rollout"]["message"] == "!" * 128
    assert TOLD in desk.done
    desk.takes = lambda s: not s["rollout"]["message"]
    desk.parent = parent()
    desk.plan = replace(desk.plan, status=status.model_copy(update={"replicas": 2}))
    await desk.look()
    assert desk.parent.status["rollout"]["message"] == ""
