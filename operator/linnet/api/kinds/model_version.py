"""`ModelVersion`: an immutable record of one artifact that a Model has had, and what was decided about it."""

from typing import Annotated, Final, Literal

from pydantic import Field

from linnet.api.kinds.model import Artifact, Card, Contract, Format, Lineage
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
    Word,
    keyed_by,
    rules,
)
from linnet.api.parts.conditions import Conditions
from linnet.api.parts.requests import AnsweredRequests
from linnet.api.parts.runtime import FrozenRuntime

MOST_VERSIONS: Final = 1_000_000


class Origin(Wire):
    """How the version came to be."""

    type: Literal["Source", "Retrain", "Import"]
    """Source: the Model's spec. Retrain: a RetrainPolicy's run. Import: written by hand or from Git."""
    policy: Name | None = None
    """The RetrainPolicy whose run made the version; left out where no run made it."""
    job: Annotated[str, Field(max_length=63)] | None = None
    """The training Job that made the version; left out where no run made it."""


class ModelVersionSpec(Wire):
    """What the version is. It can't be changed."""

    model_config = {
        "json_schema_extra": rules(
            ("self == oldSelf", "a ModelVersion's spec can't be changed: change the Model, which makes a new version")
        )
    }

    model: Reference
    """The Model that it is a version of."""
    version: Annotated[int, Field(ge=1, le=MOST_VERSIONS)]
    """The version's number."""
    format: Format
    """The kind of the artifact."""
    source: Artifact
    """Where the artifact lies."""
    runtime: FrozenRuntime
    """The model server as it was resolved when the version was made."""
    origin: Origin
    """How the version came to be."""
    identity: Annotated[str, Field(max_length=80)] | None = None
    """A hash of source and runtime as the person wrote them; the same input is the same version; left out in an
    Import."""
    metrics: QuantityMap | None = None
    """Evaluation metrics, where the artifact carries none; none if left out."""
    lineage: Lineage | None = None
    """What the artifact was made of, where the artifact does not say; unknown if left out."""
    card: Card | None = None
    """What a reader should know of the model; nothing is said if left out."""
    contract: Contract | None = None
    """Requests and expected answers that the validation replays; none if left out."""


class Quarantine(StatusWire):
    """Why this artifact is not rolled out again until a person releases it."""

    template: Annotated[str, Field(max_length=64)] | None = None
    """The pod template to which the quarantine is limited (latency and pod failures); any if left out (errors)."""
    deployment: Annotated[str, Field(max_length=253)]
    """The Deployment in which the version failed."""
    revision: Annotated[str, Field(max_length=253)]
    """The revision that failed."""
    reason: CheckName
    """The failed check, or the slice of it that failed."""
    message: Annotated[str, Field(max_length=1024)] = ""
    """What was seen."""
    time: Time | None = None
    """When the version was quarantined."""


