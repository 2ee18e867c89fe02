"""Asks one server outside that the platform named, by its token, its CA, its time limit. All that is sent goes here.

There is no proxy, no redirect, no cookie, and no more of an answer is read than can be afforded.
"""

import asyncio
import os
import re
import socket
import ssl
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from http.cookiejar import CookieJar, DefaultCookiePolicy
from pathlib import Path
from typing import Final

import httpx

CONCURRENT: Final = 8
_TOKEN: Final = re.compile(r"[!-~]+")


class OutboundError(Exception):
    """Nothing came that could be an answer. The sentence is the same at every try, and names no address."""


@dataclass(frozen=True)
class Server:
    """One server outside. `most` bytes of an answer are read; `named` is what sentences call it."""

    timeout: timedelta
    token_file: str | None
    ca_file: str | None
    most: int
    headers: Mapping[str, str] = field(default_factory=dict)
    named: str = "the server"


class Client:
    """A client holds the connections to one server; close them with `await client.close()`."""

    def __init__(self, server: Server) -> None:
        self._server = server
        self._http: httpx.AsyncClient | None = None
        self._turns = asyncio.Semaphore(CONCURRENT)

    async def exchange(
        self, method: str, url: str, *, params: Mapping[str, str] | None = None, content: bytes | None = None
    ) -> tuple[int, bytes]:
        """Return HTTP status and body. OutboundError where nothing came that could be an answer."""
        server, named = self._server, self._server.named
        try:
            async with asyncio.timeout(server.timeout.total_seconds()), self._turns:
                headers = await asyncio.to_thread(self._headers)
                http = await self._open()
                request = http.build_request(method, url, params=params, content=content, headers=headers)
                return await self._answer(http, request)
        except TimeoutError:
            raise OutboundError(f"{named} did not answer within {server.timeout.total_seconds():g} s") from None
        except ExceptionGroup as errors:  # of a connection that can't be tried, such as to port 99999
            raise OutboundError(f"{named} {_problem(errors.exceptions[0])}") from errors
        except (httpx.HTTPError, httpx.InvalidURL, OSError, ValueError) as error:
            raise OutboundError(f"{named} {_problem(error)}") from error

    async def close(self) -> None:
        if self._http is not None:
            await self._http.aclose()

    async def _answer(self, http: httpx.AsyncClient, request: httpx.Request) -> tuple[int, bytes]:
        """Return the body as it was sent: nothing is decompressed, since a few bytes must not become gigabytes."""
        answer = await http.send(request, stream=True)
        try:
            body = b""
            async for part in answer.aiter_raw():
                body += part
                if len(body) > self._server.most:
                    raise ValueError(f"answered more than {self._server.most >> 10} KiB")
            return answer.status_code, body
        finally:
            await answer.aclose()

    def _headers(self) -> dict[str, str]:
        """Read the token of now: a mounted Secret changes while the operator runs. ValueError if there is none."""
        own = {"Accept": "application/json", "Accept-Encoding": "identity"}
        headers = {"User-Agent": "linnet", **self._server.headers, **own}
        if self._server.token_file is None:
            return headers
        try:
            token = Path(self._server.token_file).read_text().strip()
        except (OSError, UnicodeError):
            raise ValueError("the token's file can't be read") from None
        if not _TOKEN.fullmatch(token):
            raise ValueError("the token's file holds no token")
        return {**headers, "Authorization": f"Bearer {token}"}

    async def _open(self) -> httpx.AsyncClient:
        """Make the client on first use. `trust_env` is off, so that no proxy and no .netrc is looked for."""
        if self._http is None:
            trust = await asyncio.to_thread(_trust, self._server.ca_file)
            self._http = self._http or httpx.AsyncClient(
                verify=trust,
                trust_env=False,
                follow_redirects=False,
                cookies=CookieJar(DefaultCookiePolicy(allowed_domains=())),
                timeout=None,  # noqa: S113  (the whole exchange has one)
            )
        return self._http


def _trust(ca_file: str | None) -> ssl.SSLContext:
    try:
        return ssl.create_default_context(cafile=ca_file)
    except (OSError, ValueError):
        raise ValueError("the file of CA certificates can't be read") from None


def _cause(error: Exception) -> BaseException:
    """Return the system's or TLS' own error, which the client wraps several times; else the error itself."""
    if type(error) is ValueError:
        return error
    return next((e for e in reversed([*_chain(error)]) if isinstance(e, OSError)), error)


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__
        error = error.exceptions[0] if isinstance(error, BaseExceptionGroup) else error


def _problem(error: Exception) -> str:
    """Say what is wrong with the server, without its address: who may read a status need not know it."""
    cause = _cause(error)
    if isinstance(error, httpx.ConnectError) and isinstance(cause, ssl.SSLError):
        return "can't be trusted: no known CA vouches for its certificate"
    if isinstance(cause, socket.gaierror):
        return f"can't be reached: {cause.strerror}"
    if isinstance(cause, OSError):
        return f"can't be reached: {os.strerror(cause.errno) if cause.errno else type(cause).__name__}"
    return f"can't be asked: {cause if type(cause) is ValueError else type(cause).__name__}"
