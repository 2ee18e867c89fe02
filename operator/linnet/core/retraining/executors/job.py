"""A run as one pod of a batch/v1 Job: `spec.training.job`."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from linnet.api.kinds.model import Credentials
from linnet.api.kinds.retrain_policy import RetrainPolicySpec, TrainingJob
from linnet.api.labels import MANAGED
from linnet.api.parts.pod import PodSettings
from linnet.core.plan import Manifest
from linnet.core.policy import defaults
from linnet.core.resources.metadata import Owner
from linnet.core.resources.objects import JobView, Pod
from linnet.core.retraining.executors import outcome
from linnet.core.retraining.executors.labels import run_labels
from linnet.core.retraining.executors.outcome import ALLOW_TRAINING, CONSENT, TRAIN, Failure
from linnet.core.serving import credentials
from linnet.core.serving.pods import Image, container_security, containers, env, pod_spec, volumes

_DEADLINE: Final = timedelta(hours=6)
_RETRIES: Final = 1
_KEPT: Final = 3 * 24 * 3600
"""Seconds that a finished Job stays: an operator that was away for a weekend still finds its claim."""
_RESOURCES: Final = {"requests": {"cpu": "100m", "memory": "256Mi"}}
_KEYS: Final = (*credentials.keys_for_training(), ALLOW_TRAINING)
_NO_CONSENT: Final = {
    "action": "FailJob",
    "onExitCodes": {"containerName": CONSENT, "operator": "In", "values": [2]},
}


@dataclass(frozen=True)
class JobExecutor:
    """`spec.training.job`: one container, whose termination message is the claim."""

    def job_spec(self, owner: Owner, spec: RetrainPolicySpec, trigger: str, image: Image) -> Manifest:
        return _job_spec(owner, spec, trigger, image)

    def claim(self, pods: Sequence[Pod]) -> str | None:
        return outcome.claim(pods)

    def failure(self, job: JobView, pods: Sequence[Pod]) -> Failure:
        return outcome.failure(job, pods)

    def trouble(self, pods: Sequence[Pod]) -> str:
        return outcome.trouble(pods)


JOB: Final = JobExecutor()


def _job_spec(owner: Owner, spec: RetrainPolicySpec, trigger: str, image: Image) -> Manifest:
    job = spec.training.job
    return {
        "backoffLimit": _RETRIES if job.retries is None else job.retries,
        "activeDeadlineSeconds": max(1, int((job.deadline or _DEADLINE).total_seconds())),
        "ttlSecondsAfterFinished": _KEPT,
        # A drained or preempted node is no failure of the training: it costs none of the retries.
        "podFailurePolicy": {
            "rules": [
                {"action": "Ignore", "onPodConditions": [{"type": "DisruptionTarget", "status": "True"}]},
                *([_NO_CONSENT] if _secret(job.credentials) else []),
            ]
        },
        "template": credentials.with_identity(
            {"labels": {MANAGED: "true", **run_labels(owner, spec, trigger)}},
            _pod(owner, spec, trigger, image),
            {TRAIN} if _account(job) else (),
        ),
    }


def _pod(owner: Owner, spec: RetrainPolicySpec, trigger: str, image: Image) -> Manifest:
    job = spec.training.job
    settings = job.pod or PodSettings()
    account = job.credentials.service_account_name if job.credentials else None
    return {
        **pod_spec(settings, account),
        "restartPolicy": "Never",
        "terminationGracePeriodSeconds": int((settings.grace_period or defaults.GRACE_PERIOD).total_seconds()),
        **containers(_consent(job.credentials, image), [_container(owner, spec, trigger)]),
        "volumes": [*_volumes(settings), *credentials.volumes(job.credentials, _KEYS)],
    }


def _account(job: TrainingJob) -> bool:
    """Whether the training acts as a ServiceAccount, by its credentials or by the pod's settings."""
    return credentials.by_account(job.credentials) or bool(job.pod and job.pod.service_account_name)


def _container(owner: Owner, spec: RetrainPolicySpec, trigger: str) -> Manifest:
    job = spec.training.job
    settings = job.pod or PodSettings()
    mounts = [{"name": _scratch(settings), "mountPath": "/tmp"}]  # noqa: S108 (a mount point inside the pod)
    if settings.shared_memory is not None:
        mounts.append({"name": "shm", "mountPath": "/dev/shm"})  # noqa: S108
    container: Manifest = {
        "name": TRAIN,
        "image": job.image,
        "imagePullPolicy": settings.image_pull_policy,
        "command": job.command,
        "args": job.args,
        "env": _environment(owner, spec.model.name, trigger, job),
        "resources": settings.resources.wire() if settings.resources else _RESOURCES,
        "terminationMessagePolicy": "FallbackToLogsOnError",
        "securityContext": container_security(read_only_root=False),
        "volumeMounts": [*mounts, *credentials.mounts(job.credentials)],
    }
    return {key: value for key, value in container.items() if value}


def _environment(owner: Owner, model: str, trigger: str, job: TrainingJob) -> list[Manifest]:
    """The container's variables: of one name the last is taken, so that ours can't be overridden."""
    run = {"fieldRef": {"fieldPath": "metadata.labels['batch.kubernetes.io/job-name']"}}
    return [
        {"name": "HOME", "value": "/tmp"},  # noqa: S108
        *env(job.env),
        *_where(job.credentials),
        {"name": "LINNET_MODEL", "value": model},
        {"name": "LINNET_POLICY", "value": owner.name},
        {"name": "LINNET_TRIGGER", "value": trigger},
        {"name": "LINNET_RUN", "valueFrom": run},
    ]


def _where(given: Credentials | None) -> list[Manifest]:
    return [{"name": "LINNET_CREDENTIALS", "value": credentials.MOUNTED}] if _secret(given) else []


def _secret(given: Credentials | None) -> bool:
    return given is not None and given.secret_name is not None


def _consent(given: Credentials | None, image: Image) -> list[Manifest]:
    """The init container without whose success no training starts: the Secret's owner must have agreed.

    The fetcher is Linnet's own code and keeps a Secret to its allowedPrefix; training code is anybody's. Without
    this, whoever may write a RetrainPolicy could read every store Secret of the namespace.
    """
    container: Manifest = {
        "name": CONSENT,
        "image": image.name,
        "imagePullPolicy": image.pull_policy,
        "args": ["consent", "--credentials", credentials.MOUNTED],
        "resources": {"requests": {"cpu": "10m", "memory": "64Mi"}, "limits": {"memory": "128Mi"}},
        "securityContext": container_security(),
        "volumeMounts": credentials.mounts(given),
    }
    return [container] if _secret(given) else []


def _volumes(settings: PodSettings) -> list[Manifest]:
    """The scratch folder has the size and class of `pod.storage`: there is no artifact to hold, but one to make.

    Its name tells its type: server-side apply leaves an empty `emptyDir: {}` behind in a volume that becomes
    another type under the same name, and the API server then refuses both.
    """
    artifact, _, *others = volumes(settings)
    return [{**artifact, "name": _scratch(settings)}, *others]


def _scratch(settings: PodSettings) -> str:
    return "tmp" if settings.storage is None or settings.storage.class_ is None else "scratch"
