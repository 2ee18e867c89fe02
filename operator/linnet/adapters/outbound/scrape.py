"""Reads the serving pods' own metrics: addresses from pods' status only, never a URL that stands in an object.

Most model servers answer a scrape from the very loop that computes predictions, so the slower the model, the later its
metrics: a canary that must be rolled back for its latency would never be read in time. A look therefore waits for a
short while only, and an answer that comes later is used by the next look.
"""

import ipaddress
from collections.abc import Iterable
from typing import Final

import aiohttp

from linnet.adapters.outbound.in_flight import InFlight
from linnet.core.analysis.metrics.counters import PodCounters, count_pod
from linnet.core.observed import Scrape, ScrapeTarget
from linnet.foreign.text import printable

CONCURRENT: Final = 50
PATIENCE_SECONDS: Final = 2.0
"""How long a look waits: the other pods' numbers must not wait for the slowest one."""
TIMEOUT_SECONDS: Final = 15.0
"""How long an answer may take; an answer that nobody asked for within so long after it came is forgotten."""
MAX_BYTES: Final = 4 * 2**20


class Scraper:
    """One session serves all pods; close it with `await scraper.close()`."""

    def __init__(self, patience: float = PATIENCE_SECONDS) -> None:
        self._session: aiohttp.ClientSession | None = None
        self._in_flight = InFlight[str, PodCounters | str](patience, TIMEOUT_SECONDS)

    async def scrape(self, targets: Iterable[ScrapeTarget]) -> Scrape:
        """Return who answered with what, and who did not, and why. Nothing is raised."""
        asked = {t.uid: self._read(t) for t in targets}
        read = await self._in_flight.answered(asked)
        late = f"no answer within {self._in_flight.seconds:g} s, still waiting"
        return Scrape(
            counters={uid: found for uid, found in read.items() if isinstance(found, PodCounters)},
            errors={uid: found for uid in asked if isinstance(found := read.get(uid, late), str)},
        )

    async def close(self) -> None:
        self._in_flight.close()
        if self._session is not None:
            await self._session.close()

    async def _read(self, target: ScrapeTarget) -> PodCounters | str:
        try:
            text = await self._fetch(address(target))
        except TimeoutError:
            return f"no answer within {TIMEOUT_SECONDS:g} s"
        except (aiohttp.ClientError, OSError, ValueError) as error:
            return printable(error) or type(error).__name__
        return count_pod(text, target.rules)

    async def _fetch(self, url: str) -> str:
        async with self._open().get(url, allow_redirects=False) as answer:
            if answer.status != 200:  # noqa: PLR2004
                raise ValueError(f"answered {answer.status}")
            return (await _body(answer)).decode(errors="replace")

    def _open(self) -> aiohttp.ClientSession:
        """Make the session on first use, in the loop that uses it. It asks no proxy, since `trust_env` is off."""
        if self._session is None:
            self._session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(limit=CONCURRENT),
                timeout=aiohttp.ClientTimeout(total=TIMEOUT_SECONDS),
                cookie_jar=aiohttp.DummyCookieJar(),
                auto_decompress=False,  # a few bytes must not become gigabytes
                headers={"Accept": "text/plain", "Accept-Encoding": "identity"},
            )
        return self._session


def address(target: ScrapeTarget) -> str:
    """Return the URL; ValueError where the address is no IP address."""
    ip = ipaddress.ip_address(target.ip)
    host = f"[{ip}]" if ip.version == 6 else str(ip)  # noqa: PLR2004
    return f"http://{host}:{target.port}{target.path}"


async def _body(answer: aiohttp.ClientResponse) -> bytes:
    """Return the whole answer; ValueError where that is more than can be afforded."""
    body = b""
    while len(body) <= MAX_BYTES and (more := await answer.content.read(MAX_BYTES + 1 - len(body))):
        body += more
    if len(body) > MAX_BYTES:
        raise ValueError(f"answered more than {MAX_BYTES >> 10} KiB")
    return body
