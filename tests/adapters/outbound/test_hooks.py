"""Calling endpoints: a real HTTP server says yes, no, nothing, too much, or sends somebody else."""

import asyncio
import gzip
import json
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

import certificates
from linnet.adapters.outbound import hooks
from linnet.adapters.outbound.hooks import Endpoints
from linnet.api.parts.hooks import Hooks
from linnet.core.plan import Emit, Log, Notify, Ref
from linnet.core.resources.objects import Parent
from linnet.core.webhooks import Call, Confirmed, NotYet, Refused, Reply

REF = Ref("Deployment", "ml", "risk")
PARENT = Parent("risk", "ml", "uid", 1, {}, False, {}, {})
CALL = Call("uid", "r1", "approved", "desk", '{"specversion": "1.0"}')
NOW = datetime(2026, 1, 1, tzinfo=UTC)
Handle = Callable[[web.Request], Awaitable[web.Response]]


@asynccontextmanager
async def receiving(handle: Handle, tls: ssl.SSLContext | None = None) -> AsyncIterator[str]:
    """A receiver; its url."""
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", handle)
    runner = web.AppRunner(app, shutdown_timeout=0)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0, ssl_context=tls).start()
    try:
        yield f"{'https' if tls else 'http'}://127.0.0.1:{runner.addresses[0][1]}/hook"
    finally:
        await runner.cleanup()


class Desk:
    """The operator's side, with what it counted."""

    def __init__(self, url: str, events: dict[str, Any] | None = None, **endpoint: Any) -> None:
        given = {"endpoints": [{"name": "desk", "url": url, **endpoint}], "events": events}
        self.asked: list[str] = []
        self.sent: list[str] = []
        self.endpoints = Endpoints(
            Hooks.model_validate(given),
            lambda: NOW,
            lambda _, outcome: self.asked.append(outcome),
            lambda _, outcome: self.sent.append(outcome),
            pause=0.0,
        )

    async def answer(self) -> Reply:
        """The look that has it."""
        self.endpoints._in_flight.seconds = 60.0
        return (await self.endpoints.ask([CALL]))[CALL]

    async def deliver(self) -> None:
        """All that waits."""
        delivering = asyncio.ensure_future(self.endpoints.deliver())
        async with asyncio.timeout(60):
            await self.endpoints.flush()
        delivering.cancel()


@pytest.fixture
async def over() -> AsyncIterator[list[Desk]]:
    desks: list[Desk] = []
    yield desks
    for desk in desks:
        await desk.endpoints.close()


def always(status: int, body: bytes = b"", **headers: str) -> Handle:
    async def handle(_: web.Request) -> web.Response:
        return web.Response(status=status, body=body, headers=headers)

    return handle


async def told(handle: Handle, over: list[Desk], **endpoint: Any) -> tuple[Reply, list[str]]:
    async with receiving(handle) as url:
        over.append(desk := Desk(url, **endpoint))
        return await desk.answer(), desk.asked


@pytest.mark.parametrize(
    ("handle", "reply", "outcome"),
    [
        (always(200), Confirmed(), "confirmed"),
        (always(403, b'{"reason": "freeze"}'), Refused("freeze"), "refused"),
        (always(503), NotYet("it answered 503"), "waiting"),
        (
            always(200, b" " * 2**20),
            NotYet("the endpoint can't be asked: answered more than 16 KiB", unreachable=True),
            "error",
        ),
    ],
    ids=["yes", "no", "not yet", "flood"],
)
async def test_the_answer(handle: Handle, reply: Reply, outcome: str, over: list[Desk]) -> None:
    """As it came, and counted."""
    assert await told(handle, over) == (reply, [outcome])


async def test_a_cloudevent_is_posted_with_the_token_of_now(tmp_path: Path, over: list[Desk]) -> None:
    """A Secret that changes needs no restart; without one nothing is sent."""
    token, seen = tmp_path / "token", []

    async def handle(request: web.Request) -> web.Response:
        seen.append((request.method, request.content_type, request.headers["Authorization"], await request.text()))
        return web.Response()

    async with receiving(handle) as url:
        over.append(desk := Desk(url, tokenFile=str(token)))
        missing = await desk.answer()
        token.write_text("right\n")
        assert await desk.answer() == Confirmed()
    assert missing == NotYet("the endpoint can't be asked: the token's file can't be read", unreachable=True)
    assert seen == [("POST", "application/cloudevents+json", "Bearer right", CALL.body)]


