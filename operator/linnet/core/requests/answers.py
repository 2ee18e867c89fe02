"""Each request is answered once: which of those that wait are considered, and what an object remembers of its answers.

An answer is written after the status of the object that was asked. Who dies in between finds the request in that
status, and gives the same answer again instead of obeying twice. The status is bounded, and what waits is not: so an
entry answers all that asked the same by then, and what was forgotten is not obeyed.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Final

from linnet.api.kinds.request import RequestStatus
from linnet.api.names import SAFETY, Verb
from linnet.api.parts.conditions import past_or_none, time_or_none, timestamp
from linnet.api.parts.requests import MAX_ANSWERED, MEMORY, AnsweredRequest
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


@dataclass(frozen=True)
class Obeyed:
    """What follows from a request that was obeyed: what the object's status remembers, and what is told."""

    remembered: list[AnsweredRequest]
    actions: tuple[Action, ...]


@dataclass(frozen=True)
class Turn:
    """The requests to consider at this look, in order, until one is obeyed. `actions` are the answers by now."""

    candidates: tuple[Request, ...]
    actions: tuple[Action, ...]
    requests: Requests
    remembered: tuple[AnsweredRequest, ...]
    """What the object remembers, of requests whose answer may be lost."""
    now: datetime

    def refused(self, request: Request, message: str) -> "Turn":
        """Go on without it. The first refusal of a look has an Event; a thousand would keep others' from being told."""
        answered = _told(_entry(request, REFUSED, message, self.now), request)
        first = not any(isinstance(a, Emit) for a in self.actions)
        return replace(self, actions=(*self.actions, *(answered if first else answered[1:])))

    def accepted(self, request: Request, message: str) -> Obeyed:
        """Answer what asks the same in the same way, and refuse what it overtakes: that would undo it."""
        made = _entry(request, ACCEPTED, message, self.now, self.requests.until(request))
        same = [_like(made, r) for r in self._others(request) if _is_covered(r, made, self.now)]
        overtaken = [r for r in self._others(request) if r.order < request.order and _gives_way(r, request.verb)]
        undone = [(_entry(r, REFUSED, _came_first(made), self.now), r) for r in overtaken]
        kept = _bounded((*self.remembered, made, *(entry for entry, _ in undone[: MAX_ANSWERED - _SHOWN - 1])))
        others = [action for told in (*same, *undone) for action in _told(*told)[1:]]
        return Obeyed(kept, (*self.actions, *_told(made, request), *others))

    def _others(self, request: Request) -> Iterable[Request]:
        return (r for r in self.candidates if r is not request)


def turn(
    requests: Requests, target: Parent, known: Sequence[AnsweredRequest] | None, now: datetime, way_back: str = ""
) -> Turn:
    """Choose what is considered of those that wait. `way_back` says how to do without, where none can be believed.

    What goes back comes first, then what stops something, then the others; of each the oldest first.
    """
    memory, told, fresh = tuple(known or ()), list[Action](), list[Request]()
    for request in requests.waiting:
        found = _answer(request, requests, target, memory, now, way_back)
        if found is not None:
            told.extend(found)
        elif now - request.created <= LIFETIME and _is_proven(request, requests.proof):
            fresh.append(request)
    order = sorted(fresh, key=lambda r: (r.verb not in SAFETY, r.verb == Verb.PAUSE))
    return Turn(tuple(order), tuple(told), requests, _worth_remembering(memory, requests), now)


def unknown_verb(verb: Verb, kind: str, known: Iterable[Verb]) -> str:
    return f"a {kind} doesn't know {verb}; it knows {', '.join(sorted(known))}"


def _answer(
    request: Request,
    requests: Requests,
    target: Parent,
    memory: Sequence[AnsweredRequest],
    now: datetime,
    way_back: str,
) -> tuple[Action, ...] | None:
    """The answer to what needs no consideration; None to what does, or expires, or can't be judged yet."""
    lost = next((e for e in memory if e.uid == request.uid), None)
    if lost is not None:
        return (AnswerRequest(request.name, request.uid, _status(lost)),)
    if now - request.created > LIFETIME:
        return None
    if (why := _doubt(request, requests, target, way_back)) is not None:
        return _told(_entry(request, REFUSED, why, now), request)[1:]
    if requests.proof.since is None:
        return None
    if (entry := next((e for e in memory if _is_covered(request, e, now)), None)) is not None:
        return _told(*_like(entry, request))[1:]
    if (why := _too_late(request, memory, now)) is not None:
        return _told(_entry(request, REFUSED, why, now), request)[1:]
    return None


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


