"""Runs by the clock: a CronJob makes suspended Jobs, so that Kubernetes keeps the time and Linnet admits each one."""

import hashlib
import json
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from linnet.api.kinds.retrain_policy import RetrainPolicySpec
from linnet.api.kinds.retrain_policy import Schedule as ScheduleSpec
from linnet.api.labels import MANAGED
from linnet.api.names import GROUP
from linnet.api.parts.conditions import Condition, Reason, condition, past_or_none, timestamp
from linnet.core.plan import Apply, Delete, Manifest, Patch
from linnet.core.resources.metadata import Owner, metadata
from linnet.core.resources.objects import CronJobView, JobView
from linnet.core.retraining import admission
from linnet.core.retraining.context import RetrainContext, created
from linnet.core.retraining.executors import executor
from linnet.core.retraining.executors.labels import run_labels
from linnet.core.serving.pods import Image

APPLIED: Final = f"{GROUP}/applied"
"""On the CronJob: the hash of what was applied and the generation that it came to, `<hash>-<generation>`.

Its template is too large to be watched: another generation says that somebody has edited the spec since.
"""
SINCE: Final = f"{GROUP}/since"
"""On the CronJob: since when this schedule is in force. No run is made up for a time before it."""
UTC_ZONE: Final = "Etc/UTC"

_STARTING_DEADLINE: Final = 300
"""Seconds. Without it, CronJob stops for good after 100 missed starts."""
_HISTORY: Final = 5


@dataclass(frozen=True)
class Timetable:
    """The policy's one trigger by the clock."""

    trigger: str
    schedule: ScheduleSpec

    @property
    def time_zone(self) -> str:
        """Named always: CronJob's own default is the controller manager's local time."""
        return self.schedule.time_zone or UTC_ZONE


@dataclass(frozen=True)
class Schedule:
    """`spec.triggers[].schedule`."""

    def admit(self, context: RetrainContext) -> RetrainContext:
        """Each suspended Job of the CronJob is started or refused, once."""
        cron_job = context.observed.cron_job
        for job in context.jobs:
            if cron_job is not None and job.meta.owner == cron_job.meta.uid and job.suspended and not job.meta.deleting:
                at = _scheduled(job, cron_job) or created(job, context.now)
                context = admission.decide(
                    context, job, admission.CHECKS_OF_A_SCHEDULE, _too_early(cron_job, at, context.now)
                )
        return context

    def sync(self, context: RetrainContext) -> RetrainContext:
        """The CronJob as the spec wants it; untouched while something must be mended first."""
        present = context.observed.cron_job
        if present is not None and present.meta.deleting:
            return context.looking_again() if not present.meta.hangs(context.now) else context
        if context.spec is None or context.obstacle is not None:
            return context
        table = timetable(context.spec)
        if table is None:
            return _without_schedule(context, present) if present is not None else context
        wanted = cron_job(context.owner, context.spec, table, context.image)
        manifest = with_annotations(wanted, present, context.now)
        return context.with_actions(Apply(manifest)) if manifest is not None else context

    def ready(self, spec: RetrainPolicySpec) -> Condition | None:
        """Suspended or scheduled; None if the policy has no schedule."""
        table = timetable(spec)
        if table is None:
            return None
        if spec.suspend:
            return condition("Ready", True, Reason.SUSPENDED, "spec.suspend is true: no trigger starts a run")
        message = f"{table.trigger}: {table.schedule.cron} in {table.time_zone}"
        return condition("Ready", True, Reason.SCHEDULED, message)


SCHEDULE: Final = Schedule()


def timetable(spec: RetrainPolicySpec) -> Timetable | None:
    """The policy's schedule, with the name of its trigger; None if it has none."""
    return next((Timetable(t.name, t.schedule) for t in spec.triggers if t.schedule is not None), None)


