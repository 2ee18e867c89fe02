"""Reading the pods' metrics: a server that is slow to answer is read all the same, and holds nobody up."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from aiohttp import web

from linnet.adapters.outbound.scrape import Scraper
from linnet.core.analysis.metrics.counters import PodCounters
from linnet.core.analysis.metrics.selectors import MetricRules, Selector
from linnet.core.observed import ScrapeTarget

RULES = MetricRules(requests=(Selector("asked_total"),))
PATIENT = 20.0


class Pod:
    """A server of metrics that answers once it may, and counts how often it was asked."""

    def __init__(self) -> None:
        self.may_answer = asyncio.Event()
        self.asked = 0
        self.port = 0

    async def metrics(self, _: web.Request) -> web.Response:
        self.asked += 1
        number = self.asked
        await self.may_answer.wait()
        return web.Response(text=f"asked_total {number}\n")

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


@pytest.mark.slow
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
        await scraper.close()
    assert [set(look.counters) for look in (first, second, third)] == [{"q"}, {"q"}, {"q", "s"}]
    assert "still waiting" in first.errors["s"]
    assert (slow.asked, requests(third.counters["s"])) == (1, 1)
    assert quick.asked == 3


async def test_an_answer_is_used_once() -> None:
    """The next look asks anew: counters must grow."""
    async with pod() as quick:
        scraper = Scraper(patience=PATIENT)
        looks = [await scraper.scrape([quick.target("q")]) for _ in range(3)]
        await scraper.close()
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
        await scraper.close()
    assert requests(look.counters["s"]) == 2


async def test_nobody_there_is_an_error_and_no_exception() -> None:
    """A pod that refuses is named with its reason."""
    scraper = Scraper(patience=PATIENT)
    look = await scraper.scrape([ScrapeTarget("gone", "127.0.0.1", 1, "/metrics", RULES)])
    await scraper.close()
    assert look.counters == {}
    assert "gone" in look.errors
