"""Asks and tells the endpoints that the platform named: hooks' questions, and events in the order in which they came.

Nobody waits for them. A look starts a question and goes on; the answer is there at a later one. An event joins its
endpoint's queue, is tried again with longer and longer pauses, and is dropped, which is counted and logged, if the
endpoint takes it not.
"""

import asyncio
import json
import logging
from collections import OrderedDict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from linnet.adapters.outbound.client import Client, OutboundError, Server
from linnet.adapters.outbound.in_flight import InFlight
from linnet.api.parts.hooks import Endpoint, Hooks
from linnet.core import webhooks
from linnet.core.plan import Emit, Log, Manifest, Notify, Ref
from linnet.core.resources.objects import Parent
from linnet.core.webhooks import Call, Confirmed, NotYet, Refused, Reply, reply

MAX_BYTES: Final = 16 * 2**10
"""The most bytes of an answer that are read: a reason is wanted."""
MAX_WAITING: Final = 1000
"""The most events that wait for one endpoint."""
MAX_AGE_SECONDS: Final = 900.0
MAX_REMEMBERED: Final = 4096
KEEPS_SECONDS: Final = 600.0
"""An answer that nobody asked for within so long after it came is forgotten."""
FIRST_PAUSE_SECONDS: Final = 1.0
LONGEST_PAUSE_SECONDS: Final = 60.0
_HEADERS: Final = {"Content-Type": webhooks.CONTENT_TYPE}
_log = logging.getLogger(__name__)

Counted = Callable[[str, str], None]
"""Called with an endpoint's name and an outcome."""


@dataclass(frozen=True)
class _Waiting:
    """An event waits to be sent, `since` a time of the loop's clock."""

    event: Manifest
    since: float


class _Receiver:
    """One endpoint has its connection, and the events that wait for it."""

    def __init__(self, endpoint: Endpoint) -> None:
        self.endpoint = endpoint
        self.events: asyncio.Queue[_Waiting] = asyncio.Queue(MAX_WAITING)
        server = Server(
            endpoint.timeout, endpoint.token_file, endpoint.ca_file, MAX_BYTES, _HEADERS, named="the endpoint"
        )
        self._client = Client(server)

    async def post(self, body: str) -> tuple[int, bytes]:
        return await self._client.exchange("POST", self.endpoint.url, content=body.encode())

    async def close(self) -> None:
        await self._client.close()


