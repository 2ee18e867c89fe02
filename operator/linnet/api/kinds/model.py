"""`Model`: a trained model that somebody wants served, and where its artifact lies."""

from typing import Annotated, Final, Literal

from pydantic import AfterValidator, Field, ValidationInfo, field_validator

from linnet.api.parts import uri
from linnet.api.parts.base import (
    AS_SET,
    Digest,
    Duration,
    Name,
    Quantity,
    QuantityMap,
    StatusWire,
    StringMap,
    Text,
    Time,
    Token,
    Wire,
    keyed_by,
    rules,
)
from linnet.api.parts.conditions import Conditions
from linnet.api.parts.runtime import Runtime

Uri = Annotated[
    str,
    Field(
        min_length=6,
        max_length=1024,
        json_schema_extra={"pattern": uri.PATTERN, **rules(*((rule.cel, rule.advice) for rule in uri.RULES))},
    ),
    AfterValidator(uri.check),
]

Glob = Annotated[
    str,
    Field(
        min_length=1,
        max_length=253,
        pattern=uri.GLOB,
        json_schema_extra=rules((f"self.matches(r'{uri.GLOB}')", uri.GLOB_ADVICE)),
    ),
]


_HUGGING_FACE: Final = f"{uri.Scheme.HF}://"
_NO_FORMAT: Final = "name the artifact's format, such as {name: sklearn}: only mlflow and hf:// say it themselves"


class Format(Wire):
    """The kind of the artifact; it chooses the runtime where none is named."""

    name: Name
    """The format's name, such as sklearn, xgboost, lightgbm, mlflow, or custom."""
    version: Annotated[str, Field(max_length=32)] | None = None
    """The format's version, such as "1"; any if left out."""


class Credentials(Wire):
    """How the fetcher proves itself to the store: exactly one of secretName, serviceAccountName."""

    model_config = {
        "json_schema_extra": rules(
            (
                "has(self.secretName) != has(self.serviceAccountName)",
                "exactly one of secretName, serviceAccountName",
            )
        )
    }

    secret_name: Name | None = None
    """A Secret with the keys of the store and allowedPrefix: other URIs are refused; left out where serviceAccountName
    is written."""
    service_account_name: Name | None = None
    """A ServiceAccount for workload identity; it must carry the label linnet.dev/allow-pods: "true"; left out where
    secretName is written."""


class MlflowSource(Wire):
    """A registered model of an MLflow server that the platform named."""

    server: Name
    """The platform's name for the server."""
    name: Token
    """The registered model."""
    alias: Token
    """The alias to follow, such as champion."""
    poll_interval: Duration | None = None
    """How often the alias is read; 1m if left out."""


class Artifact(Wire):
    """Where the artifact lies."""

    model_config = {"json_schema_extra": rules(("has(self.uri)", "a version has the uri of its artifact"))}

    uri: Uri | None = None
    """The artifact's address: s3://bucket/path, https://…, pvc://claim/path. A new uri or digest is a new version. Left
    out only where `mlflow` says where it lies."""
    digest: Digest | None = None
    """The sha256 of the artifact's tree, as `linnet digest` prints it; what is fetched must match; if left out, what is
    fetched the first time counts, where the platform requires none."""
    include: Annotated[list[Glob], Field(max_length=16, json_schema_extra=AS_SET)] | None = None
    """Patterns such as "*.joblib": only files that match one of them are fetched; all if left out."""
    credentials: Credentials | None = None
    """How the fetcher proves itself to the store; it is anonymous if left out."""


class Source(Artifact):
    """Where the artifact lies: exactly one of uri, mlflow."""

    model_config = {"json_schema_extra": rules(("has(self.uri) != has(self.mlflow)", "exactly one of uri, mlflow"))}

    mlflow: MlflowSource | None = None
    """A registered model instead of a uri; left out where uri is written."""

    @property
    def says_format(self) -> bool:
        """Whether it says by itself what lies there."""
        return self.mlflow is not None or (self.uri or "").startswith(_HUGGING_FACE)


class Lineage(Wire):
    """What the artifact was made of."""

    code: Text | None = None
    """The training code, such as git@<commit>; unknown if left out."""
    data: Text | None = None
    """The training data, such as s3://…@sha256:…; unknown if left out."""
    parameters: StringMap | None = None
    """Hyperparameters; unknown if left out."""
    image: Text | None = None
    """The training image; unknown if left out."""
    trained_by: Text | None = None
    """Who or what trained it; unknown if left out."""


class Card(Wire):
    """What a reader should know of the model."""

    owner: Text | None = None
    """The team that answers for the model; nobody is named if left out."""
    intended_use: Text | None = None
    """What the model is for; nothing is said if left out."""
    limitations: Text | None = None
    """What the model is not for; nothing is said if left out."""


class Regression(Wire):
    """How much worse than the serving version is still accepted; both must hold if both are given."""

    model_config = {
        "json_schema_extra": rules(
            ("has(self.absolute) || has(self.relative)", "maxRegression needs absolute, relative, or both")
        )
    }

    absolute: Quantity | None = None
    """The regression that is accepted, in the metric's own unit; no such bound if left out."""
    relative: Quantity | None = None
    """The regression that is accepted, as a share of the serving version's value; no such bound if left out."""


