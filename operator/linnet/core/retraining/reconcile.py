"""One look at a RetrainPolicy: read what has ended, then let each trigger admit what is due and keep what it needs."""

from collections.abc import Callable
from datetime import datetime
from functools import reduce
from typing import Final

from linnet.api.kinds.retrain_policy import RetrainPolicyStatus, Run
from linnet.api.parts.conditions import Condition, Reason, condition, find, merge, timestamp
from linnet.core.observed import RetrainObserved
from linnet.core.plan import Action, Emit, Log, Plan
from linnet.core.resources import deletion
from linnet.core.resources.deletion import Ending
from linnet.core.retraining.context import RetrainContext, first_context
from linnet.core.retraining.preflight import Obstacle
from linnet.core.retraining.results import record_outcomes, record_unknown
from linnet.core.retraining.triggers.schedule import timetable
from linnet.core.retraining.triggers.trigger import TRIGGERS

Step = Callable[[RetrainContext], RetrainContext]


def plan(observed: RetrainObserved, now: datetime) -> Plan[RetrainPolicyStatus]:
    """What is running is never touched: a change of the spec holds for the next run."""
    if observed.policy.deleting:
        return Plan(None)
    context = reduce(lambda context, step: step(context), _STEPS, first_context(observed, now))
    status = _status(context)
    return Plan(
        status,
        (*context.actions, *_news(context, status)),
        context.again,
        gauges={"linnet_retrain_running": float(len(context.history.running))},
    )


_STEPS: Final[tuple[Step, ...]] = (
    record_unknown,
    record_outcomes,
    *(trigger.admit for trigger in TRIGGERS),
    *(trigger.sync for trigger in TRIGGERS),
)


def _status(context: RetrainContext) -> RetrainPolicyStatus:
    generation, last = context.observed.policy.generation, context.history.last_run
    made = context.observed.cron_job.last_schedule if context.observed.cron_job is not None else None
    conditions = [_ready(context), _running(context)]
    return context.former.model_copy(
        update={
            "observed_generation": generation,
            "last_schedule_time": timestamp(made) if made is not None else context.former.last_schedule_time,
            "last_run_time": timestamp(last) if last is not None else None,
            "last_version": context.history.last_version,
            "runs": list(context.history.runs) or None,
            "conditions": merge(context.former.conditions, conditions, generation, context.now),
            "requests": list(context.requests) or None,
        }
    )


def _ready(context: RetrainContext) -> Condition:
    """Whether the triggers stand as the spec wants them."""
    if context.obstacle is not None or context.spec is None:
        obstacle = context.obstacle or Obstacle(Reason.INVALID_SPEC, "")
        return condition("Ready", False, obstacle.reason, obstacle.message)
    if (hanging := _hanging(context)) and timetable(context.spec) is not None:
        words = deletion.told(hanging, context.owner.namespace)
        return condition("Ready", False, Reason.HANGS, f"until it is gone, no run starts by the schedule: {words}")
    found = next((c for trigger in TRIGGERS if (c := trigger.ready(context.spec)) is not None), None)
    none = "there is no schedule: a run starts when a person asks"
    return found or condition("Ready", True, Reason.AS_DESIRED, none)


def _hanging(context: RetrainContext) -> tuple[Ending, ...]:
    """The CronJob, if it hangs in deletion, and its Jobs that do: it makes no other while one has not ended."""
    cron_job = context.observed.cron_job
    if cron_job is None:
        return ()
    unfinished = (j for j in context.jobs if j.meta.owner == cron_job.meta.uid and not j.complete and j.failed is None)
    found = (Ending("CronJob", cron_job.meta), *(Ending("Job", j.meta) for j in unfinished))
    return deletion.hanging((), found, context.now)


def _running(context: RetrainContext) -> Condition:
    """The run under way, or how the last one ended."""
    if context.history.running:
        return condition("Running", True, Reason.RUNNING, _progress(context, context.history.running[0]))
    last = next((r for r in context.history.runs if r.outcome != "Refused"), None)
    if last is None:
        return condition("Running", False, Reason.AS_DESIRED, "there was no run yet")
    reason = _REASONS.get(last.outcome, Reason.AS_DESIRED)
    return condition("Running", False, reason, f"the last run, {last.job}: {last.message}")


def _progress(context: RetrainContext, run: Run) -> str:
    job = context.job(run.job)
    ended = job is not None and job.complete
    trouble = run.message if ended else context.executor.trouble(context.pods(job) if job is not None else ())
    if job is not None and not ended and job.meta.hangs(context.now):
        why = deletion.sentence(Ending("Job", job.meta), context.owner.namespace)
        trouble = f"it was deleted, and its pod trains on. {why}"
    return f"Job {run.job} ({run.trigger}) since {run.started_at}" + (f": {trouble}" if trouble else "")


_REASONS: Final = {"Failed": Reason.TRAINING_FAILED, "ClaimRefused": Reason.CLAIM_REFUSED}
_EVENTS: Final = {
    "Running": "RunStarted",
    "Succeeded": "RunSucceeded",
    "Failed": "TrainingFailed",
    "Refused": "RunRefused",
    "ClaimRefused": "ClaimRefused",
}


def _news(context: RetrainContext, status: RetrainPolicyStatus) -> tuple[Action, ...]:
    """An Event and a log line for each run with a new outcome, oldest first, and an Event for Ready."""
    known = {r.job: r.outcome for r in context.former.runs or ()}
    news = [r for r in reversed(context.history.runs) if known.get(r.job) != r.outcome]
    told = [action for run in news for action in _of_run(context, run)]
    was, now = find(context.former.conditions, "Ready"), find(status.conditions, "Ready")
    if now is not None and (was is None or (was.status, was.reason) != (now.status, now.reason)):
        told.append(Emit("Normal" if now.status == "True" else "Warning", now.reason, now.message))
    return tuple(told)


def _of_run(context: RetrainContext, run: Run) -> tuple[Action, ...]:
    bad = run.outcome in _REASONS
    message = f"Run {run.job} ({run.trigger})" + (f": {run.message}" if run.message else "")
    fields = run.wire() | {"policy": context.observed.policy.name, "model": _model(context)}
    event = Emit("Warning" if bad else "Normal", _EVENTS[run.outcome], message)
    return event, Log("retrain_run", fields)


def _model(context: RetrainContext) -> str:
    return context.spec.model.name if context.spec is not None else ""
