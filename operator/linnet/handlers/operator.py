"""One operator process stands by, leads, hands over. Everything that starts here is stopped here."""

import asyncio
import logging
import signal
import time
from contextlib import suppress
from typing import Any

from kubernetes.aio.client.api_client import ApiClient
from kubernetes.aio.client.configuration import Configuration

from linnet.adapters import clock
from linnet.adapters.cluster import connection
from linnet.adapters.cluster.errors import KubeError, LeadershipLostError
from linnet.adapters.cluster.kube import Kube
from linnet.adapters.cluster.lease import Lease, LeaseTerms
from linnet.adapters.platform import platform
from linnet.adapters.telemetry.metrics import Metrics
from linnet.adapters.telemetry.probes import ProbeServer
from linnet.handlers.leader import Leader, LeaderDeps
from linnet.settings import Settings

DRAIN_SECONDS = 10.0
_log = logging.getLogger(__name__)


class Operator:
    """`await run()` until `stop` is set; the result is the exit code. BadSettingError for a bad catalogue."""

    def __init__(self, settings: Settings, config: Configuration) -> None:
        self.stop = asyncio.Event()
        self.metrics = Metrics()
        self.probes = ProbeServer(settings.http_port, self.metrics, self._alive, self._ready)
        self._settings = settings
        self._platform = platform(settings)
        self._config = config
        self._client = connection.client(config)
        self._lease = _lease(settings, self._client) if settings.leader_election else None
        self._leader: Leader | None = None

    async def run(self) -> int:
        """Return 0 after `stop`, and 1 if the lease was lost or a part has failed."""
        await self.probes.start()
        _log.info("standing by", extra={"fields": {"http_port": self.probes.port}})
        try:
            return await self._stand_by_then_lead()
        finally:
            await self.probes.stop()
            await self._client.close()

    async def _stand_by_then_lead(self) -> int:
        stopping = asyncio.ensure_future(self.stop.wait())
        if self._lease is not None and not await _first(self._lease.acquire(), stopping):
            return 0
        self.metrics.leader.set(1)
        try:
            return await self._lead(stopping)
        finally:
            self.metrics.leader.set(0)

    async def _lead(self, stopping: "asyncio.Future[Any]") -> int:
        self._leader = Leader(self._leader_deps())
        work = asyncio.ensure_future(self._leader.run())
        holding = asyncio.ensure_future(self._lease.hold() if self._lease is not None else _for_ever())
        try:
            await asyncio.wait({work, holding, stopping}, return_when=asyncio.FIRST_COMPLETED)
            code = _outcome(work, holding)
            if code == 0:
                await self._finish(work)
            return code
        finally:
            for task in (work, holding):
                task.cancel()
            await asyncio.gather(work, holding, return_exceptions=True)
            await self._leader.close()

    async def _finish(self, work: "asyncio.Future[None]") -> None:
        """Let the looks under way end, then give the lease back while the informer is still to be stopped."""
        assert self._leader is not None
        self._leader.stop()
        await asyncio.wait({work}, timeout=DRAIN_SECONDS)
        if self._lease is not None:
            await self._lease.release()

    def _leader_deps(self) -> LeaderDeps:
        return LeaderDeps(
            settings=self._settings,
            platform=self._platform,
            config=self._config,
            kube=Kube(self._client, self.metrics.requested),
            metrics=self.metrics,
            now=clock.now,
            clock=time.monotonic,
            writable=self._lease.writable if self._lease is not None else lambda: None,
        )

    def _alive(self) -> str | None:
        return self._leader.problem() if self._leader is not None else None

    def _ready(self) -> str | None:
        """Say why the operator is not ready. A standby is ready: it can take over."""
        return "the cache is being filled" if self._leader is not None and not self._leader.seeded else None


def _outcome(work: "asyncio.Future[None]", holding: "asyncio.Future[None]") -> int:
    """Return 1, with a line in the log, if anything ended by itself; else 0."""
    for task in (holding, work):
        if task.done():
            error = task.exception()
            if isinstance(error, LeadershipLostError | KubeError):
                _log.error("%s", error)
            else:
                _log.error("a part of the operator has ended", exc_info=error)
            return 1
    return 0


async def _first(wanted: Any, stopping: "asyncio.Future[Any]") -> bool:
    """Say whether `wanted` came before the stop."""
    task = asyncio.ensure_future(wanted)
    await asyncio.wait({task, stopping}, return_when=asyncio.FIRST_COMPLETED)
    if task.done():
        task.result()
        return True
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task
    return False


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
