"""`Deployment` (short name mld): a model served in this place, and how its new versions are brought to traffic.

The kind's name is also apps/v1's, so that the Python name is ModelDeployment and people type `kubectl get mld`.
"""

from typing import Annotated, Final, Literal, get_args

from pydantic import ConfigDict, Field

from linnet.api.kinds.rollout_policy import Deadlines, checks_are_known
from linnet.api.parts.analysis import Analysis
from linnet.api.parts.base import (
    MOST,
    Arguments,
    CheckName,
    Digest,
    Name,
    Reference,
    Rule,
    StatusWire,
    Time,
    Token,
    Wire,
    Word,
    keyed_by,
    rules,
)
from linnet.api.parts.conditions import Conditions
from linnet.api.parts.pod import ServingPodSettings
from linnet.api.parts.requests import AnsweredRequests
from linnet.api.parts.strategy import HAS_NO_STEPS, Strategy, first_step, no_step, numeral
from linnet.api.parts.traffic import Traffic


class ModelPin(Wire):
    """Which Model, and which of its versions: the current one, unless version or digest pins one."""

    model_config = {
        "json_schema_extra": rules(("!has(self.version) || !has(self.digest)", "at most one of version, digest"))
    }

    name: Name
    """The Model."""
    version: Annotated[int, Field(ge=1, le=1_000_000)] | None = None
    """Pins a version by its number; if left out the Model's current version is followed, or the digest."""
    digest: Digest | None = None
    """Pins a version by its artifact; if left out the Model's current version is followed, or the number."""


PERCENT: Final = 10_000


class MetricTarget(Wire):
    """What the autoscaler aims at."""

    model_config = {
        "json_schema_extra": rules(
            (
                "has(self.name) == (self.type in ['Pods', 'External'])",
                "name goes with the types Pods and External, which need it",
            ),
            (
                f"self.target <= {PERCENT} || self.type in ['Pods', 'External']",
                f"a target of type CPU or Memory is a percentage of what the pods request: at most {PERCENT}",
                ".target",
            ),
        )
    }

    type: Literal["CPU", "Memory", "Pods", "External"]
    """The kind of metric, as the HorizontalPodAutoscaler has it."""
    name: Token | None = None
    """The metric's name, for the types Pods and External; left out with the others."""
    target: Annotated[int, Field(ge=1, le=MOST)]
    """The value to aim at: percent for CPU and Memory, the average value otherwise."""


class Autoscaling(Wire):
    """Bounds and targets of the HorizontalPodAutoscaler of stable."""

    model_config = {
        "json_schema_extra": rules(
            ("self.minReplicas <= self.maxReplicas", "minReplicas is at most maxReplicas", ".minReplicas"),
        )
    }

    min_replicas: Annotated[int, Field(ge=1, le=10_000)]
    """The least number of pods."""
    max_replicas: Annotated[int, Field(ge=1, le=10_000)]
    """The greatest number of pods."""
    metrics: Annotated[list[MetricTarget], Field(min_length=1, max_length=8)]
    """The metrics, with the value that each should have."""


class ServerArguments(Wire):
    """What this place adds to the version's server."""

    args: Arguments
    """Arguments that are appended to the runtime's."""


_BY_GATEWAY: Final = "(has(self.traffic) && has(self.traffic.type) && self.traffic.type == 'Gateway')"
_TOO_MUCH: Final = "has({s}.setWeight) && {s}.setWeight > 50"
_AT_MOST: Final = (
    f"'.setWeight: with traffic type Replicas a weight is at most 50 (got ' + {numeral('{s}.setWeight')} + "
    "'): beyond it, promote'"
)
_ROUTED: Final = "has({s}.mirror) || has({s}.matchHeaders) || has({s}.setReplicas)"

_NEEDS_GATEWAY: Final = (
    "(has({s}.mirror) ? '.mirror' : has({s}.matchHeaders) ? '.matchHeaders' : '.setReplicas') + "
    "': needs traffic type Gateway: use setWeight, pause and analyze'"
)


