"""People's requests in tests, in one line: `promote v2 id1 jane` is verb, version or digest or `-`, uid, and user."""

from collections.abc import Iterable
from datetime import UTC, datetime
from itertools import count
from typing import Any

from linnet.api.kinds.request import RequestStatus
from linnet.api.names import Verb
from linnet.core.plan import AnswerRequest
from linnet.core.requests.waiting import Proof, Request, Requests

PROVEN = Proof(since=datetime(2020, 1, 1, tzinfo=UTC))
UNPROVEN = Proof(problem="no admission policy proves who asked")
_numbers = count(1)


def request(text: str, at: datetime, reason: str = "") -> Request:
    """The request that was admitted at this time."""
    verb, about, uid, user = text.split(" ", 3)
    version = int(about.removeprefix("v")) if about.removeprefix("v").isdigit() else None
    digest = about if about.startswith("sha256:") else None
    return Request(f"req-{uid}", uid, Verb(verb), user, at, version, digest, reason, next(_numbers))


def waiting(*requests: Request, proven: bool = True) -> Requests:
    return Requests(tuple(sorted(requests, key=lambda r: r.order)), PROVEN if proven else UNPROVEN)


def answers(actions: Iterable[Any]) -> dict[str, RequestStatus]:
    """What is answered, by the request's uid."""
    return {a.uid: a.status for a in actions if isinstance(a, AnswerRequest)}


def only_answer(actions: Iterable[Any]) -> RequestStatus:
    """The one answer among these actions."""
    (found,) = answers(actions).values()
    return found
