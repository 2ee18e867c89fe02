"""Reads the serving pods' own metrics: addresses from pods' status only, never a URL that stands in an object.

Most model servers answer a scrape from the very loop that computes predictions, so the slower the model, the later its
metrics: a canary that must be rolled back for its latency would never be read in time. A look therefore waits for a
short while only, and an answer that comes later is used by the next look.

A pod is a stranger's: how many connections a Deployment and a namespace have at a time is bounded, and so is the share
of the loop's time that a namespace's pages take, so that nobody's pods keep another one's from being read.
"""

import asyncio
import codecs
import ipaddress
import time
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Final

from linnet.adapters.outbound.in_flight import InFlight
from linnet.adapters.outbound.page import BLOCK, Page
from linnet.core.analysis.metrics.counters import PodCounters, count_page, unreadable
from linnet.core.analysis.metrics.exposition import ExcessError, Scanner
from linnet.core.analysis.metrics.selectors import MetricRules
from linnet.core.observed import Scrape, ScrapeTarget
from linnet.foreign.text import printable

OF_ALL: Final = 512
OF_NAMESPACE: Final = 32
OF_DEPLOYMENT: Final = 16
"""Connections at a time."""
PATIENCE_SECONDS: Final = 2.0
"""How long a look waits: the other pods' numbers must not wait for the slowest one."""
TIMEOUT_SECONDS: Final = 15.0
"""How long an answer may take; an answer that nobody asked for within so long after it came is forgotten."""
MAX_BYTES: Final = 4 * 2**20
"""Bytes that a pod may send, whatever they are."""
READING_SECONDS: Final = 1.0
"""Seconds of this process that one page may take; an honest one takes a thousandth."""
REST: Final = 3.0
"""A namespace rests for so many times as long as its pages were read for: it has a quarter of the loop at most."""
_RESTS_FROM: Final = 0.005


class Turns:
    """So many at a time for each key; a key that nobody waits for is forgotten."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._waiting: dict[object, tuple[asyncio.Semaphore, int]] = {}

    @asynccontextmanager
    async def turn(self, key: object) -> AsyncIterator[None]:
        """Wait for a turn, and have it."""
        turns, users = self._waiting.get(key) or (asyncio.Semaphore(self._most), 0)
        self._waiting[key] = turns, users + 1
        try:
            async with turns:
                yield
        finally:
            turns, users = self._waiting.pop(key)
            if users > 1:
                self._waiting[key] = turns, users - 1


class Shares:
    """Work of one key is done in turn, and followed by a rest, so that it takes a bounded share of the loop's time."""

    def __init__(self, clock: Callable[[], float] = time.thread_time) -> None:
        self._clock = clock
        self._turns = Turns(1)
        self._owed: dict[object, float] = {}

    async def work(self, key: object, do: Callable[[], None]) -> float:
        """Do it, and return the seconds that it took of this thread."""
        async with self._turns.turn(key):
            begun = self._clock()
            try:
                do()
            finally:
                took = self._clock() - begun
                await self._rest(key, took)
        return took

    async def _rest(self, key: object, took: float) -> None:
        owed = self._owed.pop(key, 0.0) + took
        if owed < _RESTS_FROM:
            self._owed[key] = owed
        else:
            await asyncio.sleep(owed * REST)


class Scraper:
    """Reads pods, each over a connection of its own."""

    def __init__(self, patience: float = PATIENCE_SECONDS) -> None:
        self._in_flight = InFlight[str, PodCounters | str](patience, TIMEOUT_SECONDS)
        self._of_all = Turns(OF_ALL)
        self._of_namespace, self._of_deployment = Turns(OF_NAMESPACE), Turns(OF_DEPLOYMENT)
        self._shares = Shares()

    async def scrape(self, targets: Iterable[ScrapeTarget]) -> Scrape:
        """Return who answered with what, and who did not, and why. Nothing is raised."""
        asked = {t.uid: self._read(t) for t in targets}
        read = await self._in_flight.answered(asked)
        late = f"no answer within {self._in_flight.seconds:g} s, still waiting"
        return Scrape(
            counters={uid: found for uid, found in read.items() if isinstance(found, PodCounters)},
            errors={uid: found for uid in asked if isinstance(found := read.get(uid, late), str)},
        )

    def close(self) -> None:
        self._in_flight.close()

    async def _read(self, target: ScrapeTarget) -> PodCounters | str:
        """Read one pod in its turn. The time limit begins with the connection: who waits for a turn is not late."""
        async with AsyncExitStack() as turns:
            await turns.enter_async_context(self._of_deployment.turn((target.namespace, target.deployment)))
            await turns.enter_async_context(self._of_namespace.turn(target.namespace))
            await turns.enter_async_context(self._of_all.turn(None))
            try:
                async with asyncio.timeout(TIMEOUT_SECONDS):
                    return await self._counted(target)
            except ExcessError as error:
                return unreadable(str(error))
            except TimeoutError:
                return f"no answer within {TIMEOUT_SECONDS:g} s"
            except (OSError, ValueError) as error:
                return printable(error) or type(error).__name__

    async def _counted(self, target: ScrapeTarget) -> PodCounters:
        reader, writer = await asyncio.open_connection(str(ipaddress.ip_address(target.ip)), target.port, limit=BLOCK)
        try:
            return await self._scanned(reader, writer, target)
        finally:
            writer.transport.abort()  # a stranger's end is not waited for

    async def _scanned(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, target: ScrapeTarget
    ) -> PodCounters:
        """Count the page as it arrives: no more of it is held than some blocks, and each step of reading is paced."""
        scanner, found = Scanner(target.rules), list[PodCounters]()
        decoder = codecs.getincrementaldecoder("utf-8")(errors="replace")
        page = Page(lambda block: scanner.feed(decoder.decode(block)))
        writer.write(page.request(host(target), target.path))
        size, seconds = 0, 0.0
        while not page.whole:
            if page.hungry:
                data = await reader.read(BLOCK)
                size += len(data)
                page.feed(data)
            if size > MAX_BYTES:
                raise ExcessError(f"its metrics have more than {MAX_BYTES >> 10} KiB")
            seconds += await self._shares.work(target.namespace, page.step)
            if seconds > READING_SECONDS:
                raise ExcessError(f"its metrics take more than {READING_SECONDS:g} s to read")
        await self._shares.work(target.namespace, lambda: found.append(_counted(scanner, decoder, target.rules)))
        return found[0]


def _counted(scanner: Scanner, decoder: codecs.IncrementalDecoder, rules: MetricRules) -> PodCounters:
    scanner.feed(decoder.decode(b"", final=True))
    return count_page(scanner.page(), rules)


def host(target: ScrapeTarget) -> str:
    """Return how HTTP names the pod; ValueError where its address is none of IP's."""
    ip = ipaddress.ip_address(target.ip)
    return f"[{ip}]:{target.port}" if ip.version == 6 else f"{ip}:{target.port}"  # noqa: PLR2004
