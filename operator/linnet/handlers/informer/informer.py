"""`kopf` is an informer here: it watches in a thread of its own, and its events arrive in the work queue's loop.

kopf cancels whatever was started after it in its loop, so it has a loop of its own, and a thread for it.
"""

import asyncio
import logging
import threading
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any, Final

import kopf
from kubernetes.aio.client.configuration import Configuration

from linnet.adapters.cluster.connection import OnHurt
from linnet.adapters.cluster.errors import WatchesEndedError
from linnet.adapters.cluster.resources import Resource
from linnet.foreign.text import printable
from linnet.handlers.informer import watches
from linnet.handlers.informer.watches import Memo, OnEvent

_log = logging.getLogger(__name__)
_SPARE_CONNECTIONS: Final = 10
_IDENTITY: Final[Any] = "linnet"
"""The name that peers would see. Without one kopf looks up the user's name, which a container's user has none of."""


class Informer:
    """`start` returns once kopf runs; `ended` has a WatchesEndedError when it has stopped.

    A watch tells what changes after it began: `on_begin` is called for each that begins, or begins again.
    """

    def __init__(
        self,
        config: Configuration,
        namespaces: tuple[str, ...],
        watched: Sequence[Resource],
        on_event: OnEvent,
        on_begin: Callable[[], None],
        on_hurt: OnHurt = lambda *_: None,
    ) -> None:
        self._config = config
        self._namespaces = namespaces
        self._watched = watched
        self._on_event = on_event
        self._on_begin = on_begin
        self._on_hurt = on_hurt
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None
        self.ended: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    async def start(self) -> None:
        """Start kopf. Its events arrive in the loop that called this."""
        started, call = asyncio.Event(), asyncio.get_running_loop().call_soon_threadsafe
        memo = Memo(
            config=self._config,
            connections=len(self._watched) * max(1, len(self._namespaces)) + _SPARE_CONNECTIONS,
            on_start=lambda: call(started.set),
            on_begin=Crossing(self._on_begin).put,
            on_event=Crossing(self._on_event).put,
            on_hurt=self._on_hurt,
        )
        self._thread = threading.Thread(target=self._run, args=(memo, call), name="kopf", daemon=True)
        self._thread.start()
        waiting = asyncio.ensure_future(started.wait())
        either: set[asyncio.Future[Any]] = {waiting, self.ended}
        await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
        waiting.cancel()

    async def stop(self, within: float = 5.0) -> None:
        """Ask kopf to stop, and wait for it for `within` seconds; it is left behind if it takes longer."""
        self._stop.set()
        with suppress(TimeoutError):
            async with asyncio.timeout(within):
                await asyncio.wait({self.ended})

    def _run(self, memo: Memo, call: Callable[..., object]) -> None:
        error: BaseException | None = None
        try:
            asyncio.run(self._operate(memo))
        except BaseException as caught:  # noqa: BLE001
            error = caught
        with suppress(RuntimeError):  # the main loop is closed already
            call(self._finish, error)

    def _finish(self, error: BaseException | None) -> None:
        if not self.ended.done():
            ended = WatchesEndedError(f"kopf has ended: {printable(f'{type(error).__name__}: {error}')}")
            ended.__cause__ = error
            self.ended.set_exception(ended)
            self.ended.exception()  # or asyncio would tell of it, with a traceback, where nobody waits any more

    async def _operate(self, memo: Memo) -> None:
        """Run kopf. `standalone`: its peering would pause every replica of the same priority; `lease.py` elects one."""
        asyncio.get_running_loop().set_exception_handler(_left_behind)
        try:
            await kopf.operator(
                registry=watches.registry(self._watched),
                memo=memo,
                namespaces=self._namespaces,
                clusterwide=not self._namespaces,
                standalone=True,
                stop_flag=self._stop,
                identity=_IDENTITY,
            )
        finally:
            self._stop.set()  # or the thread that waits for it would keep this loop from closing


def _left_behind(_: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    """Tell in a line what kopf's tasks leave behind when they are ended: whoever begins them again tells why."""
    _log.debug("kopf left something behind: %s", printable(context.get("exception") or context.get("message")))


class Crossing:
    """It hands values from any thread to the loop that made it, in their order, waking that loop once for many.

    `deliver` is called with them in that loop. What it raises about one costs that one, and a line in the log.
    """

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
            values = self._waiting.popleft()
            try:
                self._deliver(*values)
            except Exception:  # noqa: BLE001
                _log.exception("an event was lost")
