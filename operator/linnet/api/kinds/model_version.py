"""`ModelVersion`: an immutable record of one artifact that a Model has had, and what was decided about it."""

from typing import Annotated, Final, Literal

from pydantic import Field

from linnet.api.kinds.model import Card, Contract, Format, Lineage, Source
from linnet.api.parts.base import (
    CheckName,
    Digest,
    Name,
    Quantity,
    QuantityMap,
    Reference,
    Rule,
    SignedQuantity,
    StatusWire,
    Time,
    Wire,
    rules,
)
from linnet.api.parts.conditions import Conditions
from linnet.api.parts.requests import LastRequest
from linnet.api.parts.runtime import FrozenRuntime


class Origin(Wire):
    """How the version came to be."""

    type: Literal["Source", "Retrain", "Import"]
    """Source: the Model's spec. Retrain: a RetrainPolicy's run. Import: written by hand or from Git."""
    policy: Name | None = None
    """The RetrainPolicy."""
    job: Annotated[str, Field(max_length=63)] | None = None
    """The training Job."""


class ModelVersionSpec(Wire):
    """What the version is. It can't be changed."""

    model_config = {
        "json_schema_extra": rules(
            ("self == oldSelf", "a ModelVersion's spec can't be changed: change the Model, which makes a new version")
        )
    }

    model: Reference
    """The Model that it is a version of."""
    version: Annotated[int, Field(ge=1, le=1_000_000)]
    """Its number."""
    format: Format
    """What kind of artifact it is."""
    source: Source
    """Where the artifact lies."""
    runtime: FrozenRuntime
    """The model server as it was resolved then."""
    origin: Origin
    """How it came to be."""
    identity: Annotated[str, Field(max_length=64)] | None = None
    """A hash of source and runtime as the person wrote them; the same input is the same version."""
    metrics: QuantityMap | None = None
    """Evaluation metrics, where the artifact carries none."""
    lineage: Lineage | None = None
    """What it was made of."""
    card: Card | None = None
    """What a reader should know."""
    contract: Contract | None = None
    """Requests and expected answers that the validation replays."""


class Quarantine(StatusWire):
    """Why this artifact is not rolled out again until a person releases it."""

    template: Annotated[str, Field(max_length=64)] | None = None
    """Only with this pod template (latency and pod failures); with any if left out (errors)."""
    deployment: Annotated[str, Field(max_length=253)]
    """Where it failed."""
    revision: Annotated[str, Field(max_length=253)]
    """The revision that failed."""
    reason: CheckName
    """The failed check, or the slice of it that failed."""
    message: Annotated[str, Field(max_length=1024)] = ""
    """What was seen."""
    time: Time | None = None
    """When."""


Real = Annotated[str, Field(max_length=32, pattern=r"^-?[0-9]+(\.[0-9]+)?(e[+-]?[0-9]+)?$")]
"""A number as its shortest decimal: read again, it is the same to the last digit."""


Tally = Annotated[list[int], Field(min_length=4, max_length=4)]


Cells = Annotated[list[int], Field(min_length=7, max_length=7)]


Classes = Annotated[list[int], Field(max_length=16)]


Reals = Annotated[list[Real], Field(min_length=2, max_length=2)]


