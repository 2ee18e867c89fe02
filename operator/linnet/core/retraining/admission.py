"""Which runs may start, whatever asked for them: a Job is admitted, or refused with a reason.

A refusal is final: the Job is deleted and the reason stands in status, so that nothing piles up behind it.
"""

from collections.abc import Callable, Iterable
from typing import Final

from linnet.api.labels import TRIGGER
from linnet.api.parts.base import format_duration
from linnet.api.parts.conditions import timestamp
from linnet.core.plan import Create, Delete, Manifest, Patch
from linnet.core.resources.objects import JobView
from linnet.core.retraining.context import RetrainContext
from linnet.core.retraining.history import minute

Check = Callable[[RetrainContext], str | None]


def decide(
    context: RetrainContext, job: JobView, checks: Iterable[Check], why_not: str | None = None
) -> RetrainContext:
    """Start a suspended Job or delete it, once, by these checks; `why_not` is its trigger's own reason against it."""
    name, trigger = job.meta.name, job.meta.labels.get(TRIGGER, "")
    known = context.history.find(name)
    if known is not None:
        # CronJob may make a refused Job a second time, if it could not write its own status after the first.
        return context.with_actions(_delete(job)) if known.outcome == "Refused" else context
    why_not = why_not or refusal(context, checks)
    if why_not is not None:
        refused = context.history.with_refused(name, trigger, why_not, context.now)
        return context.with_history(refused).with_actions(_delete(job))
    resume = Patch("batch/v1", "Job", name, job.meta.uid, {"spec": {"suspend": False}})
    return context.with_history(context.history.with_started(name, trigger, "", context.now)).with_actions(resume)


def start(context: RetrainContext, manifest: Manifest, trigger: str, message: str) -> RetrainContext:
    """Make a run's Job, which starts at once. Its caller has asked `refusal` before."""
    started = context.history.with_started(manifest["metadata"]["name"], trigger, message, context.now)
    return context.with_history(started).with_actions(Create(manifest))


def _delete(job: JobView) -> Delete:
    return Delete("batch/v1", "Job", job.meta.name, job.meta.uid)


def refusal(context: RetrainContext, checks: Iterable[Check]) -> str | None:
    """Why no run may start now, by the first check that finds something; None if one may."""
    return next((why for check in checks if (why := check(context))), None)


def _obstacle(context: RetrainContext) -> str | None:
    return context.obstacle.message if context.obstacle is not None else None


def _suspended(context: RetrainContext) -> str | None:
    return "spec.suspend is true" if context.spec is not None and context.spec.suspend else None


def _no_schedule(context: RetrainContext) -> str | None:
    gone = context.spec is not None and all(trigger.schedule is None for trigger in context.spec.triggers)
    return "spec.triggers has no schedule any more" if gone else None


def _concurrency(context: RetrainContext) -> str | None:
    running = context.history.running
    return f"{running[0].job} runs: one run at a time" if running else None


def _cooldown(context: RetrainContext) -> str | None:
    """Why it is too soon after the last run; from minute to minute, as `History.started_within` explains."""
    last, cooldown = context.history.last_run, context.spec.cooldown if context.spec is not None else None
    if last is None or cooldown is None or context.now >= minute(last) + cooldown:
        return None
    end = timestamp(minute(last) + cooldown)
    return f"spec.cooldown: {format_duration(cooldown)} since the run of {timestamp(last)} end at {end}"


def _budget(context: RetrainContext) -> str | None:
    budget = context.spec.budget if context.spec is not None else None
    if budget is None:
        return None
    starts = context.history.started_within(budget.per, context.now)
    if len(starts) < budget.runs:
        return None
    free = timestamp(starts[-budget.runs] + budget.per)
    return f"spec.budget: {budget.runs} runs in {format_duration(budget.per)} are used up; the next is free at {free}"


CHECKS: Final[tuple[Check, ...]] = (_obstacle, _suspended, _concurrency, _cooldown, _budget)
"""What holds whatever fires by itself."""
CHECKS_OF_A_SCHEDULE: Final[tuple[Check, ...]] = (_obstacle, _suspended, _no_schedule, _concurrency, _cooldown, _budget)
"""The CronJob of a schedule that has just been removed may still fire."""
CHECKS_OF_A_PERSON: Final[tuple[Check, ...]] = (_obstacle, _concurrency, _budget)
"""Suspension and cooldown hold triggers; a person who asks knows what they do."""
