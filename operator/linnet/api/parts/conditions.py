"""Conditions as `metav1.Condition` has them, and the one way to change a list of them."""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Annotated, Final, Literal

from pydantic import Field

from linnet.api.parts.base import StatusWire, Time, keyed_by
from linnet.foreign.text import printable

MESSAGE: Final = 2048
"""The most characters of a condition's sentence."""


class Reason(StrEnum):
    """Every reason that a condition of ours can carry. `docs/reference/conditions.md` lists what to do about each."""

    AS_DESIRED = "AsDesired"
    INVALID_SPEC = "InvalidSpec"
    NOT_YET_SUPPORTED = "NotYetSupported"
    UNSUPPORTED_SIGNAL = "UnsupportedSignal"
    UNKNOWN_RUNTIME = "UnknownRuntime"
    POLICY_NOT_FOUND = "PolicyNotFound"
    MODEL_NOT_FOUND = "ModelNotFound"
    VERSION_NOT_FOUND = "VersionNotFound"
    VERSION_NOT_READY = "VersionNotReady"
    VERSION_FAILED = "VersionFailed"
    QUARANTINED = "Quarantined"
    VALIDATING = "Validating"
    VALIDATED = "Validated"
    FETCH_FAILED = "FetchFailed"
    LOAD_FAILED = "LoadFailed"
    CONTRACT_FAILED = "ContractFailed"
    DIGEST_MISMATCH = "DigestMismatch"
    NOT_FOUND = "NotFound"
    FORBIDDEN = "Forbidden"
    STARTING = "Starting"
    PROGRESSING = "Progressing"
    PAUSED = "Paused"
    INSUFFICIENT_DATA = "InsufficientData"
    INCONCLUSIVE = "Inconclusive"
    METRICS_ERROR = "MetricsError"
    PROMOTING = "Promoting"
    BAKING = "Baking"
    ROLLING_BACK = "RollingBack"
    UNKNOWN_PHASE = "UnknownPhase"
    ABORTED = "Aborted"
    REJECTED = "Rejected"
    WAITING_FOR_HOOK = "WaitingForHook"
    HOOK_DEADLINE_EXCEEDED = "HookDeadlineExceeded"
    READY_DEADLINE_EXCEEDED = "ReadyDeadlineExceeded"
    AVAILABLE = "Available"
    NO_PODS_READY = "NoPodsReady"
    GATEWAY_API_MISSING = "GatewayAPIMissing"
    SESSIONS_NOT_KEPT = "SessionsNotKept"
    ROUTE_NOT_ACCEPTED = "RouteNotAccepted"
    FOREIGN_OBJECT = "ForeignObject"
    NOT_WRITTEN = "NotWritten"
    HANGS = "HangsInDeletion"
    SCHEDULED = "Scheduled"
    RUNNING = "Running"
    SUSPENDED = "Suspended"
    TRAINING_FAILED = "TrainingFailed"
    CLAIM_REFUSED = "ClaimRefused"
    SERVICE_ACCOUNT_NOT_ALLOWED = "ServiceAccountNotAllowed"
    DIGEST_REQUIRED = "DigestRequired"
    NUMBERS_EXHAUSTED = "NumbersExhausted"
    POLICY_MISSING = "AdmissionPolicyMissing"
    IMAGE_PINNED = "ImagePinned"
    IMAGE_NOT_PINNED = "ImageNotPinned"


_TYPE: Final = (
    r"^([a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*/)?(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])$"
)
_REASON: Final = r"^[A-Za-z]([A-Za-z0-9_,:]*[A-Za-z0-9_])?$"
ConditionType = Annotated[str, Field(max_length=316, pattern=_TYPE)]
ReasonWord = Annotated[str, Field(min_length=1, max_length=1024, pattern=_REASON)]
"""Both as `metav1.Condition` has them."""


