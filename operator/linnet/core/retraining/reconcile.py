"""One look at a RetrainPolicy: read what ended, answer who asked, admit what is due, keep the CronJob as it should be.

Kubernetes keeps the time: the CronJob makes suspended Jobs, and nothing here knows when the next one comes.
"""

from collections.abc import Callable
from datetime import datetime
from functools import reduce
from typing import Final

from linnet.api.kinds.retrain_policy import RetrainPolicyStatus, Run
from linnet.api.parts.conditions import Condition, Reason, condition, find, merge, timestamp
from linnet.core import requests
from linnet.core.observed import RetrainObserved
from linnet.core.plan import Action, Apply, Delete, Emit, Log, Patch, Plan
from linnet.core.resources.objects import CronJobView
from linnet.core.retraining import job as training
from linnet.core.retraining import outcome as training_outcome
from linnet.core.retraining.admission import admitted, answered
from linnet.core.retraining.context import Desk, opened
from linnet.core.retraining.results import adopted, settled

Step = Callable[[Desk], Desk]


def plan(observed: RetrainObserved, now: datetime) -> Plan[RetrainPolicyStatus]:
    """What is running is never touched: a change of the spec holds for the next run."""
    if observed.policy.deleting:
        return Plan(None)
    desk = reduce(lambda at, step: step(at), _STEPS, opened(observed, now))
    status = _status(desk)
    return Plan(
        status,
        (*desk.actions, *_told(desk, status)),
        desk.again,
        gauges={"linnet_retrain_running": float(len(desk.ledger.running))},
    )


def _timed(desk: Desk) -> Desk:
    """The CronJob as the spec wants it; untouched while something must be mended first."""
    standing = desk.observed.cron_job
    if desk.spec is None or desk.obstacle is not None or (standing is not None and standing.meta.deleting):
        return desk
    table = training.timetable(desk.spec)
    if table is None:
        return _without_schedule(desk, standing) if standing is not None else desk
    desired = training.cron_job(desk.owner, desk.spec, table, desk.observed.platform.image_pull_policy)
    manifest = training.dated(desired, standing, desk.now)
    return desk.does(Apply(manifest)) if manifest is not None else desk


def _without_schedule(desk: Desk, standing: CronJobView) -> Desk:
    """Its Jobs go with a CronJob, so that one which has a run under way is only stopped until that has ended."""
    name, uid = standing.meta.name, standing.meta.uid
    owners = {job.meta.owner for run in desk.ledger.running if (job := desk.job(run.job)) is not None}
    if uid not in owners:
        return desk.does(Delete("batch/v1", "CronJob", name, uid))
    stop = Patch("batch/v1", "CronJob", name, uid, {"spec": {"suspend": True}})
    return desk if standing.suspended else desk.does(stop)


_STEPS: Final[tuple[Step, ...]] = (adopted, settled, answered, admitted, _timed)


def _status(desk: Desk) -> RetrainPolicyStatus:
    generation, last = desk.observed.policy.generation, desk.ledger.last_run
    made = desk.observed.cron_job.last_schedule if desk.observed.cron_job is not None else None
    conditions = [_ready(desk), _running(desk)]
    return desk.former.model_copy(
        update={
            "observed_generation": generation,
            "last_schedule_time": timestamp(made) if made is not None else desk.former.last_schedule_time,
            "last_run_time": timestamp(last) if last is not None else None,
            "last_version": desk.ledger.last_version,
            "runs": list(desk.ledger.runs) or None,
            "conditions": merge(desk.former.conditions, conditions, generation, desk.now),
            "last_request": desk.answer,
        }
    )


def _ready(desk: Desk) -> Condition:
    """Whether the triggers stand as the spec wants them."""
    if desk.obstacle is not None or desk.spec is None:
        reason, message = (desk.obstacle.reason, desk.obstacle.message) if desk.obstacle else (Reason.INVALID_SPEC, "")
        return condition("Ready", holds=False, reason=reason, message=message)
    table = training.timetable(desk.spec)
    if table is None:
        return condition("Ready", True, Reason.AS_DESIRED, "there is no schedule: a run starts when a person asks")
    if desk.spec.suspend:
        return condition("Ready", True, Reason.SUSPENDED, "spec.suspend is true: no trigger starts a run")
    return condition("Ready", True, Reason.SCHEDULED, f"{table.trigger}: {table.schedule.cron} in {table.time_zone}")


def _running(desk: Desk) -> Condition:
    """The run under way, or how the last one ended."""
    if desk.ledger.running:
        return condition("Running", True, Reason.RUNNING, _progress(desk, desk.ledger.running[0]))
    last = next((r for r in desk.ledger.runs if r.outcome != "Refused"), None)
    if last is None:
        return condition("Running", False, Reason.AS_DESIRED, "there was no run yet")
    reason = _REASONS.get(last.outcome, Reason.AS_DESIRED)
    return condition("Running", False, reason, f"the last run, {last.job}: {last.message}")


def _progress(desk: Desk, run: Run) -> str:
    job = desk.job(run.job)
    ended = job is not None and job.complete
    trouble = run.message if ended else training_outcome.trouble(desk.pods(job) if job is not None else ())
    return f"Job {run.job} ({run.trigger}) since {run.started_at}" + (f": {trouble}" if trouble else "")


_REASONS: Final = {"Failed": Reason.TRAINING_FAILED, "ClaimRefused": Reason.CLAIM_REFUSED}
_EVENTS: Final = {
    "Running": "RunStarted",
    "Succeeded": "RunSucceeded",
    "Failed": "TrainingFailed",
    "Refused": "RunRefused",
    "ClaimRefused": "ClaimRefused",
}


def _told(desk: Desk, status: RetrainPolicyStatus) -> tuple[Action, ...]:
    """An Event and a log line for each run with a new outcome, oldest first, and for an answer; an Event for Ready."""
    known = {r.job: r.outcome for r in desk.former.runs or ()}
    news = [r for r in reversed(desk.ledger.runs) if known.get(r.job) != r.outcome]
    told = [action for run in news for action in _tell(desk, run)]
    if desk.answer is not None and desk.answer != desk.former.last_request:
        told += requests.told(desk.answer)
    was, now = find(desk.former.conditions, "Ready"), find(status.conditions, "Ready")
    if now is not None and (was is None or (was.status, was.reason) != (now.status, now.reason)):
        told.append(Emit("Normal" if now.status == "True" else "Warning", now.reason, now.message))
    return tuple(told)


def _tell(desk: Desk, run: Run) -> tuple[Action, ...]:
    bad = run.outcome in _REASONS
    message = f"Run {run.job} ({run.trigger})" + (f": {run.message}" if run.message else "")
    fields = run.wire() | {"policy": desk.observed.policy.name, "model": _model(desk)}
    event = Emit("Warning" if bad else "Normal", _EVENTS[run.outcome], message)
    return event, Log("retrain_run", fields)


def _model(desk: Desk) -> str:
    return desk.spec.model.name if desk.spec is not None else ""