async def test_a_redirect_is_not_followed(over: list[Desk]) -> None:
    """The token goes to nobody but the endpoint that the platform named."""
    paths: list[str] = []

    async def handle(request: web.Request) -> web.Response:
        paths.append(request.path)
        raise web.HTTPTemporaryRedirect("/elsewhere")

    said, _ = await told(handle, over)
    assert said == NotYet("it answered 307: redirects are not followed")
    assert paths == ["/hook"]


async def test_no_cookie_is_kept_and_no_proxy_asked(over: list[Desk], monkeypatch: pytest.MonkeyPatch) -> None:
    """What an endpoint sends changes nothing that is sent, and the process' environment says not where to."""
    seen: list[tuple[str | None, str | None]] = []

    async def handle(request: web.Request) -> web.Response:
        seen.append((request.headers.get("Cookie"), request.headers.get("User-Agent")))
        return web.Response(headers={"Set-Cookie": "session=1; Path=/"})

    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    async with receiving(handle) as url:
        over.append(desk := Desk(url))
        assert [await desk.answer(), await desk.answer()] == [Confirmed(), Confirmed()]
    assert seen == [(None, "linnet")] * 2


async def test_what_was_compressed_stays_so(over: list[Desk]) -> None:
    """A few bytes must not become gigabytes: nobody asked for compression, and an answer with it is unreadable."""
    bomb = gzip.compress(b'{"reason": "' + b" " * 2**24 + b'"}')

    async def handle(_: web.Request) -> web.Response:
        return web.Response(status=403, body=bomb[: 2**14], headers={"Content-Encoding": "gzip"})

    said, _ = await told(handle, over)
    assert said == NotYet("it answered 403")


@pytest.mark.slow
async def test_a_receiver_that_hangs_holds_no_look_up(over: list[Desk]) -> None:
    """Look after look goes on without it; after the time limit it is an answer that it said nothing."""
    released, calls = asyncio.Event(), []

    async def handle(_: web.Request) -> web.Response:
        calls.append(1)
        await released.wait()
        return web.Response()

    async with receiving(handle) as url:
        over.append(desk := Desk(url, timeout="1s"))
        assert await desk.endpoints.ask([CALL]) == {}
        assert await desk.answer() == NotYet("the endpoint did not answer within 1 s", unreachable=True)
        released.set()
    assert calls == [1]


@pytest.mark.slow
async def test_a_certificate_is_trusted_by_the_platforms_ca_alone(tmp_path: Path, over: list[Desk]) -> None:
    """Without the CA nothing is sent, not even the token."""
    pem = certificates.issued(tmp_path)
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(pem)
    async with receiving(always(200), tls) as url:
        over += [trusted := Desk(url, caFile=str(tmp_path / "ca.pem")), stranger := Desk(url)]
        assert await trusted.answer() == Confirmed()
        assert await stranger.answer() == NotYet(
            "the endpoint can't be trusted: no known CA vouches for its certificate", unreachable=True
        )


@pytest.mark.parametrize(
    ("url", "problem"),
    [
        ("http://127.0.0.1:9", "can't be reached: Connection refused"),
        ("http://127.0.0.1:99999", "can't be asked: OverflowError"),
        ("http://127.0.0.1:x", "can't be asked: InvalidURL"),
    ],
    ids=["refused", "no such port", "no number"],
)
async def test_an_endpoint_that_cannot_be_reached_is_an_answer(url: str, problem: str, over: list[Desk]) -> None:
    """A look goes on, whatever the platform wrote, and the sentence names no address."""
    over.append(desk := Desk(url))
    assert await desk.answer() == NotYet(f"the endpoint {problem}", unreachable=True)


async def test_an_unknown_endpoint_is_not_asked(over: list[Desk]) -> None:
    """Nothing in an object becomes an address."""
    over.append(desk := Desk("http://127.0.0.1:9"))
    stranger = Call("uid", "r1", "approved", "http://evil.example", "{}")
    assert await desk.endpoints.ask([stranger]) == {}
    assert desk.asked == []


DECISION = Log("decision", {"id": "r1-Promoted", "decision": "Promoted", "time": "2026-01-01T00:00:00Z"})


async def test_decisions_and_listed_events_are_sent_in_order_and_once(over: list[Desk]) -> None:
    """A look that is repeated sends nothing twice; what is not on the list is not sent."""
    seen: list[str] = []

    async def handle(request: web.Request) -> web.Response:
        seen.append((await request.json())["type"])
        return web.Response(status=202)

    async with receiving(handle) as url:
        over.append(desk := Desk(url, {"endpoint": "desk", "reasons": ["WeightSet"]}))
        event = Notify("desk", {"id": "1", "source": "/a", "type": "dev.linnet.rollout.postrollout"})
        for _ in range(2):
            for action in (DECISION, Emit("Normal", "WeightSet", "10 %"), Emit("Normal", "Promoted", "no"), event):
                desk.endpoints.tell(REF, PARENT, action)
            desk.endpoints.tell(REF, PARENT, Log("verdict", {"check": "errors"}))
        await desk.deliver()
    assert seen == ["dev.linnet.decision.promoted", "dev.linnet.event.weightset", "dev.linnet.rollout.postrollout"]
    assert desk.sent == ["sent"] * 3