class DeploymentSpec(Wire):
    """The model, its pods, its traffic, and how it changes."""

    model_config = {
        "json_schema_extra": rules(
            (
                "!has(self.replicas) || !has(self.autoscaling)",
                "at most one of replicas, autoscaling: remove replicas to let the autoscaler choose",
                ".replicas",
            ),
            *(
                (
                    f"!has(self.autoscaling) || self.autoscaling.metrics.all(m, m.type != '{kind}') || "
                    "!has(self.pod) || !has(self.pod.resources) || "
                    f"(has(self.pod.resources.requests) && '{name}' in self.pod.resources.requests) || "
                    f"(has(self.pod.resources.limits) && '{name}' in self.pod.resources.limits)",
                    f"a {kind} target is a percentage of what the pods request: set pod.resources.requests.{name}",
                    ".autoscaling",
                )
                for kind, name in (("CPU", "cpu"), ("Memory", "memory"))
            ),
            (
                f"{_BY_GATEWAY} || {HAS_NO_STEPS} || {no_step(_TOO_MUCH)}",
                "with traffic type Replicas a weight is at most 50: beyond it, promote",
                ".strategy.canary.steps",
                first_step(_TOO_MUCH, _AT_MOST),
            ),
            checks_are_known("has(self.analysis) || !has(self.policy)"),
            (
                f"{_BY_GATEWAY} || {HAS_NO_STEPS} || {no_step(_ROUTED)}",
                "mirror, matchHeaders and setReplicas need traffic type Gateway: use setWeight, pause and analyze",
                ".strategy.canary.steps",
                first_step(_ROUTED, _NEEDS_GATEWAY),
            ),
            (
                "!has(self.strategy) || !has(self.strategy.capacity) || self.strategy.capacity != 'InPlace' || "
                "(has(self.replicas) && self.replicas > 1) || has(self.autoscaling) || "
                "has(self.strategy.allAtOnce)",
                "capacity InPlace with one replica needs strategy allAtOnce",
                ".strategy.capacity",
            ),
            (
                "!has(self.autoscaling) || !has(self.strategy) || !has(self.strategy.capacity) || "
                "self.strategy.capacity != 'InPlace'",
                "capacity InPlace needs a fixed number of pods: use replicas instead of autoscaling, or Surge",
                ".strategy.capacity",
            ),
        )
    }

    model: ModelPin
    """The Model, and which of its versions."""
    replicas: Annotated[int, Field(ge=0, le=10_000)] | None = None
    """Serving pods; 1 if left out. `kubectl scale mld` sets it."""
    autoscaling: Autoscaling | None = None
    """An autoscaler for the serving pods, instead of replicas; if left out their number is that of replicas."""
    runtime: ServerArguments | None = None
    """What this place adds to the version's server; nothing if left out."""
    pod: ServingPodSettings | None = None
    """Settings of the serving pods; each has its default if left out."""
    traffic: Traffic | None = None
    """How requests reach the serving pods; a Service for HTTP if left out."""
    policy: Reference | None = None
    """A RolloutPolicy, which says what strategy, analysis and deadlines don't say here. Each of the three that is
    written here takes the place of that whole block of the policy. What it says when a rollout starts counts for all of
    that rollout; a later change of it starts none. If left out, what isn't said here has its default."""
    strategy: Strategy | None = None
    """How a new version takes over; the policy's if left out, or a canary."""
    analysis: Analysis | None = None
    """How a new version is judged; the policy's if left out, or errors and latency against stable."""
    deadlines: Deadlines | None = None
    """How long fetching, starting, judging and hooks may take; the policy's if left out, or each one's default."""
    paused: bool | None = None
    """Holds every rollout where it is; rollback stays possible. It is false if left out."""


class RevisionStatus(StatusWire):
    """A model version and its frozen pod template."""

    name: Annotated[str, Field(max_length=253)]
    """The revision's name."""
    model: Annotated[str, Field(max_length=253)] | None = None
    """The Model that the version is of."""
    version: int
    """The version's number."""
    digest: Digest | None = None
    """The artifact."""
    template: Annotated[str, Field(max_length=64)] = ""
    """The template's hash."""


class CheckVerdict(StatusWire):
    """One check's verdict; counts live in the evidence ConfigMap, so that status stays still."""

    name: CheckName
    """The check, or one slice of it, such as errors[country=de]."""
    verdict: Word
    """The check's last verdict: Pass, Fail, InsufficientData, Inconclusive or Error."""
    message: Annotated[str, Field(max_length=512)] | None = None
    """What a person can mend, where it is known."""


class HookStatus(StatusWire):
    """A hook that was asked in this rollout, and what it has said."""

    name: Annotated[str, Field(max_length=63)]
    """The hook's name."""
    answer: Word
    """What the hook has answered: Confirmed or Refused. Waiting: it has not said yes yet."""
    since: Time
    """When the hook was first to be asked."""
    asked: int = 0
    """How often the hook has answered, or should have."""
    asked_at: Time | None = None
    """When the hook last answered, or should have."""
    message: Annotated[str, Field(max_length=512)] = ""
    """What the hook said, or why it said nothing."""


RULES_SIZE: Final = 131_072
"""A rollout whose rules are longer does not start: they are frozen in its status."""
Phase = Literal["Starting", "Stepping", "Promoting", "Baking", "Finishing", "RollingBack"]
Outcome = Literal["Promoted", "RolledBack", "Aborted"]


