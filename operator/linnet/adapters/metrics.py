"""Reads the serving pods' own metrics: addresses from pods' status only, never a URL that stands in an object.

Most model servers answer a scrape from the very loop that computes predictions, so the slower the model, the later its
metrics: a canary that must be rolled back for its latency would never be read in time. A look therefore waits for a
short while only, and an answer that comes later is used by the next look.
"""

import asyncio
import ipaddress
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final

import aiohttp

from linnet.core.exposition import PodCounters, count_pod
from linnet.core.observed import Scrape, Target

CONCURRENT: Final = 50
PATIENCE_SECONDS: Final = 2.0
"""How long a look waits: the other pods' numbers must not wait for the slowest one."""
TIMEOUT_SECONDS: Final = 15.0
"""How long an answer may take; an answer that nobody asked for within so long after it came is forgotten."""
MAX_BYTES: Final = 4 * 2**20


@dataclass(frozen=True)
class _Reading:
    """A request to a pod that is under way, or answered; `ended` is when, by the loop's clock."""

    task: asyncio.Task[PodCounters | str]
    ended: list[float] = field(default_factory=list)

    @property
    def fresh(self) -> bool:
        """Whether it may be waited for or used: its numbers are of now, not of an earlier rollout."""
        return not self.ended or asyncio.get_running_loop().time() - self.ended[0] < TIMEOUT_SECONDS


class Scraper:
    """One session for all pods; close it with `await scraper.close()`."""

    def __init__(self, patience: float = PATIENCE_SECONDS) -> None:
        self._session: aiohttp.ClientSession | None = None
        self._patience = patience
        self._readings: dict[str, _Reading] = {}

    async def scrape(self, targets: Iterable[Target]) -> Scrape:
        """Who answered with what; who did not, and why. Raises nothing."""
        self._forget()
        under_way = {t.uid: self._readings.get(t.uid) or self._begin(t) for t in targets}
        self._readings |= under_way
        if under_way:
            await asyncio.wait({reading.task for reading in under_way.values()}, timeout=self._patience)
        read = {uid: self._taken(uid, reading) for uid, reading in under_way.items()}
        return Scrape(
            counters={uid: found for uid, found in read.items() if isinstance(found, PodCounters)},
            errors={uid: found for uid, found in read.items() if isinstance(found, str)},
        )

    async def close(self) -> None:
        for reading in self._readings.values():
            reading.task.cancel()
        if self._session is not None:
            await self._session.close()

    def _begin(self, target: Target) -> _Reading:
        reading = _Reading(asyncio.create_task(self._read(target)))
        now = asyncio.get_running_loop().time
        reading.task.add_done_callback(lambda _: reading.ended.append(now()))
        return reading

    def _taken(self, uid: str, reading: _Reading) -> PodCounters | str:
        """An answer is used once; a request that is still under way stays."""
        if not reading.task.done():
            return f"no answer within {self._patience:g} s, still waiting"
        self._readings.pop(uid, None)
        return reading.task.result()

    def _forget(self) -> None:
        """Answers that came too long ago, such as those of pods that are gone."""
        self._readings = {uid: reading for uid, reading in self._readings.items() if reading.fresh}

    async def _read(self, target: Target) -> PodCounters | str:
        try:
            text = await self._fetch(address(target))
        except TimeoutError:
            return f"no answer within {TIMEOUT_SECONDS:g} s"
        except (aiohttp.ClientError, OSError, ValueError) as error:
            return str(error) or type(error).__name__
        return count_pod(text, target.rules)

    async def _fetch(self, url: str) -> str:
        async with self._open().get(url, allow_redirects=False) as answer:
            if answer.status != 200:  # noqa: PLR2004
                raise ValueError(f"answered {answer.status}")
            data = await answer.content.read(MAX_BYTES + 1)
            while len(data) <= MAX_BYTES and (more := await answer.content.read(MAX_BYTES + 1 - len(data))):
                data += more
            if len(data) > MAX_BYTES:
                raise ValueError(f"answered more than {MAX_BYTES >> 20} MiB")
            return data.decode(errors="replace")

    def _open(self) -> aiohttp.ClientSession:
        """Made on first use, in the loop that uses it. No proxy: trust_env stays off."""
        if self._session is None:
            self._session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(limit=CONCURRENT),
                timeout=aiohttp.ClientTimeout(total=TIMEOUT_SECONDS),
                cookie_jar=aiohttp.DummyCookieJar(),
                auto_decompress=False,  # a few bytes must not become gigabytes
                headers={"Accept": "text/plain", "Accept-Encoding": "identity"},
            )
        return self._session


def address(target: Target) -> str:
    """The URL; ValueError where the address is no IP address."""
    ip = ipaddress.ip_address(target.ip)
    host = f"[{ip}]" if ip.version == 6 else str(ip)  # noqa: PLR2004
    return f"http://{host}:{target.port}{target.path}"