class CheckEvidence(StatusWire):
    """What a verdict was worked out from, enough to work it out again. Which fields there are depends on the signal."""

    signal: Annotated[str, Field(max_length=32)]
    """What was measured."""
    alpha: Real | None = None
    """The part of alpha that each bound of this check, or of this slice of it, had at that time."""
    detect_ratio: Real | None = None
    """detect.ratio."""
    detect_power: Real | None = None
    """detect.power."""
    max_ratio_to_stable: Real | None = None
    """The bound against stable."""
    min_excess: Real | None = None
    """The least difference that rolls back."""
    max: Real | None = None
    """The bound on the rate, or the query's greatest value."""
    min: Real | None = None
    """The query's least value."""
    max_divergence: Real | None = None
    """The greatest divergence of the answers."""
    segments: Annotated[list[Tally], Field(max_length=64)] | None = None
    """Canary's requests and bad ones, stable's requests and bad ones, for each share of the traffic; without those of a
    record that had too many, which the log has."""
    canary_cells: Cells | None = None
    """Canary's pods and intervals: cells, cells with bad requests, then the sums of n, bad, n², n·bad, bad²."""
    stable_cells: Cells | None = None
    """The same of stable."""
    answers: (
        Annotated[list[Annotated[list[Classes], Field(min_length=2, max_length=2)]], Field(max_length=64)] | None
    ) = None
    """Canary's answers of each class, and stable's, for each share of the traffic; left out as segments are."""
    log_evidence: Real | None = None
    """The evidence that the answers differ, as a natural logarithm, before it is divided."""
    bursts: Reals | None = None
    """What it is divided by: how each pod's answers of one interval differ from its next ones, as chi-square, and how
    independent ones would."""
    clients: Reals | None = None
    """Or by this, if it is more: how the pods of one track differ from each other."""
    present: Annotated[list[Annotated[str, Field(max_length=16)]], Field(max_length=2)] | None = None
    """Tracks that had pods."""
    canary_read_ago: Real | None = None
    """Seconds since the canary's pods were last readable; missing: never."""
    stable_read_ago: Real | None = None
    """The same of stable's."""
    value: Real | None = None
    """The query's last value."""
    read_ago: Real | None = None
    """Seconds since it came; missing: never."""
    breaches: int | None = None
    """So many answers beyond the bound in succession."""
    asked: bool | None = None
    """Whether the query was asked."""
    known: bool | None = None
    """Whether the platform has the query."""
    answered: bool | None = None
    """Whether the canary had answered a request; missing: not knowable."""
    failed: bool | None = None
    """Whether the last answer was none."""
    silent: bool | None = None
    """Whether that was a good answer without a value."""
    stale_after: Real | None = None
    """Seconds after which what was read is too old."""
    elapsed: Real | None = None
    """Seconds of this analysis."""
    required: Real | None = None
    """Seconds that it has to take."""
    killed: int | None = None
    """The canary's pods that were killed for memory."""
    restarts: int | None = None
    """Restarts of its servers, together."""
    stable_restarted: bool | None = None
    """Whether a server of stable restarted since the rollout began."""
    ready: int | None = None
    """The canary's pods that were ready."""
    wanted: int | None = None
    """Of so many."""
    waited: Real | None = None
    """Seconds that those which were not had had; missing: nothing waited for them."""
    deadline: Annotated[str, Field(max_length=32)] | None = None
    """Which of the deadlines they had."""
    limit: Real | None = None
    """Its seconds."""
    interval: Real | None = None
    """Seconds between two looks."""
    waits: Annotated[list[Real], Field(max_length=16)] | None = None
    """Where nothing is answered: seconds that each request waits, the first sixteen."""
    waiting: int | None = None
    """So many wait on the canary."""
    looks: int | None = None
    """Looks since then."""
    stable_answers: Real | None = None
    """Stable's answers since then."""
    stable_seconds: Real | None = None
    """The seconds that its requests waited, together."""


class ClassResult(StatusWire):
    """Answers of one class, or bucket."""

    name: Annotated[str, Field(max_length=80)]
    """The class."""
    canary: int = 0
    """The canary's answers of it."""
    stable: int = 0
    """Stable's."""


class PredictionsResult(StatusWire):
    """How far the canary's answers were from stable's."""

    divergence: Quantity | None = None
    """Jensen-Shannon divergence in bits, without the bias of few answers."""
    error: Quantity | None = None
    """Its standard error."""
    max: Quantity | None = None
    """The greatest divergence allowed."""
    classes: Annotated[list[ClassResult], Field(max_length=16)] | None = None
    """Both distributions."""


class SliceResult(StatusWire):
    """Which part of the traffic was judged."""

    label: Annotated[str, Field(max_length=63)]
    """A label of the series."""
    value: Annotated[str, Field(max_length=63)]
    """Its value."""


