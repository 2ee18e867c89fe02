"""A leader is put together here: cache, informer and work queue over one connection to the API server."""

import asyncio
import logging
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from kubernetes.aio.client.configuration import Configuration

from linnet.adapters.actions.children import Children
from linnet.adapters.actions.deps import ActionDeps
from linnet.adapters.actions.perform import perform
from linnet.adapters.actions.status import write_status
from linnet.adapters.cache.cache import Cache
from linnet.adapters.cache.evidence import EvidenceStore
from linnet.adapters.cache.gateways import Gateways
from linnet.adapters.cache.gatherer import Gatherer, Sources
from linnet.adapters.cache.service_accounts import ServiceAccounts
from linnet.adapters.cluster import resources
from linnet.adapters.cluster.discovery import served
from linnet.adapters.cluster.errors import KubeError, NotFoundError, ServedApisChangedError
from linnet.adapters.cluster.kube import Kube
from linnet.adapters.cluster.live import in_time
from linnet.adapters.cluster.protections import Protections
from linnet.adapters.cluster.request_policy import RequestPolicy
from linnet.adapters.cluster.resources import Resource
from linnet.adapters.outbound.hooks import Endpoints
from linnet.adapters.outbound.prometheus import Prometheus, unasked
from linnet.adapters.outbound.scrape import Scraper
from linnet.adapters.platform import admission_policies
from linnet.adapters.telemetry.journal import Journal
from linnet.adapters.telemetry.metrics import Metrics
from linnet.adapters.telemetry.unreadable import FULL, PARTLY, Told
from linnet.core.observed import Platform
from linnet.core.plan import Action, Manifest, Plan, Ref
from linnet.core.requests.retention import Retention
from linnet.core.resources.objects import Parent
from linnet.handlers import kinds
from linnet.handlers.collection import collect
from linnet.handlers.informer.feed import Feed
from linnet.handlers.informer.informer import Informer
from linnet.handlers.informer.sweep import Scope, answered, seed, sweep
from linnet.handlers.reconcile.attempts import Attempts
from linnet.handlers.reconcile.reconcile import Deps, reconcile
from linnet.handlers.workers import Workers, report
from linnet.settings import Settings

RELIST_SETTLES_SECONDS = 1.0
FLUSH_SECONDS = 3.0
_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class LeaderDeps:
    """A leader is given these for its term. `clock` is monotonic; `kube` and `writable` refuse to write after it."""

    settings: Settings
    platform: Platform
    config: Configuration
    kube: Kube
    metrics: Metrics
    unreadable: Told
    now: Callable[[], datetime]
    clock: Callable[[], float]
    writable: Callable[[], None]


