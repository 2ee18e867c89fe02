"""One operator process stands by, leads, steps back, leads again. Everything that starts here is stopped here."""

import asyncio
import logging
import signal
import time
from collections.abc import Sequence
from enum import Enum
from typing import Any

from kubernetes.aio.client.api_client import ApiClient
from kubernetes.aio.client.configuration import Configuration

from linnet.adapters import clock
from linnet.adapters.cluster import connection
from linnet.adapters.cluster.errors import KubeError, LeadershipLostError, ServedApisChangedError
from linnet.adapters.cluster.kube import Kube
from linnet.adapters.cluster.lease import Lease, LeaseTerms, Term
from linnet.adapters.cluster.resources import Resource
from linnet.adapters.platform import platform
from linnet.adapters.telemetry.metrics import Metrics
from linnet.adapters.telemetry.probes import ProbeServer
from linnet.adapters.telemetry.unreadable import PARTLY, Unreadable
from linnet.handlers.leader import Leader, LeaderDeps
from linnet.settings import Settings

DRAIN_SECONDS = 10.0
PAUSE_SECONDS = 5.0
"""Between two tries to lead, where the first could not read what it must."""
_log = logging.getLogger(__name__)


class Ended(Enum):
    """How a term of leadership came to its end."""

    STOPPED = "this process was told to stop"
    LOST = "another replica leads, or may"
    BEGINS_AGAIN = "what it stood on has changed, or can't be read now"
    BROKEN = "a part has failed in a way that nobody foresaw"


class Operator:
    """`await run()` until `stop` is set; the result is the exit code. BadSettingError for a bad catalogue."""

    def __init__(self, settings: Settings, config: Configuration) -> None:
        self.stop = asyncio.Event()
        self.metrics = Metrics(names=settings.metrics_names)
        self._unreadable = Unreadable(self.metrics.unreadable, time.monotonic)
        self.probes = ProbeServer(settings.http_port, self.metrics, self._alive, self._ready)
        self._settings = settings
        self._platform = platform(settings)
        self._config = config
        self._client = connection.client(config)
        self._lease = _lease(settings, self._client) if settings.leader_election else None
        self._leader: Leader | None = None
        self._trouble: str | None = None

    async def run(self) -> int:
        """Return 0 after `stop`, and 1 if a part has failed. Who loses the lease stands by, and may lead again."""
        await self.probes.start()
        _log.info("standing by", extra={"fields": {"http_port": self.probes.port}})
        stopping = asyncio.ensure_future(self.stop.wait())
        try:
            return await self._serve(stopping)
        finally:
            stopping.cancel()
            await self.probes.stop()
            await self._client.close()

    async def _serve(self, stopping: "asyncio.Future[Any]") -> int:
        """Lead term after term: each begins with a cache, an informer and a queue of its own."""
        while (term := await self._elected(stopping)) is not None:
            match await self._lead(term, stopping):
                case Ended.STOPPED:
                    return 0
                case Ended.BROKEN:
                    return 1
                case Ended.BEGINS_AGAIN if self._trouble is not None:
                    await asyncio.wait({stopping}, timeout=PAUSE_SECONDS)
                case Ended.LOST | Ended.BEGINS_AGAIN:
                    pass
        return 0

    async def _elected(self, stopping: "asyncio.Future[Any]") -> Term | None:
        """Return a term as soon as this replica leads; None if it was told to stop before."""
        if stopping.done():
            return None
        if self._lease is None:
            return Term()
        electing = asyncio.ensure_future(self._lease.acquire())
        await asyncio.wait({electing, stopping}, return_when=asyncio.FIRST_COMPLETED)
        if electing.done():
            return electing.result()
        electing.cancel()
        await asyncio.wait({electing})
        return None

    async def _lead(self, term: Term, stopping: "asyncio.Future[Any]") -> Ended:
        self.metrics.leader.set(1)
        self._leader = leader = Leader(self._leader_deps(term))
        work = asyncio.ensure_future(leader.run())
        holding = asyncio.ensure_future(self._lease.hold() if self._lease is not None else _for_ever())
        try:
            await asyncio.wait({work, holding, stopping}, return_when=asyncio.FIRST_COMPLETED)
            ended, self._trouble = _how_it_ended(work, holding)
            if ended is Ended.STOPPED:
                await self._finish(leader, work)
            return ended
        finally:
            term.end()
            for task in (work, holding):
                task.cancel()
            await asyncio.gather(work, holding, return_exceptions=True)
            await leader.close()
            self._leader = None
            self.metrics.stepped_back()

    async def _finish(self, leader: Leader, work: "asyncio.Future[None]") -> None:
        """Let the looks under way end, then give the lease back while the informer is still to be stopped."""
        leader.stop()
        await asyncio.wait({work}, timeout=DRAIN_SECONDS)
        if self._lease is not None:
            await self._lease.release()

    def _leader_deps(self, term: Term) -> LeaderDeps:
        return LeaderDeps(
            settings=self._settings,
            platform=self._platform,
            config=self._config,
            kube=Kube(self._client, self.metrics.requested, term.writable, self._hurt),
            metrics=self.metrics,
            unreadable=self._unreadable.told,
            now=clock.now,
            clock=time.monotonic,
            writable=term.writable,
        )

    def _hurt(self, resource: Resource, names: Sequence[str]) -> None:
        self._unreadable.told(resource.watched_as, names, PARTLY)

    def _alive(self) -> str | None:
        """Say why the process should be started anew. That the API server is away or the lease is lost is no reason."""
        return self._leader.problem() if self._leader is not None else None

    def _ready(self) -> str | None:
        """Say why the operator is not ready. A standby is ready: it can take over."""
        if self._leader is not None and not self._leader.seeded:
            return self._trouble or "the cache is being filled"
        return self._trouble if self._leader is None else None


def _how_it_ended(work: "asyncio.Future[None]", holding: "asyncio.Future[None]") -> tuple[Ended, str | None]:
    """Return how, with a line in the log if anything ended by itself, and the trouble for which it can't lead now."""
    ended = next((task for task in (holding, work) if task.done()), None)
    if ended is None:
        return Ended.STOPPED, None
    error = ended.exception()
    match error:
        case LeadershipLostError():
            _log.warning("stepping back to stand by: %s", error)
            return Ended.LOST, None
        case ServedApisChangedError():
            _log.info("%s", error)
            return Ended.BEGINS_AGAIN, None
        case KubeError():
            _log.error("beginning again: %s", error)
            return Ended.BEGINS_AGAIN, str(error)
        case _:
            _log.error("a part of the operator has ended", exc_info=error)
            return Ended.BROKEN, None


async def _for_ever() -> None:
    await asyncio.Event().wait()


def _lease(settings: Settings, client: ApiClient) -> Lease:
    terms = LeaseTerms(
        name=settings.lease_name,
        namespace=settings.pod_namespace,
        identity=settings.pod_name,
        holds=settings.lease_seconds,
        renew=settings.lease_renew_seconds,
        retry=settings.lease_retry_seconds,
    )
    return Lease(client, terms, time.monotonic)


async def run(settings: Settings) -> int:
    """Run one operator for the process' whole life; SIGTERM and SIGINT end it in good order."""
    operator = Operator(settings, await connection.configuration(settings.kubeconfig))
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, operator.stop.set)
    return await operator.run()
