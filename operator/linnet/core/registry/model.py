"""Which version of a Model is current: the one of the last source change, or the last accepted retrain."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from linnet.api.kinds.model import VERSIONS_LISTED, ModelSpec, ModelStatus, VersionSummary
from linnet.api.kinds.model_version import MOST_VERSIONS
from linnet.api.kinds.retrain_policy import RetrainPolicyStatus
from linnet.api.parts.conditions import Reason, condition, merge, timestamp
from linnet.api.parts.runtime import FrozenRuntime
from linnet.api.parts.uri import shown
from linnet.core.observed import ModelObserved
from linnet.core.parse import Invalid, parse_spec, parse_status
from linnet.core.plan import Action, Create, Delete, Emit, Plan
from linnet.core.policy import defaults, unsupported
from linnet.core.registry import versions
from linnet.core.registry.versions import Version
from linnet.core.resources.metadata import Owner
from linnet.core.serving.runtimes import UnknownRuntimeError, freeze

_EXHAUSTED: Final = (
    f"every number up to {MOST_VERSIONS} was given: there is no next version. Make the Model anew, under another name"
)


@dataclass(frozen=True)
class _Choice:
    """The version that is current from now on, and how it came to be so."""

    number: int
    considered: int
    actions: tuple[Action, ...] = ()
    made: VersionSummary | None = None
    """A version that is made now, or was before the operator could write that down."""


def plan(observed: ModelObserved, now: datetime) -> Plan[ModelStatus]:
    """Make the version of the present source if it is new, and follow it; accept retrained versions once ready."""
    former = parse_status(ModelStatus, observed.model.status)
    known = versions.parse(observed.versions)
    spec = parse_spec(ModelSpec, observed.model.spec)
    if isinstance(spec, Invalid):
        return _stopped(observed, former, known, Reason.INVALID_SPEC, spec.message, now)
    if message := next(unsupported.in_model(spec), None):
        return _stopped(observed, former, known, Reason.NOT_YET_SUPPORTED, message, now)
    try:
        frozen = freeze(observed.model.name, spec, observed.platform.catalogue)
    except UnknownRuntimeError as error:
        return _stopped(observed, former, known, Reason.UNKNOWN_RUNTIME, str(error), now)
    return _follow(observed, spec, frozen, former, known, now)


def _follow(
    observed: ModelObserved,
    spec: ModelSpec,
    frozen: FrozenRuntime,
    former: ModelStatus,
    known: Sequence[Version],
    now: datetime,
) -> Plan[ModelStatus]:
    choice = _choose(observed, spec, frozen, former, known)
    if choice is None:
        return _stopped(observed, former, known, Reason.NUMBERS_EXHAUSTED, _EXHAUSTED, now)
    highest = max(versions.highest(former, known), choice.number)
    changed = choice.number != former.current
    status = former.model_copy(
        update={
            "current": choice.number,
            "highest": highest,
            "considered": choice.considered,
            "observed_source": versions.identity(spec),
            "last_change": timestamp(now) if changed else former.last_change,
        }
    )
    if choice.made is not None:
        status = status.model_copy(update={"versions": [choice.made, *(former.versions or ())]})
    collected = _collect(observed, spec, status, known)
    return _summed_up(observed, status, known, now, (*choice.actions, *collected))


def _choose(
    observed: ModelObserved, spec: ModelSpec, frozen: FrozenRuntime, former: ModelStatus, known: Sequence[Version]
) -> _Choice | None:
    """The version that is to be current; None if it had to be made, and there is no number left."""
    top = versions.highest(former, known)
    stands = any(v.number == former.current and versions.is_still(v, former) for v in known)
    unchanged = former.observed_source == versions.identity(spec) and stands
    if unchanged and former.current is not None:
        considered = former.considered or 0
        runs = [parse_status(RetrainPolicyStatus, p.status) for p in observed.policies]
        trained = (v for v in known if versions.is_retrained(v, observed.model.uid, runs))
        ready = [v for v in trained if v.ready and v.number > considered]
        if ready:
            message = f"Version {ready[-1].number} of {ready[-1].spec.origin.policy} is current now"
            return _Choice(ready[-1].number, ready[-1].number, (Emit("Normal", "RetrainAccepted", message),))
        return _Choice(former.current, considered)
    same = versions.same_input(observed.model, former, spec, frozen, known)
    if same is not None:
        again = versions.version_spec(observed.model.name, same.number, spec, frozen)
        known_again = VersionSummary(version=same.number, made=versions.made(again)) if same.spec == again else None
        return _Choice(same.number, top, made=known_again)
    number = versions.next_number(former, known, observed.serving)
    if number is None:
        return None
    version = versions.version_spec(observed.model.name, number, spec, frozen)
    message = f"Version {number} is {shown(spec.source.uri or '')}"
    actions = (Create(versions.wrap(_owner(observed), version)), Emit("Normal", "VersionCreated", message))
    return _Choice(number, number, actions, VersionSummary(version=number, made=versions.made(version)))


def _owner(observed: ModelObserved) -> Owner:
    model = observed.model
    return Owner("Model", model.name, model.namespace, model.uid)


def _collect(
    observed: ModelObserved, spec: ModelSpec, status: ModelStatus, known: Sequence[Version]
) -> tuple[Action, ...]:
    """The oldest versions beyond keepVersions; never one that serves, is quarantined, or was imported."""
    keep = spec.keep_versions or defaults.KEEP_VERSIONS
    surplus = len(known) - keep
    free = [v for v in known if not _is_kept(v, observed, status)]
    return tuple(Delete("linnet.dev/v1alpha1", "ModelVersion", v.name, v.uid) for v in free[: max(0, surplus)])


def _is_kept(version: Version, observed: ModelObserved, status: ModelStatus) -> bool:
    return (
        version.deleting
        or version.number == status.current
        or version.number in observed.serving
        or version.number > (status.considered or 0)
        or bool(version.status.quarantine)
        or version.spec.origin.type == "Import"
    )


def _summed_up(
    observed: ModelObserved,
    status: ModelStatus,
    known: Sequence[Version],
    now: datetime,
    actions: tuple[Action, ...],
) -> Plan[ModelStatus]:
    current = next((v for v in known if v.number == status.current), None)
    holds, reason, message = _readiness(current, status.current)
    status = status.model_copy(update={"current_digest": current.digest if current else None})
    return _written(observed, status, known, (holds, reason, message), now, actions)


def _readiness(current: Version | None, number: int | None) -> tuple[bool | None, Reason, str]:
    """What the current version says of itself."""
    said = current.condition if current is not None else None
    if said is None:
        return None, Reason.VALIDATING, f"version {number} was just made"
    reason = Reason(said.reason) if said.reason in set(Reason) else Reason.VALIDATING
    holds = {"True": True, "False": False}.get(said.status)
    return holds, reason, f"version {number}: {said.message}"


def _stopped(
    observed: ModelObserved,
    former: ModelStatus,
    known: Sequence[Version],
    reason: Reason,
    message: str,
    now: datetime,
) -> Plan[ModelStatus]:
    """Nothing changes but what is said: the current version stays current."""
    return _written(observed, former, known, (False, reason, message), now, ())


def _written(
    observed: ModelObserved,
    status: ModelStatus,
    known: Sequence[Version],
    said: tuple[bool | None, Reason, str],
    now: datetime,
    actions: tuple[Action, ...],
) -> Plan[ModelStatus]:
    holds, reason, message = said
    ready = condition("Ready", holds, reason, message)
    generation = observed.model.generation
    return Plan(
        status.model_copy(
            update={
                "observed_generation": generation,
                "conditions": merge(status.conditions, [ready], generation, now),
                "versions": _listed(status, known) or None,
            }
        ),
        actions,
    )


def _listed(status: ModelStatus, known: Sequence[Version]) -> list[VersionSummary]:
    """The newest, and the current one however many there are after it: imports are never collected.

    One that is made now, and was not seen yet, is among them.
    """
    seen = {v.number for v in known}
    unseen = [v for v in status.versions or () if v.version not in seen and v.version == status.current]
    newest = [v for v in reversed(known) if v.number != status.current][: VERSIONS_LISTED - 1]
    among = {v.number for v in newest} | {status.current}
    return [*unseen, *(_summary(v, status) for v in reversed(known) if v.number in among)]


def _summary(version: Version, status: ModelStatus) -> VersionSummary:
    said = version.condition
    return VersionSummary(
        made=versions.made(version.spec) if version.is_made_by(status) else None,
        version=version.number,
        digest=version.digest,
        ready=version.ready,
        reason=said.reason[:64] if said else "",
    )
