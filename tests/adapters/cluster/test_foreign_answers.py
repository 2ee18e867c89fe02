"""The API server's answers and watches, as they are when a stranger has put hostile objects among everybody's."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Final

import aiohttp
import pytest
from aiohttp import web
from kubernetes.aio.client.configuration import Configuration

from adapters.objects import child, own
from foreign.nested import managed, nested, page, text_of
from linnet.adapters.cache.cache import Cache
from linnet.adapters.cluster import connection, kube, resources
from linnet.adapters.cluster.errors import TooLargeError, UnreadableError
from linnet.adapters.cluster.kube import Kube
from linnet.handlers.informer.sweep import Scope, seed

WHERE: Final = "/apis/apps/v1/deployments"
TOO_MANY: Final = {"kind": "Status", "code": 429, "message": "wait", "details": {"retryAfterSeconds": 86400}}


class Server:
    """An API server that answers each LIST with the same objects, by pages, and each watch with these lines."""

    def __init__(self) -> None:
        self.items: list[bytes] = []
        self.lines: list[bytes] = []
        self.limits: list[int] = []
        self.hurt: list[tuple[str, ...]] = []
        self.port = 0
        self.asks_to_wait = ""
        self.instead: object = None

    async def answer(self, request: web.Request) -> web.StreamResponse:
        if self.instead is not None:
            return web.json_response(self.instead)
        if self.asks_to_wait:
            return web.json_response(TOO_MANY, status=429, headers={"Retry-After": self.asks_to_wait})
        if "watch" in request.query:
            return web.Response(body=b"".join(line + b"\n" for line in self.lines))
        if "limit" not in request.query:
            return web.Response(body=self.items[0])
        limit, begin = int(request.query["limit"]), int(request.query.get("continue", "0"))
        self.limits.append(limit)
        end = begin + limit
        token = str(end) if end < len(self.items) else ""
        return web.Response(body=page(*self.items[begin:end], token=token))

    @property
    def config(self) -> Configuration:
        return Configuration(host=f"http://127.0.0.1:{self.port}")

    @asynccontextmanager
    async def asked(self, **options: Any) -> AsyncIterator[Kube]:
        client = connection.client(self.config)
        try:
            yield Kube(client, hurt=lambda _, names: self.hurt.append((*names,)), **options)
        finally:
            await client.close()


@pytest.fixture
async def server() -> AsyncIterator[Server]:
    made = Server()
    app = web.Application()
    app.router.add_get("/{path:.*}", made.answer)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    made.port = runner.addresses[0][1]
    yield made
    await runner.cleanup()


@pytest.mark.parametrize("levels", [990, 1500, 6000, 9000])
async def test_the_operator_starts_beside_an_object_that_is_nested_too_deeply(server: Server, levels: int) -> None:
    """Anybody who may create any labeled object decides its managedFields; all namespaces are in the same list."""
    hostile = child("Deployment", "bad", "x")
    deep = own("Deployment", "deep")
    good = own("Deployment", "iris")
    server.items = [
        text_of(hostile, managed=managed(nested(levels))),
        text_of(deep, affinity=nested(levels, "a"), managed=managed(nested(levels))),
        json.dumps(good).encode(),
    ]
    cache = Cache()
    async with server.asked() as asked:
        await seed(asked, cache, Scope((), (resources.DEPLOYMENT,)))
    assert cache.get(resources.DEPLOYMENT, "ml", "iris") is not None
    assert cache.get(resources.DEPLOYMENT, "ml", "deep") is not None
    assert server.hurt == [("ml/bad", "ml/deep")]


async def test_pages_shrink_where_objects_are_large(server: Server) -> None:
    """A hundred objects of a megabyte would be all the memory that the operator has."""
    large = own("Model", "m", spec={"words": "x" * 30_000})
    server.items = [
        json.dumps({**large, "metadata": {**large["metadata"], "name": f"m{n}"}}).encode() for n in range(7)
    ]
    async with server.asked(page=70_000) as asked:
        items, _ = await asked.items(resources.MODEL, None)
    assert [i["metadata"]["name"] for i in items] == [f"m{n}" for n in range(7)]
    assert max(server.limits[2:]) <= 4


async def test_an_answer_larger_than_any_object_is_not_read(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is read for one object is bounded, too."""
    monkeypatch.setattr(kube, "MOST", 1000)
    server.items = [json.dumps(own("Model", "m", spec={"words": "x" * 3000})).encode()]
    async with server.asked(page=1000) as asked:
        with pytest.raises(TooLargeError):
            await anext(asked.pages(resources.MODEL, None))


async def test_what_is_no_json_is_an_error_of_that_call(server: Server) -> None:
    """A proxy's page ends nothing but the look that it answers."""
    server.items = [b"<html>busy</html>"]
    async with server.asked() as asked:
        with pytest.raises(UnreadableError, match="about models: it can't be decoded"):
            await asked.get(resources.MODEL, "ml", "iris")


@pytest.mark.parametrize(
    "instead", [{}, {"status": "maintenance"}, {"metadata": None}, {"metadata": "x"}, {"metadata": {}, "items": "x"}]
)
async def test_what_is_no_object_is_an_error_of_that_call(server: Server, instead: object) -> None:
    """It may be JSON: it ends no start, no comparison with the cache and no look by an error that nobody foresaw."""
    server.instead = instead
    async with server.asked() as asked:
        with pytest.raises(UnreadableError, match="about models is no object"):
            await asked.get(resources.MODEL, "ml", "iris")
        with pytest.raises(UnreadableError, match="about deployments is no object"):
            await asked.items(resources.DEPLOYMENT, None)


async def test_a_watch_brings_every_object_to_a_parser_that_takes_little(server: Server) -> None:
    """kopf reads the lines of this session, and decodes them by Python's own parser."""
    hostile = text_of(child("Deployment", "bad", "x"), managed=managed(nested(9000)))
    good = json.dumps(child("Deployment", "good", "x")).encode()
    server.lines = [b'{"type":"ADDED","object":' + one + b"}" for one in (hostile, good)]
    hurt = []
    session = await connection.session(server.config, 5, lambda: None, lambda what, who: hurt.append((what, *who)))
    async with session, session.get(f"{server.config.host}{WHERE}", params={"watch": "true"}) as answer:
        lines = b"".join([chunk async for chunk in answer.content.iter_chunked(2**20)]).splitlines()
    assert [json.loads(line)["object"]["metadata"]["name"] for line in lines] == ["bad", "good"]
    assert hurt == [("deployments.apps", "ml/bad")]


@pytest.mark.parametrize("wait", ["86400", "1e300", "inf", "nan", "Wed, 21 Oct 2026 07:28:00 GMT"])
async def test_a_watch_waits_no_day_for_being_told_so(server: Server, wait: str) -> None:
    """kopf takes it for a broken connection, which it tries again within seconds: it would obey, or end."""
    server.asks_to_wait = wait
    session = await connection.session(server.config, 5, lambda: None)
    async with session:
        with pytest.raises(aiohttp.ClientConnectionError, match="429"):
            await session.get(f"{server.config.host}{WHERE}", params={"watch": "true"})