class MetricGate(Wire):
    """A threshold on one of the artifact's metrics."""

    model_config = {
        "json_schema_extra": rules(
            (
                "has(self.min) || has(self.max) || has(self.maxRegression)",
                "a gate's metric needs a bound: min, max or maxRegression",
            )
        )
    }

    name: Token
    """The metric's name as linnet.json has it, such as auc, or auc[country=de] for a slice of the data."""
    direction: Literal["Higher", "Lower"]
    """Which way is better."""
    min: Quantity | None = None
    """The least value that passes; no such bound if left out."""
    max: Quantity | None = None
    """The greatest value that passes; no such bound if left out."""
    max_regression: Regression | None = None
    """How much worse than the version that serves now it may be; no such bound if left out."""


class Contract(Wire):
    """Requests and expected answers that the real server must give before it gets traffic."""

    config_map_name: Name
    """A ConfigMap; each key *.json holds {request, response}."""


class Approval(Wire):
    """People who must agree before a version is rolled out."""

    count: Annotated[int, Field(ge=1, le=10)] = 1
    """How many people must agree; 1 if left out."""
    expire_after: Duration | None = None
    """How long an approval may be waited for; without end if left out."""


class Gate(Wire):
    """What a version must pass before it may be rolled out."""

    metrics: Annotated[list[MetricGate], Field(max_length=32, json_schema_extra=keyed_by("name"))] | None = None
    """Thresholds on the version's metrics; none if left out."""
    contract: Contract | None = None
    """Requests and expected answers that are replayed against the real server; none if left out."""
    approval: Approval | None = None
    """People who must agree before the version is rolled out; nobody is asked if left out."""


class ModelSpec(Wire):
    """The artifact and how it is served."""

    model_config = {
        "json_schema_extra": rules(
            (
                "has(self.format) || has(self.source.mlflow) || "
                f"(has(self.source.uri) && self.source.uri.startsWith('{_HUGGING_FACE}'))",
                _NO_FORMAT,
                ".format",
            )
        )
    }

    source: Source
    """Where the artifact lies."""
    format: Annotated[Format | None, Field(validate_default=True)] = None
    """The kind of the artifact; if left out it is what the source says, which mlflow and hf:// do, and others must name
    it."""
    runtime: Runtime | None = None
    """The model server; chosen by the format if left out."""
    metrics: QuantityMap | None = None
    """Evaluation metrics, for artifacts that carry no linnet.json; none if left out."""
    lineage: Lineage | None = None
    """What the artifact was made of, for artifacts that carry no linnet.json; unknown if left out."""
    card: Card | None = None
    """What a reader should know of the model; nothing is said if left out."""
    gate: Gate | None = None
    """What a version must pass before it may be rolled out; if left out it only has to load."""
    keep_versions: Annotated[int, Field(ge=1, le=100)] | None = None
    """How many versions are kept; 10 if left out. Serving and quarantined ones always are."""

    @property
    def loaded_as(self) -> Format:
        """The format as it is written, or as the source says it."""
        return self.format or Format(name="mlflow" if self.source.mlflow is not None else "huggingface")

    @field_validator("format")
    @classmethod
    def _somebody_says_the_format(cls, given: Format | None, others: ValidationInfo) -> Format | None:
        source = others.data.get("source")
        if given is None and isinstance(source, Source) and not source.says_format:
            raise ValueError(_NO_FORMAT)
        return given


VERSIONS_LISTED: Final = 100


class VersionSummary(StatusWire):
    """One version in a line."""

    version: int
    """The version's number."""
    digest: Digest | None = None
    """The digest of the version's artifact."""
    ready: bool = False
    """Whether the version was validated."""
    reason: Annotated[str, Field(max_length=64)] = ""
    """The reason of the version's condition Ready."""
    made: Annotated[str, Field(max_length=64)] | None = None
    """A hash of what Linnet made; left out for a version that somebody else made."""


class ModelStatus(StatusWire):
    """What became of the Model."""

    observed_generation: int | None = None
    """The spec's generation that this is about."""
    current: int | None = None
    """The version of the last source change or accepted retrain; Deployments follow it."""
    current_digest: Digest | None = None
    """The digest of the current version's artifact."""
    highest: int | None = None
    """The highest number that was ever given; the next version is one more."""
    considered: int | None = None
    """Retrained versions up to this number were accepted or passed over."""
    observed_source: Annotated[str, Field(max_length=80)] | None = None
    """A hash of the source and runtime that current was last set by."""
    versions: (
        Annotated[list[VersionSummary], Field(max_length=VERSIONS_LISTED, json_schema_extra=keyed_by("version"))] | None
    ) = None
    """The versions that are kept, newest first: the newest hundred, and always the current one."""
    conditions: Conditions = []
    """Ready: the current version was validated."""
    last_change: Time | None = None
    """When current last changed."""