class Trial(StatusWire):
    """Where a version was, or is, tried: with the pods' settings of a Deployment that follows its Model."""

    place: Annotated[str, Field(max_length=64)]
    """The hash of the settings."""
    deployment: Annotated[str, Field(max_length=253)] = ""
    """The oldest Deployment that has them; empty where none follows the Model."""
    attempt: int
    """The number of the last attempt in this place."""
    turns: int = 1
    """How often it was begun there."""
    failed: bool | None = None
    """Whether the version failed there. Else it is being tried, or could not be."""
    message: Annotated[str, Field(max_length=512)] = ""
    """Why it failed there."""


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
    """The policy's detect.ratio."""
    detect_power: Real | None = None
    """The policy's detect.power."""
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
    """For each share of the traffic the canary's requests and bad ones, stable's requests and bad ones; left out in a
    record that had too many, which the log has."""
    canary_cells: Cells | None = None
    """The canary's pods and intervals: cells, cells with bad requests, then the sums of n, bad, n², n·bad, bad²."""
    stable_cells: Cells | None = None
    """Stable's pods and intervals: cells, cells with bad requests, then the sums of n, bad, n², n·bad, bad²."""
    answers: (
        Annotated[list[Annotated[list[Classes], Field(min_length=2, max_length=2)]], Field(max_length=64)] | None
    ) = None
    """For each share of the traffic the canary's answers of each class, and stable's; left out as segments are."""
    log_evidence: Real | None = None
    """The evidence that the answers differ, as a natural logarithm, before it is divided."""
    bursts: Reals | None = None
    """The divisor of logEvidence by bursts: how each pod's answers of one interval differ from its next ones, as
    chi-square, and how independent ones would."""
    clients: Reals | None = None
    """The divisor of logEvidence by clients, which counts if it is greater: how the pods of one track differ from each
    other."""
    present: Annotated[list[Annotated[str, Field(max_length=16)]], Field(max_length=2)] | None = None
    """The tracks that had pods."""
    canary_read_ago: Real | None = None
    """Seconds since the canary's pods were last readable; left out if they never were."""
    stable_read_ago: Real | None = None
    """Seconds since stable's pods were last readable; left out if they never were."""
    value: Real | None = None
    """The query's last value."""
    read_ago: Real | None = None
    """Seconds since the query's last value came; left out if none did."""
    breaches: int | None = None
    """The number of answers in succession that were beyond the bound."""
    asked: bool | None = None
    """Whether the query was asked."""
    known: bool | None = None
    """Whether the platform has the query."""
    answered: bool | None = None
    """Whether the canary had answered a request; left out if that can't be known."""
    failed: bool | None = None
    """Whether the query's last answer was none."""
    silent: bool | None = None
    """Whether the query's last answer was a good one without a value."""
    stale_after: Real | None = None
    """Seconds after which what was read is too old."""
    elapsed: Real | None = None
    """Seconds that this analysis has lasted."""
    required: Real | None = None
    """Seconds that this analysis has to last."""
    killed: int | None = None
    """The number of the canary's pods that were killed for memory."""
    restarts: int | None = None
    """The number of restarts of the canary's servers, together."""
    stable_restarted: bool | None = None
    """Whether a server of stable restarted since the rollout began."""
    ready: int | None = None
    """The number of the canary's pods that were ready."""
    wanted: int | None = None
    """The number of pods that the canary should have."""
    waited: Real | None = None
    """Seconds that the pods which were not ready had had; left out if nothing waited for them."""
    deadline: Annotated[str, Field(max_length=32)] | None = None
    """The name of the deadline that the pods had."""
    limit: Real | None = None
    """Seconds of that deadline."""
    interval: Real | None = None
    """Seconds between two looks."""
    waits: Annotated[list[Real], Field(max_length=16)] | None = None
    """Seconds that each request waits where nothing is answered, for the first sixteen."""
    waiting: int | None = None
    """The number of requests that wait on the canary."""
    looks: int | None = None
    """The number of looks since the canary answered nothing."""
    stable_answers: Real | None = None
    """The number of stable's answers since the canary answered nothing."""
    stable_seconds: Real | None = None
    """Seconds that stable's requests waited since then, together."""


class ClassResult(StatusWire):
    """Answers of one class, or bucket."""

    name: Annotated[str, Field(max_length=80)]
    """The name of the class, or of the bucket."""
    canary: int = 0
    """The number of the canary's answers of this class."""
    stable: int = 0
    """The number of stable's answers of this class."""


class PredictionsResult(StatusWire):
    """How far the canary's answers were from stable's."""

    divergence: Quantity | None = None
    """Jensen-Shannon divergence in bits, without the bias of few answers."""
    error: Quantity | None = None
    """The standard error of the divergence."""
    max: Quantity | None = None
    """The greatest divergence allowed."""
    classes: Annotated[list[ClassResult], Field(max_length=16)] | None = None
    """The answers of both tracks, class by class."""


class SliceResult(StatusWire):
    """Which part of the traffic was judged."""

    label: Annotated[str, Field(max_length=63)]
    """The label of the series."""
    value: Annotated[str, Field(max_length=63)]
    """The label's value."""


