"""The lease, where several replicas want it at once."""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest
from aiohttp import web
from kubernetes.aio.client.configuration import Configuration

from linnet.adapters.cluster import connection
from linnet.adapters.cluster.errors import LeadershipLostError
from linnet.adapters.cluster.lease import Lease, LeaseTerms

Json = dict[str, Any]
LONG_AGO = "2026-01-01T00:00:00.000000Z"
TERMS = LeaseTerms("linnet", "ml", "second", holds=3, renew=2, retry=1)
HELD = {"leaseDurationSeconds": 3, "acquireTime": LONG_AGO, "renewTime": LONG_AGO}
CONFLICT = {"kind": "Status", "code": 409, "reason": "Conflict", "message": "the object has changed"}


@dataclass
class Server:
    """An API server with one Lease, which somebody else writes between each reading and the next writing of it."""

    races: int
    lease: Json = field(default_factory=lambda: {"metadata": {"name": "linnet", "resourceVersion": "1"}, "spec": {}})

    status: int = 200
    """Of its answers to readings."""
    page: bytes | None = None
    """What a proxy before it answers instead."""

    async def read(self, _: web.Request) -> web.Response:
        if self.page is not None:
            return web.Response(body=self.page, content_type="application/json")
        if self.status != 200:
            return web.json_response({"kind": "Status", "code": self.status, "message": "no"}, status=self.status)
        return web.json_response(self.lease)

    def held_by(self, holder: str) -> None:
        """Somebody else writes it."""
        self.lease["spec"] = {**self.lease["spec"], **HELD, "holderIdentity": holder}

    async def write(self, request: web.Request) -> web.Response:
        self.races -= 1
        if self.races >= 0:
            return web.json_response(CONFLICT, status=409)
        self.lease = await request.json()
        return web.json_response(self.lease)


@asynccontextmanager
async def leader(server: Server, clock: Callable[[], float] = lambda: 0.0) -> AsyncIterator[Lease]:
    """A replica that wants the lease of this server, by a clock that nobody sets."""
    app = web.Application()
    path = "/apis/coordination.k8s.io/v1/namespaces/ml/leases/linnet"
    app.add_routes([web.get(path, server.read), web.put(path, server.write)])
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    config = Configuration()
    config.host = f"http://127.0.0.1:{runner.addresses[0][1]}"
    client = connection.client(config)
    try:
        yield Lease(client, TERMS, clock)
    finally:
        await client.close()
        await runner.cleanup()


@pytest.mark.slow
async def test_a_lost_race_is_one_line_and_tried_again(caplog: pytest.LogCaptureFixture) -> None:
    """Another replica was faster: an answer like any other, with the server's own words and no traceback."""
    server = Server(races=1)
    with caplog.at_level(logging.INFO):
        async with leader(server) as second:
            await second.acquire()
    assert server.lease["spec"]["holderIdentity"] == "second"
    told = [r for r in caplog.records if "the object has changed" in r.getMessage()]
    assert len(told) == 1
    assert [r for r in caplog.records if r.exc_info] == []


async def test_who_leads_hands_over(caplog: pytest.LogCaptureFixture) -> None:
    """The lease has no holder afterwards; that somebody else wrote it first is no trouble either."""
    server = Server(races=0)
    async with leader(server) as second:
        await second.acquire()
        await second.release()
        assert "holderIdentity" not in server.lease["spec"]
        server.lease["spec"]["holderIdentity"], server.races = "second", 1
        await second.release()
    assert server.lease["spec"]["holderIdentity"] == "second"
    assert [r for r in caplog.records if r.exc_info] == []


@dataclass
class Clock:
    """Time as the process counts it."""

    now: float = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.mark.slow
async def test_a_lease_that_another_has_is_lost_at_once() -> None:
    """Whoever took it writes now: a leader does not go on until its own time is over."""
    server = Server(races=0)
    async with leader(server) as second:
        term = await second.acquire()
        server.held_by("thief\x1b[2J")
        with pytest.raises(LeadershipLostError, match="thief holds the lease linnet"):
            await second.hold()
        term.end()
        with pytest.raises(LeadershipLostError):
            term.writable()


async def test_a_lease_is_lost_where_the_process_stood_still() -> None:
    """It may not write, nor try to renew: another may lead since long."""
    server, clock = Server(races=0), Clock()
    async with leader(server, clock) as second:
        term = await second.acquire()
        term.writable()
        clock.now = 3.5
        with pytest.raises(LeadershipLostError):
            term.writable()
        with pytest.raises(LeadershipLostError, match="was not renewed within 2 s"):
            await second.hold()


