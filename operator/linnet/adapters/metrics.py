"""Reads the serving pods' own metrics: addresses from pods' status only, never a URL that stands in an object."""

import asyncio
import ipaddress
from collections.abc import Iterable
from typing import Final

import aiohttp

from linnet.core.exposition import PodCounters, count_pod
from linnet.core.observed import Scrape, Target

CONCURRENT: Final = 50
TIMEOUT_SECONDS: Final = 2.0
MAX_BYTES: Final = 4 * 2**20


class Scraper:
    """One session for all pods; close it with `await scraper.close()`."""

    def __init__(self) -> None:
        self._session: aiohttp.ClientSession | None = None

    async def scrape(self, targets: Iterable[Target]) -> Scrape:
        """Who answered with what; who did not, and why. Raises nothing."""
        wanted = list(targets)
        read = await asyncio.gather(*(self._read(t) for t in wanted))
        pairs = list(zip(wanted, read, strict=True))
        return Scrape(
            counters={t.uid: found for t, found in pairs if isinstance(found, PodCounters)},
            errors={t.uid: found for t, found in pairs if isinstance(found, str)},
        )

    async def close(self) -> None:
        if self._session is not None:
            await self._session.close()

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
