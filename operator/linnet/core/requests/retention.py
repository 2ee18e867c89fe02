"""How long answered Requests are kept for the audit: so many in a namespace, and for so long.

Whoever may create Requests may bring some in that say of themselves that they were answered, as a restored backup
does, or have thousands answered. Neither pushes out what others asked.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta


@dataclass(frozen=True)
class Kept:
    """A Request with the label of an answered one. `answered`: its status says so, which the operator alone writes."""

    namespace: str
    name: str
    uid: str
    created: datetime
    author: str = ""
    answered: bool = True


@dataclass(frozen=True)
class Retention:
    """`count` are kept of a namespace, none longer than `age`."""

    count: int
    age: timedelta


def surplus(labeled: Iterable[Kept], retention: Retention, now: datetime) -> list[Kept]:
    """The Requests to delete in each namespace, those that nobody answered first, then the oldest of who has most.

    Kept are the newest of each author, then the next of each, until there are enough.
    """
    by_namespace: dict[str, list[Kept]] = defaultdict(list)
    for request in sorted(labeled, key=lambda k: (k.created, k.name), reverse=True):
        by_namespace[request.namespace].append(request)
    return [
        request
        for found in by_namespace.values()
        for index, request in reversed(list(enumerate(_by_worth(found))))
        if index >= retention.count or now - request.created > retention.age
    ]


def _by_worth(newest_first: Iterable[Kept]) -> list[Kept]:
    """What is kept longest comes first. `sorted` leaves those of one rank in the order that they had."""
    seen = Counter[tuple[bool, str]]()
    ranked = []
    for request in newest_first:
        of = request.answered, request.author
        ranked.append((not request.answered, seen[of], request))
        seen[of] += 1
    return [request for *_, request in sorted(ranked, key=lambda each: each[:2])]
