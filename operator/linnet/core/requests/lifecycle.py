"""What becomes of a Request itself: nobody's answer comes for a lost one, and an answered one is told and put away."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from linnet.api.kinds.request import RequestSpec, RequestStatus
from linnet.api.labels import ANSWERED
from linnet.api.names import API_VERSION
from linnet.api.parts.conditions import past_or_none, timestamp
from linnet.core.parse import Invalid, parse_spec, parse_status
from linnet.core.plan import Patch, Plan
from linnet.core.requests.answers import EXPIRED, LIFETIME, REFUSED
from linnet.core.requests.waiting import is_answered
from linnet.core.resources.objects import Parent
from linnet.foreign.text import printable

MISSING_AFTER: Final = timedelta(seconds=5)
"""Watches of different kinds run apart: that a target is missing is believed only after so long."""
_TELL_AGAIN: Final = timedelta(seconds=2)
_TELL_LATER: Final = timedelta(minutes=1)


@dataclass(frozen=True)
class RequestObserved:
    """A Request, and whether its target is there. `told`: whoever has to hear of the answer has heard."""

    request: Parent
    target: Parent | None
    told: bool = True


def plan(observed: RequestObserved, now: datetime) -> Plan[RequestStatus]:
    """Let a Request expire, or miss its target, or be put away; its target's own plan is what answers it."""
    request, status = observed.request, parse_status(RequestStatus, observed.request.status)
    if is_answered(request.status):
        return _put_away(observed, status, now)
    spec = parse_spec(RequestSpec, request.spec)
    if isinstance(spec, Invalid):
        return _answered(REFUSED, spec.message, now)
    age = now - (request.created or now)
    if age > LIFETIME:
        return _answered(EXPIRED, "nobody obeyed it within an hour: ask again if you still want it", now)
    if observed.target is not None and not observed.target.deleting:
        return Plan(None, (), LIFETIME - age + timedelta(seconds=1))
    if age < MISSING_AFTER:
        return Plan(None, (), MISSING_AFTER - age)
    return _answered(REFUSED, f"there is no {spec.target.kind} {spec.target.name} in this namespace", now)


def _put_away(observed: RequestObserved, status: RequestStatus, now: datetime) -> Plan[RequestStatus]:
    """The label ends the watch of it. It stays for the audit, and is collected only with the label."""
    if not observed.told:
        answered = past_or_none(status.time, now)
        recent = answered is not None and now - answered < _TELL_LATER
        return Plan(None, (), _TELL_AGAIN if recent else _TELL_LATER)
    request = observed.request
    labels = {"metadata": {"labels": {ANSWERED: "true"}}}
    return Plan(None, (Patch(API_VERSION, "Request", request.name, request.uid, labels),))


def _answered(outcome: str, message: str, now: datetime) -> Plan[RequestStatus]:
    return Plan(RequestStatus(outcome=outcome, message=printable(message, 1024), time=timestamp(now)), (), timedelta(0))
