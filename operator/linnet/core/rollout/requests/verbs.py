"""A person's requests of a Deployment, in Argo Rollouts' words: what each does in each phase.

`docs/reference/requests.md` holds the same table; a test compares them.
"""

from collections.abc import Callable, Mapping
from typing import Final

from linnet.api.kinds.deployment import Phase, RevisionStatus, RolloutStatus
from linnet.api.names import Verb
from linnet.api.parts.conditions import parse_time
from linnet.api.parts.requests import Request, pending
from linnet.core import requests
from linnet.core.plan import Action, Record
from linnet.core.registry import decisions
from linnet.core.registry.versions import Version
from linnet.core.rollout import steps, transitions
from linnet.core.rollout.context import World
from linnet.core.rollout.hooks import calls as hooks
from linnet.core.rollout.judging.look import Judged
from linnet.core.rollout.requests import rollback
from linnet.core.rollout.requests.rollback import Answer, named, on_trial
from linnet.core.rollout.target import Refusal, quarantine_of, wanted
from linnet.core.rollout.transitions import Turn

Handler = Callable[[World, Request, Judged], Answer]

ALLOWED: Final[Mapping[Verb, frozenset[Phase | None]]] = {
    Verb.PROMOTE: frozenset({"Stepping"}),
    Verb.PROMOTE_FULL: frozenset({"Stepping", "Baking"}),
    Verb.RESUME: frozenset({"Starting", "Stepping", "Promoting", "Baking"}),
    Verb.PAUSE: frozenset({"Starting", "Stepping", "Promoting", "Baking"}),
    Verb.ABORT: frozenset({"Starting", "Stepping", "Promoting", "Baking"}),
    Verb.ROLLBACK: frozenset({None, "Starting", "Stepping", "Promoting", "Baking", "Finishing"}),
    Verb.RETRY: frozenset({None}),
    Verb.RELEASE: frozenset({None, "Starting", "Stepping", "Promoting", "Baking", "Finishing", "RollingBack"}),
}
"""Request → the phases (None: at rest) in which it is obeyed."""


def obeyed(world: World, judged: Judged) -> Turn:
    """The world after the pending request, with its answer; unchanged if there is none."""
    request = pending(world.observed.deployment.request, world.status.last_request)
    if request is None:
        return Turn(world)
    refusal = _refusal(world, request)
    answer = Answer(Turn(world), refusal, done=False) if refusal else _HANDLERS[request.verb](world, request, judged)
    said = requests.accepted if answer.done else requests.refused
    last = said(request, answer.message, world.now)
    return Turn(answer.turn.world.with_status(last_request=last), (*answer.turn.actions, *requests.told(last)))


def _refusal(world: World, request: Request) -> str | None:
    if not world.observed.requests_proven:
        return requests.UNPROVEN
    if request.verb not in ALLOWED:
        return f"a Deployment doesn't know {request.verb}; it knows {', '.join(sorted(ALLOWED))}"
    under_way = world.status.rollout
    phase = under_way.phase if under_way else None
    if under_way is not None and under_way.from_ is None and request.verb != Verb.RELEASE:
        return "the first version is still starting: there is nothing to go back to, nor to wait for"
    if phase not in ALLOWED[request.verb]:
        return f"{request.verb} does nothing {f'in phase {phase}' if phase else 'at rest: no rollout is under way'}"
    if on_trial(under_way) and request.verb != Verb.RELEASE and not _means(request, under_way.to):
        return f"the rollout under way is of version {under_way.to.version}, not {request.target}"
    return None


def _means(request: Request, revision: RevisionStatus) -> bool:
    return request.target == "-" or named(request, revision)


def _under_way(world: World) -> RolloutStatus:
    assert world.status.rollout is not None
    return world.status.rollout


def _promote(world: World, request: Request, judged: Judged) -> Answer:
    if world.spec.paused:
        return Answer(Turn(world), "spec.paused is true: set it to false first", done=False)
    if waits := hooks.told(world, hooks.waiting(world)):
        return Answer(Turn(world), f"every step is done; it {waits}. promote-full goes on without it", done=False)
    step = _under_way(world).step or 0
    return Answer(steps.next_step(world, judged, request.user), f"left step {step} for {request.user}")