async def test_an_event_is_sent_again_until_it_is_taken(over: list[Desk]) -> None:
    """With the same body, and so with the same id."""
    bodies: list[str] = []

    async def handle(request: web.Request) -> web.Response:
        bodies.append(await request.text())
        return web.Response(status=503 if len(bodies) < 3 else 200)

    async with receiving(handle) as url:
        over.append(desk := Desk(url, {"endpoint": "desk"}))
        desk.endpoints.tell(REF, PARENT, DECISION)
        await desk.deliver()
    assert desk.sent == ["failed", "failed", "sent"]
    assert len(set(bodies)) == 1
    assert json.loads(bodies[0])["id"] == "r1-Promoted"


async def test_what_nobody_takes_is_dropped_and_said(over: list[Desk], caplog: pytest.LogCaptureFixture) -> None:
    """Counted, and one line with the event's id; the next event is tried."""
    async with receiving(always(500)) as url:
        over.append(desk := Desk(url, {"endpoint": "desk"}, retries=1))
        desk.endpoints.tell(REF, PARENT, DECISION)
        await desk.deliver()
    assert desk.sent == ["failed", "failed", "dropped"]
    [line] = [r for r in caplog.records if "was dropped" in r.message]
    assert line.message == "an event was dropped: the endpoint answered 500"
    assert line.__dict__["fields"]["id"] == "r1-Promoted"


async def test_a_full_queue_drops_instead_of_waiting(over: list[Desk], monkeypatch: pytest.MonkeyPatch) -> None:
    """Memory has an end; a look never waits for it."""
    monkeypatch.setattr(hooks, "MAX_WAITING", 2)
    over.append(desk := Desk("http://127.0.0.1:9"))
    for number in range(3):
        desk.endpoints.tell(REF, PARENT, Notify("desk", {"id": str(number), "source": "/a", "type": "t"}))
    assert desk.sent == ["dropped"]


async def test_what_waits_for_too_long_is_dropped(over: list[Desk], monkeypatch: pytest.MonkeyPatch) -> None:
    """News of an hour ago is none."""
    monkeypatch.setattr(hooks, "MAX_AGE_SECONDS", -1.0)
    over.append(desk := Desk("http://127.0.0.1:9", {"endpoint": "desk"}))
    desk.endpoints.tell(REF, PARENT, DECISION)
    await desk.deliver()
    assert desk.sent == ["dropped"]


ANSWERED = Parent("abort-1", "ml", "uid-req", 1, {}, False, {"verb": "abort"}, {"outcome": "Accepted"})


async def test_an_answer_counts_as_told_once_it_was_taken(over: list[Desk]) -> None:
    """A request is not put away before; it is sent again, with its uid as the id, for as long as that takes."""
    seen: list[Any] = []

    async def handle(request: web.Request) -> web.Response:
        seen.append(await request.json())
        return web.Response(status=503 if len(seen) < 3 else 202)

    async with receiving(handle) as url:
        over.append(desk := Desk(url, {"endpoint": "desk"}))
        desk.endpoints._answers.seconds = 60.0
        assert [await desk.endpoints.told(ANSWERED) for _ in range(3)] == [False, False, True]
    assert {(e["id"], e["type"]) for e in seen} == {("uid-req", "dev.linnet.request.accepted")}
    assert desk.sent == ["failed", "failed", "sent"]


async def test_nobody_waits_for_an_answer_to_be_taken(over: list[Desk]) -> None:
    """The look goes on; a later one knows."""
    begun = asyncio.Event()

    async def handle(_: web.Request) -> web.Response:
        await begun.wait()
        return web.Response()

    async with receiving(handle) as url:
        over.append(desk := Desk(url, {"endpoint": "desk"}))
        assert not await desk.endpoints.told(ANSWERED)
        begun.set()
        desk.endpoints._answers.seconds = 60.0
        assert await desk.endpoints.told(ANSWERED)


async def test_without_an_endpoint_for_events_nobody_has_to_be_told(over: list[Desk]) -> None:
    """Neither without any endpoint."""
    over.append(desk := Desk("http://127.0.0.1:1/"))
    assert await desk.endpoints.told(ANSWERED)
