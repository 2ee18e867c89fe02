"""The lease, where several replicas want it at once."""

import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest
from aiohttp import web
from kubernetes.aio.client.configuration import Configuration

from linnet.adapters.cluster import connection
from linnet.adapters.cluster.lease import Lease, LeaseTerms

Json = dict[str, Any]
TERMS = LeaseTerms("linnet", "ml", "second", holds=3, renew=2, retry=1)
CONFLICT = {"kind": "Status", "code": 409, "reason": "Conflict", "message": "the object has changed"}


@dataclass
class Server:
    """An API server with one Lease, which somebody else writes between each reading and the next writing of it."""

    races: int
    lease: Json = field(default_factory=lambda: {"metadata": {"name": "linnet", "resourceVersion": "1"}, "spec": {}})

    async def read(self, _: web.Request) -> web.Response:
        return web.json_response(self.lease)

    async def write(self, request: web.Request) -> web.Response:
        self.races -= 1
        if self.races >= 0:
            return web.json_response(CONFLICT, status=409)
        self.lease = await request.json()
        return web.json_response(self.lease)


@asynccontextmanager
async def leader(server: Server) -> AsyncIterator[Lease]:
    """A replica that wants the lease of this server."""
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
        yield Lease(client, TERMS, lambda: 0.0)
    finally:
        await client.close()
        await runner.cleanup()


@pytest.mark.slow
async def test_a_lost_race_is_one_line_and_tried_again(caplog: pytest.LogCaptureFixture) -> None:
    """Another replica was faster: an answer like any other, with the server's own words and no traceback."""
    server = Server(races=1)
    with caplog.at_level(logging.WARNING):
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
