"""`RetrainPolicy`: when a Model is trained again, and with which Job."""

from typing import Annotated, Literal

from pydantic import Field

from linnet.api.kinds.model import Credentials, Uri
from linnet.api.parts.base import (
    Arguments,
    Duration,
    Image,
    Name,
    Quantity,
    Reference,
    StatusWire,
    Time,
    Wire,
    Word,
    keyed_by,
    rules,
)
from linnet.api.parts.conditions import Conditions
from linnet.api.parts.pod import EnvVar, PodSettings
from linnet.api.parts.requests import AnsweredRequests


class Schedule(Wire):
    """A CronJob's schedule; Kubernetes keeps the time."""

    cron: Annotated[str, Field(min_length=9, max_length=128, pattern=r"^\S+( \S+){4}$")]
    """Five fields, as CronJob reads them."""
    time_zone: Annotated[str, Field(min_length=1, max_length=64, pattern=r"^[A-Za-z0-9_+/-]+$")] | None = None
    """An IANA time zone; UTC if left out."""


class MetricTrigger(Wire):
    """A breach of a live metric."""

    signal: Literal["Errors", "Latency"]
    """The signal that is measured."""
    above: Quantity
    """The rate above which the metric breaches."""
    for_: Annotated[Duration, Field(alias="for")]
    """How long the breach has to last."""


class Trigger(Wire):
    """One reason to train again: exactly one of schedule, metric."""

    model_config = {
        "json_schema_extra": rules(("has(self.schedule) != has(self.metric)", "exactly one of schedule, metric"))
    }

    name: Name
    """The trigger's name in records."""
    schedule: Schedule | None = None
    """Trains by the clock; left out where metric is written."""
    metric: MetricTrigger | None = None
    """Trains when a live metric breaches; left out where schedule is written."""


class TrainingJob(Wire):
    """The Job that trains. It reports {uri, digest, metrics, lineage} in its termination message."""

    image: Image
    """The training image."""
    command: Arguments | None = None
    """The container's command; the image's entry point if left out."""
    args: Arguments | None = None
    """The container's arguments; those of the image if left out."""
    env: Annotated[list[EnvVar], Field(max_length=64, json_schema_extra=keyed_by("name"))] | None = None
    """Literal environment variables; none but Linnet's own if left out."""
    credentials: Credentials | None = None
    """How the Job proves itself to the store that it writes to; it has none if left out."""
    pod: PodSettings | None = None
    """Settings of the Job's pod; each has its default if left out."""
    deadline: Duration | None = None
    """How long the Job may run; 6h if left out."""
    retries: Annotated[int, Field(ge=0, le=10)] | None = None
    """How often a failed pod is tried again; 1 if left out."""


class Output(Wire):
    """Where a training puts what it makes."""

    uri: Uri
    """The place below which the training's claim must lie: s3://models/tumor-risk/. A claim on a volume must lie on
    that of the Model's own source."""


class Training(Wire):
    """How the Model is trained."""

    job: TrainingJob
    """The Job that trains. It reports {uri, digest, metrics, lineage} in its termination message."""
    output: Output | None = None
    """Where its artifact may lie; in the bucket, or on the host or claim, of the Model's own source if left out."""


class Budget(Wire):
    """How many runs there may be in a window of time."""

    runs: Annotated[int, Field(ge=1, le=1000)]
    """The greatest number of runs in any window of the length `per`."""
    per: Duration
    """The length of the window."""


class RetrainPolicySpec(Wire):
    """When and how a Model is trained again."""

    model_config = {
        "json_schema_extra": rules(
            (
                "!has(self.triggers) || self.triggers.filter(t, has(t.schedule)).size() <= 1",
                "at most one trigger with a schedule: write another RetrainPolicy for a second one",
            )
        )
    }

    model: Reference
    """The Model that gets the new versions."""
    deployment: Reference | None = None
    """The Deployment whose live metrics the triggers read; none if left out."""
    triggers: Annotated[
        list[Trigger],
        Field(
            max_length=16,
            json_schema_extra=keyed_by("name"),
        ),
    ] = []
    """Reasons to train again, besides a person's `run`; none if left out."""
    training: Training
    """How the Model is trained."""
    cooldown: Duration | None = None
    """The least time between two runs; 0s if left out. A person's `run` need not wait for it."""
    budget: Budget | None = None
    """How many runs there may be in a window of time; any number if left out."""
    pause_after_rejections: Annotated[int, Field(ge=1, le=100)] | None = None
    """The number of versions rejected in a row after which the policy suspends itself; it never does if left out."""
    suspend: bool | None = None
    """Holds every trigger; false if left out."""


class Run(StatusWire):
    """One run of the training."""

    job: Annotated[str, Field(max_length=63)]
    """The training Job."""
    trigger: Annotated[str, Field(max_length=63)]
    """The trigger that caused the run."""
    outcome: Word
    """What became of the run: Running, Succeeded, Failed, Refused or ClaimRefused."""
    version: int | None = None
    """The number of the ModelVersion that the run produced."""
    message: Annotated[str, Field(max_length=1024)] = ""
    """The outcome's reason, as a sentence."""
    started_at: Time | None = None
    """When the run was admitted or refused."""
    finished_at: Time | None = None
    """When the run ended."""


class RetrainPolicyStatus(StatusWire):
    """What became of the policy's runs."""

    observed_generation: int | None = None
    """The spec's generation that this is about."""
    last_schedule_time: Time | None = None
    """When Kubernetes last made a Job by the schedule."""
    last_run_time: Time | None = None
    """When a run was last admitted."""
    last_version: int | None = None
    """The number of the last ModelVersion that a run produced."""
    runs: Annotated[list[Run], Field(max_length=20)] | None = None
    """The last runs, newest first, with the refused ones."""
    conditions: Conditions = []
    """Ready: the CronJob stands. Running: a training Job runs."""
    requests: AnsweredRequests | None = None
    """The last requests that were obeyed, so that none is obeyed twice; each answer stands in its Request."""
