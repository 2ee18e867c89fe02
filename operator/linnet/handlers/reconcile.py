"""One reconcile, whole: observe, plan, act, write the status, remember. It is the same for every kind and trigger."""

from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from pydantic import TypeAdapter, ValidationError

from linnet.adapters.cluster.errors import ForbiddenError, ForeignObjectError, InvalidError
from linnet.api.parts.conditions import SUMMARY, Condition, Reason, condition, merge
from linnet.core.plan import Action, AnswerRequest, Manifest, Plan, Ref, SaveEvidence
from linnet.core.resources.objects import Parent
from linnet.handlers.kinds import Kind

Refusal = ForeignObjectError | InvalidError | ForbiddenError
_CONDITION = TypeAdapter(Condition)
_AFTERWARDS = (AnswerRequest, SaveEvidence)
"""Actions that follow the status, in this order: it remembers what was answered, and has the evidence's hash."""


@dataclass(frozen=True)
class Deps:
    """A reconcile touches these, and its plan."""

    kinds: Mapping[str, Kind]
    parent: Callable[[Ref], Parent | None]
    perform: Callable[[Ref, Parent, Action], Awaitable[None]]
    write_status: Callable[[Ref, Parent, Manifest], Awaitable[None]]
    remember: Callable[[Ref, Parent, Plan[Any]], None]
    forget: Callable[[Ref], None]
    now: Callable[[], datetime]


async def reconcile(ref: Ref, deps: Deps) -> timedelta | None:
    """Return when to look again at the latest; None if only a change makes it necessary.

    Errors of `cluster.errors` pass through. What the API server refuses for good is written into Ready first.
    """
    parent = deps.parent(ref)
    if parent is None or parent.deleting:
        deps.forget(ref)
        return None
    kind = deps.kinds[ref.kind]
    plan = kind.plan(await kind.observe(parent), deps.now())
    try:
        await _perform(deps, ref, parent, [a for a in plan.actions if not isinstance(a, _AFTERWARDS)])
    except (ForeignObjectError, InvalidError, ForbiddenError) as error:
        if "conditions" in kind.status.model_fields:
            await deps.write_status(ref, parent, refused(parent, error, deps.now()))
        raise
    if plan.status is not None:
        await deps.write_status(ref, parent, plan.status.wire())
    for each in _AFTERWARDS:
        await _perform(deps, ref, parent, [a for a in plan.actions if isinstance(a, each)])
    deps.remember(ref, parent, plan)
    return plan.requeue_after


async def _perform(deps: Deps, ref: Ref, parent: Parent, actions: Iterable[Action]) -> None:
    for action in actions:
        await deps.perform(ref, parent, action)


def refused(parent: Parent, error: Refusal, now: datetime) -> Manifest:
    """Return the status as it was, but for Ready, which says in the API server's own words what it refused.

    The plan's actions were not done, so its status does not hold. The same error said again gives the same status, so
    that an object at rest is not written.
    """
    former = _former(parent.status)
    ready = condition("Ready", holds=False, reason=_reason(error), message=str(error))
    others = [c for c in former if c.type not in SUMMARY]
    ready_now = merge(former, [ready], parent.generation, now)
    conditions = [c.wire() for c in (*ready_now, *others)]
    return {**parent.status, "observedGeneration": parent.generation, "conditions": conditions}


def _former(status: Mapping[str, Any]) -> list[Condition]:
    found = []
    for item in status.get("conditions") or ():
        try:
            found.append(_CONDITION.validate_python(item))
        except ValidationError:
            continue
    return found


def _reason(error: Refusal) -> Reason:
    if isinstance(error, ForeignObjectError):
        return Reason.FOREIGN_OBJECT
    return Reason.FORBIDDEN if isinstance(error, ForbiddenError) else Reason.INVALID_SPEC
