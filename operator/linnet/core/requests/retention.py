"""How long answered Requests are kept for the audit: so many in a namespace, and for so long."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta


@dataclass(frozen=True)
class Kept:
    """An answered Request, as a list of metadata shows it."""

    namespace: str
    name: str
    uid: str
    created: datetime


@dataclass(frozen=True)
class Retention:
    """The newest `count` of a namespace are kept, none longer than `age`."""

    count: int
    age: timedelta


def surplus(answered: Iterable[Kept], retention: Retention, now: datetime) -> list[Kept]:
    """The Requests to delete, oldest first in each namespace."""
    by_namespace: dict[str, list[Kept]] = defaultdict(list)
    for request in sorted(answered, key=lambda k: (k.created, k.name)):
        by_namespace[request.namespace].append(request)
    return [
        request
        for kept in by_namespace.values()
        for index, request in enumerate(kept)
        if index < len(kept) - retention.count or now - request.created > retention.age
    ]
