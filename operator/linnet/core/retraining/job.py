"""What a training run looks like in the cluster: one Job template, for the CronJob and for a person's `run`.

The CronJob makes its Jobs suspended: Kubernetes keeps the time, Linnet decides whether each one may start.
"""

import hashlib
import json
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from linnet.api.kinds.model import Credentials
from linnet.api.kinds.retrain_policy import RetrainPolicySpec, Schedule, TrainingJob
from linnet.api.labels import COMPONENT, MANAGED, MODEL, RETRAIN_POLICY, TRIGGER
from linnet.api.names import GROUP
from linnet.api.parts.conditions import timestamp
from linnet.api.parts.pod import PodSettings
from linnet.core.plan import Manifest
from linnet.core.policy import defaults
from linnet.core.resources.metadata import Owner, metadata
from linnet.core.resources.objects import CronJobView
from linnet.core.serving.pods import container_security, credentials_env, env, pod_spec, volumes

TRAIN: Final = "train"
MANUAL: Final = "run"
"""The trigger of a run that a person asked for."""
APPLIED: Final = f"{GROUP}/applied"
"""On the CronJob: the hash of what was applied and the generation that it came to, `<hash>-<generation>`.

Its template is too large to be watched: another generation says that somebody has edited the spec since.
"""
SINCE: Final = f"{GROUP}/since"
"""On the CronJob: since when this schedule is in force. No run is made up for a time before it."""
ALLOW_TRAINING: Final = "allowTraining"
"""A key that a credentials Secret must hold before training code, which could keep it, gets to see it."""
UTC_ZONE: Final = "Etc/UTC"

_DEADLINE: Final = timedelta(hours=6)
_RETRIES: Final = 1
_STARTING_DEADLINE: Final = 300
"""Seconds. Without it, CronJob stops for good after 100 missed starts."""
_HISTORY: Final = 5
_KEPT: Final = 3 * 24 * 3600
"""Seconds that a finished Job stays: an operator that was away for a weekend still finds its claim."""
_RESOURCES: Final = {"requests": {"cpu": "100m", "memory": "256Mi"}}


@dataclass(frozen=True)
class Timetable:
    """The policy's one trigger by the clock."""

    trigger: str
    schedule: Schedule

    @property
    def time_zone(self) -> str:
        """Named always: CronJob's own default is the controller manager's local time."""
        return self.schedule.time_zone or UTC_ZONE


def timetable(spec: RetrainPolicySpec) -> Timetable | None:
    return next((Timetable(t.name, t.schedule) for t in spec.triggers if t.schedule is not None), None)


def cron_job_name(policy: str) -> str:
    return f"{policy}-retrain"


def manual_job_name(policy: str, request_id: str) -> str:
    """The same request gives the same name, so that asking the API server twice starts one run."""
    return f"{policy}-run-{hashlib.sha256(request_id.encode()).hexdigest()[:10]}"


def cron_job(owner: Owner, spec: RetrainPolicySpec, table: Timetable, pull_policy: str) -> Manifest:
    """The CronJob without its annotations: equal specs give equal manifests."""
    labels = _labels(owner, spec, table.trigger)
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
                "spec": {"suspend": True, **_job_spec(owner, spec, table.trigger, pull_policy)},
            },
        },
    }


def manual_job(owner: Owner, spec: RetrainPolicySpec, request_id: str, pull_policy: str) -> Manifest:
    """The run that a person asked for; it starts at once."""
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": metadata(owner, manual_job_name(owner.name, request_id), _labels(owner, spec, MANUAL)),
        "spec": _job_spec(owner, spec, MANUAL, pull_policy),
    }


def dated(desired: Manifest, standing: CronJobView | None, now: datetime) -> Manifest | None:
    """The CronJob to apply, with its annotations; None if what stands was applied so, and nobody has edited it since.

    `since` is renewed when schedule, zone or suspension change. CronJob would otherwise start a run at once for
    a time within the last `startingDeadlineSeconds` at which it was suspended, or had another schedule.
    """
    content = hashlib.sha256(json.dumps(desired, sort_keys=True).encode()).hexdigest()[:16]
    since = standing.meta.annotations.get(SINCE) if standing is not None and _same_times(desired, standing) else None
    applied = f"{content}-{_generation(content, standing, changes=since is None)}"
    if standing is not None and since and standing.meta.annotations.get(APPLIED) == applied:
        return None
    annotations = {APPLIED: applied, SINCE: since or timestamp(now)}
    return {**desired, "metadata": {**desired["metadata"], "annotations": annotations}}


def _generation(content: str, standing: CronJobView | None, *, changes: bool) -> int:
    """The generation that an apply of this content leads to, as far as can be known before.

    Where only the template was edited it is not: what was edited may be ours, and counts once more when it is put
    right. The next look finds that out, and writes down the generation that stands.
    """
    if standing is None:
        return 1
    former = standing.meta.annotations.get(APPLIED, "").partition("-")[0]
    return standing.generation + (changes or former != content)


