"""Each request is answered once: which of those that wait is next, and what an object remembers of its answer.

An answer is written after the status of the object that was asked. Who dies in between finds the request's uid in that
status, and gives the same answer again instead of obeying twice.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from linnet.api.kinds.request import RequestStatus
from linnet.api.names import SAFETY, Verb
from linnet.api.parts.conditions import timestamp
from linnet.api.parts.requests import MAX_ANSWERED, AnsweredRequest
from linnet.core.plan import Action, AnswerRequest, Emit, Log
from linnet.core.requests.waiting import Proof, Request, Requests
from linnet.core.resources.objects import Parent
from linnet.foreign.text import printable

ACCEPTED: Final = "Accepted"
REFUSED: Final = "Refused"
EXPIRED: Final = "Expired"
LIFETIME: Final = timedelta(hours=1)
"""A request that waits for longer is not obeyed any more: nobody expects it then."""
_SHOWN: Final = 4
"""Requests whose answer has arrived, and which an object remembers nevertheless."""
_MAX_REFUSALS: Final = 50
"""Requests that are refused at one look without being considered: the rest follow at the next."""


@dataclass(frozen=True)
class Obeyed:
    """What follows from a request that was obeyed: what the object's status remembers, and what is told."""

    remembered: list[AnsweredRequest]
    actions: tuple[Action, ...]


@dataclass(frozen=True)
class Turn:
    """The request to consider at this look, if any. `actions` are answers that need no consideration."""

    request: Request | None
    actions: tuple[Action, ...]
    overtaken: tuple[Request, ...]
    """Older requests that a safety verb overtakes once it is obeyed: they would undo it."""
    remembered: tuple[AnsweredRequest, ...]
    """What the object remembers, of requests whose answer may be lost."""
    now: datetime

    def refused(self, request: Request, message: str) -> tuple[Action, ...]:
        return (*self.actions, *_told(request, REFUSED, message, self.now))

    def accepted(self, request: Request, message: str) -> Obeyed:
        by = f"{request.verb} by {request.user} ({request.name}) came first: ask again if you still want it"
        answered = [(request, ACCEPTED, message), *((r, REFUSED, by) for r in self.overtaken)]
        entries = [_entry(*each, self.now) for each in answered[: MAX_ANSWERED - _SHOWN]]
        told = tuple(action for each in answered for action in _told(*each, self.now))
        return Obeyed([*self.remembered, *entries][-MAX_ANSWERED:], (*self.actions, *told))


def turn(
    requests: Requests, target: Parent, known: Sequence[AnsweredRequest] | None, now: datetime, way_back: str = ""
) -> Turn:
    """Choose the next request of those that wait. `way_back` says how to do without, where none can be believed.

    What goes back comes first, then what stops something; otherwise the first.
    """
    answered = {entry.uid: entry for entry in known or ()}
    fresh = [r for r in requests.waiting if r.uid not in answered and now - r.created <= LIFETIME]
    doubtful = {r.uid: why for r in fresh if (why := _doubt(r, requests, target, way_back)) is not None}
    believed = [r for r in fresh if r.uid not in doubtful and _is_proven(r, requests.proof)]
    remembered = _worth_remembering(known or (), {r.uid for r in requests.waiting})
    chosen = min((r for r in believed if r.verb in SAFETY), key=lambda r: r.verb == "pause", default=None)
    if chosen is None and len(remembered) < MAX_ANSWERED:
        chosen = next(iter(believed), None)
    told = (*_lost(requests.waiting, answered), *_doubted(fresh, doubtful, now))
    return Turn(chosen, told, _overtaken(chosen, believed), remembered, now)


def unknown_verb(verb: Verb, kind: str, known: Iterable[Verb]) -> str:
    return f"a {kind} doesn't know {verb}; it knows {', '.join(sorted(known))}"


def _doubt(request: Request, requests: Requests, target: Parent, way_back: str) -> str | None:
    """Why a request can't be believed, or is about another object of this name; None if nothing is wrong."""
    since = requests.proof.since
    if since is None:
        return f"not obeyed: {requests.proof.problem}{way_back}" if requests.proof.problem else None
    if request.created <= since:
        return f"not obeyed: it is older than the admission policy, which came at {timestamp(since)}: ask again"
    if target.created is not None and request.created < target.created:
        return "it was asked of an object of this name that is gone: ask again"
    return None


def _is_proven(request: Request, proof: Proof) -> bool:
    """Whether a request may be obeyed now. By a proof that lapsed only what goes back or stops is."""
    return proof.since is not None and (request.verb in SAFETY or not proof.lapsed)


def _doubted(fresh: Iterable[Request], doubtful: dict[str, str], now: datetime) -> tuple[Action, ...]:
    refused = [r for r in fresh if r.uid in doubtful][:_MAX_REFUSALS]
    return tuple(action for r in refused for action in _told(r, REFUSED, doubtful[r.uid], now))


def _overtaken(chosen: Request | None, believed: Iterable[Request]) -> tuple[Request, ...]:
    if chosen is None or chosen.verb not in SAFETY:
        return ()
    stronger = SAFETY if chosen.verb == "pause" else SAFETY - {"pause"}
    return tuple(r for r in believed if r.order < chosen.order and r.verb not in stronger)[:_MAX_REFUSALS]


def _worth_remembering(known: Sequence[AnsweredRequest], waiting: set[str]) -> tuple[AnsweredRequest, ...]:
    """All whose answer has not arrived, and of the others the last few: people look at them."""
    arrived = [e.uid for e in known if e.uid not in waiting]
    dropped = set(arrived[: max(0, len(known) - _SHOWN)])
    return tuple(e for e in known if e.uid not in dropped)


def _lost(waiting: Iterable[Request], answered: dict[str, AnsweredRequest]) -> tuple[Action, ...]:
    """Answers to what was answered at an earlier look, whose last write was not made."""
    return tuple(AnswerRequest(r.name, r.uid, _status(answered[r.uid])) for r in waiting if r.uid in answered)


def _status(entry: AnsweredRequest) -> RequestStatus:
    return RequestStatus(outcome=entry.outcome, message=entry.message, time=entry.time)


def _entry(request: Request, outcome: str, message: str, now: datetime) -> AnsweredRequest:
    return AnsweredRequest(
        uid=request.uid,
        name=request.name,
        verb=request.verb,
        user=request.user,
        outcome=outcome,
        message=printable(message, 1024),
        time=timestamp(now),
    )


def _told(request: Request, outcome: str, message: str, now: datetime) -> tuple[Action, ...]:
    """The answer, with its Event and its line in the log."""
    entry = _entry(request, outcome, message, now)
    event = Emit("Normal", f"Request{outcome}", f"{request.verb} by {request.user}: {entry.message}")
    about = {"target": request.target, **({"reason": request.reason} if request.reason else {})}
    return event, Log("request", {**entry.wire(), **about}), AnswerRequest(request.name, request.uid, _status(entry))
