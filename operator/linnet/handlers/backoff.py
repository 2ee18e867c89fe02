"""After a failure the same key waits exponentially longer, with jitter, up to a cap."""

import random
from typing import Final, Generic, TypeVar

K = TypeVar("K")
FIRST_SECONDS: Final = 0.5
CAP_SECONDS: Final = 60.0
JITTER: Final = 0.2


class Backoff(Generic[K]):
    """It counts failures in a row for each key."""

    def __init__(self, first: float = FIRST_SECONDS, cap: float = CAP_SECONDS) -> None:
        self._first = first
        self._cap = cap
        self._failures: dict[K, tuple[int, float]] = {}
        """How often in a row, and when the next try is due."""

    def failed(self, key: K, now: float) -> float:
        """Return the seconds until the next try: 0.5, 1, 2, 4 … 60, each ±20 %.

        A try that an event brought about before its time counts for nothing: else a few events would exile the key.
        """
        count, due = self._failures.get(key, (0, now))
        if now < due:
            return due - now
        delay = jittered(min(self._cap, self._first * 2 ** min(count, 32)))
        self._failures[key] = (count + 1, now + delay)
        return delay

    def forget(self, key: K) -> None:
        """Count from nothing again: the key works, or is gone."""
        self._failures.pop(key, None)


class Pace(Generic[K]):
    """It bounds how often one key is looked at: `burst` times at once, then once in `every` seconds.

    A plan that never comes to rest, or a spec that flaps ten times a second, must not starve the others.
    """

    def __init__(self, every: float = 0.25, burst: int = 24) -> None:
        self._every = every
        self._ahead = every * burst
        self._paid_until: dict[K, float] = {}

    def looked(self, key: K, now: float) -> None:
        self._paid_until[key] = max(now, self._paid_until.get(key, now)) + self._every

    def delay(self, key: K, now: float) -> float:
        """Return the seconds until the key may be looked at again."""
        return max(0.0, self._paid_until.get(key, now) - now - self._ahead)

    def forget(self, key: K) -> None:
        self._paid_until.pop(key, None)


def jittered(seconds: float) -> float:
    """Return the seconds ±20 %, so that what failed together is not tried again together."""
    return seconds * random.uniform(1 - JITTER, 1 + JITTER)  # noqa: S311
