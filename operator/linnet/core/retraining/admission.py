"""Which runs may start: Jobs that the CronJob made suspended, and those that a person asked for.

A refusal is final: the Job is deleted and the reason stands in status, so that nothing piles up behind it.
"""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from typing import Final

from linnet.api.labels import TRIGGER
from linnet.api.names import Verb
from linnet.api.parts.base import format_duration
from linnet.api.parts.conditions import timestamp
from linnet.api.parts.requests import Request, pending
from linnet.core import requests
from linnet.core.plan import Create, Delete, Patch
from linnet.core.resources.objects import CronJobView, JobView
from linnet.core.retraining import job as training
from linnet.core.retraining.context import Desk, created
from linnet.core.retraining.history import minute, time
from linnet.core.retraining.job import MANUAL, SINCE

_VERBS: Final = frozenset({Verb.RUN})


def admitted(desk: Desk) -> Desk:
    """Each suspended Job of the CronJob is started or refused, once."""
    standing = desk.observed.cron_job
    for job in desk.jobs:
        if standing is not None and job.meta.owner == standing.meta.uid and job.suspended and not job.meta.deleting:
            desk = _decide(desk, job, standing)
    return desk


def _decide(desk: Desk, job: JobView, standing: CronJobView) -> Desk:
    name, trigger = job.meta.name, job.meta.labels.get(TRIGGER, "")
    known = desk.ledger.find(name)
    if known is not None:
        # CronJob may make a refused Job a second time, if it could not write its own status after the first.
        return desk.does(_delete(job)) if known.outcome == "Refused" else desk
    at = _scheduled(job, standing) or created(job, desk.now)
    why = _too_early(standing, at) or next((words for check in _CHECKS if (words := check(desk))), None)
    if why is not None:
        return desk.notes(desk.ledger.refused(name, trigger, why, desk.now)).does(_delete(job))
    start = Patch("batch/v1", "Job", name, job.meta.uid, {"spec": {"suspend": False}})
    return desk.notes(desk.ledger.admitted(name, trigger, "", desk.now)).does(start)


def _delete(job: JobView) -> Delete:
    return Delete("batch/v1", "Job", job.meta.name, job.meta.uid)


def _scheduled(job: JobView, standing: CronJobView) -> datetime | None:
    """The time that the Job stands for: CronJob names its Jobs `<name>-<minutes since 1970>`."""
    digits = job.meta.name.removeprefix(f"{standing.meta.name}-")
    return datetime.fromtimestamp(int(digits) * 60, UTC) if digits.isdecimal() and len(digits) < 10 else None  # noqa: PLR2004


def _too_early(standing: CronJobView, at: datetime) -> str | None:
    since = time(standing.meta.annotations.get(SINCE))
    if since is None or at >= since:
        return None
    return f"its time, {timestamp(at)}, lies before {timestamp(since)}, when this schedule came into force"


def _obstructed(desk: Desk) -> str | None:
    return desk.obstacle.message if desk.obstacle is not None else None


def _suspended(desk: Desk) -> str | None:
    return "spec.suspend is true" if desk.spec is not None and desk.spec.suspend else None


def _unscheduled(desk: Desk) -> str | None:
    gone = desk.spec is not None and training.timetable(desk.spec) is None
    return "spec.triggers has no schedule any more" if gone else None


def _concurrent(desk: Desk) -> str | None:
    running = desk.ledger.running
    return f"{running[0].job} runs, and spec.concurrency is Forbid" if running else None


def _cooling(desk: Desk) -> str | None:
    """From minute to minute, as `Ledger.started_within` explains."""
    last, cooldown = desk.ledger.last_run, desk.spec.cooldown if desk.spec is not None else None
    if last is None or cooldown is None or desk.now >= minute(last) + cooldown:
        return None
    end = timestamp(minute(last) + cooldown)
    return f"spec.cooldown: {format_duration(cooldown)} since the run of {timestamp(last)} end at {end}"


def _spent(desk: Desk) -> str | None:
    budget = desk.spec.budget if desk.spec is not None else None
    if budget is None:
        return None
    starts = desk.ledger.started_within(budget.per, desk.now)
    if len(starts) < budget.runs:
        return None
    free = timestamp(starts[-budget.runs] + budget.per)
    return f"spec.budget: {budget.runs} runs in {format_duration(budget.per)} are used up; the next is free at {free}"


Check = Callable[[Desk], str | None]
_CHECKS: Final[tuple[Check, ...]] = (_obstructed, _suspended, _unscheduled, _concurrent, _cooling, _spent)
_FOR_A_PERSON: Final[tuple[Check, ...]] = (_obstructed, _concurrent, _spent)
"""Suspension and cooldown hold triggers; a person who asks knows what they do."""


def answered(desk: Desk) -> Desk:
    """A person's request, if one waits, is obeyed or refused."""
    request = pending(desk.observed.policy.request, desk.former.last_request)
    if request is None:
        return desk
    if not desk.observed.requests_proven:
        return _refuse(desk, request, requests.UNPROVEN)
    if request.verb != Verb.RUN:
        return replace(desk, answer=requests.unknown_verb(request, "RetrainPolicy", _VERBS, desk.now))
    return _run(desk, request)


def _run(desk: Desk, request: Request) -> Desk:
    name = training.manual_job_name(desk.observed.policy.name, request.id)
    started = f"Job {name}"
    if desk.ledger.find(name) is not None and name not in {r.job for r in desk.former.runs or ()}:
        return _accept(desk, request, started)  # made at an earlier look, whose status was not written
    if desk.ledger.find(name) is not None or desk.job(name) is not None:
        return _refuse(desk, request, f"the id {request.id} was used for Job {name}: ask again with a new id")
    why = next((words for check in _FOR_A_PERSON if (words := check(desk))), None)
    if why is not None or desk.spec is None:
        return _refuse(desk, request, why or "")
    made = Create(training.manual_job(desk.owner, desk.spec, request.id, desk.observed.platform.image_pull_policy))
    changed = desk.ledger.admitted(name, MANUAL, f"asked for by {request.user}", desk.now)
    return _accept(desk.notes(changed).does(made), request, started)


def _accept(desk: Desk, request: Request, message: str) -> Desk:
    return replace(desk, answer=requests.accepted(request, message, desk.now))


def _refuse(desk: Desk, request: Request, message: str) -> Desk:
    return replace(desk, answer=requests.refused(request, message, desk.now))
