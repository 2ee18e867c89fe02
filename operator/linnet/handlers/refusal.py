"""What the API server refuses becomes the object's Ready condition, in the API server's own words."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from pydantic import TypeAdapter, ValidationError

from linnet.adapters.cluster.errors import ForbiddenError, ForeignObjectError, InvalidError
from linnet.api.parts.conditions import Condition, Reason, condition, merge
from linnet.core.plan import Manifest
from linnet.core.resources.objects import Parent

Refusal = ForeignObjectError | InvalidError | ForbiddenError
_CONDITION = TypeAdapter(Condition)


def refused(parent: Parent, error: Refusal, now: datetime) -> Manifest:
    """The status as it was but for Ready: the plan's actions were not done, so its status does not hold.

    Said again of the same error it is the same, so that an object at rest is not written.
    """
    former = _former(parent.status)
    ready = condition("Ready", holds=False, reason=_reason(error), message=_message(error))
    others = [c for c in former if c.type != "Ready"]
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


def _message(error: Refusal) -> str:
    return str(error)
