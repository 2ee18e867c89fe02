"""A person's `rollback`: of a version on trial, or at rest to any version that is kept. And whom a request means."""

from dataclasses import dataclass
from typing import TypeGuard

from linnet.api.kinds.deployment import RevisionStatus, RolloutStatus
from linnet.api.parts.conditions import timestamp
from linnet.api.parts.requests import Request
from linnet.core.plan import Emit
from linnet.core.registry.versions import Version
from linnet.core.rollout import transitions
from linnet.core.rollout.context import World, of_workload
from linnet.core.rollout.judging.look import Judged
from linnet.core.rollout.transitions import Turn
from linnet.core.serving import revision as serving


@dataclass(frozen=True)
class Answer:
    """What a request leads to: the world after it and a sentence, or a refusal's sentence with the world as it was."""

    turn: Turn
    message: str
    done: bool = True


def named(request: Request, which: RevisionStatus | Version) -> bool:
    """Whether the request's target is this one: `5`, `v5`, or its digest."""
    number = which.version if isinstance(which, RevisionStatus) else which.number
    return request.target in {str(number), f"v{number}", which.digest}


def on_trial(rollout: RolloutStatus | None) -> TypeGuard[RolloutStatus]:
    """Whether a rollout's version can still be sent back by its end; once it finishes, it is the one that serves."""
    return rollout is not None and rollout.phase != "Finishing"


def rollback(world: World, request: Request, judged: Judged) -> Answer:
    """To the former version with blame: of a version on trial, or of what serves by now."""
    under_way = world.status.rollout
    if on_trial(under_way):
        message = f"{request.user} rolled it back"
        return Answer(transitions.roll_back(world, request.user, "Rollback", message, judged), "going back")
    ended = Turn(world) if under_way is None else transitions.complete(world, under_way)
    stable, to = ended.world.status.stable, _former(ended.world, request)
    if stable is None or isinstance(to, str):
        return Answer(Turn(world), to if isinstance(to, str) else "nothing serves yet", done=False)
    back = _back_to(ended.world, to, stable, request)
    return Answer(Turn(back.world, (*ended.actions, *back.actions)), f"going back to version {to.version}")


def _former(world: World, request: Request) -> RevisionStatus | str:
    """The revision to go back to: the former one, or the newest that is kept of the named version; or why not."""
    stable, former = world.status.stable, world.status.former
    if request.target == "-":
        return former or "there is no former version: name one, such as v1"
    if stable is not None and named(request, stable):
        return f"version {stable.version} serves already"
    kept = [w for w in world.observed.workloads if not w.meta.deleting]
    kept.sort(key=lambda w: w.meta.created.timestamp() if w.meta.created else 0.0, reverse=True)
    found = next((r for w in kept if (r := of_workload(world, w)) is not None and named(request, r)), None)
    return found or _fresh(world, request)


def _fresh(world: World, request: Request) -> RevisionStatus | str:
    """A revision of the named version with the present template, where none is kept."""
    version = next((v for v in world.versions if named(request, v)), None)
    if version is None or not version.ready or version.status.digest is None:
        return f"there is no validated version {request.target} of {world.spec.model.name}"
    return serving.revision(world.name, version.spec, version.status.digest, world.spec)


def _back_to(world: World, to: RevisionStatus, stable: RevisionStatus, request: Request) -> Turn:
    """A rollout that begins with its rollback: the stable version is the one that goes."""
    time = timestamp(world.now)
    reverse = RolloutStatus(
        id=f"back-v{to.version}-{time.replace('-', '').replace(':', '')}",
        phase="RollingBack",
        from_=to,
        to=stable,
        started_at=time,
        step_started_at=time,
        decision="RolledBack",
        reason="Rollback",
        message=f"{request.user} rolled it back",
        by=request.user,
    )
    moved = world.with_status(rollout=reverse)
    recorded = transitions.record(
        moved, "RolledBack", request.user, "Rollback", reverse.message or "", Judged(), quarantine=True
    )
    told = f"{request.user} rolls version {stable.version} back to {to.version}"
    return Turn(moved, (*recorded, Emit("Warning", "RolledBack", told)))