def _scheduled(job: JobView, cron_job: CronJobView) -> datetime | None:
    """The time that the Job stands for: CronJob names its Jobs `<name>-<minutes since 1970>`."""
    digits = job.meta.name.removeprefix(f"{cron_job.meta.name}-")
    return datetime.fromtimestamp(int(digits) * 60, UTC) if digits.isdecimal() and len(digits) < 10 else None  # noqa: PLR2004


def _too_early(cron_job: CronJobView, at: datetime, now: datetime) -> str | None:
    since = past_or_none(cron_job.meta.annotations.get(SINCE), now)
    if since is None or at >= since:
        return None
    return f"its time, {timestamp(at)}, lies before {timestamp(since)}, when this schedule came into force"


def _without_schedule(context: RetrainContext, present: CronJobView) -> RetrainContext:
    """Delete the CronJob; its Jobs go with it, so that one with a run under way is only stopped until that ends."""
    name, uid = present.meta.name, present.meta.uid
    owners = {job.meta.owner for run in context.history.running if (job := context.job(run.job)) is not None}
    if uid not in owners:
        return context.with_actions(Delete("batch/v1", "CronJob", name, uid))
    stop = Patch("batch/v1", "CronJob", name, uid, {"spec": {"suspend": True}})
    return context if present.suspended else context.with_actions(stop)


def cron_job_name(policy: str) -> str:
    """The CronJob's name."""
    return f"{policy}-retrain"


def cron_job(owner: Owner, spec: RetrainPolicySpec, table: Timetable, image: Image) -> Manifest:
    """The CronJob without its annotations: equal specs give equal manifests."""
    labels = run_labels(owner, spec, table.trigger)
    job_spec = executor.of(spec).job_spec(owner, spec, table.trigger, image)
    return {
        "apiVersion": "batch/v1",
        "kind": "CronJob",
        "metadata": metadata(owner, cron_job_name(owner.name), labels),
        "spec": {
            "schedule": table.schedule.cron,
            "timeZone": table.time_zone,
            "concurrencyPolicy": "Forbid",
            "startingDeadlineSeconds": _STARTING_DEADLINE,
            "suspend": bool(spec.suspend),
            "successfulJobsHistoryLimit": _HISTORY,
            "failedJobsHistoryLimit": _HISTORY,
            "jobTemplate": {
                "metadata": {"labels": {MANAGED: "true", **labels}},
                "spec": {"suspend": True, **job_spec},
            },
        },
    }


def with_annotations(wanted: Manifest, present: CronJobView | None, now: datetime) -> Manifest | None:
    """The CronJob to apply, with its annotations; None if the present one was applied so, and is unedited since.

    `since` is renewed when schedule, zone or suspension change. CronJob would otherwise start a run at once for
    a time within the last `startingDeadlineSeconds` at which it was suspended, or had another schedule.
    """
    content = hashlib.sha256(json.dumps(wanted, sort_keys=True).encode()).hexdigest()[:16]
    since = present.meta.annotations.get(SINCE) if present is not None and _same_times(wanted, present) else None
    applied = f"{content}-{_generation(content, present, changes=since is None)}"
    if present is not None and since and present.meta.annotations.get(APPLIED) == applied:
        return None
    annotations = {APPLIED: applied, SINCE: since or timestamp(now)}
    return {**wanted, "metadata": {**wanted["metadata"], "annotations": annotations}}


def _generation(content: str, present: CronJobView | None, *, changes: bool) -> int:
    """The generation that an apply of this content leads to, as far as can be known before.

    Where only the template was edited it is not: what was edited may be ours, and counts once more when it is put
    right. The next look finds that out, and writes down the generation that stands.
    """
    if present is None:
        return 1
    former = present.meta.annotations.get(APPLIED, "").partition("-")[0]
    return present.generation + (changes or former != content)


def _same_times(wanted: Manifest, present: CronJobView) -> bool:
    spec = wanted["spec"]
    shown = (present.schedule, present.time_zone, present.suspended)
    return shown == (spec["schedule"], spec["timeZone"], spec["suspend"])
