"""Reading the pods' metrics: a server that is slow to answer is read all the same, and holds nobody up."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

import pytest
from aiohttp import web

from linnet.adapters.outbound import scrape
from linnet.adapters.outbound.scrape import OF_DEPLOYMENT, OF_NAMESPACE, Scraper, Shares
from linnet.core.analysis.metrics.counters import PodCounters
from linnet.core.analysis.metrics.selectors import MetricRules, Selector
from linnet.core.observed import ScrapeTarget

pytestmark = pytest.mark.slow
"""They talk to real servers, or move megabytes: `make test` plays them."""

RULES = MetricRules(requests=(Selector("asked_total"),))
PATIENT = 20.0
HEAD = b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n"


class Pod:
    """A server of metrics that answers once it may, and counts how often it was asked."""

    def __init__(self) -> None:
        self.may_answer = asyncio.Event()
        self.asked = 0
        self._more = asyncio.Event()
        self.port = 0

    async def metrics(self, _: web.Request) -> web.Response:
        self.asked += 1
        self._more.set()
        number = self.asked
        await self.may_answer.wait()
        return web.Response(text=f"asked_total {number}\n")

    async def is_asked(self, times: int) -> None:
        """Wait until it was asked so often; more would be wrong."""
        async with asyncio.timeout(PATIENT):
            while self.asked < times:
                self._more.clear()
                await self._more.wait()
        assert self.asked == times

    def target(self, uid: str) -> ScrapeTarget:
        return ScrapeTarget(uid, "127.0.0.1", self.port, "/metrics", RULES)


@asynccontextmanager
async def pod(*, quick: bool = True) -> AsyncIterator[Pod]:
    """A running pod; a quick one answers at once."""
    made = Pod()
    if quick:
        made.may_answer.set()
    app = web.Application()
    app.router.add_get("/metrics", made.metrics)
    runner = web.AppRunner(app, shutdown_timeout=0)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    made.port = runner.addresses[0][1]
    try:
        yield made
    finally:
        made.may_answer.set()
        await runner.cleanup()


def requests(counters: PodCounters) -> float | None:
    return counters.requests


async def test_a_late_answer_is_used_by_the_next_look() -> None:
    """The metrics of a model that blocks its server are late: they are waited for, not asked for again."""
    async with pod() as quick, pod(quick=False) as slow:
        scraper = Scraper(patience=1.0)
        targets = [quick.target("q"), slow.target("s")]
        first = await scraper.scrape(targets)
        second = await scraper.scrape(targets)
        slow.may_answer.set()
        scraper._in_flight.seconds = PATIENT
        third = await scraper.scrape(targets)
        scraper.close()
    assert [set(look.counters) for look in (first, second, third)] == [{"q"}, {"q"}, {"q", "s"}]
    assert "still waiting" in first.errors["s"]
    assert (slow.asked, requests(third.counters["s"])) == (1, 1)
    assert quick.asked == 3


async def test_an_answer_is_used_once() -> None:
    """The next look asks anew: counters must grow."""
    async with pod() as quick:
        scraper = Scraper(patience=PATIENT)
        looks = [await scraper.scrape([quick.target("q")]) for _ in range(3)]
        scraper.close()
    assert [requests(look.counters["q"]) for look in looks] == [1, 2, 3]


async def test_an_answer_that_nobody_wanted_is_forgotten() -> None:
    """Numbers of an earlier rollout must not be the baseline of the next one."""
    async with pod(quick=False) as slow:
        scraper = Scraper(patience=0.05)
        await scraper.scrape([slow.target("s")])
        slow.may_answer.set()
        await asyncio.wait({scraper._in_flight.under_way["s"].task})
        await asyncio.sleep(0)
        scraper._in_flight.under_way["s"].ended[0] -= 3600
        scraper._in_flight.seconds = PATIENT
        look = await scraper.scrape([slow.target("s")])
        scraper.close()
    assert requests(look.counters["s"]) == 2


async def test_nobody_there_is_an_error_and_no_exception() -> None:
    """A pod that refuses is named with its reason."""
    scraper = Scraper(patience=PATIENT)
    look = await scraper.scrape([ScrapeTarget("gone", "127.0.0.1", 1, "/metrics", RULES)])
    scraper.close()
    assert look.counters == {}
    assert "gone" in look.errors


@asynccontextmanager
async def saying(*parts: bytes, head: bytes = HEAD) -> AsyncIterator[int]:
    """A server that answers with these bytes, and its port."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        for part in (head, *parts):
            writer.write(part)
        with suppress(OSError):
            await writer.drain()
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    async with server:
        yield server.sockets[0].getsockname()[1]


async def read(scraper: Scraper, port: int, uid: str = "x", whose: tuple[str, str] = ("ml", "iris")) -> PodCounters:
    return (await scraper.scrape([ScrapeTarget(uid, "127.0.0.1", port, "/metrics", RULES, *whose)])).counters[uid]


