"""Hands values from one thread to the loop of another, waking it once for many."""

import asyncio
from collections import deque
from collections.abc import Callable
from typing import Any


class Crossing:
    """`put` from any thread; `deliver` is called in the loop that made this, in the same order."""

    def __init__(self, deliver: Callable[..., None]) -> None:
        self._loop = asyncio.get_running_loop()
        self._deliver = deliver
        self._waiting: deque[tuple[Any, ...]] = deque()
        self._woken = False

    def put(self, *values: Any) -> None:
        self._waiting.append(values)
        if not self._woken:
            self._woken = True
            self._loop.call_soon_threadsafe(self._drain)

    def _drain(self) -> None:
        self._woken = False  # before the first look: what is put from now on wakes the loop again
        while self._waiting:
            self._deliver(*self._waiting.popleft())