class RolloutStatus(StatusWire):
    """The rollout under way. What a later release has added to it is kept."""

    model_config = ConfigDict(extra="allow")

    id: Annotated[str, Field(max_length=64)]
    """Names this rollout in records and logs."""
    phase: Word
    """The phase that the rollout is in: Starting, Stepping, Promoting, Baking, Finishing or RollingBack. In any other,
    which a later release has written, nothing is done but what a person asks for: abort, rollback."""
    from_: Annotated[RevisionStatus | None, Field(alias="from")] = None
    """The former revision; none on the first rollout."""
    to: RevisionStatus
    """The new revision."""
    step: int | None = None
    """The step that is under way, from 0."""
    started_at: Time
    """When the rollout began."""
    step_started_at: Time | None = None
    """When this step or phase began."""
    ready_at: Time | None = None
    """When all of the canary's pods were first ready."""
    replicas: int | None = None
    """With an autoscaler: its minimum during the rollout."""
    weight: int | None = None
    """The weight that the step asks for, in percent."""
    effective_weight: int | None = None
    """The weight in force, in percent; with traffic type Replicas it follows from the pods."""
    paused: bool | None = None
    """A person asked the rollout to pause."""
    checks: Annotated[list[CheckVerdict], Field(max_length=48, json_schema_extra=keyed_by("name"))] | None = None
    """The last verdicts of the checks."""
    hooks: Annotated[list[HookStatus], Field(max_length=8, json_schema_extra=keyed_by("name"))] | None = None
    """The hooks that were asked in this rollout."""
    policy: Annotated[str, Field(max_length=63)] | None = None
    """The RolloutPolicy that was named when the rollout began."""
    policy_hash: Annotated[str, Field(max_length=64)] | None = None
    """A hash of rules."""
    rules: Annotated[str, Field(max_length=RULES_SIZE)] | None = None
    """The strategy, analysis and deadlines, with every default filled in, as JSON: frozen when the rollout began."""
    evidence: Annotated[list[Annotated[str, Field(max_length=64)]], Field(max_length=6)] | None = None
    """The hashes of what the evidence ConfigMap may hold, newest first; anything else in it is not believed."""
    decision: Word | None = None
    """What was decided, written down before routing changes: Promoted, RolledBack or Aborted."""
    reason: CheckName | None = None
    """One word, or the failed check."""
    message: Annotated[str, Field(max_length=1024)] | None = None
    """The reason, as a sentence."""
    by: Annotated[str, Field(max_length=256)] | None = None
    """Who decided: analysis, deadline, hook, spec, or the person."""

    @property
    def known_phase(self) -> Phase | None:
        """The phase; None if it, or the decision, is a later release's."""
        decided = self.decision is None or self.decision in get_args(Outcome)
        return next((p for p in get_args(Phase) if p == self.phase and decided), None)


class LastRollout(StatusWire):
    """How the last rollout ended."""

    id: Annotated[str, Field(max_length=64)]
    """The rollout's id."""
    to: RevisionStatus
    """The new revision."""
    outcome: Word
    """How the rollout ended: Promoted, RolledBack or Aborted."""
    reason: CheckName = ""
    """One word, or the failed check."""
    message: Annotated[str, Field(max_length=1024)] = ""
    """The reason, as a sentence."""
    by: Annotated[str, Field(max_length=256)] = ""
    """Who decided."""
    time: Time | None = None
    """When the rollout ended."""


class DeploymentStatus(StatusWire):
    """What serves, and what is on its way."""

    observed_generation: int | None = None
    """The spec's generation that this is about."""
    replicas: int | None = None
    """Serving pods, for the scale subresource."""
    ready_replicas: int | None = None
    """Serving pods that are ready."""
    selector: Annotated[str, Field(max_length=512)] | None = None
    """The selector of the serving pods, for the scale subresource."""
    stable: RevisionStatus | None = None
    """The revision that has proven itself."""
    former: RevisionStatus | None = None
    """Stable before, for a rollback by one request."""
    rollout: RolloutStatus | None = None
    """The rollout under way."""
    queued: RevisionStatus | None = None
    """Waits until the rollout under way has ended."""
    rejected: RevisionStatus | None = None
    """It came in mid-rollout under onNewVersion Reject; not tried until `retry` or another change."""
    held: Annotated[str, Field(max_length=253)] | None = None
    """Aborted by a person; not tried again until `retry` or another change."""
    last_rollout: LastRollout | None = None
    """How the last rollout ended."""
    quarantine: Annotated[list[Annotated[str, Field(max_length=1700)]], Field(max_length=16)] | None = None
    """What failed here: `<digest> <template|*> <revision> <time> <why>`."""
    owed: Annotated[list[Annotated[str, Field(max_length=320)]], Field(max_length=8)] | None = None
    """Decisions to record: `<version> <id>`."""
    conditions: Conditions = []
    """Ready sums up; Available: pods serve; Progressing: a rollout is under way."""
    requests: AnsweredRequests | None = None
    """The last requests that were obeyed, so that none is obeyed twice; each answer stands in its Request."""


RULES: Final[tuple[Rule, ...]] = (
    (
        "!self.metadata.name.matches('-(stable|canary|preview|v[0-9]+-[0-9a-f]{8})$')",
        "a Deployment's name doesn't end in -stable, -canary, -preview, or as a revision's does (-v1-0123abcd): the "
        "Services of another Deployment are named so, and the two would fight for one; give it another ending, such "
        "as -candidate",
        ".metadata.name",
    ),
)
"""Only a Deployment has children that are named as another of its kind could be."""