def _too_late(request: Request, memory: Sequence[AnsweredRequest], now: datetime) -> str | None:
    """Why what was done already forbids a request that is older; None if nothing does."""
    stopped = (e for e in memory if e.outcome == ACCEPTED and _gives_way(request, e.verb))
    if (stop := next((e for e in stopped if request.created < _until(e, now)), None)) is not None:
        return _came_first(stop)
    forgotten = max((t for e in memory if (t := past_or_none(e.before, now)) is not None), default=None)
    if forgotten is None or request.created > forgotten:
        return None
    if request.verb in SAFETY and request.created == forgotten:
        return None
    return "it may have been obeyed already, and the answer lost: ask again if you still want it"


def _is_proven(request: Request, proof: Proof) -> bool:
    """Whether a request may be obeyed now. By a proof that lapsed only what goes back or stops is."""
    return proof.since is not None and (request.verb in SAFETY or not proof.lapsed)


def _gives_way(request: Request, verb: str) -> bool:
    """Whether an older request would undo what this verb did."""
    if verb == Verb.PAUSE:
        return request.verb not in SAFETY
    return verb in SAFETY and request.verb not in SAFETY - {Verb.PAUSE}


def _is_covered(request: Request, entry: AnsweredRequest, now: datetime) -> bool:
    """Whether the request asks what was done for another by then: to go back twice is not to go back further."""
    same = entry.outcome == ACCEPTED and request.asks == (entry.verb, entry.about)
    return same and request.verb in SAFETY and request.created <= _until(entry, now)


def _until(entry: AnsweredRequest, now: datetime) -> datetime:
    return past_or_none(entry.until, now) or datetime.min.replace(tzinfo=UTC)


def _came_first(entry: AnsweredRequest) -> str:
    return f"{entry.verb} by {entry.user} ({entry.name}) came first: ask again if you still want it"


def _like(entry: AnsweredRequest, request: Request) -> tuple[AnsweredRequest, Request]:
    """An entry that answers another request in the same way, and that request."""
    message = f"{entry.message} (as {entry.user} asked, too: {entry.name})"
    own = {"uid": request.uid, "name": request.name, "user": request.user, "message": printable(message, 1024)}
    return entry.model_copy(update=own), request


def _worth_remembering(known: Sequence[AnsweredRequest], requests: Requests) -> tuple[AnsweredRequest, ...]:
    """All whose answers may not have arrived, and of the others the last few: people look at them."""
    waiting = {r.uid for r in requests.waiting}
    arrived = [e.uid for e in known if e.uid not in waiting and not _concerns(e, requests.since)]
    dropped = set(arrived[: max(0, len(known) - _SHOWN)])
    return tuple(e for e in known if e.uid not in dropped)


def _concerns(entry: AnsweredRequest, oldest: datetime | None) -> bool:
    """Whether something waits that is old enough for the entry to answer it."""
    times = (time_or_none(entry.until), time_or_none(entry.before))
    return oldest is not None and any(oldest <= time for time in times if time is not None)


def _bounded(entries: Sequence[AnsweredRequest]) -> list[AnsweredRequest]:
    """The newest entries. The first of them says up to when others were forgotten."""
    forgotten, (first, *others) = entries[:-MAX_ANSWERED], entries[-MAX_ANSWERED:]
    times = [first.before, *(time for entry in forgotten for time in (entry.before, entry.until))]
    return [first.model_copy(update={"before": max(filter(None, times), default=None)}), *others]


def _status(entry: AnsweredRequest) -> RequestStatus:
    return RequestStatus(outcome=entry.outcome, message=entry.message, time=entry.time)


def _entry(
    request: Request, outcome: str, message: str, now: datetime, until: datetime | None = None
) -> AnsweredRequest:
    return AnsweredRequest(
        uid=request.uid,
        name=request.name,
        verb=request.verb,
        user=request.user,
        outcome=outcome,
        message=printable(message, 1024),
        time=timestamp(now),
        about=request.target,
        until=timestamp(until or request.created),
    )


def _told(entry: AnsweredRequest, request: Request) -> tuple[Action, ...]:
    """The Event of an answer, its line in the log, and the answer."""
    event = Emit("Normal", f"Request{entry.outcome}", f"{request.verb} by {request.user}: {entry.message}")
    said = {k: v for k, v in entry.wire().items() if k not in MEMORY}
    about = {"target": request.target, **({"reason": request.reason} if request.reason else {})}
    return event, Log("request", {**said, **about}), AnswerRequest(request.name, request.uid, _status(entry))
