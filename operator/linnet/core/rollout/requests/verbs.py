"""A person's requests of a Deployment, in Argo Rollouts' words: what each does in each phase.

`docs/reference/requests.md` holds the same table; a test compares them.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Final

from linnet.api.kinds.deployment import Phase, RevisionStatus
from linnet.api.names import Verb
from linnet.core.plan import Action, Record
from linnet.core.registry import decisions
from linnet.core.registry.quarantine import QuarantinedArtifact
from linnet.core.registry.versions import Version
from linnet.core.requests import answers, commands
from linnet.core.requests.waiting import Request
from linnet.core.rollout import records, steps
from linnet.core.rollout.context import Context, UnderWay
from linnet.core.rollout.hooks import calls
from linnet.core.rollout.judging.look import Verdicts
from linnet.core.rollout.records import Transition
from linnet.core.rollout.requests.rollback import Response, is_named, on_trial, refusal, rollback, why_quarantined
from linnet.core.rollout.target import Refusal, find_target, quarantine_of, quarantined_here

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
SAFE: Final = frozenset({Verb.ABORT, Verb.ROLLBACK, Verb.RELEASE})
"""What is obeyed in a phase that a later release has written, too."""


def answer_pending(context: Context, verdicts: Verdicts) -> Transition:
    """Refuse requests until one is obeyed, and answer them; nothing changes if none waits."""
    observed = context.observed
    if not observed.requests.waiting:
        return Transition(context)
    turn = answers.turn(
        observed.requests, observed.deployment, context.status.requests, context.now, _way_back(context)
    )
    for request in turn.candidates:
        response = _respond(context, request, verdicts)
        if response.done:
            after, obeyed = response.transition, turn.accepted(request, response.message)
            return Transition(after.context.with_status(requests=obeyed.remembered), (*after.actions, *obeyed.actions))
        turn = turn.refused(request, response.message)
    return Transition(context, turn.actions)


def _way_back(context: Context) -> str:
    """How to go back by the spec, for a person whose request can't be obeyed."""
    rollout = context.status.rollout
    to = rollout.from_ if rollout is not None and rollout.phase != "Finishing" else context.status.former
    if to is None:
        return ""
    patch = f'{{"spec":{{"model":{{"version":{to.version}}}}}}}'
    return (
        f". To go back without a request, set spec.model.version to {to.version} (in Git, if it is there): "
        f"kubectl patch mld {context.name} -n {context.owner.namespace} --type merge -p '{patch}'"
    )


def _respond(context: Context, request: Request, verdicts: Verdicts) -> Response:
    if (why := _why_not(context, request)) is not None:
        return refusal(context, why)
    under_way, within = context.under_way, _WITHIN_ROLLOUT.get(request.verb)
    if within is not None and under_way is not None:
        return within(under_way, request, verdicts)
    return _AT_ANY_TIME[request.verb](context, request, verdicts)


def _why_not(context: Context, request: Request) -> str | None:
    if request.verb not in ALLOWED:
        return answers.unknown_verb(request.verb, "Deployment", ALLOWED)
    under_way = context.under_way
    if under_way is not None and under_way.rollout.from_ is None and request.verb != Verb.RELEASE:
        return "the first version is still starting: there is nothing to go back to, nor to wait for"
    if not _is_of_its_phase(request, under_way):
        where = f"in phase {under_way.rollout.phase}" if under_way else "at rest: no rollout is under way"
        return f"{request.verb} does nothing {where}"
    if on_trial(under_way) and request.verb != Verb.RELEASE and not _means(request, under_way.rollout.to):
        return f"the rollout under way is of version {under_way.rollout.to.version}, not {request.target}"
    return None


def _is_of_its_phase(request: Request, under_way: UnderWay | None) -> bool:
    if under_way is None:
        return None in ALLOWED[request.verb]
    phase = under_way.rollout.known_phase
    return request.verb in SAFE if phase is None else phase in ALLOWED[request.verb]


def _means(request: Request, revision: RevisionStatus) -> bool:
    return request.target == "-" or is_named(request, revision)


def _promote(under_way: UnderWay, request: Request, verdicts: Verdicts) -> Response:
    context = under_way.context
    if context.spec.paused:
        return refusal(context, "spec.paused is true: set it to false first")
    if under_way.version is None:
        back = commands.of_version("abort", context.name, context.owner.namespace, under_way.rollout.to.version)
        return refusal(context, f"its ModelVersion is gone, so that its steps are not known. To go back: {back}")
    if waits := calls.waiting_message(under_way, under_way.waiting_hooks):
        on = commands.linnet("promote", context.name, context.owner.namespace, "--full")
        return refusal(context, f"every step is done; it {waits}. To go on without it: {on}")
    step = under_way.rollout.step or 0
    return Response(steps.next_step(under_way, verdicts, request.user), f"left step {step} for {request.user}")


def _promote_full(under_way: UnderWay, request: Request, verdicts: Verdicts) -> Response:
    context, user = under_way.context, request.user
    if context.spec.paused:
        return refusal(context, "spec.paused is true: set it to false first")
    if under_way.rollout.phase == "Baking":
        ended = records.finish(under_way, user, "PromoteFull", request.sentence("ended the bake"), verdicts)
        return Response(ended, "the bake is over")
    message = request.sentence(f"promoted it past the remaining steps{calls.unconfirmed(under_way)}")
    return Response(records.promote(under_way, user, "PromoteFull", message, verdicts), "promoting")