@pytest.mark.parametrize(
    ("page", "problem"),
    [
        (b"asked_total " + b"1" * 20_000 + b"x\n", "a line of its metrics has more than 8192 characters"),
        (b"asked_total{" * 100_000, "a line of its metrics has more than 8192 characters"),
        (b"asked_total{\n" * 400_000, "its metrics have more than"),
        (b"".join(b'asked_total{le="%d"} 1\n' % n for n in range(170_000)), "more than 10000 series"),
        (b"\n" * 300_000, "its metrics have more than 200000 lines"),
        (
            b"# a comment that says nothing of anything at all, again and again and again\n" * 60_000,
            "more than 4096 KiB",
        ),
    ],
)
async def test_a_pod_that_exposes_too_much_is_not_read_and_says_why(page: bytes, problem: str) -> None:
    """20 KB of digits held the whole operator up for 44 seconds, and four megabytes would have for weeks."""
    async with saying(page) as port:
        scraper = Scraper(patience=PATIENT)
        found = await read(scraper, port)
        scraper.close()
    assert (found.requests, found.latency) == (None, {})
    assert problem in found.problem


async def test_a_page_that_takes_too_long_to_read_is_left_and_says_why(monkeypatch: pytest.MonkeyPatch) -> None:
    """Seconds of the one loop are everybody's: a page that finds a slow way through the reader costs one of them."""
    monkeypatch.setattr(scrape, "REST", 0.0)
    steps = iter(range(1_000))
    async with saying(b"# says nothing\n" * 100_000) as port:
        scraper = Scraper(patience=PATIENT)
        scraper._shares = Shares(clock=lambda: next(steps) * 0.4)
        found = await read(scraper, port)
        scraper.close()
    assert found.requests is None
    assert found.problem == "a pod can't be read: its metrics take more than 1 s to read"
    assert next(steps) == 6


async def test_a_page_is_counted_however_it_arrives() -> None:
    """The network cuts where it likes, within a character, too."""
    page = "# TYPE asked_total counter\n" + "".join(f'asked_total{{path="/größe/{n}"}} 1\n' for n in range(5000))
    data = page.encode()
    async with saying(*(data[at : at + 777] for at in range(0, len(data), 777))) as port:
        scraper = Scraper(patience=PATIENT)
        found = await read(scraper, port)
        scraper.close()
    assert found.requests == 5000


async def test_what_surrounds_a_page_is_bounded_as_the_page_is() -> None:
    """Five megabytes of provisional responses come before it: they are told as too much."""
    flood = b"HTTP/1.1 100 Continue\r\n\r\n" * 200_000
    async with saying(flood + b"HTTP/1.1 200 OK\r\n\r\nasked_total 1\n", head=b"") as port:
        scraper = Scraper(patience=PATIENT)
        scraper._shares = Shares(clock=lambda: 0.0)  # on a busy machine its rests would outlast the time limit
        found = await read(scraper, port)
        scraper.close()
    assert found.requests is None
    assert "a pod can't be read: its metrics" in found.problem


async def test_slow_pods_of_one_namespace_do_not_keep_another_s_from_being_read() -> None:
    """The connections of a Deployment and of a namespace are bounded: the others' are free."""
    async with pod(quick=False) as slow, pod() as quick:
        scraper = Scraper(patience=0.2)
        for one in range(4):
            theirs = [f"{one}-{n}" for n in range(60)]
            await scraper.scrape(
                ScrapeTarget(uid, "127.0.0.1", slow.port, "/metrics", RULES, "theirs", f"d{one}") for uid in theirs
            )
        await slow.is_asked(OF_NAMESPACE)
        scraper._in_flight.seconds = PATIENT
        assert requests(await read(scraper, quick.port)) == 1
        scraper.close()


async def test_a_deployment_leaves_its_neighbors_some_connections() -> None:
    """The pods of one may all hang: those of another one of the namespace are read."""
    async with pod(quick=False) as slow, pod() as quick:
        scraper = Scraper(patience=0.2)
        await scraper.scrape(
            ScrapeTarget(f"{n}", "127.0.0.1", slow.port, "/metrics", RULES, "ml", "slow") for n in range(60)
        )
        await slow.is_asked(OF_DEPLOYMENT)
        scraper._in_flight.seconds = PATIENT
        assert requests(await read(scraper, quick.port)) == 1
        scraper.close()


async def test_who_waits_for_a_turn_is_not_late(monkeypatch: pytest.MonkeyPatch) -> None:
    """The time limit begins with the connection: 40 pods behind slow ones are read in the end, every one."""
    monkeypatch.setattr(scrape, "TIMEOUT_SECONDS", 1.0)
    async with pod(quick=False) as slow:
        scraper = Scraper(patience=0.5)
        targets = [ScrapeTarget(f"{n}", "127.0.0.1", slow.port, "/metrics", RULES, "ml", "iris") for n in range(40)]
        await scraper.scrape(targets)
        slow.may_answer.set()
        scraper._in_flight.seconds = PATIENT
        look = await scraper.scrape(targets)
        scraper.close()
    assert len(look.counters) == 40


async def test_a_namespace_rests_after_its_pages_were_read() -> None:
    """Its pages take a quarter of the loop at most, however many they are; those of another one do not wait."""
    spent = iter([0.0, 10.0, 10.0, 10.0, 10.0, 10.0])
    shares = Shares(clock=lambda: next(spent))
    hostile = asyncio.create_task(shares.work("theirs", lambda: None))
    await asyncio.sleep(0)
    behind = asyncio.create_task(shares.work("theirs", lambda: None))
    assert await shares.work("ours", lambda: None) == 0.0
    assert not hostile.done()
    assert not behind.done()
    for task in (hostile, behind):
        task.cancel()
    await asyncio.gather(hostile, behind, return_exceptions=True)
    assert shares._turns._waiting == {}
