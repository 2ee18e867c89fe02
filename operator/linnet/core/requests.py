"""The answer to a person's request: given once, kept in `status.lastRequest`."""

from collections.abc import Iterable
from datetime import datetime
from typing import Literal

from linnet.api.names import Verb
from linnet.api.parts.conditions import timestamp
from linnet.api.parts.requests import LastRequest, Request
from linnet.core.plan import Action, Emit, Log
from linnet.foreign.text import printable

UNPROVEN = (
    "not obeyed: no admission policy proves who asked. Install it with the chart's admission.enabled=true, "
    "then ask again with a new id"
)


def accepted(request: Request, message: str, now: datetime) -> LastRequest:
    return _answer(request, "Accepted", message, now)


def refused(request: Request, message: str, now: datetime) -> LastRequest:
    return _answer(request, "Refused", message, now)


def unknown_verb(request: Request, kind: str, known: Iterable[Verb], now: datetime) -> LastRequest:
    verbs = ", ".join(sorted(known)) or "no requests"
    return refused(request, f"a {kind} doesn't know {request.verb}; it knows {verbs}", now)


def announcements(answer: LastRequest) -> tuple[Action, ...]:
    """The Event and the log line of an answer, whatever kind was asked."""
    event = Emit("Normal", f"Request{answer.outcome}", f"{answer.verb} by {answer.user}: {answer.message}")
    return event, Log("request", answer.wire())


def _answer(request: Request, outcome: Literal["Accepted", "Refused"], message: str, now: datetime) -> LastRequest:
    return LastRequest(
        id=request.id,
        verb=request.verb,
        target=printable(request.target, 128),
        user=request.user,
        outcome=outcome,
        message=printable(message, 1024),
        time=timestamp(now),
    )