def _resume(under_way: UnderWay, request: Request, verdicts: Verdicts) -> Response:
    context, rollout, planned = under_way.context, under_way.rollout, under_way.rules.steps
    if context.spec.paused:
        return refusal(context, "spec.paused is true: set it to false")
    if rollout.paused:
        return Response(Transition(under_way.with_rollout(paused=None).context), "resumed")
    index = rollout.step or 0
    if rollout.phase == "Stepping" and index < len(planned) and planned[index].pause is not None:
        return Response(steps.next_step(under_way, verdicts, request.user), "left the pause")
    return refusal(context, "it is not paused")


def _pause(under_way: UnderWay, request: Request, verdicts: Verdicts) -> Response:
    del request, verdicts
    paused = Transition(under_way.with_rollout(paused=True).context)
    return Response(paused, "paused where it is; a failing version is still rolled back")


def _abort(under_way: UnderWay, request: Request, verdicts: Verdicts) -> Response:
    aborted = records.abort(under_way, request.user, "Abort", request.sentence("aborted it"), verdicts)
    return Response(aborted, "going back; nothing is quarantined")


def _retry(context: Context, request: Request, verdicts: Verdicts) -> Response:
    del verdicts
    target = find_target(context)
    if isinstance(target, Refusal):
        return refusal(context, target.message)
    if (entry := quarantine_of(context, target.revision)) is not None:
        return refusal(context, why_quarantined(context, target.revision, entry))
    rejected = context.status.rejected
    waits = target.revision.name in {context.status.held, rejected.name if rejected else None}
    if not waits or not _means(request, target.revision):
        return refusal(context, "no aborted or rejected version waits for a retry")
    free = Transition(context.with_status(held=None, rejected=None))
    return Response(free, f"trying version {target.revision.version}")


def _release(context: Context, request: Request, verdicts: Verdicts) -> Response:
    del verdicts
    meant = [v for v in context.versions if is_named(request, v)]
    if request.target == "-" and not isinstance(target := find_target(context), Refusal):
        meant = [target.version]
    kept = [q for q in quarantined_here(context) if _is_meant(context, request, q)]
    digests = {v.digest for v in meant} | {q.digest for q in kept}
    quarantined = [v for v in context.known if v.digest in digests and v.status.quarantine]
    here = [q for q in quarantined_here(context) if q.digest in digests]
    if here and not quarantined:
        return _release_here(context, here, request)
    if not quarantined:
        known = [v.name for v in context.versions if v.digest in digests and _was_released(v, request)]
        message = f"released {', '.join(known)}" if known else _not_quarantined(context, request)
        return Response(Transition(context), message, done=bool(known))
    actions = tuple(action for version in quarantined for action in _release_actions(context, version, request))
    held = None if _holds(context, quarantined) else context.status.held
    names = ", ".join(v.name for v in quarantined)
    return Response(Transition(context.with_status(held=held), actions), f"released {names}")


def _not_quarantined(context: Context, request: Request) -> str:
    """Which version that would have been, and how to release another one that failed here."""
    meant = "the version that it wants" if request.target == "-" else f"version {request.target.removeprefix('v')}"
    failed = next((v for v in reversed(context.versions) if v.status.quarantine), None)
    if failed is None:
        return f"{meant} is not quarantined, and no other version of {context.spec.model.name} is"
    release = commands.of_version("release", context.name, context.owner.namespace, failed.number)
    return f"{meant} is not quarantined. To release version {failed.number}: {release}"


def _is_meant(context: Context, request: Request, entry: QuarantinedArtifact) -> bool:
    """Whether the request names an artifact that is refused here though its version was deleted."""
    number = request.target.removeprefix("v")
    return request.target == entry.digest or entry.entry.revision.startswith(f"{context.name}-v{number}-")


def _release_here(context: Context, entries: Sequence[QuarantinedArtifact], request: Request) -> Response:
    """Release what no ModelVersion has any more."""
    digests = {q.digest for q in entries}
    left = [q.line for q in quarantined_here(context) if q.digest not in digests]
    decision = decisions.by_request(request, "Released", context.name, context.now)
    told = tuple(decisions.logged(decision, digest) for digest in sorted(digests))
    free = Transition(context.with_status(quarantine=left or None), told)
    return Response(free, f"released {', '.join(q.entry.revision for q in entries)}")


def _was_released(version: Version, request: Request) -> bool:
    """Whether this very request did it, at a look whose own status was lost: somebody else had written it."""
    last = next(reversed(version.status.decisions or ()), None)
    return last is not None and last.id == decisions.by_request(request, "Released", "", request.created).id


def _holds(context: Context, versions: list[Version]) -> bool:
    """Whether the revision that a person aborted is of one of these versions."""
    prefixes = tuple(f"{context.name}-v{v.number}-" for v in versions)
    return context.status.held is not None and context.status.held.startswith(prefixes)


def _release_actions(context: Context, version: Version, request: Request) -> tuple[Action, ...]:
    decision = decisions.by_request(request, "Released", context.name, context.now)
    return Record(version.name, decision, release=True), decisions.logged(decision, version.digest)


_WITHIN_ROLLOUT: Final[Mapping[Verb, Callable[[UnderWay, Request, Verdicts], Response]]] = {
    Verb.PROMOTE: _promote,
    Verb.PROMOTE_FULL: _promote_full,
    Verb.RESUME: _resume,
    Verb.PAUSE: _pause,
    Verb.ABORT: _abort,
}
_AT_ANY_TIME: Final[Mapping[Verb, Callable[[Context, Request, Verdicts], Response]]] = {
    Verb.ROLLBACK: rollback,
    Verb.RETRY: _retry,
    Verb.RELEASE: _release,
}
