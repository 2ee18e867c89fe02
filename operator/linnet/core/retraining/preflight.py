"""What must be changed in a RetrainPolicy before any run may start; admission checked most of it, and may be old."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final

from linnet.api.kinds.retrain_policy import RetrainPolicySpec
from linnet.api.parts.conditions import Reason
from linnet.core.resources import accounts
from linnet.core.resources.accounts import AllowedAccounts
from linnet.core.retraining import cron
from linnet.core.retraining.history import REMEMBERED

_JOB: Final = "spec.training.job"


@dataclass(frozen=True)
class Obstacle:
    """Why no run may start: a reason for programs and a sentence that begins with the field's path."""

    reason: Reason
    message: str


def obstacles(spec: RetrainPolicySpec, known: AllowedAccounts) -> Iterator[Obstacle]:
    """Wrong fields first, then those whose feature comes later, then what the namespace does not allow."""
    for check in _INVALID:
        yield from (Obstacle(Reason.INVALID_SPEC, message) for message in check(spec))
    for check in _LATER:
        yield from (Obstacle(Reason.NOT_YET_SUPPORTED, message) for message in check(spec))
    for path, account in _accounts(spec):
        if message := accounts.obstacle(path, account, known):
            yield Obstacle(Reason.SERVICE_ACCOUNT_NOT_ALLOWED, message)


def _one_kind(spec: RetrainPolicySpec) -> Iterator[str]:
    for index, trigger in enumerate(spec.triggers):
        if (trigger.schedule is None) == (trigger.metric is None):
            yield f"spec.triggers[{index}]: exactly one of schedule, metric"


def _one_schedule(spec: RetrainPolicySpec) -> Iterator[str]:
    scheduled = [index for index, trigger in enumerate(spec.triggers) if trigger.schedule is not None]
    for index in scheduled[1:]:
        yield f"spec.triggers[{index}].schedule: only one trigger has a schedule; write another RetrainPolicy"


def _sound_cron(spec: RetrainPolicySpec) -> Iterator[str]:
    for index, trigger in enumerate(spec.triggers):
        wrong = cron.wrong(trigger.schedule.cron) if trigger.schedule is not None else None
        if wrong:
            yield f"spec.triggers[{index}].schedule.cron: {wrong}"


def _one_identity(spec: RetrainPolicySpec) -> Iterator[str]:
    credentials = spec.training.job.credentials
    if credentials is not None and (credentials.secret_name is None) == (credentials.service_account_name is None):
        yield f"{_JOB}.credentials: exactly one of secretName, serviceAccountName"
    named = dict(_accounts(spec))
    if len(set(named.values())) > 1:
        yield f"{' and '.join(named)} differ; a pod runs as one ServiceAccount"


def _no_metric(spec: RetrainPolicySpec) -> Iterator[str]:
    for index, trigger in enumerate(spec.triggers):
        if trigger.metric is not None:
            yield (
                f"spec.triggers[{index}].metric: {trigger.metric.signal}: a trigger by a live metric is not supported "
                "yet; use schedule"
            )


def _no_pause(spec: RetrainPolicySpec) -> Iterator[str]:
    if spec.pause_after_rejections is not None:
        yield f"spec.pauseAfterRejections: {spec.pause_after_rejections}: not supported yet; leave it out"


def _small_budget(spec: RetrainPolicySpec) -> Iterator[str]:
    if spec.budget is not None and spec.budget.runs > REMEMBERED:
        yield f"spec.budget.runs: {spec.budget.runs}: more than {REMEMBERED} are not supported yet"


def _no_cache(spec: RetrainPolicySpec) -> Iterator[str]:
    pod = spec.training.job.pod
    if pod is not None and pod.storage is not None and pod.storage.cache == "Node":
        yield f"{_JOB}.pod.storage.cache: Node is not supported yet; use None"


def _accounts(spec: RetrainPolicySpec) -> Iterator[tuple[str, str]]:
    """Path and name of every ServiceAccount that the pod would run as."""
    job = spec.training.job
    if job.pod is not None and job.pod.service_account_name is not None:
        yield f"{_JOB}.pod.serviceAccountName", job.pod.service_account_name
    if job.credentials is not None and job.credentials.service_account_name is not None:
        yield f"{_JOB}.credentials.serviceAccountName", job.credentials.service_account_name


Check = Callable[[RetrainPolicySpec], Iterator[str]]
_INVALID: Final[tuple[Check, ...]] = (_one_kind, _one_schedule, _sound_cron, _one_identity)
_LATER: Final[tuple[Check, ...]] = (_no_metric, _no_pause, _small_budget, _no_cache)