class CheckResult(StatusWire):
    """One check's counts when the decision fell; of a check with a slice, those of one of its values."""

    name: CheckName
    """The check, with its slice, such as errors[country=de]."""
    slice: SliceResult | None = None
    """The slice, where the check has one."""
    verdict: Annotated[str, Field(max_length=32)]
    """The check's verdict."""
    canary_requests: int = 0
    """The number of requests that the canary had answered."""
    canary_bad: int = 0
    """The number of the canary's requests that failed or were too slow."""
    stable_requests: int = 0
    """The number of requests that stable had answered meanwhile."""
    stable_bad: int = 0
    """The number of stable's requests that failed or were too slow."""
    statistic: Quantity | None = None
    """The evidence against the version, as a natural logarithm."""
    bound: Quantity | None = None
    """The evidence that is enough, as a natural logarithm."""
    query: Annotated[str, Field(max_length=63)] | None = None
    """The platform's query that was asked, for signal Prometheus."""
    value: SignedQuantity | None = None
    """The query's last value."""
    min: Quantity | None = None
    """The least value allowed."""
    max: Quantity | None = None
    """The greatest value allowed."""
    predictions: PredictionsResult | None = None
    """What was compared, for signal Predictions."""
    message: Annotated[str, Field(max_length=512)] = ""
    """The verdict and its counts in words."""
    evidence: CheckEvidence | None = None
    """What the verdict was worked out from; kept for the newest decisions."""


DecisionKind = Literal["Started", "Promoted", "RolledBack", "Aborted", "Completed", "Quarantined", "Released"]


class Decision(StatusWire):
    """One decision about this version: who or what, when, on which evidence."""

    id: Annotated[str, Field(max_length=64)]
    """The rollout's id and the decision's place in it, or the request's; a decision is recorded once."""
    deployment: Annotated[str, Field(max_length=253)]
    """The Deployment that it was made for; empty if it is about the version wherever it is."""
    revision: Annotated[str, Field(max_length=253)] = ""
    """The revision that the decision is about."""
    decision: Word
    """What was decided: Started, Promoted, RolledBack, Aborted, Completed, Quarantined or Released."""
    by: Annotated[str, Field(max_length=256)]
    """Who decided: analysis, deadline, hook, spec, or the person."""
    reason: CheckName = ""
    """The reason: one word, or the failed check."""
    message: Annotated[str, Field(max_length=1024)] = ""
    """The reason, as a sentence."""
    policy: Annotated[str, Field(max_length=63)] | None = None
    """The RolloutPolicy that the Deployment named when the rollout began."""
    policy_hash: Annotated[str, Field(max_length=64)] | None = None
    """Hash of the strategy, analysis and deadlines by which it was decided."""
    checks: Annotated[list[CheckResult], Field(max_length=48)] | None = None
    """The checks with their counts."""
    time: Time | None = None
    """When it was decided."""


class ModelVersionStatus(StatusWire):
    """What is known of the version."""

    observed_generation: int | None = None
    """The spec's generation that this is about."""
    digest: Digest | None = None
    """The sha256 of the artifact's tree as it was fetched; set once."""
    image_digest: Digest | None = None
    """The digest of the server's image that loaded the artifact, by which the version is served; set once. Left out
    where the node did not tell it."""
    size: int | None = None
    """The artifact's size in bytes."""
    metrics: QuantityMap | None = None
    """Evaluation metrics, from the artifact's linnet.json or the Model's spec."""
    lineage: Lineage | None = None
    """What the artifact was made of, from its linnet.json or the Model's spec."""
    attempt: int | None = None
    """The number of the validation's attempt."""
    trials: Annotated[list[Trial], Field(max_length=8, json_schema_extra=keyed_by("place"))] | None = None
    """The places in which it was tried, until it has passed in one."""
    validated_at: Time | None = None
    """When the artifact was loaded by its real server."""
    quarantine: (
        Annotated[list[Quarantine], Field(max_length=16, json_schema_extra=keyed_by("deployment", "revision"))] | None
    ) = None
    """Why the version is not rolled out again."""
    decisions: Annotated[list[Decision], Field(max_length=32, json_schema_extra=keyed_by("id"))] | None = None
    """What was decided about the version, newest last."""
    conditions: Conditions = []
    """Ready: the artifact was fetched and loaded, and the server answered. ImagePinned: it is served by that very
    image."""
    requests: AnsweredRequests | None = None
    """The last requests that were obeyed, so that none is obeyed twice; each answer stands in its Request."""


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
    (
        "!has(oldSelf.status) || !has(oldSelf.status.imageDigest) || "
        "(has(self.status) && has(self.status.imageDigest) && self.status.imageDigest == oldSelf.status.imageDigest)",
        "status.imageDigest is set once: it is the image with which the version was validated",
    ),
)
