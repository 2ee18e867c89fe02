"""Which of the Requests that wait for an object's answer one look considers: some of each author's, and never all.

Whoever holds a verb may make thousands of Requests. What a look costs must not grow with them, and nobody else's may
wait behind them.
"""

from bisect import bisect_right, insort
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import islice, zip_longest
from typing import Final, NamedTuple, TypeVar

from linnet.api.names import SAFETY, Verb
from linnet.core.requests.waiting import Asks

Target = tuple[str, str, str]
"""Namespace, kind and name of the object that is asked."""
CONSIDERED: Final = 24
"""Requests of each rank (what goes back, what pauses, the rest) that a look considers; others only get an answer."""
_AUTHORS: Final = 256
"""Authors among whom a look chooses."""


class Place(NamedTuple):
    """Where a Request stands: after those whose answer failed less often, and were made earlier."""

    late: int
    created: str
    sequence: int
    name: str


P = TypeVar("P", Place, tuple[str, str])


@dataclass(frozen=True)
class Asked:
    """A Request that nobody has answered."""

    target: Target
    user: str
    asks: Asks
    created: str
    sequence: int
    name: str

    @property
    def rank(self) -> int:
        """What goes back comes before what pauses, and that before the rest."""
        verb = self.asks[0]
        return 2 if verb not in SAFETY else int(verb == Verb.PAUSE)


@dataclass(frozen=True)
class Excerpt:
    """Names of the Requests that a look considers, and what it has to know of the others; times as in metadata."""

    names: tuple[str, ...] = ()
    newest: Mapping[Asks, str] = field(default_factory=dict)
    oldest: str | None = None


@dataclass
class _Waiting:
    """What waits for one object's answer."""

    known: dict[str, Asked] = field(default_factory=dict)
    late: dict[str, int] = field(default_factory=dict)
    by_age: list[tuple[str, str]] = field(default_factory=list)
    by_author: dict[int, dict[str, dict[Asks, list[Place]]]] = field(default_factory=lambda: {0: {}, 1: {}, 2: {}})
    by_wish: dict[Asks, list[Place]] = field(default_factory=dict)
    newest: dict[Asks, str] = field(default_factory=dict)

    def place(self, asked: Asked) -> Place:
        return Place(self.late.get(asked.name, 0), asked.created, asked.sequence, asked.name)

    def lines(self, asked: Asked) -> Iterator[list[Place]]:
        yield self.by_author[asked.rank].setdefault(asked.user, {}).setdefault(asked.asks, [])
        yield self.by_wish.setdefault(asked.asks, [])

    def add(self, asked: Asked) -> None:
        self.known[asked.name] = asked
        insort(self.by_age, (asked.created, asked.name))
        self.newest[asked.asks] = max(asked.created, self.newest.get(asked.asks, ""))
        for line in self.lines(asked):
            insort(line, self.place(asked))

    def remove(self, asked: Asked) -> None:
        _take(self.by_age, (asked.created, asked.name))
        for line in self.lines(asked):
            _take(line, self.place(asked))
        self._tidy(asked)
        self.known.pop(asked.name, None)
        self.late.pop(asked.name, None)

    def postpone(self, asked: Asked) -> None:
        late = self.late.get(asked.name, 0) + 1
        self.remove(asked)
        self.late[asked.name] = late
        self.add(asked)

    def _tidy(self, asked: Asked) -> None:
        """Leave nothing of an author, or a wish, of whom nothing waits."""
        authors = self.by_author[asked.rank]
        if not authors[asked.user][asked.asks]:
            del authors[asked.user][asked.asks]
        if not authors[asked.user]:
            del authors[asked.user]
        if not self.by_wish[asked.asks]:
            del self.by_wish[asked.asks], self.newest[asked.asks]


class Backlog:
    """It belongs to the cache, and finds in the time of what it returns."""

    def __init__(self) -> None:
        self._of: dict[Target, _Waiting] = defaultdict(_Waiting)

    def add(self, asked: Asked) -> None:
        self._of[asked.target].add(asked)

    def remove(self, asked: Asked) -> None:
        self._of[asked.target].remove(asked)
        if not self._of[asked.target].known:
            del self._of[asked.target]

    def postpone(self, target: Target, names: Iterable[str]) -> None:
        """Let those whose answer could not be written wait behind the others: they hold up nobody."""
        waiting = self._of.get(target)
        if waiting is None:
            return
        for asked in [waiting.known[name] for name in names if name in waiting.known]:
            waiting.postpone(asked)

    def excerpt(self, target: Target, settled: Mapping[Asks, str], remembered: Iterable[str]) -> Excerpt:
        """Choose among what waits. `settled` says up to when what asks this was answered by an earlier look."""
        waiting = self._of.get(target)
        if waiting is None:
            return Excerpt()
        known = [name for name in remembered if name in waiting.known]
        covered = islice(_covered(waiting, settled), CONSIDERED)
        considered = [name for rank in (0, 1, 2) for name in _fair(waiting.by_author[rank], settled)]
        names = tuple(dict.fromkeys((*known, *covered, *considered)))
        asked = {waiting.known[name].asks for name in names}
        return Excerpt(names, {asks: waiting.newest[asks] for asks in asked}, waiting.by_age[0][0])


def _take(line: list[P], place: P) -> None:
    index = bisect_right(line, place) - 1
    if index >= 0 and line[index] == place:
        del line[index]


def _covered(waiting: _Waiting, settled: Mapping[Asks, str]) -> Iterator[str]:
    for asks, until in settled.items():
        first = islice(waiting.by_wish.get(asks, ()), CONSIDERED)
        yield from (place.name for place in first if place.created <= until)


def _fair(authors: Mapping[str, Mapping[Asks, list[Place]]], settled: Mapping[Asks, str]) -> list[str]:
    """Take the first of each author, then the second of each, until there are enough."""
    each = [_of_author(wishes, settled) for wishes in islice(authors.values(), _AUTHORS)]
    rounds = zip_longest(*(islice(names, CONSIDERED) for names in each))
    return list(islice((name for round_ in rounds for name in round_ if name is not None), CONSIDERED))


def _of_author(wishes: Mapping[Asks, list[Place]], settled: Mapping[Asks, str]) -> Iterator[str]:
    """Iterate over an author's Requests that nothing has answered yet, oldest first."""
    lines = [_unsettled(line, settled.get(asks, "")) for asks, line in islice(wishes.items(), CONSIDERED)]
    return (place.name for place in sorted(place for line in lines for place in line))


def _unsettled(line: list[Place], until: str) -> list[Place]:
    start = bisect_right(line, Place(0, until, 2**63, "")) if until else 0
    return line[start : start + CONSIDERED]
