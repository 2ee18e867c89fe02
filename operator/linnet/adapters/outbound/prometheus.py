"""Asks the platform's Prometheus-compatible server the platform's queries. Address and token are the operator's own.

A server that is away, slow or wrong is an answer too: it holds a canary, and never takes one back.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import Final

from linnet.adapters.outbound.client import Client, OutboundError, Server
from linnet.adapters.outbound.in_flight import InFlight
from linnet.api.parts.prometheus import PrometheusServer
from linnet.core.analysis.prometheus.query_template import Question
from linnet.core.analysis.prometheus.response import Answer, Failure, NoValue, answer
from linnet.foreign.document import ForeignError, read
from linnet.foreign.text import printable

PATIENCE_SECONDS: Final = 2.0
"""How long a look waits: the pods' own numbers must not wait for this server."""
KEEPS_SECONDS: Final = 15.0
"""An answer that nobody asked for within so long after it came is forgotten."""
MAX_BYTES: Final = 256 * 2**10
"""The most bytes of an answer that are read: one number is wanted, and an answer with too many series is counted."""


class Prometheus:
    """Close it with `await prometheus.close()`. `counted` is told the query and the outcome of each answer."""

    def __init__(
        self, server: PrometheusServer, counted: Callable[[str, str], None], patience: float = PATIENCE_SECONDS
    ) -> None:
        self._url = f"{server.url.rstrip('/')}/api/v1/query"
        self._counted = counted
        self._client = Client(Server(server.timeout, server.token_file, server.ca_file, MAX_BYTES, server.headers))
        self._in_flight = InFlight[Question, Answer](patience, KEEPS_SECONDS)

    async def ask(self, questions: Iterable[Question]) -> Mapping[Question, Answer]:
        """Return the answers that are there; a late one comes with the next look. Nothing is raised."""
        return await self._in_flight.answered({question: self._told(question) for question in questions})

    async def close(self) -> None:
        self._in_flight.close()
        await self._client.close()

    async def _told(self, question: Question) -> Answer:
        said = await self._answer(question.text)
        outcome = "error" if isinstance(said, Failure) else "empty" if isinstance(said, NoValue) else "value"
        self._counted(question.query, outcome)
        return said

    async def _answer(self, text: str) -> Answer:
        try:
            status, data = await self._client.exchange("GET", self._url, params={"query": text})
        except OutboundError as error:
            return Failure(str(error))
        said = answer(status, _parsed(data))
        return Failure(printable(said.problem)) if isinstance(said, Failure) else said


async def unasked(_: Iterable[Question]) -> Mapping[Question, Answer]:
    """Return no answer: the platform has no server."""
    return {}


def _parsed(data: bytes) -> object:
    try:
        return read(data)
    except ForeignError:
        return None