class CheckResult(StatusWire):
    """One check's counts when the decision fell; of a check with a slice, those of one of its values."""

    name: CheckName
    """The check, with its slice, such as errors[country=de]."""
    slice: SliceResult | None = None
    """The slice, where the check has one."""
    verdict: Annotated[str, Field(max_length=32)]
    """Its verdict."""
    canary_requests: int = 0
    """Requests that the canary had answered."""
    canary_bad: int = 0
    """Of them failed or too slow."""
    stable_requests: int = 0
    """Requests that stable had answered meanwhile."""
    stable_bad: int = 0
    """Of them failed or too slow."""
    statistic: Quantity | None = None
    """The evidence against the version, as a natural logarithm."""
    bound: Quantity | None = None
    """Where the evidence is enough."""
    query: Annotated[str, Field(max_length=63)] | None = None
    """The platform's query that was asked, for signal Prometheus."""
    value: SignedQuantity | None = None
    """Its last value."""
    min: Quantity | None = None
    """The least value allowed."""
    max: Quantity | None = None
    """The greatest value allowed."""
    predictions: PredictionsResult | None = None
    """What was compared, for signal Predictions."""
    message: Annotated[str, Field(max_length=512)] = ""
    """The same in words."""
    evidence: CheckEvidence | None = None
    """What it was worked out from; kept for the newest decisions."""


DecisionKind = Literal["Started", "Promoted", "RolledBack", "Aborted", "Completed", "Quarantined", "Released"]


class Decision(StatusWire):
    """One decision about this version: who or what, when, on which evidence."""

    id: Annotated[str, Field(max_length=64)]
    """The rollout's id and the decision's place in it, or the request's; a decision is recorded once."""
    deployment: Annotated[str, Field(max_length=253)]
    """The Deployment that it was made for; empty if it is about the version wherever it is."""
    revision: Annotated[str, Field(max_length=253)] = ""
    """The revision."""
    decision: DecisionKind
    """What was decided."""
    by: Annotated[str, Field(max_length=256)]
    """analysis, deadline, or the person."""
    reason: CheckName = ""
    """One word, or the failed check."""
    message: Annotated[str, Field(max_length=1024)] = ""
    """A sentence."""
    policy: Annotated[str, Field(max_length=63)] | None = None
    """The RolloutPolicy that the Deployment named when the rollout began."""
    policy_hash: Annotated[str, Field(max_length=64)] | None = None
    """Hash of the strategy, analysis and deadlines by which it was decided."""
    checks: Annotated[list[CheckResult], Field(max_length=48)] | None = None
    """The counts."""
    time: Time | None = None
    """When."""


class ModelVersionStatus(StatusWire):
    """What is known of the version."""

    observed_generation: int | None = None
    """The spec's generation that this is about."""
    digest: Digest | None = None
    """The sha256 of the artifact's tree as it was fetched; set once."""
    size: int | None = None
    """The artifact's size in bytes."""
    metrics: QuantityMap | None = None
    """From the artifact's linnet.json, or the Model's spec."""
    lineage: Lineage | None = None
    """From the artifact's linnet.json, or the Model's spec."""
    attempt: int | None = None
    """Which try of the validation this is."""
    validated_at: Time | None = None
    """When it was loaded by its real server."""
    quarantine: Annotated[list[Quarantine], Field(max_length=16)] | None = None
    """Why it is not rolled out again."""
    decisions: Annotated[list[Decision], Field(max_length=32)] | None = None
    """What was decided about it, newest last."""
    conditions: Conditions = []
    """Ready: fetched, loaded and answered."""
    last_request: LastRequest | None = None
    """The answer to the last request of a person."""


RULES: Final[tuple[Rule, ...]] = (
    (
        # Not `== model + '-v' + string(version)`: the API server can't bound the length of string(…).
        "self.metadata.name.startsWith(self.spec.model.name + '-v') && "
        "self.metadata.name.substring(self.spec.model.name.size() + 2).matches('^[1-9][0-9]{0,6}$') && "
        "int(self.metadata.name.substring(self.spec.model.name.size() + 2)) == self.spec.version",
        "a ModelVersion is named <model>-v<version>",
        ".metadata.name",
    ),
    (
        "!has(oldSelf.status) || has(self.status)",
        "the status of a ModelVersion can't be removed",
    ),
    (
        "!has(oldSelf.status) || !has(oldSelf.status.digest) || "
        "(has(self.status) && has(self.status.digest) && self.status.digest == oldSelf.status.digest)",
        "status.digest is set once: an artifact with another digest is another version",
    ),
)
