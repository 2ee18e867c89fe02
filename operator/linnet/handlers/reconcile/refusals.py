"""What the API server refuses to take stands in a condition of its own, beside what the plan says of the object."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from pydantic import TypeAdapter, ValidationError

from linnet.api.parts.conditions import REFUSED, SUMMARY, Condition, condition, find, merge
from linnet.core.plan import Emit, Manifest, Ref
from linnet.core.resources.objects import Parent
from linnet.handlers.reconcile.attempts import STATUS, Attempts, Failure

_CONDITION: Final = TypeAdapter(Condition)
_BESIDE: Final = ("Record", "SaveEvidence", STATUS[0])
"""What is written for the record alone: that it is refused makes nothing less ready."""
_FOUND: Final = "ModelVersion"
"""A version's Ready is what validation found, and the next look reads it again: a refusal by the cluster is none."""


def with_refusals(given: Manifest, parent: Parent, attempts: Attempts, ref: Ref, now: datetime) -> Manifest:
    """Return the status with what is refused; Ready says it too, where it would say that all is well.

    A process that has not tried anything yet repeats what the one before it has found.
    """
    if ref.kind == "Request":  # it has no conditions
        return given
    former, current = parsed(parent.status.get("conditions")), parsed(given.get("conditions"))
    others = [c for c in current if c.type != REFUSED]
    told = _told(attempts.lasting(ref), given, others, ref.kind) if attempts.known(ref) else _repeated(former, others)
    if not told and len(others) == len(current):
        return given
    said = {c.type for c in told}
    replaced = said | SUMMARY if "Ready" in said else said
    merged = merge(former, told, parent.generation, now)
    return {**given, "conditions": [c.wire() for c in (*merged, *(c for c in others if c.type not in replaced))]}


def _told(failures: Sequence[Failure], given: Manifest, others: Sequence[Condition], kind: str) -> list[Condition]:
    if not failures:
        return []
    first = failures[0]
    message = "; ".join(f.message for f in failures)
    told = [condition(REFUSED, True, first.reason, message)]
    blocking, ready = next((f for f in failures if not f.key[0].startswith(_BESIDE)), None), find(others, "Ready")
    if blocking is None or _goes_on(given, ready):
        return told
    if kind != _FOUND:
        return [*told, condition("Ready", False, blocking.reason, blocking.message)]
    if ready is None or ready.status == "True":
        return told
    return [*told, ready.model_copy(update={"message": blocking.message})]


def _repeated(former: Sequence[Condition], others: Iterable[Condition]) -> list[Condition]:
    known, ready, now = find(former, REFUSED), find(former, "Ready"), find(others, "Ready")
    if known is None:
        return []
    same = ready is not None and ready.reason == known.reason and now is not None and now.status != "False"
    return [known, ready] if same and ready is not None else [known]


def _goes_on(given: Manifest, ready: Condition | None) -> bool:
    """Say whether Ready has something to say that matters more: a rollout is under way, or a person must act."""
    rollout = given.get("rollout")
    under_way = isinstance(rollout, Mapping) and bool(rollout.get("from"))
    return under_way or (ready is not None and ready.status == "False")


def newly_told(former: Mapping[str, Any], status: Mapping[str, Any]) -> tuple[Emit, ...]:
    """Return a Warning where something is refused that was not, or in other words."""
    was, now = refusals(former), refusals(status)
    known = {c.message for c in was}
    return tuple(Emit("Warning", c.reason, c.message) for c in now if c.message not in known)


def refusals(status: Mapping[str, Any]) -> list[Condition]:
    """Return the condition about what is refused, without its times; empty where nothing is."""
    found = [c for c in parsed(status.get("conditions")) if c.type == REFUSED]
    return [c.model_copy(update={"last_transition_time": None, "observed_generation": None}) for c in found]


def parsed(conditions: Any) -> list[Condition]:
    """Return the conditions that can be read."""
    found = []
    for item in conditions if isinstance(conditions, list) else ():
        try:
            found.append(_CONDITION.validate_python(item))
        except ValidationError:
            continue
    return found