class Condition(StatusWire):
    """One observation of the object's state."""

    # `merge` gives each its time, and nothing else writes them.
    model_config = {"json_schema_extra": {"required": ["type", "status", "reason", "message", "lastTransitionTime"]}}

    type: ConditionType
    """What is observed, such as Ready."""
    status: Literal["True", "False", "Unknown"]
    """Whether what is observed holds."""
    reason: ReasonWord
    """One CamelCase word for programs."""
    message: Annotated[str, Field(max_length=32768)] = ""
    """A sentence for people, with the way out."""
    observed_generation: Annotated[int, Field(ge=0)] | None = None
    """The spec's generation that this was said of."""
    last_transition_time: Time | None = None
    """When the status last changed."""


RECONCILING: Final = "Reconciling"
STALLED: Final = "Stalled"
REFUSED: Final = "Refused"
"""The condition is there only while the cluster refuses something, and is True then."""
SUMMARY: Final = frozenset({"Ready", RECONCILING, STALLED})
"""What `merge` says of the whole object."""
_PASSING: Final = frozenset({Reason.STARTING, Reason.ROLLING_BACK})
"""Reasons of a Ready that is False and passes by itself."""

Conditions = Annotated[
    list[Condition],
    Field(
        max_length=16,
        json_schema_extra=keyed_by("type"),
    ),
]


def timestamp(now: datetime) -> str:
    """Writes `now` as the API server writes times."""
    return now.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


SKEW: Final = timedelta(minutes=1)
"""Clocks of machines that work together differ by less; what lies further ahead was never written at its time."""


def time_or_none(text: object) -> datetime | None:
    """The time in UTC; None for what is no time with a zone: somebody may have written it by hand."""
    try:
        found = datetime.fromisoformat(text) if isinstance(text, str) and text else None
        return found.astimezone(UTC) if found is not None and found.tzinfo is not None else None
    except (ValueError, OverflowError):
        return None


def past_or_none(text: object, now: datetime) -> datetime | None:
    """The time, and never later than now; None for what is no time, or lies ahead by more than clocks differ."""
    found = time_or_none(text)
    return None if found is None or found > now + SKEW else min(found, now)


def condition(type_: str, holds: bool | None, reason: Reason, message: str) -> Condition:
    """A condition without its times; `merge` adds them."""
    status: Literal["True", "False", "Unknown"] = "Unknown" if holds is None else "True" if holds else "False"
    return Condition(type=type_, status=status, reason=reason, message=printable(message, MESSAGE))


def merge(
    former: Sequence[Condition], current: Iterable[Condition], generation: int | None, now: datetime
) -> list[Condition]:
    """Adds times to `current`: a transition time changes only where the status does, so that rest writes nothing."""
    known, said = {c.type: c for c in former}, list(current)
    return [_dated(c, known.get(c.type), generation, now) for c in (*said, *_for_kstatus(said))]


def _for_kstatus(said: Sequence[Condition]) -> tuple[Condition, ...]:
    """Reconciling or Stalled, which are there only while they hold: what kstatus reads beside Ready (Flux, kpt, Helm).

    Ready alone would be "in progress" to them for ever where a person has to act.
    """
    ready = find(said, "Ready")
    if ready is None or ready.status == "True":
        return ()
    others_serve = ready.reason == Reason.NO_PODS_READY and is_true(said, "Available")
    passing = ready.status == "Unknown" or ready.reason in _PASSING or others_serve
    return (ready.model_copy(update={"type": RECONCILING if passing else STALLED, "status": "True"}),)


def _dated(new: Condition, old: Condition | None, generation: int | None, now: datetime) -> Condition:
    unchanged = old is not None and old.status == new.status and old.last_transition_time is not None
    time = old.last_transition_time if old is not None and unchanged else timestamp(now)
    return new.model_copy(update={"last_transition_time": time, "observed_generation": generation})


def find(conditions: Iterable[Condition], type_: str) -> Condition | None:
    """The condition of that type; None if there is none."""
    return next((c for c in conditions if c.type == type_), None)


def is_true(conditions: Iterable[Condition], type_: str) -> bool:
    found = find(conditions, type_)
    return found is not None and found.status == "True"
