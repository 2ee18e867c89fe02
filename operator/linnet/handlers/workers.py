"""The operator has one loop: workers take keys and reconcile them; here alone an error becomes retry or stop."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Final

from linnet.adapters.cluster.errors import ConflictError, KubeError, LeadershipLostError, UnavailableError
from linnet.adapters.telemetry.logs import OBJECT
from linnet.adapters.telemetry.metrics import Metrics
from linnet.core.plan import Ref
from linnet.handlers.backoff import CAP_SECONDS, Backoff, Pace, jittered
from linnet.handlers.queue import BEGUN, HOUSEKEEPING, ROUTINE, URGENT, Queue

SETTLE_SECONDS: Final = 0.1
STUCK_SECONDS: Final = 600.0
SILENT_SECONDS: Final = 30.0
_log = logging.getLogger(__name__)

Reconcile = Callable[[Ref], Awaitable[timedelta | None]]


class Workers:
    """Workers share one queue. `clock` is a monotonic time in seconds, `resync` the longest time between two looks."""

    def __init__(
        self,
        reconcile: Reconcile,
        metrics: Metrics,
        clock: Callable[[], float],
        resync: timedelta,
        workers: int,
    ) -> None:
        self.queue: Queue[Ref] = Queue(clock)
        self._reconcile = reconcile
        self._metrics = metrics
        self._clock = clock
        self._resync = resync.total_seconds()
        self._workers = workers
        self._refused: Backoff[Ref] = Backoff()
        self._unreachable: Backoff[Ref] = Backoff(cap=15.0)
        self._conflicts: Backoff[Ref] = Backoff(first=0.02, cap=5.0)
        self._pace: Pace[Ref] = Pace()
        self._started: dict[Ref, float] = {}
        self._beat: float | None = None

    def enqueue(self, ref: Ref, asked: bool = True) -> None:
        """Look at the object soon: somebody asked something of it, or (not `asked`) something about it changed.

        Children change several times in quick succession: one look answers them all.
        """
        pace = self._pace.delay(ref, self._clock())
        if asked:
            self.queue.add(ref, pace, URGENT)
        else:
            self.queue.add(ref, max(pace, SETTLE_SECONDS), _routine(ref))

    def forget(self, ref: Ref) -> None:
        """Forget what failed before: the object is gone."""
        for remembered in (self._refused, self._unreachable, self._conflicts, self._pace):
            remembered.forget(ref)

    async def run(self) -> None:
        """Work until the queue is closed and every look has ended; LeadershipLostError ends it at once."""
        heart = asyncio.create_task(self._heartbeat())
        try:
            async with asyncio.TaskGroup() as group:
                for _ in range(self._workers):
                    group.create_task(self._work())
        except* LeadershipLostError as lost:
            raise lost.exceptions[0] from None
        finally:
            heart.cancel()

    def problem(self) -> str | None:
        """Say why the loop counts as dead, for `/healthz`; None if it lives. The log alone names the object."""
        now = self._clock()
        if self._beat is not None and now - self._beat > SILENT_SECONDS:
            return "the work queue's loop has stopped"
        stuck = next((ref for ref, since in self._started.items() if now - since > STUCK_SECONDS), None)
        if stuck is None:
            return None
        _log.warning("%s has been reconciled for more than %g s", stuck, STUCK_SECONDS)
        return f"one object has been reconciled for more than {STUCK_SECONDS:g} s: the log names it"

    async def _heartbeat(self) -> None:
        while True:
            self._beat = self._clock()
            self._metrics.queue_depth.set(self.queue.depth)
            await asyncio.sleep(1)

    async def _work(self) -> None:
        while (ref := await self.queue.take()) is not None:
            OBJECT.set(str(ref))
            since = self._started[ref] = self._clock()
            self._pace.looked(ref, since)
            try:
                await self._look(ref)
            finally:
                del self._started[ref]
                self.queue.done(ref)
            self._metrics.took(ref.kind, self._clock() - since)

    async def _look(self, ref: Ref) -> None:
        try:
            again = await self._reconcile(ref)
        except LeadershipLostError:
            raise
        except Exception as error:  # noqa: BLE001
            self._failed(ref, error)
        else:
            self._succeeded(ref, again)

    def _succeeded(self, ref: Ref, again: timedelta | None) -> None:
        self._metrics.reconciled(ref.kind, "done")
        for failures in (self._refused, self._unreachable, self._conflicts):
            failures.forget(ref)
        latest = jittered(self._resync)
        wait = latest if again is None else min(latest, max(0.0, again.total_seconds()))
        rank = _routine(ref) if wait else BEGUN
        self.queue.add(ref, max(wait, self._pace.delay(ref, self._clock())), rank)

    def _failed(self, ref: Ref, error: Exception) -> None:
        """Retry a conflict at once, an outage soon, and whatever was refused ever more rarely."""
        if isinstance(error, ConflictError):
            self._metrics.reconciled(ref.kind, "conflict")
            self.queue.add(ref, self._conflicts.failed(ref, self._clock()))
            return
        if isinstance(error, UnavailableError):
            delay = max(self._unreachable.failed(ref, self._clock()), min(error.retry_after or 0.0, CAP_SECONDS))
        else:
            delay = self._refused.failed(ref, self._clock())
        self._metrics.reconciled(ref.kind, "error")
        self._metrics.failed(ref.kind, error)
        report(error, delay)
        self.queue.add(ref, delay, _routine(ref))


def _routine(ref: Ref) -> int:
    return HOUSEKEEPING if ref.kind == "Request" else ROUTINE


def report(error: Exception, delay: float) -> None:
    """Write a line for trouble that has a name; anything else is a bug, and comes with its traceback."""
    fields = {"fields": {"reason": type(error).__name__, "retry_in_seconds": round(delay, 1)}}
    if isinstance(error, KubeError):
        _log.warning("%s", error, extra=fields)
    else:
        _log.error("the reconcile failed: %s", error, exc_info=error, extra=fields)
