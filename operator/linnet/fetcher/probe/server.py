"""The server under test, as a client on the same pod's loopback meets it."""

from collections.abc import Iterator
from dataclasses import dataclass, field

import httpx

from linnet.fetcher.command.outcome import Transient
from linnet.fetcher.probe.contract import Case
from linnet.fetcher.web.faults import system_error

LARGEST = 16 * 2**20  # bytes of an answer that are read
HEADERS = {"User-Agent": "linnet-probe", "Accept-Encoding": "identity", "Connection": "close"}


def client() -> httpx.Client:
    """A client that opens a connection for each request, and asks no proxy."""
    return httpx.Client(headers=HEADERS, trust_env=False, limits=httpx.Limits(max_keepalive_connections=0))


@dataclass(frozen=True)
class Server:
    """A server whose root is `url`, such as `http://127.0.0.1:8080`."""

    url: str
    client: httpx.Client = field(default_factory=client)

    def request(self, case: Case, timeout: float) -> tuple[int, bytes]:
        """Status and body of the answer. Raises Transient without one, or if a step takes over `timeout` seconds."""
        # As the contract has it: httpx would tidy the path.
        target = {"target": case.path.encode()}
        headers = httpx.Headers(dict(case.headers), encoding="latin-1")
        content = case.body or None
        try:
            with self.client.stream(
                case.method, self.url, content=content, headers=headers, timeout=timeout, extensions=target
            ) as answer:
                return answer.status_code, b"".join(_bounded(answer.iter_raw()))
        except httpx.HTTPError as error:
            raise Transient(_sentence(error)) from error


def _bounded(chunks: Iterator[bytes]) -> Iterator[bytes]:
    left = LARGEST
    for chunk in chunks:
        yield chunk[:left]
        left -= len(chunk)
        if left <= 0:
            return


def _sentence(error: httpx.HTTPError) -> str:
    cause = system_error(error) or error
    if isinstance(cause, ConnectionRefusedError):
        return "connection refused (the server does not listen)"
    if isinstance(cause, TimeoutError):
        return "no answer in time"
    return f"{type(cause).__name__}: {cause}"[:200]