def _promote_full(world: World, request: Request, judged: Judged) -> Answer:
    under_way = _under_way(world)
    if world.spec.paused:
        return Answer(Turn(world), "spec.paused is true: set it to false first", done=False)
    if under_way.phase == "Baking":
        ended = transitions.finish(world, request.user, "PromoteFull", f"{request.user} ended the bake", judged)
        return Answer(ended, "the bake is over")
    message = f"{request.user} promoted it past the remaining steps{hooks.passed(world)}"
    return Answer(transitions.promote(world, request.user, "PromoteFull", message, judged), "promoting")


def _resume(world: World, request: Request, judged: Judged) -> Answer:
    under_way, policy = _under_way(world), world.policy
    if world.spec.paused:
        return Answer(Turn(world), "spec.paused is true: set it to false", done=False)
    if under_way.paused:
        return Answer(Turn(world.with_rollout(under_way, paused=None)), "resumed")
    index = under_way.step or 0
    planned = policy.steps if policy else ()
    if under_way.phase == "Stepping" and index < len(planned) and planned[index].pause is not None:
        return Answer(steps.next_step(world, judged, request.user), "left the pause")
    return Answer(Turn(world), "it is not paused", done=False)


def _pause(world: World, request: Request, judged: Judged) -> Answer:
    del request, judged
    return Answer(
        Turn(world.with_rollout(_under_way(world), paused=True)),
        "paused where it is; a failing version is still rolled back",
    )


def _abort(world: World, request: Request, judged: Judged) -> Answer:
    message = f"{request.user} aborted it"
    return Answer(
        transitions.abort(world, request.user, "Abort", message, judged), "going back; nothing is quarantined"
    )


def _retry(world: World, request: Request, judged: Judged) -> Answer:
    del judged
    target = wanted(world)
    if isinstance(target, Refusal):
        return Answer(Turn(world), target.message, done=False)
    if quarantine_of(world, target.revision) is not None:
        return Answer(Turn(world), f"version {target.revision.version} is quarantined: release it", done=False)
    rejected = world.status.rejected
    waits = target.revision.name in {world.status.held, rejected.name if rejected else None}
    if not waits or not _means(request, target.revision):
        return Answer(Turn(world), "no aborted or rejected version waits for a retry", done=False)
    return Answer(Turn(world.with_status(held=None, rejected=None)), f"trying version {target.revision.version}")


def _release(world: World, request: Request, judged: Judged) -> Answer:
    del judged
    meant = [v for v in world.versions if named(request, v)]
    if request.target == "-" and not isinstance(target := wanted(world), Refusal):
        meant = [target.version]
    digests = {v.digest for v in meant}
    held = [v for v in world.versions if v.digest in digests and v.status.quarantine]
    if not held:
        known = [v.name for v in world.versions if v.digest in digests and _was_released(v, request)]
        said = f"released {', '.join(known)}" if known else f"no version {request.target} is quarantined here"
        return Answer(Turn(world), said, done=bool(known))
    actions = tuple(action for version in held for action in _released(world, version, request))
    held_name = None if _holds(world, held) else world.status.held
    return Answer(Turn(world.with_status(held=held_name), actions), f"released {', '.join(v.name for v in held)}")


def _was_released(version: Version, request: Request) -> bool:
    """By this very request, at a look whose own answer was lost: somebody else had written the status."""
    last = next(reversed(version.status.decisions or ()), None)
    if last is None or last.decision != "Released" or last.time is None:
        return False
    return last.id == decisions.by_request(request, "Released", "", parse_time(last.time)).id


def _holds(world: World, versions: list[Version]) -> bool:
    prefixes = tuple(f"{world.name}-v{v.number}-" for v in versions)
    return world.status.held is not None and world.status.held.startswith(prefixes)


def _released(world: World, version: Version, request: Request) -> tuple[Action, ...]:
    decision = decisions.by_request(request, "Released", world.name, world.now)
    return Record(version.name, decision, release=True), decisions.logged(decision, version.digest)


_HANDLERS: Final[Mapping[Verb, Handler]] = {
    Verb.PROMOTE: _promote,
    Verb.PROMOTE_FULL: _promote_full,
    Verb.RESUME: _resume,
    Verb.PAUSE: _pause,
    Verb.ABORT: _abort,
    Verb.ROLLBACK: rollback.rollback,
    Verb.RETRY: _retry,
    Verb.RELEASE: _release,
}
