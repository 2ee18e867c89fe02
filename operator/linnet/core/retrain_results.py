"""From a training Job that ended to a ModelVersion, or to the reason why there is none."""

from dataclasses import replace

from linnet.api.conditions import timestamp
from linnet.api.labels import MODEL, TRIGGER
from linnet.api.modelversion import Origin
from linnet.api.retrainpolicy import Run
from linnet.core import claim, training_outcome
from linnet.core.children import SETTLING, JobView
from linnet.core.claim import Claim, Refusal
from linnet.core.plan import Create
from linnet.core.retrain_desk import Desk, Target, created
from linnet.core.runs import time


def adopted(desk: Desk) -> Desk:
    """Runs that were started and never recorded: the status was not written, or was lost."""
    for job in desk.jobs:
        if desk.ledger.find(job.meta.name) is None and _is_unrecorded(desk, job):
            trigger = job.meta.labels.get(TRIGGER, "")
            since = job.started or created(job, desk.now)
            desk = desk.notes(desk.ledger.admitted(job.meta.name, trigger, "", since))
    return desk


def _is_unrecorded(desk: Desk, job: JobView) -> bool:
    """A Job that ended before the last run began was recorded once, and the record has grown past it."""
    if job.suspended or job.meta.deleting:
        return False
    ended = job.complete or job.failed is not None
    former = desk.former.last_run_time
    return not ended or former is None or timestamp(created(job, desk.now)) > former


def settled(desk: Desk) -> Desk:
    """Every run that ended gets its outcome."""
    for run in desk.ledger.running:
        desk = _settle(desk, run)
    return desk


def _settle(desk: Desk, run: Run) -> Desk:
    job = desk.job(run.job)
    if job is None:
        return _absent(desk, run)
    if job.failed is not None:
        seen = training_outcome.failure(job, desk.pods(job))
        return _ended(desk, run, "Failed", seen.message) if seen.whole or job.settled(desk.now) else desk.waits()
    return _read(desk, run, job) if job.complete else desk


def _absent(desk: Desk, run: Run) -> Desk:
    started = time(run.started_at)
    if started is not None and desk.now - started < SETTLING:
        return desk.waits()
    return _ended(desk, run, "Failed", "its Job was deleted before its result was read")


def _read(desk: Desk, run: Run, job: JobView) -> Desk:
    message = training_outcome.claim(desk.pods(job))
    if message is None:
        gone = "its pod was gone before its claim was read"
        return _ended(desk, run, "Failed", gone) if job.settled(desk.now) else desk.waits()
    said = claim.read(message)
    if isinstance(said, Refusal):
        return _ended(desk, run, "ClaimRefused", said.message)
    if desk.target is None:
        why = desk.obstacle.message if desk.obstacle else ""
        return desk.changes(run, message=f"it is trained; its version is made when this is mended: {why}")
    trained = job.meta.labels.get(MODEL, "")
    if trained != desk.target.parent.name:
        return _ended(
            desk, run, "Failed", f"it trained Model {trained}; the policy names {desk.target.parent.name} now"
        )
    return _recorded(desk, run, desk.target, said)


def _recorded(desk: Desk, run: Run, target: Target, said: Claim) -> Desk:
    """One version for one run, however often it is looked at; none for an artifact that is known already."""
    mine = _version_of(target, desk.observed.policy.name, run.job, said.digest)
    if mine is not None:
        return _succeeded(desk, run, mine, f"version {mine}")
    same = _same_artifact(target, said.digest)
    if same is not None:
        return _succeeded(desk, run, same, f"the artifact is that of version {same}: no new version")
    origin = Origin(type="Retrain", policy=desk.observed.policy.name, job=run.job)
    number = target.next_number
    made = Create(claim.version(target.owner, number, target.spec, target.frozen, said, origin))
    desk = replace(desk, target=replace(target, next_number=number + 1)).does(made)
    return _succeeded(desk, run, number, f"version {number}")


def _version_of(target: Target, policy: str, job: str, digest: str) -> int | None:
    origin = ("Retrain", policy, job)
    found = (v for v in target.known if (v.spec.origin.type, v.spec.origin.policy, v.spec.origin.job) == origin)
    return next((v.number for v in found if v.digest == digest), None)


def _same_artifact(target: Target, digest: str) -> int | None:
    """A version is artifact and runtime: the newest that has both."""
    same = (v.number for v in target.known if v.digest == digest and v.spec.runtime == target.frozen)
    return max(same, default=None)


def _succeeded(desk: Desk, run: Run, number: int, message: str) -> Desk:
    at = timestamp(desk.now)
    return desk.changes(run, outcome="Succeeded", version=number, message=message, finished_at=at)


def _ended(desk: Desk, run: Run, outcome: str, message: str) -> Desk:
    return desk.changes(run, outcome=outcome, message=message, finished_at=timestamp(desk.now))