class Endpoints:
    """Close them with `await endpoints.close()`. Without any configured, nothing is asked or sent."""

    def __init__(
        self, hooks: Hooks | None, now: Callable[[], datetime], asked: Counted, sent: Counted, pause: float = 1.0
    ) -> None:
        """`pause` stretches the pauses between two tries: 1.0 leaves them as they are."""
        self._receivers = {e.name: _Receiver(e) for e in (hooks.endpoints if hooks else ())}
        self._events = hooks.events if hooks else None
        self._now, self._asked, self._sent, self._pause = now, asked, sent, pause
        self._in_flight = InFlight[Call, Reply](0.0, KEEPS_SECONDS)
        self._answers = InFlight[str, bool](0.0, KEEPS_SECONDS)
        self._remembered: OrderedDict[tuple[str, str, str], None] = OrderedDict()

    async def ask(self, calls: Iterable[Call]) -> Mapping[Call, Reply]:
        """Return the answers that are there by now. Nothing is waited for, and nothing is raised."""
        there = (call for call in calls if call.endpoint in self._receivers)
        return await self._in_flight.answered({call: self._reply(call) for call in there})

    async def _reply(self, call: Call) -> Reply:
        try:
            said = reply(*await self._receivers[call.endpoint].post(call.body))
        except OutboundError as error:
            said = NotYet(str(error), unreachable=True)
        self._asked(call.endpoint, _outcome(said))
        return said

    def tell(self, ref: Ref, parent: Parent, action: Emit | Log | Notify) -> None:
        """Send what the action says if somebody wants it: soon, once, and without waiting."""
        match action:
            case Notify(endpoint, event):
                self._join(endpoint, dict(event))
            case Log("decision") if self._events is not None:
                self._join(self._events.endpoint, webhooks.of_decision(ref, action))
            case Emit(reason=reason) if self._events is not None and reason in self._events.reasons:
                self._join(self._events.endpoint, webhooks.of_transition(ref, parent, action, self._now()))
            case _:
                pass

    async def told(self, request: Parent) -> bool:
        """Say whether the endpoint for events has this Request's answer. It is sent if not, and nobody waits."""
        receiver = self._receivers.get(self._events.endpoint) if self._events is not None else None
        if receiver is None:
            return True
        event = webhooks.of_request(request)
        sent = await self._answers.answered({event["id"]: self._tell(receiver, event)})
        return sent.get(event["id"], False)

    async def _tell(self, receiver: _Receiver, event: Manifest) -> bool:
        problem = await self._try(receiver, json.dumps(event))
        self._sent(receiver.endpoint.name, "failed" if problem else "sent")
        return problem is None

    def _join(self, endpoint: str, event: Manifest) -> None:
        receiver, key = self._receivers.get(endpoint), (endpoint, event["source"], event["id"])
        if receiver is None or key in self._remembered:
            return
        self._remembered[key] = None
        if len(self._remembered) > MAX_REMEMBERED:
            self._remembered.popitem(last=False)
        try:
            receiver.events.put_nowait(_Waiting(event, asyncio.get_running_loop().time()))
        except asyncio.QueueFull:
            self._dropped(endpoint, event, "too many wait for it")

    async def deliver(self) -> None:
        """Send what joins the queues, until cancelled."""
        async with asyncio.TaskGroup() as group:
            for receiver in self._receivers.values():
                group.create_task(self._deliver(receiver))

    async def flush(self) -> None:
        """Return when all that waited are sent or dropped."""
        await asyncio.gather(*(r.events.join() for r in self._receivers.values()))

    async def close(self) -> None:
        self._in_flight.close()
        self._answers.close()
        for receiver in self._receivers.values():
            await receiver.close()

    async def _deliver(self, receiver: _Receiver) -> None:
        while True:
            waiting = await receiver.events.get()
            if (problem := await self._tried(receiver, waiting)) is not None:
                self._dropped(receiver.endpoint.name, waiting.event, problem)
            receiver.events.task_done()

    async def _tried(self, receiver: _Receiver, waiting: _Waiting) -> str | None:
        """Send the event, and again if need be. Return None once it was taken, and else why it was not."""
        body, problem = json.dumps(waiting.event), "it is too old"
        for attempt in range(receiver.endpoint.retries + 1):
            if asyncio.get_running_loop().time() - waiting.since > MAX_AGE_SECONDS:
                break
            if attempt:
                await asyncio.sleep(
                    self._pause * min(LONGEST_PAUSE_SECONDS, FIRST_PAUSE_SECONDS * 2.0 ** (attempt - 1))
                )
            said = await self._try(receiver, body)
            self._sent(receiver.endpoint.name, "failed" if said else "sent")
            if said is None:
                return None
            problem = said
        return problem

    async def _try(self, receiver: _Receiver, body: str) -> str | None:
        try:
            status, _ = await receiver.post(body)
        except OutboundError as error:
            return str(error)
        return None if 200 <= status < 300 else f"the endpoint answered {status}"  # noqa: PLR2004

    def _dropped(self, endpoint: str, event: Manifest, problem: str) -> None:
        self._sent(endpoint, "dropped")
        about = {"endpoint": endpoint, "type": event["type"], "source": event["source"], "id": event["id"]}
        _log.warning("an event was dropped: %s", problem, extra={"fields": about})


def _outcome(said: Reply) -> str:
    match said:
        case Confirmed():
            return "confirmed"
        case Refused():
            return "refused"
        case NotYet(unreachable=unreachable):
            return "error" if unreachable else "waiting"
