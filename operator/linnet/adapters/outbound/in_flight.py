"""Waits a short while for answers from outside, and hands a later one to the next look: nobody slow holds a look up."""

import asyncio
from collections.abc import Coroutine, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

K = TypeVar("K")
R = TypeVar("R")


@dataclass(frozen=True)
class _Request(Generic[R]):
    """A request is under way, or answered; `ended` is when, by the loop's clock."""

    task: asyncio.Task[R]
    ended: list[float] = field(default_factory=list)

    def fresh(self, keeps: float) -> bool:
        """Say whether it may be waited for or used: its answer must be of now, not of an earlier rollout."""
        return not self.ended or asyncio.get_running_loop().time() - self.ended[0] < keeps


class InFlight(Generic[K, R]):
    """Requests are known by key. A look waits `seconds`; an answer that nobody took is good for `keeps` seconds."""

    def __init__(self, seconds: float, keeps: float) -> None:
        self.seconds = seconds
        self.under_way: dict[K, _Request[R]] = {}
        self._keeps = keeps

    async def answered(self, ask: Mapping[K, Coroutine[Any, Any, R]]) -> dict[K, R]:
        """Return the answers that are there in time, each given out once. What is under way is not asked again."""
        self.under_way = {key: request for key, request in self.under_way.items() if request.fresh(self._keeps)}
        for key, coroutine in ask.items():
            if key in self.under_way:
                coroutine.close()
            else:
                self.under_way[key] = self._begin(coroutine)
        await self._wait(ask)
        return {key: self.under_way.pop(key).task.result() for key in ask if self.under_way[key].task.done()}

    def close(self) -> None:
        for request in self.under_way.values():
            request.task.cancel()

    async def _wait(self, keys: Iterable[K]) -> None:
        if tasks := {self.under_way[key].task for key in keys}:
            await asyncio.wait(tasks, timeout=self.seconds)

    def _begin(self, coroutine: Coroutine[Any, Any, R]) -> _Request[R]:
        request = _Request(asyncio.create_task(coroutine))
        now = asyncio.get_running_loop().time
        request.task.add_done_callback(lambda _: request.ended.append(now()))
        return request
