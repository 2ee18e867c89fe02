"""One server outside that the platform named: its token, its CA, its time limit. Everything that is sent goes here.

No proxy, no redirect, no cookie, no more of an answer than can be afforded.
"""

import asyncio
import os
import re
import socket
import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any, Final

import aiohttp

from linnet.adapters.outbound.bounded import body

CONCURRENT: Final = 8
_TOKEN: Final = re.compile(r"[!-~]+")


class OutboundError(Exception):
    """A sentence that stays the same from try to try, and names no address."""


@dataclass(frozen=True)
class Server:
    """`most` bytes of an answer are read; `named` is what sentences call it."""

    timeout: timedelta
    token_file: str | None
    ca_file: str | None
    most: int
    headers: Mapping[str, str] = field(default_factory=dict)
    named: str = "the server"


class Outbound:
    """One session; close it with `await outbound.close()`."""

    def __init__(self, server: Server) -> None:
        self._server = server
        self._session: aiohttp.ClientSession | None = None

    async def exchange(self, method: str, url: str, **request: Any) -> tuple[int, bytes]:
        """HTTP status and body. OutboundError where nothing came that could be an answer."""
        server, named = self._server, self._server.named
        try:
            async with asyncio.timeout(server.timeout.total_seconds()):
                return await self._exchanged(method, url, request)
        except TimeoutError:
            raise OutboundError(f"{named} did not answer within {server.timeout.total_seconds():g} s") from None
        except aiohttp.ClientSSLError:
            raise OutboundError(f"{named} can't be trusted: no known CA vouches for its certificate") from None
        except OSError as error:
            raise OutboundError(f"{named} can't be reached: {_cause(error)}") from error
        except (aiohttp.ClientError, ValueError) as error:
            raise OutboundError(f"{named} can't be asked: {_cause(error)}") from error

    async def close(self) -> None:
        if self._session is not None:
            await self._session.close()

    async def _exchanged(self, method: str, url: str, request: Mapping[str, Any]) -> tuple[int, bytes]:
        headers = await asyncio.to_thread(self._headers)
        session = await self._open()
        async with session.request(method, url, headers=headers, allow_redirects=False, **request) as got:
            return got.status, await body(got, self._server.most)

    def _headers(self) -> dict[str, str]:
        """With the token of now: a mounted Secret changes while the operator runs."""
        headers = {**self._server.headers, "Accept": "application/json", "Accept-Encoding": "identity"}
        if self._server.token_file is None:
            return headers
        try:
            token = Path(self._server.token_file).read_text().strip()
        except (OSError, UnicodeError):
            raise ValueError("the token's file can't be read") from None
        if not _TOKEN.fullmatch(token):
            raise ValueError("the token's file holds no token")
        return {**headers, "Authorization": f"Bearer {token}"}

    async def _open(self) -> aiohttp.ClientSession:
        """Made on first use, in the loop that uses it. No proxy: trust_env stays off."""
        if self._session is None:
            trust = await asyncio.to_thread(_trust, self._server.ca_file)
            self._session = self._session or aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(limit=CONCURRENT, ssl=trust),
                cookie_jar=aiohttp.DummyCookieJar(),
                auto_decompress=False,  # a few bytes must not become gigabytes
            )
        return self._session


def _trust(ca_file: str | None) -> ssl.SSLContext:
    try:
        return ssl.create_default_context(cafile=ca_file)
    except (OSError, ValueError):
        raise ValueError("the file of CA certificates can't be read") from None


def _cause(error: Exception) -> str:
    """Without the address: who may read a status need not know it."""
    cause = getattr(error, "os_error", None) or error
    if isinstance(cause, socket.gaierror):
        return str(cause.strerror)
    if isinstance(cause, OSError) and cause.errno:
        return os.strerror(cause.errno)
    return str(cause) if type(cause) is ValueError else type(cause).__name__