@pytest.mark.slow
async def test_trouble_is_told_once_and_named_when_the_lease_is_lost(caplog: pytest.LogCaptureFixture) -> None:
    """An API server that answers with errors is no reason for a line a second."""
    server, clock = Server(races=0), Clock()
    async with leader(server, clock) as second:
        await second.acquire()
        server.status = 500

        async def passes() -> None:
            while True:
                await asyncio.sleep(0.5)
                clock.now += 0.5

        passing = asyncio.ensure_future(passes())
        with caplog.at_level(logging.INFO, "linnet"), pytest.raises(LeadershipLostError, match=r"within 2 s \(no\)"):
            await second.hold()
        passing.cancel()
    assert len([r for r in caplog.records if r.name.startswith("linnet")]) <= 1


@pytest.mark.parametrize(
    "wrong",
    [
        {"renewTime": "0000-01-01T00:00:00.000000Z"},
        {"acquireTime": "0000-01-01T00:00:00.000000Z"},
        {"renewTime": "2016-12-31T23:59:60.000000Z"},
        {"renewTime": "9999-12-31T23:59:59.999999Z"},
        {"leaseDurationSeconds": 2_147_483_647},
        {"leaseDurationSeconds": "long"},
        {"holderIdentity": 5, "acquireTime": None},
        {"holderIdentity": "", "renewTime": None},
    ],
)
async def test_whatever_a_lease_holds_it_expires(wrong: Json) -> None:
    """A time that no clock shows, or a duration of years: who stands by leads once the holder renews it no longer."""
    server, clock = Server(races=0), Clock()
    server.held_by("first")
    server.lease["spec"] |= wrong
    async with leader(server, clock) as second:
        await second._renewed()
        clock.now = 3.5
        assert await second._renewed()
        assert await second._renewed()
    assert server.lease["spec"]["holderIdentity"] == "second"
    assert server.lease["spec"]["leaseDurationSeconds"] == TERMS.holds
    assert server.lease["spec"]["renewTime"] > LONG_AGO


@pytest.mark.parametrize("spec", [None, [], "x", {}])
async def test_a_lease_that_says_nothing_is_taken(spec: object) -> None:
    """Nobody holds it; what else its metadata says stays."""
    server = Server(races=0)
    server.lease = {"metadata": {**server.lease["metadata"], "labels": {"a": "b"}}, "spec": spec}
    async with leader(server) as second:
        await second.acquire()
    assert server.lease["spec"]["holderIdentity"] == "second"
    assert server.lease["metadata"]["labels"] == {"a": "b"}


@pytest.mark.parametrize("page", [b"<html>busy</html>", b"", b"\xff", b"[]", b"null", b"{}", b'{"a":' * 5000])
@pytest.mark.slow
async def test_a_page_in_place_of_the_lease_ends_no_process(page: bytes) -> None:
    """What a proxy says is no answer: a leader leads as long as its lease holds, and then stands by."""
    server, clock = Server(races=0), Clock()
    async with leader(server, clock) as second:
        await second.acquire()
        server.page = page
        assert not await second._renewed()
        clock.now = 2.5
        with pytest.raises(LeadershipLostError, match="was not renewed within 2 s"):
            await second.hold()
        server.page = None
        assert await second._renewed()


async def test_a_leader_whose_own_times_were_taken_away_leads_on() -> None:
    """Its next renewal writes them anew."""
    server = Server(races=0)
    async with leader(server) as second:
        await second.acquire()
        server.lease["spec"] = {"holderIdentity": "second", "leaseDurationSeconds": 3}
        assert await second._renewed()
    assert server.lease["spec"]["acquireTime"] == server.lease["spec"]["renewTime"]


async def test_what_a_former_term_began_writes_nothing_in_the_next() -> None:
    """The same replica leads again, with everything made anew: what is left of the first term is not believed."""
    server = Server(races=0)
    async with leader(server) as second:
        former = await second.acquire()
        former.end()
        now = await second.acquire()
        now.writable()
        with pytest.raises(LeadershipLostError):
            former.writable()


@pytest.mark.parametrize("jump", [3600.0, -3600.0], ids=["forward", "back"])
async def test_a_clock_that_is_set_takes_no_lease_away_and_keeps_none(
    jump: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A standby whose clock jumps waits as long as any other: neither less, beside a leader, nor an hour more."""
    server, clock, set_ = Server(races=0), Clock(), Clock(1_800_000_000.0)
    monkeypatch.setattr("kubernetes.aio.leaderelection.leaderelection.time.time", set_)
    async with leader(server, clock) as second:
        server.held_by("first")
        assert not await second._renewed()
        set_.now += jump
        assert not await second._renewed()
        assert server.lease["spec"]["holderIdentity"] == "first"
        clock.now = 3.5
        assert await second._renewed()
    assert server.lease["spec"]["holderIdentity"] == "second"
