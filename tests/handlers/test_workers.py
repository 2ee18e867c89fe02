"""The loop: what is retried, how soon, and what ends the process."""

import asyncio
from collections.abc import Callable
from datetime import timedelta

import pytest

from linnet.adapters.cluster.errors import (
    ConflictError,
    ForeignObjectError,
    KubeError,
    LeadershipLostError,
    UnavailableError,
)
from linnet.adapters.telemetry.metrics import Metrics
from linnet.core.plan import Ref
from linnet.handlers.workers import Workers

REF = Ref("Deployment", "ml", "iris")
OTHER = Ref("Deployment", "ml", "other")


class Loop:
    """Workers whose reconcile the test plays; `looks` are the keys in order."""

    def __init__(self, play: Callable[[int], timedelta | None], workers: int = 2) -> None:
        self.looks: list[Ref] = []
        self.together: set[Ref] = set()
        self.looked = asyncio.Event()
        self.metrics = Metrics()
        self.play = play
        self.workers = Workers(
            self.reconcile, self.metrics, asyncio.get_running_loop().time, timedelta(hours=1), workers
        )

    async def reconcile(self, ref: Ref) -> timedelta | None:
        assert ref not in self.together, "two workers on one key"
        self.together.add(ref)
        self.looks.append(ref)
        self.looked.set()
        await asyncio.sleep(0)
        try:
            return self.play(len(self.looks))
        finally:
            self.together.discard(ref)

    async def enough(self, looks: int) -> None:
        while len(self.looks) < looks:
            self.looked.clear()
            await self.looked.wait()

    async def until(self, looks: int) -> None:
        async with asyncio.timeout(20):
            running = asyncio.ensure_future(self.workers.run())
            enough = asyncio.ensure_future(self.enough(looks))
            await asyncio.wait({running, enough}, return_when=asyncio.FIRST_COMPLETED)
            enough.cancel()
            self.workers.queue.close()
            await running

    def counted(self, name: str) -> bool:
        return f"{name} 1.0" in self.metrics.exposition().decode()


def failing(error: Exception, times: int = 1) -> Callable[[int], None]:
    def play(look: int) -> None:
        if look <= times:
            raise error

    return play


@pytest.mark.slow
@pytest.mark.parametrize("error", [ConflictError("x"), UnavailableError("x"), ForeignObjectError("x"), ValueError("x")])
async def test_a_failed_look_is_tried_again(error: Exception) -> None:
    """Whatever went wrong, the key is not forgotten."""
    loop = Loop(failing(error))
    loop.workers.enqueue(REF)
    await loop.until(2)
    assert loop.looks == [REF, REF]


async def test_a_conflict_is_no_error() -> None:
    """Optimistic writes conflict in daily life: an alert must not count them."""
    loop = Loop(failing(ConflictError("x")))
    loop.workers.enqueue(REF)
    await loop.until(2)
    assert loop.counted('linnet_reconcile_total{kind="Deployment",outcome="conflict"}')
    assert "linnet_reconcile_errors_total{" not in loop.metrics.exposition().decode()


async def test_an_error_is_counted_by_its_class(caplog: pytest.LogCaptureFixture) -> None:
    """Trouble that has a name is a line without a traceback."""
    loop = Loop(failing(ForeignObjectError("Service iris exists")))
    loop.workers.enqueue(REF)
    await loop.until(2)
    assert loop.counted('linnet_reconcile_errors_total{error="ForeignObjectError",kind="Deployment"}')
    assert [(r.getMessage(), r.exc_info) for r in caplog.records] == [("Service iris exists", None)]


async def test_a_bug_comes_with_its_traceback_and_stops_nobody_else(caplog: pytest.LogCaptureFixture) -> None:
    """One object that breaks its plan must not take the others with it."""
    loop = Loop(failing(ZeroDivisionError("a bug")), workers=1)
    loop.workers.enqueue(REF)
    loop.workers.enqueue(OTHER)
    await loop.until(2)
    assert OTHER in loop.looks
    assert caplog.records[0].exc_info is not None


async def test_the_server_is_given_the_time_that_it_asked_for() -> None:
    """Retry-After is the least wait."""
    loop = Loop(failing(UnavailableError("slow down", retry_after=3600)))
    loop.workers.enqueue(REF)
    loop.workers.enqueue(OTHER)
    await loop.until(2)
    await asyncio.sleep(0.05)
    assert loop.looks == [REF, OTHER]


async def test_a_lost_lease_ends_the_loop() -> None:
    """Another replica leads: nothing may be retried."""
    loop = Loop(failing(LeadershipLostError("lost")))
    loop.workers.enqueue(REF)
    with pytest.raises(LeadershipLostError):
        await loop.until(2)


async def test_a_plan_may_ask_for_another_look() -> None:
    """`requeue_after` is the latest next look."""
    loop = Loop(lambda look: timedelta(0) if look < 3 else None)
    loop.workers.enqueue(REF)
    await loop.until(3)
    assert loop.looks == [REF] * 3


async def test_a_plan_that_never_rests_does_not_starve_others() -> None:
    """After a burst it is slowed down."""
    loop = Loop(lambda _: timedelta(0), workers=1)
    loop.workers.enqueue(REF)
    await loop.until(24)
    begun = len(loop.looks)
    assert loop.workers.queue.depth == 0
    assert begun <= 30


def test_a_look_that_hangs_makes_the_loop_unhealthy(caplog: pytest.LogCaptureFixture) -> None:
    """The kubelet restarts an operator whose look never ends; any pod may ask why, so that the log alone names it."""
    now = [0.0]

    async def never(_: Ref) -> None:
        await asyncio.Event().wait()

    async def main() -> tuple[str | None, str | None]:
        workers = Workers(never, Metrics(), lambda: now[0], timedelta(hours=1), 1)
        workers.enqueue(REF)
        running = asyncio.ensure_future(workers.run())
        await asyncio.sleep(0.01)
        before = workers.problem()
        now[0] = 3600
        workers._beat = 3600
        after = workers.problem()
        running.cancel()
        return before, after

    before, after = asyncio.run(main())
    assert before is None
    assert after == "one object has been reconciled for more than 600 s: the log names it"
    assert "Deployment/ml/iris has been reconciled for more than 600 s" in caplog.text


def test_every_error_of_the_adapters_is_one_of_ours() -> None:
    """The loop tells trouble that has a name from bugs by this class."""
    assert all(issubclass(e, KubeError) for e in (ConflictError, ForeignObjectError, UnavailableError))