class Leader:
    """`await run()` seeds, watches and reconciles for one term, until `stop`; `seeded` says that the cache is whole."""

    def __init__(self, shared: LeaderDeps) -> None:
        self._shared = shared
        self._scope = Scope(shared.settings.namespaces, told=shared.unreadable)
        self._platform = shared.platform
        self._cache = Cache(self._full)
        self._scraper = Scraper()
        server = shared.platform.prometheus
        self._prometheus = Prometheus(server, shared.metrics.queried) if server is not None else None
        told = shared.metrics
        self._endpoints = Endpoints(shared.platform.hooks, shared.now, told.hook_answered, told.notified)
        self._evidence = EvidenceStore(shared.kube, shared.clock)
        self._relisted = asyncio.Event()
        settings = shared.settings
        self.workers = Workers(self._reconcile, shared.metrics, shared.clock, settings.resync, settings.workers)
        self._feed = Feed(self._cache, self.workers.enqueue, shared.unreadable)
        self._attempts = Attempts(shared.clock, self._report)
        self._action_deps = self._make_action_deps()
        self._deps = self._make_deps()
        self._informer: Informer | None = None
        self.seeded = False

    async def run(self) -> None:
        """Lead until `stop`. LeadershipLostError, ForbiddenError at the start, or kopf's own error end it."""
        await self._learn_what_is_served()
        shared = self._shared
        refs = await seed(shared.kube, self._cache, self._scope)
        self._informer = self._make_informer()
        await self._informer.start()
        for ref in refs:
            self.workers.enqueue(ref)
        self.seeded = True
        _log.info("the cache is seeded", extra={"fields": {"objects": len(self._cache)}})
        journal = self._action_deps.journal.write(lambda: self.workers.queue.depth > 0)
        writing = [asyncio.ensure_future(part) for part in (journal, self._endpoints.deliver())]
        try:
            await self._until_first_ends(self.workers.run(), self._sweep(), asyncio.shield(self._informer.ended))
            await self._flush()
        finally:
            await _ended(writing)

    def _make_informer(self) -> Informer:
        shared = self._shared
        where = shared.config, shared.settings.namespaces, self._scope.watched
        return Informer(
            *where, self._feed.event, self._relisted.set, lambda what, who: shared.unreadable(what, who, PARTLY)
        )

    def _full(self, resource: Resource, namespace: str, name: str) -> None:
        """Tell that an object is not taken in."""
        self._shared.unreadable(resource.watched_as, [f"{namespace}/{name}"], FULL)

    async def _learn_what_is_served(self) -> None:
        """Watch the Gateway API's routes where there are such."""
        found = await answered(lambda: served(self._shared.kube, self._scope.parts))
        watched = tuple(r for r in resources.WATCHED if r not in resources.ROUTES or r in found)
        self._scope = replace(self._scope, watched=watched)
        self._platform = replace(self._platform, route_kinds=frozenset(r.kind for r in found))

    async def _compare(self) -> None:
        """Compare the cache with the API server. ServedApisChangedError if there is something new to watch."""
        await sweep(self._shared.kube, self._cache, self._feed, self._scope)
        new = await served(self._shared.kube, self._scope.parts) - {*self._scope.watched}
        if new:
            names = ", ".join(sorted(r.watched_as for r in new))
            raise ServedApisChangedError(f"the cluster serves {names} by now: beginning again, to watch them")

    def stop(self) -> None:
        """Let `run` return when the looks under way are finished."""
        self.workers.queue.close()

    async def close(self) -> None:
        if self._informer is not None:
            await self._informer.stop()
        self._scraper.close()
        if self._prometheus is not None:
            await self._prometheus.close()
        await self._endpoints.close()

    def problem(self) -> str | None:
        return self.workers.problem()

    async def _until_first_ends(self, *parts: Any) -> None:
        tasks = [asyncio.ensure_future(part) for part in parts]
        try:
            done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                task.result()
        finally:
            await _ended(tasks)

    async def _flush(self) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(FLUSH_SECONDS):
                await asyncio.gather(self._action_deps.journal.flush(), self._endpoints.flush())

    async def _sweep(self) -> None:
        """Compare shortly after any watch has begun, and once in each resync."""
        while True:
            with suppress(TimeoutError):
                async with asyncio.timeout(self._shared.settings.resync.total_seconds()):
                    await self._relisted.wait()
            await asyncio.sleep(RELIST_SETTLES_SECONDS)
            self._relisted.clear()
            self._shared.metrics.cached.set(len(self._cache))
            self._shared.metrics.cached_bytes.set(self._cache.size)
            try:
                await self._compare()
                await self._collect()
            except ServedApisChangedError:
                raise
            except KubeError as error:
                _log.warning("the cache was not compared with the API server: %s", error)

    async def _collect(self) -> None:
        """Delete the Requests that the audit needs no longer."""
        shared = self._shared
        shared.writable()
        retention = Retention(shared.settings.requests_kept, shared.settings.requests_age)
        if number := await collect(shared.kube, self._scope, retention, shared.now()):
            _log.info("old Requests were deleted", extra={"fields": {"objects": number}})

    async def _reconcile(self, ref: Ref) -> Any:
        return await reconcile(ref, self._deps)

    def _make_action_deps(self) -> ActionDeps:
        shared = self._shared
        return ActionDeps(
            kube=shared.kube,
            cache=self._cache,
            children=Children(shared.kube, self._cache, self._feed.seen, self._feed.gone),
            journal=Journal(shared.kube, shared.settings.pod_name, shared.now, shared.metrics.counted),
            seen=self._feed.seen,
            gone=self._feed.gone,
            now=shared.now,
            writable=shared.writable,
            evidence=self._evidence,
            tell=self._endpoints.tell,
        )

    def _make_deps(self) -> Deps:
        gatherer = Gatherer(self._cache, self._sources())
        return Deps(
            kinds=kinds.table(gatherer),
            parent=gatherer.parent,
            perform=self._perform,
            write_status=self._write_status,
            remember=self._remember,
            forget=self._forget,
            now=self._shared.now,
            attempts=self._attempts,
        )

    def _sources(self) -> Sources:
        shared = self._shared
        gateways = Gateways(shared.kube, shared.clock, shared.settings.session_gateways)
        return Sources(
            platform=lambda: self._platform,
            now=shared.now,
            proof=RequestPolicy(shared.kube, shared.clock).proof,
            told=self._endpoints.told,
            unprotected=Protections(
                shared.kube, shared.clock, admission_policies(shared.settings), shared.metrics.protects
            ).missing,
            accounts=ServiceAccounts(shared.kube, shared.clock).prefixes,
            features=gateways.features,
            session_kinds=gateways.session_kinds,
            evidence=self._evidence.recall,
            scrape=self._scraper.scrape,
            ask=self._prometheus.ask if self._prometheus is not None else unasked,
            call=self._endpoints.ask,
            refused=self._attempts.refused,
            confirm=self._confirm,
        )

    async def _confirm(self, namespace: str, name: str) -> None:
        with suppress(NotFoundError):
            self._feed.seen(
                resources.MODEL_VERSION,
                await in_time(self._shared.kube.get(resources.MODEL_VERSION, namespace, name)),
            )

    async def _perform(self, ref: Ref, parent: Parent, action: Action) -> None:
        await perform(self._action_deps, ref, parent, action)

    async def _write_status(self, ref: Ref, parent: Parent, status: Manifest) -> None:
        fields = self._deps.kinds[ref.kind].status.model_fields.values()
        known = frozenset(field.alias or "" for field in fields)
        await write_status(self._action_deps, ref, parent, status, known)

    def _report(self, ref: Ref, error: KubeError, delay: float) -> None:
        """Log and count a write that failed and is tried again by itself."""
        self._shared.metrics.failed(ref.kind, error)
        report(error, delay)

    def _remember(self, ref: Ref, parent: Parent, plan: Plan[Any]) -> None:
        self._evidence.keep(parent, plan.evidence)
        self._shared.metrics.gauges(ref, plan.gauges)

    def _forget(self, ref: Ref) -> None:
        self._evidence.forget(ref)
        self._shared.metrics.gauges(ref, {})
        self.workers.forget(ref)


async def _ended(tasks: Sequence["asyncio.Future[Any]"]) -> None:
    """Return when the tasks have ended: nothing of a term goes on beside the next one."""
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
