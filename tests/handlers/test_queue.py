"""The work queue: nothing lost, nothing twice, nothing early."""

import asyncio

from hypothesis import given
from hypothesis import strategies as st

from linnet.handlers.backoff import Backoff, Pace
from linnet.handlers.queue import BEGUN, ROUTINE, Queue

RUNNER = asyncio.Runner()
"""One loop for all looks at a queue, since its event belongs to one."""


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def taken(queue: Queue[str]) -> str | None:
    """The key that a worker would get now, without waiting."""

    async def take() -> str | None:
        try:
            async with asyncio.timeout(0):
                return await queue.take()
        except TimeoutError:
            return None

    return RUNNER.run(take())


def test_a_key_added_twice_is_taken_once() -> None:
    """Many events of one object are one look."""
    queue: Queue[str] = Queue(Clock())
    queue.add("a")
    queue.add("a")
    assert [taken(queue), taken(queue)] == ["a", None]


def test_a_key_is_never_with_two_workers() -> None:
    """A change that arrives during a look is looked at afterwards, not beside it."""
    queue: Queue[str] = Queue(Clock())
    queue.add("a")
    assert taken(queue) == "a"
    queue.add("a")
    assert taken(queue) is None
    queue.done("a")
    assert taken(queue) == "a"


def test_a_key_waits_for_its_delay() -> None:
    """A requeue is the earliest next look."""
    clock = Clock()
    queue: Queue[str] = Queue(clock)
    queue.add("a", 5)
    assert taken(queue) is None
    clock.now = 5
    assert taken(queue) == "a"


def test_an_event_overtakes_a_delay() -> None:
    """An object that waits for its resync is looked at when something changes, and then not again for the resync."""
    clock = Clock()
    queue: Queue[str] = Queue(clock)
    queue.add("a", 300)
    queue.add("a")
    assert taken(queue) == "a"
    queue.done("a")
    clock.now = 300
    assert taken(queue) is None


def test_a_later_delay_changes_nothing() -> None:
    """What is due soon stays due soon."""
    clock = Clock()
    queue: Queue[str] = Queue(clock)
    queue.add("a", 1)
    queue.add("a", 300)
    clock.now = 1
    assert taken(queue) == "a"


def test_what_was_begun_comes_first() -> None:
    """An object in the middle of its creation is finished before new ones are begun, and before routine looks."""
    queue: Queue[str] = Queue(Clock())
    queue.add("routine", rank=ROUTINE)
    queue.add("new")
    queue.add("begun", rank=BEGUN)
    assert [taken(queue), taken(queue), taken(queue)] == ["begun", "new", "routine"]


def test_a_closed_queue_gives_nothing_out() -> None:
    """Workers end when the operator stops."""

    async def main() -> str | None:
        queue: Queue[str] = Queue(Clock())
        waiting = asyncio.ensure_future(queue.take())
        await asyncio.sleep(0)
        queue.close()
        return await waiting

    assert asyncio.run(main()) is None


def test_a_worker_is_woken_by_a_new_key() -> None:
    """Workers that found nothing to do hear of the next change."""

    async def main() -> str | None:
        queue: Queue[str] = Queue(asyncio.get_running_loop().time)
        waiting = asyncio.ensure_future(queue.take())
        await asyncio.sleep(0)
        queue.add("a")
        return await waiting

    assert asyncio.run(main()) == "a"


@given(st.lists(st.tuples(st.sampled_from("abc"), st.floats(0, 10), st.sampled_from([0, 1, 2])), max_size=30))
def test_every_key_is_looked_at_after_its_last_change(adds: list[tuple[str, float, int]]) -> None:
    """Whatever the order of changes, delays and looks, no added key is forgotten."""
    clock = Clock()
    queue: Queue[str] = Queue(clock)
    owed: dict[str, float] = {}
    for key, delay, rank in adds:
        queue.add(key, delay, rank)
        owed[key] = min(owed.get(key, float("inf")), clock.now + delay)
        if rank == 0 and (found := taken(queue)) is not None:
            assert owed.pop(found) <= clock.now
            queue.add(found, 1)
            owed[found] = clock.now + 1
            queue.done(found)
        clock.now += 0.5
    clock.now += 1000
    rest = []
    while (found := taken(queue)) is not None:
        rest.append(found)
    assert sorted(rest) == sorted(owed)


def test_backoff_grows_to_its_cap() -> None:
    """0.5 s, 1 s, 2 s … a minute, each within a fifth."""
    backoff: Backoff[str] = Backoff()
    delays, now = [], 0.0
    for _ in range(15):
        delays.append(backoff.failed("a", now))
        now += delays[-1]
    assert 0.4 <= delays[0] <= 0.6
    assert 0.8 <= delays[1] <= 1.2
    assert 48 <= delays[-1] <= 72


def test_tries_that_events_bring_about_do_not_exile_a_key() -> None:
    """Nine pods that start while something is refused must not make the next try a matter of minutes."""
    backoff: Backoff[str] = Backoff()
    for step in range(9):
        backoff.failed("a", step / 100)
    assert backoff.failed("a", 0.1) <= 0.6


def test_backoff_begins_anew_after_a_success() -> None:
    """One good look forgives."""
    backoff: Backoff[str] = Backoff()
    now = 0.0
    for _ in range(5):
        now += backoff.failed("a", now)
    backoff.forget("a")
    assert backoff.failed("a", now) <= 0.6


def test_pace_lets_a_burst_through_and_slows_a_stream() -> None:
    """A plan that never rests is looked at four times a second, however many events it makes."""
    pace: Pace[str] = Pace(every=0.25, burst=4)
    delays = []
    for _ in range(8):
        delays.append(pace.delay("a", 0.0))
        pace.looked("a", 0.0)
    assert delays[:4] == [0, 0, 0, 0]
    assert delays[-1] == 0.75
    assert pace.delay("a", 10.0) == 0
