"""The work queue holds each key at most once, and has at most one worker on it, as early as somebody asked for.

A key that is added while a worker has it is looked at again afterwards, so that no change is missed.
"""

import asyncio
import heapq
import itertools
from collections.abc import Callable
from typing import Final, Generic, TypeVar

K = TypeVar("K")
BEGUN: Final = 0
"""What was begun is finished first: a new object's children should not wait for every other new object's status."""
URGENT: Final = 1
ROUTINE: Final = 2
HOUSEKEEPING: Final = 3
"""What only puts away, or expires, waits for all that decides: thousands of Requests may want it."""


class Queue(Generic[K]):
    """A queue belongs to one loop. `clock` is a monotonic time in seconds."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._due: dict[K, tuple[float, int]] = {}
        """When each waiting key is due, and its rank among those that are."""
        self._sleeping: list[tuple[float, int, K]] = []
        self._ready: list[tuple[int, int, float, K]] = []
        self._active: set[K] = set()
        self._changed = asyncio.Event()
        self._order = itertools.count()
        self._closed = False

    def add(self, key: K, delay: float = 0.0, rank: int = URGENT) -> None:
        """Look at the key after `delay` seconds, or earlier if it is due earlier already."""
        due = self._clock() + delay
        known = self._due.get(key)
        if known is not None and known <= (due, rank):
            return
        if known is not None:
            due, rank = min(due, known[0]), min(rank, known[1])
        self._due[key] = (due, rank)
        heapq.heappush(self._sleeping, (due, next(self._order), key))
        self._changed.set()

    async def take(self) -> K | None:
        """Return the next key that is due and that no worker has; call `done` with it afterwards. None once closed."""
        while not self._closed:
            wait = self._wake()
            key = self._next()
            if key is not None:
                self._active.add(key)
                return key
            self._changed.clear()
            try:
                async with asyncio.timeout(wait):
                    await self._changed.wait()
            except TimeoutError:
                continue
        return None

    def close(self) -> None:
        """Give out no key any more."""
        self._closed = True
        self._changed.set()

    def done(self, key: K) -> None:
        """Take note that the worker has finished; the key is looked at again if it was added meanwhile."""
        self._active.discard(key)
        if key in self._due:
            due, _ = self._due[key]
            heapq.heappush(self._sleeping, (due, next(self._order), key))
            self._changed.set()

    def forget(self, key: K) -> None:
        """Do not look at the key again until it is added anew."""
        self._due.pop(key, None)

    @property
    def depth(self) -> int:
        """The number of keys that are due and wait for a worker."""
        now = self._clock()
        return sum(1 for due, _ in self._due.values() if due <= now)

    def _wake(self) -> float | None:
        """Move what has become due among the ready; return the seconds until the next, None if nothing waits."""
        now = self._clock()
        while self._sleeping and self._sleeping[0][0] <= now:
            due, order, key = heapq.heappop(self._sleeping)
            if key in self._due and self._due[key][0] == due and key not in self._active:
                heapq.heappush(self._ready, (self._due[key][1], order, due, key))
        return self._sleeping[0][0] - now if self._sleeping else None

    def _next(self) -> K | None:
        while self._ready:
            _, _, due, key = heapq.heappop(self._ready)
            if key in self._due and self._due[key][0] == due and key not in self._active:
                del self._due[key]
                return key
        return None
