"""kopf as an informer: it watches, and hands every event to the loop of the work queue.

kopf cancels whatever was started after it in its loop, so it has a thread and a loop of its own.
"""

import asyncio
import logging
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Final

import kopf
from kopf._core.engines.peering import Identity
from kubernetes.aio.client.configuration import Configuration

from linnet.adapters.cluster import connection, resources
from linnet.adapters.cluster.kube import PAGE
from linnet.adapters.cluster.resources import Resource
from linnet.api.labels import MANAGED
from linnet.api.names import GROUP
from linnet.handlers import children, deployment, model, modelversion, retrainpolicy, rolloutpolicy
from linnet.handlers.crossing import Crossing
from linnet.handlers.stateless import NoDiffBase, NoMemories, NoProgress
from linnet.handlers.watch import OnEvent

INACTIVITY_SECONDS: Final = 70.0
_SPARE_CONNECTIONS: Final = 10
_IDENTITY: Final = Identity("linnet")
"""Named, though nothing here asks for it: kopf would look up the user's name, which a container's user has none of."""
_MODULES: Final = (model, modelversion, deployment, retrainpolicy, rolloutpolicy)


@dataclass(frozen=True)
class ToMain:
    """What kopf's thread tells the main loop."""

    event: OnEvent
    began: Callable[[], None]
    started: Callable[[], Any]
    ended: Callable[[BaseException | None], Any]


class Informer:
    """`start` returns once kopf runs; `ended` is done when it has stopped, with the error if there was one.

    A watch tells what changes after it began: `on_begin` is called for each that begins, or begins again.
    """

    def __init__(
        self,
        config: Configuration,
        namespaces: tuple[str, ...],
        watched: Sequence[Resource],
        on_event: OnEvent,
        on_begin: Callable[[], None],
    ) -> None:
        self._config = config
        self._namespaces = namespaces
        self._watched = watched
        self._on_event = on_event
        self._on_begin = on_begin
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None
        self.ended: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    async def start(self) -> None:
        """Events arrive in the loop that called this."""
        loop = asyncio.get_running_loop()
        started = asyncio.Event()
        call = loop.call_soon_threadsafe

        crossing, begun = Crossing(self._on_event), Crossing(self._on_begin)
        to_main = ToMain(crossing.put, begun.put, lambda: call(started.set), lambda error: call(self._finish, error))
        self._thread = threading.Thread(target=self._run, args=(to_main,), name="kopf", daemon=True)
        self._thread.start()
        waiting = asyncio.ensure_future(started.wait())
        either: set[asyncio.Future[Any]] = {waiting, self.ended}
        await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
        waiting.cancel()

    async def stop(self, within: float = 5.0) -> None:
        """Ask kopf to stop and wait for it; it is left behind if it takes longer."""
        self._stop.set()
        with suppress(TimeoutError):
            async with asyncio.timeout(within):
                await asyncio.wait({self.ended})

    def _run(self, to_main: ToMain) -> None:
        error: BaseException | None = None
        try:
            asyncio.run(self._operate(to_main))
        except BaseException as caught:  # noqa: BLE001
            error = caught
        with suppress(RuntimeError):  # the main loop is closed already
            to_main.ended(error)

    def _finish(self, error: BaseException | None) -> None:
        if not self.ended.done():
            self.ended.set_result(None) if error is None else self.ended.set_exception(error)

    async def _operate(self, to_main: ToMain) -> None:
        registry = kopf.OperatorRegistry()
        for module in _MODULES:
            module.register(registry, to_main.event)
        children.register(registry, to_main.event, self._watched)
        self._login(registry, to_main.began)
        to_main.started()
        try:
            await kopf.operator(
                registry=registry,
                settings=settings(),
                memories=NoMemories(),
                namespaces=self._namespaces,
                clusterwide=not self._namespaces,
                standalone=True,
                stop_flag=self._stop,
                identity=_IDENTITY,
            )
        finally:
            self._stop.set()  # or the thread that waits for it would keep this loop from closing

    def _login(self, registry: kopf.OperatorRegistry, began: Callable[[], None]) -> None:
        connections = len(self._watched) * max(1, len(self._namespaces)) + _SPARE_CONNECTIONS

        @kopf.on.login(registry=registry)
        async def login(**_: Any) -> kopf.AiohttpSession:
            session = await connection.session(self._config, connections, on_list=began)
            return kopf.AiohttpSession(server=self._config.host, aiohttp_session=session)


class Endless:
    """Delays in seconds between tries of one request, for ever: an outage must not end the operator."""

    def __iter__(self) -> Iterator[float]:
        yield from (0.2, 0.5, 1, 2, 3)
        while True:
            yield 5


def settings() -> kopf.OperatorSettings:
    """By these kopf writes nothing: no finalizer, no annotation, no Event. Children are filtered by the server."""
    chosen = kopf.OperatorSettings()
    for resource in resources.CHILDREN:
        chosen.watching.label_selectors[resource.group, resource.version, resource.plural] = f"{MANAGED}=true"
    chosen.watching.inactivity_timeout = INACTIVITY_SECONDS
    chosen.watching.chunk_size = PAGE
    chosen.queueing.idle_timeout = 0.1
    chosen.scanning.disabled = True
    chosen.posting.enabled = False
    chosen.persistence.finalizer = f"{GROUP}/finalizer"
    chosen.persistence.diffbase_storage = NoDiffBase()
    chosen.persistence.progress_storage = NoProgress()
    chosen.process.ultimate_exiting_timeout = None
    chosen.networking.connect_timeout = 5.0
    chosen.networking.request_timeout = 20.0
    chosen.networking.error_backoffs = Endless()
    logging.getLogger("kopf._core.reactor.running").setLevel(logging.ERROR)  # it warns that it is in a thread
    return chosen