def _same_times(desired: Manifest, standing: CronJobView) -> bool:
    spec = desired["spec"]
    shown = (standing.schedule, standing.time_zone, standing.suspended)
    return shown == (spec["schedule"], spec["timeZone"], spec["suspend"])


def _labels(owner: Owner, spec: RetrainPolicySpec, trigger: str) -> dict[str, str]:
    return {RETRAIN_POLICY: owner.name, MODEL: spec.model.name, COMPONENT: "training", TRIGGER: trigger}


def _job_spec(owner: Owner, spec: RetrainPolicySpec, trigger: str, pull_policy: str) -> Manifest:
    job = spec.training.job
    return {
        "backoffLimit": _RETRIES if job.retries is None else job.retries,
        "activeDeadlineSeconds": max(1, int((job.deadline or _DEADLINE).total_seconds())),
        "ttlSecondsAfterFinished": _KEPT,
        # A drained or preempted node is no failure of the training: it costs none of the retries.
        "podFailurePolicy": {
            "rules": [{"action": "Ignore", "onPodConditions": [{"type": "DisruptionTarget", "status": "True"}]}]
        },
        "template": {
            "metadata": {"labels": {MANAGED: "true", **_labels(owner, spec, trigger)}},
            "spec": _pod(owner, spec, trigger, pull_policy),
        },
    }


def _pod(owner: Owner, spec: RetrainPolicySpec, trigger: str, pull_policy: str) -> Manifest:
    job = spec.training.job
    settings = job.pod or PodSettings()
    account = job.credentials.service_account_name if job.credentials else None
    return {
        **pod_spec(settings, {RETRAIN_POLICY: owner.name, COMPONENT: "training"}, account),
        "restartPolicy": "Never",
        "terminationGracePeriodSeconds": int((settings.grace_period or defaults.GRACE_PERIOD).total_seconds()),
        "containers": [_container(owner, spec, trigger, pull_policy)],
        "volumes": _volumes(settings),
    }


def _container(owner: Owner, spec: RetrainPolicySpec, trigger: str, pull_policy: str) -> Manifest:
    job = spec.training.job
    settings = job.pod or PodSettings()
    mounts = [{"name": _scratch(settings), "mountPath": "/tmp"}]  # noqa: S108 (a mount point inside the pod)
    if settings.shared_memory is not None:
        mounts.append({"name": "shm", "mountPath": "/dev/shm"})  # noqa: S108
    container: Manifest = {
        "name": TRAIN,
        "image": job.image,
        "imagePullPolicy": pull_policy,
        "command": job.command,
        "args": job.args,
        "env": _environment(owner, spec.model.name, trigger, job, settings),
        "resources": settings.resources.wire() if settings.resources else _RESOURCES,
        "terminationMessagePolicy": "FallbackToLogsOnError",
        "securityContext": container_security(read_only_root=False),
        "volumeMounts": mounts,
    }
    return {key: value for key, value in container.items() if value}


def _environment(owner: Owner, model: str, trigger: str, job: TrainingJob, settings: PodSettings) -> list[Manifest]:
    """Each name once: server-side apply refuses a list that names a variable twice. Ours can't be overridden."""
    run = {"fieldRef": {"fieldPath": "metadata.labels['batch.kubernetes.io/job-name']"}}
    variables: list[Manifest] = [
        {"name": "HOME", "value": "/tmp"},  # noqa: S108
        *env(job.env),
        *env(settings.env),
        *_credentials(job.credentials),
        {"name": "LINNET_MODEL", "value": model},
        {"name": "LINNET_POLICY", "value": owner.name},
        {"name": "LINNET_TRIGGER", "value": trigger},
        {"name": "LINNET_RUN", "valueFrom": run},
    ]
    return list({v["name"]: v for v in variables}.values())


def _credentials(credentials: Credentials | None) -> list[Manifest]:
    """The store's keys, and a key that must be there: the kubelet starts no training without the owner's consent.

    The fetcher is Linnet's own code and keeps a Secret to its allowedPrefix; training code is anybody's. Without
    this, whoever may write a RetrainPolicy could read every store Secret of the namespace.
    """
    if credentials is None or credentials.secret_name is None:
        return []
    consent = {"secretKeyRef": {"name": credentials.secret_name, "key": ALLOW_TRAINING}}
    return [{"name": "LINNET_ALLOW_TRAINING", "valueFrom": consent}, *credentials_env(credentials)]


def _volumes(settings: PodSettings) -> list[Manifest]:
    """The scratch folder has the size and class of `pod.storage`: there is no artifact to hold, but one to make.

    Its name tells its type: server-side apply leaves an empty `emptyDir: {}` behind in a volume that becomes
    another type under the same name, and the API server then refuses both.
    """
    artifact, _, *others = volumes(settings)
    return [{**artifact, "name": _scratch(settings)}, *others]


def _scratch(settings: PodSettings) -> str:
    return "tmp" if settings.storage is None or settings.storage.class_ is None else "scratch"
