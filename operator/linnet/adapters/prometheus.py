"""Asks the platform's Prometheus-compatible server the platform's queries. Address and token are the operator's own.

A server that is away, slow or wrong is an answer too: it holds a canary, and never takes one back.
"""

import asyncio
import json
import os
import re
import socket
import ssl
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Final

import aiohttp

from linnet.adapters.bounded import body
from linnet.adapters.patience import Patience
from linnet.api.prometheus import PrometheusServer
from linnet.core.instant import Answer, Failure, NoValue, answer
from linnet.core.queries import Question

CONCURRENT: Final = 8
PATIENCE_SECONDS: Final = 2.0
"""How long a look waits: the pods' own numbers must not wait for this server."""
KEEPS_SECONDS: Final = 15.0
"""An answer that nobody asked for within so long after it came is forgotten."""
MAX_BYTES: Final = 256 * 2**10
"""One number is wanted; so much also tells how many series a query found that gives too many."""
_TOKEN: Final = re.compile(r"[!-~]+")


class Prometheus:
    """One session; close it with `await prometheus.close()`. `counted` is told (query, outcome) of each answer."""

    def __init__(
        self, server: PrometheusServer, counted: Callable[[str, str], None], patience: float = PATIENCE_SECONDS
    ) -> None:
        self._server = server
        self._counted = counted
        self._session: aiohttp.ClientSession | None = None
        self._patience = Patience[Question, Answer](patience, KEEPS_SECONDS)

    async def ask(self, questions: Iterable[Question]) -> Mapping[Question, Answer]:
        """The answers that are there; a late one comes with the next look. Raises nothing."""
        return await self._patience.answered({question: self._told(question) for question in questions})

    async def close(self) -> None:
        self._patience.close()
        if self._session is not None:
            await self._session.close()

    async def _told(self, question: Question) -> Answer:
        said = await self._answer(question.text)
        outcome = "error" if isinstance(said, Failure) else "empty" if isinstance(said, NoValue) else "value"
        self._counted(question.query, outcome)
        return said

    async def _answer(self, text: str) -> Answer:
        """Sentences that stay the same from look to look, and name no address."""
        try:
            async with asyncio.timeout(self._server.timeout.total_seconds()):
                return await self._fetch(text)
        except TimeoutError:
            return Failure(f"the server did not answer within {self._server.timeout.total_seconds():g} s")
        except aiohttp.ClientSSLError:
            return Failure("the server can't be trusted: no known CA vouches for its certificate")
        except OSError as error:
            return Failure(f"the server can't be reached: {_cause(error)}")
        except (aiohttp.ClientError, ValueError) as error:
            return Failure(f"the server can't be asked: {_cause(error)}")

    async def _fetch(self, text: str) -> Answer:
        url = f"{self._server.url.rstrip('/')}/api/v1/query"
        headers = await asyncio.to_thread(self._headers)
        session = await self._open()
        async with session.get(url, params={"query": text}, headers=headers, allow_redirects=False) as got:
            data = await body(got, MAX_BYTES)
            return answer(got.status, _parsed(data))

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


async def unasked(_: Iterable[Question]) -> Mapping[Question, Answer]:
    """Where the platform has no server."""
    return {}


def _trust(ca_file: str | None) -> ssl.SSLContext:
    try:
        return ssl.create_default_context(cafile=ca_file)
    except (OSError, ValueError):
        raise ValueError("the file of CA certificates can't be read") from None


def _parsed(data: bytes) -> object:
    try:
        return json.loads(data)
    except (ValueError, RecursionError):
        return None


def _cause(error: Exception) -> str:
    """Without the address: who may read a status need not know it."""
    cause = getattr(error, "os_error", None) or error
    if isinstance(cause, socket.gaierror):
        return str(cause.strerror)
    if isinstance(cause, OSError) and cause.errno:
        return os.strerror(cause.errno)
    return str(cause) if type(cause) is ValueError else type(cause).__name__
