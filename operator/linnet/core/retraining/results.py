"""From a training Job that ended to a ModelVersion, or to the reason why there is none."""

from dataclasses import replace
from typing import Final

from linnet.api.kinds.model_version import MOST_VERSIONS, Origin
from linnet.api.kinds.retrain_policy import Run
from linnet.api.labels import MODEL, TRIGGER
from linnet.api.parts.conditions import past_or_none, timestamp
from linnet.core.plan import Create
from linnet.core.resources.objects import SETTLING, JobView
from linnet.core.retraining import claim
from linnet.core.retraining.claim import Claim, Refusal
from linnet.core.retraining.context import RetrainContext, TargetModel, created

_UNREAD: Final = "its Job was deleted before its result was read"


def record_unknown(context: RetrainContext) -> RetrainContext:
    """Record the runs that were started and never recorded: the status was not written, or was lost."""
    for job in context.jobs:
        if context.history.find(job.meta.name) is None and _is_unrecorded(context, job):
            trigger = job.meta.labels.get(TRIGGER, "")
            since = job.started or created(job, context.now)
            context = context.with_history(context.history.with_started(job.meta.name, trigger, "", since))
    return context


def _is_unrecorded(context: RetrainContext, job: JobView) -> bool:
    """A Job that ended before the last run began was recorded once, and the record has grown past it."""
    if job.suspended or job.meta.deleting:
        return False
    ended = job.complete or job.failed is not None
    former = context.former.last_run_time
    return not ended or former is None or timestamp(created(job, context.now)) > former


def record_outcomes(context: RetrainContext) -> RetrainContext:
    """Give every run that has ended its outcome."""
    for run in context.history.running:
        context = _outcome(context, run)
    return context


def _outcome(context: RetrainContext, run: Run) -> RetrainContext:
    job = context.job(run.job)
    if job is None:
        return _absent(context, run)
    if job.failed is not None:
        failure = context.executor.failure(job, context.pods(job))
        known = failure.whole or job.settled(context.now)
        return _ended(context, run, "Failed", failure.message) if known else context.looking_again()
    if job.complete:
        return _read(context, run, job)
    return _deleted(context, run, job) if job.meta.deleting else context


def _deleted(context: RetrainContext, run: Run, job: JobView) -> RetrainContext:
    """The Job was deleted, and is still there: it is waited for while a pod of it trains, and no longer."""
    pods = context.pods(job)
    if not job.meta.hangs(context.now) or any(p.lives(context.now) for p in pods):
        return context.looking_again()
    if context.executor.claim(pods) is not None:
        return _read(context, run, job)
    return _ended(context, run, "Failed", _UNREAD)


def _absent(context: RetrainContext, run: Run) -> RetrainContext:
    started = past_or_none(run.started_at, context.now)
    if started is not None and context.now - started < SETTLING:
        return context.looking_again()
    return _ended(context, run, "Failed", _UNREAD)


def _read(context: RetrainContext, run: Run, job: JobView) -> RetrainContext:
    message = context.executor.claim(context.pods(job))
    if message is None:
        gone = "its pod was gone before its claim was read"
        return _ended(context, run, "Failed", gone) if job.settled(context.now) else context.looking_again()
    found = claim.read(message)
    if isinstance(found, Refusal):
        return _ended(context, run, "ClaimRefused", found.message)
    if context.target is None:
        why = context.obstacle.message if context.obstacle else ""
        return context.with_run(run, message=f"it is trained; its version is made when this is mended: {why}")
    trained = job.meta.labels.get(MODEL, "")
    if trained != context.target.parent.name:
        return _ended(
            context, run, "Failed", f"it trained Model {trained}; the policy names {context.target.parent.name} now"
        )
    output = context.spec.training.output if context.spec is not None else None
    source = context.target.spec.source.uri
    if outside := claim.misplaced(found.uri, output.uri if output else None, source):
        return _ended(context, run, "ClaimRefused", outside)
    return _recorded(context, run, context.target, found)


def _recorded(context: RetrainContext, run: Run, target: TargetModel, found: Claim) -> RetrainContext:
    """One version for one run, however often it is looked at; none for an artifact that is known already."""
    mine = _version_of(target, context.observed.policy.name, run.job, found.digest)
    if mine is not None:
        return _succeeded(context, run, mine, f"version {mine}")
    same = _same_artifact(target, found.digest)
    if same is not None:
        return _succeeded(context, run, same, f"the artifact is that of version {same}: no new version")
    origin = Origin(type="Retrain", policy=context.observed.policy.name, job=run.job)
    number = target.next_number
    if number is None or number > MOST_VERSIONS:
        return _ended(context, run, "Failed", f"Model {target.parent.name} has no number left for a version")
    made = Create(claim.version(target.owner, number, target.spec, target.frozen, found, origin))
    context = replace(context, target=replace(target, next_number=number + 1)).with_actions(made)
    return _succeeded(context, run, number, f"version {number}")


def _version_of(target: TargetModel, policy: str, job: str, digest: str) -> int | None:
    origin = ("Retrain", policy, job)
    found = (v for v in target.known if (v.spec.origin.type, v.spec.origin.policy, v.spec.origin.job) == origin)
    return next((v.number for v in found if v.digest == digest), None)


def _same_artifact(target: TargetModel, digest: str) -> int | None:
    """A version is artifact and runtime: the newest that has both."""
    same = (v.number for v in target.known if v.digest == digest and v.spec.runtime == target.frozen)
    return max(same, default=None)


def _succeeded(context: RetrainContext, run: Run, number: int, message: str) -> RetrainContext:
    at = timestamp(context.now)
    return context.with_run(run, outcome="Succeeded", version=number, message=message, finished_at=at)


def _ended(context: RetrainContext, run: Run, outcome: str, message: str) -> RetrainContext:
    return context.with_run(run, outcome=outcome, message=message, finished_at=timestamp(context.now))
