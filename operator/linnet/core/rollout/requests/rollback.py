"""A person's `rollback`: of a version on trial, or at rest to any version that is kept; and whom a request means."""

from dataclasses import dataclass
from typing import TypeGuard

from linnet.api.kinds.deployment import RevisionStatus, RolloutStatus
from linnet.api.kinds.model_version import Quarantine
from linnet.api.parts.conditions import timestamp
from linnet.core.plan import Emit
from linnet.core.registry.versions import Version
from linnet.core.requests import commands
from linnet.core.requests.waiting import Request
from linnet.core.rollout import records
from linnet.core.rollout.context import Context, UnderWay, revision_of
from linnet.core.rollout.judging.look import Verdicts
from linnet.core.rollout.records import Transition
from linnet.core.rollout.target import quarantine_of
from linnet.core.rollout.transitions import transitions
from linnet.core.serving import revision as serving


@dataclass(frozen=True)
class Response:
    """What a request leads to: a transition and a sentence, or a refusal's sentence with the context as it was."""

    transition: Transition
    message: str
    done: bool = True


def refusal(context: Context, message: str) -> Response:
    """The request is not obeyed, for this reason."""
    return Response(Transition(context), message, done=False)


def is_named(request: Request, which: RevisionStatus | Version) -> bool:
    """Whether the request's target is this one: `5`, `v5`, or its digest."""
    number = which.version if isinstance(which, RevisionStatus) else which.number
    return request.target in {str(number), f"v{number}", which.digest}


def on_trial(under_way: UnderWay | None) -> TypeGuard[UnderWay]:
    """Whether a rollout's version can still be sent back by its end; once it finishes, it is the one that serves."""
    return under_way is not None and under_way.rollout.phase != "Finishing"


def rollback(context: Context, request: Request, verdicts: Verdicts) -> Response:
    """Go back to the former version with blame, from a version on trial or from what serves by now."""
    under_way = context.under_way
    if on_trial(under_way):
        message = request.sentence("rolled it back")
        ended = records.roll_back(under_way, request.user, "Rollback", message, verdicts)
        return Response(ended, "going back")
    at_rest = Transition(context) if under_way is None else transitions.complete(under_way)
    stable, to = at_rest.context.status.stable, _former(at_rest.context, request)
    if stable is None or isinstance(to, str):
        return refusal(context, to if isinstance(to, str) else "nothing serves yet")
    if (entry := quarantine_of(at_rest.context, to)) is not None:
        return refusal(context, why_quarantined(context, to, entry))
    back = _back_to(at_rest.context, to, stable, request)
    return Response(Transition(back.context, (*at_rest.actions, *back.actions)), f"going back to version {to.version}")


def why_quarantined(context: Context, which: RevisionStatus, entry: Quarantine) -> str:
    """Why nobody is sent to this version, and what to type if it is to serve all the same."""
    release = commands.of_version("release", context.name, context.owner.namespace, which.version)
    return f"version {which.version} is quarantined ({entry.reason}: {entry.message}). To release it: {release}"


def _former(context: Context, request: Request) -> RevisionStatus | str:
    """The revision to go back to: the former one, or the newest that is kept of the named version; or why not."""
    stable, former = context.status.stable, context.status.former
    if request.target == "-":
        return former or "there is no former version: name one, such as v1"
    if stable is not None and is_named(request, stable):
        return f"version {stable.version} serves already"
    kept = [w for w in context.observed.workloads if not w.meta.deleting]
    kept.sort(key=lambda w: w.meta.created.timestamp() if w.meta.created else 0.0, reverse=True)
    found = next((r for w in kept if (r := revision_of(context, w)) is not None and is_named(request, r)), None)
    return found or _new_revision(context, request)


def _new_revision(context: Context, request: Request) -> RevisionStatus | str:
    """A revision of the named version with the present template, where none is kept."""
    version = next((v for v in context.versions if is_named(request, v)), None)
    if version is None or not version.ready or version.status.digest is None:
        return f"there is no validated version {request.target} of {context.spec.model.name}"
    return serving.revision(context.name, version.spec, version.status.digest, context.spec)


def _back_to(context: Context, to: RevisionStatus, stable: RevisionStatus, request: Request) -> Transition:
    """A rollout that begins with its rollback: the stable version is the one that goes."""
    begun = context.with_new_rollout(_reverse(context, to, stable, request))
    reason = begun.rollout.message or ""
    recorded = records.record(begun, "RolledBack", request.user, "Rollback", reason, Verdicts(), quarantine=True)
    message = request.sentence(f"rolls version {stable.version} back to {to.version}")
    return Transition(begun.context, (*recorded, Emit("Warning", "RolledBack", message)))


def _reverse(context: Context, to: RevisionStatus, stable: RevisionStatus, request: Request) -> RolloutStatus:
    time = timestamp(context.now)
    return RolloutStatus(
        id=f"back-v{to.version}-{time.replace('-', '').replace(':', '')}",
        phase="RollingBack",
        from_=to,
        to=stable,
        started_at=time,
        step_started_at=time,
        decision="RolledBack",
        reason="Rollback",
        message=request.sentence("rolled it back"),
        by=request.user,
    )
