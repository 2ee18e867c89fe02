"""A faulty network between one operator and the API server, and an operator that can be cut off at any write.

The proxy speaks plain HTTP to the operator and TLS to the API server. It counts writes, refuses or loses them on
order, and cuts, freezes or expires watches.
"""

import asyncio
import json
import logging
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from enum import Enum, auto
from pathlib import Path
from typing import Any, Self

import aiohttp
from aiohttp import web

from control_plane import ApiServer
from integration.harness import trust, until
from linnet.adapters.cluster import connection
from linnet.handlers.operator import Operator
from linnet.settings import read

CUT_SECONDS = 5.0
PATIENCE_SECONDS = 25.0
"""Longer than the operator waits for any answer to a write."""
SILENCE_SECONDS = 5.0
LOST_EVENTS = 6


class Fate(Enum):
    """What becomes of a write."""

    PASSES = auto()
    IS_LOST = auto()
    """The connection breaks before the API server hears of it, and the operator with it."""
    IS_NOT_ANSWERED = auto()
    """The API server does it, and the connection breaks before the operator hears of that, and the operator with it."""
    LOSES_ITS_ANSWER = auto()
    """The API server does it, and the connection breaks; the operator lives and does not know."""
    IS_KEPT_WAITING = auto()
    """The API server does it, and the operator waits for the answer until it loses patience."""
    COMES_BEFORE_SILENCE = auto()
    """It passes, and then nothing gets through, in either direction, for some seconds."""
    COMES_BEFORE_GAPS = auto()
    """It passes, and then watches lose some events without a sign of it."""


@dataclass(frozen=True)
class Refusal:
    """An answer instead of the API server's."""

    code: int
    reason: str
    retry_after: int | str | None = None


Judge = Callable[[int, str, str], Fate | Refusal]
"""(number of the write from 1, method, path) → what becomes of it."""


@dataclass
class Proxy:
    """Its own thread and loop."""

    api: ApiServer
    judge: Judge = field(default=lambda *_: Fate.PASSES)
    calls: Callable[[str], Fate | Refusal] = field(default=lambda _: Fate.PASSES)
    """`METHOD /path?query` of each call but watches and LISTs, reads too → what becomes of it."""
    writes: list[tuple[str, str]] = field(default_factory=list)
    """(method, path without query) of each write that reached the API server."""
    lists: list[str] = field(default_factory=list)
    cut: bool = False
    """Nothing gets through any more, as if the operator had been killed."""
    answers: Refusal | None = None
    """What everything is answered with while it is set, reads too."""
    refused: int = 0
    """So many calls were answered so."""
    frozen: int = 0
    """So many watches, from the first, stay open and silent."""
    made: list[str] = field(default_factory=list)
    """The plural of each object that a write created."""
    revisions: list[str] = field(default_factory=list)
    """The resourceVersion that each write led to, of those that have one."""
    past: str = ""
    """A resourceVersion: LISTs answer as they would have then, until `stale` of them did."""
    stale: int = 0
    silent_until: float = 0.0
    gaps: int = 0
    """So many events are still to be lost."""
    patience: float = PATIENCE_SECONDS
    """For so long an answer is kept back."""
    _number: int = 0
    _under_way: int = 0
    _watched: int = 0
    _watches: set[web.StreamResponse] = field(default_factory=set)

    @contextmanager
    def running(self) -> Iterator["Proxy"]:
        self._loop = asyncio.new_event_loop()
        self._url = ""
        thread = threading.Thread(target=self._run, daemon=True)
        thread.start()
        until(lambda: self._url, "the proxy")
        try:
            yield self
            until(lambda: not self._under_way, "the API server's answers: the next operator must find what they made")
        finally:
            self._loop.call_soon_threadsafe(self._stop.set)
            thread.join(CUT_SECONDS)

    def kubeconfig(self, folder: Path) -> Path:
        """For an operator behind this proxy."""
        named = {"clusters": [{"name": "c", "cluster": {"server": self._url}}], "users": [{"name": "u", "user": {}}]}
        contexts = [{"name": "x", "context": {"cluster": "c", "user": "u"}}]
        path = folder / "faulty-kubeconfig"
        config = {"apiVersion": "v1", "kind": "Config", "current-context": "x", "contexts": contexts, **named}
        path.write_text(json.dumps(config))
        return path

    def freeze_watches(self) -> None:
        """The watches of this moment stay open and silent for ever; later ones work."""
        self.frozen = self._watched

    def drop_watches(self) -> None:
        """Cut every watch's connection."""
        asyncio.run_coroutine_threadsafe(self._end_watches(b""), self._loop).result(CUT_SECONDS)

    def expire_watches(self) -> None:
        """Every watch is told 410: its resourceVersion is too old."""
        status = {"kind": "Status", "apiVersion": "v1", "status": "Failure", "code": 410, "reason": "Expired"}
        line = json.dumps({"type": "ERROR", "object": status}).encode() + b"\n"
        asyncio.run_coroutine_threadsafe(self._end_watches(line), self._loop).result(CUT_SECONDS)

    async def _end_watches(self, last: bytes) -> None:
        for answer in list(self._watches):
            request = answer._req  # gone once the end is written
            with suppress(ConnectionError, RuntimeError):
                if last:
                    await answer.write(last)
                await answer.write_eof()
            if request is not None and request.transport is not None:
                request.transport.close()

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        self._loop.run_until_complete(self._serve())

    async def _serve(self) -> None:
        self._stop = asyncio.Event()
        app = web.Application(client_max_size=2**25)
        app.router.add_route("*", "/{path:.*}", self._handle)
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        connector = aiohttp.TCPConnector(ssl=trust(self.api), limit=0)
        headers = {"Authorization": f"Bearer {bearer(self.api)}"}
        async with aiohttp.ClientSession(connector=connector, headers=headers, read_bufsize=2**22) as session:
            self._session = session
            host, port = runner.addresses[0][:2]
            self._url = f"http://{host}:{port}"
            await self._stop.wait()
        await runner.cleanup()

    async def _handle(self, request: web.Request) -> web.StreamResponse:
        await self._silence()
        if self.cut:
            return self._broken(request)
        if self.answers is not None:
            self.refused += 1
            return _refused(self.answers)
        if (fate := self._called(request)) is not Fate.PASSES:
            return await self._refuse(fate, request)
        if request.method == "GET" or "dryRun" in request.query:
            if "watch" in request.query:
                return await self._watch(request)
            if "limit" in request.query:
                self.lists.append(request.path)
                return await self._list(request)
            return await self._forward(request)
        self._number += 1
        fate = self.judge(self._number, request.method, request.path)
        if isinstance(fate, Refusal):
            return _refused(fate)
        if fate is Fate.IS_LOST:
            self.cut = True
            return self._broken(request)
        self.writes.append((request.method, request.path))
        self._under_way += 1
        try:
            answer = await self._forward(request)
        finally:
            self._under_way -= 1
        return await self._after(fate, request, answer)

    def _called(self, request: web.Request) -> Fate | Refusal:
        listed = "watch" in request.query or "limit" in request.query
        return Fate.PASSES if listed else self.calls(f"{request.method} {request.path_qs}")

    async def _refuse(self, fate: Fate | Refusal, request: web.Request) -> web.StreamResponse:
        if isinstance(fate, Refusal):
            return _refused(fate)
        await asyncio.sleep(self.patience)
        return self._broken(request)

    async def _after(self, fate: Fate, request: web.Request, answer: web.Response) -> web.StreamResponse:
        """What the operator hears of a write that the API server has done."""
        self._remember(request, answer)
        match fate:
            case Fate.IS_NOT_ANSWERED:
                self.cut = True
                return self._broken(request)
            case Fate.LOSES_ITS_ANSWER:
                return self._broken(request)
            case Fate.IS_KEPT_WAITING:
                await asyncio.sleep(self.patience)
                return self._broken(request)
            case Fate.COMES_BEFORE_SILENCE:
                self.silent_until = self._loop.time() + SILENCE_SECONDS
            case Fate.COMES_BEFORE_GAPS:
                self.gaps = LOST_EVENTS
        return answer

    def _remember(self, request: web.Request, answer: web.Response) -> None:
        if answer.status == 201:
            self.made.append(request.path.partition("/namespaces/")[2].split("/")[1])
        body = answer.body if isinstance(answer.body, bytes) else b"{}"
        found = json.loads(body or b"{}").get("metadata", {}).get("resourceVersion")
        if found and answer.status < 300:
            self.revisions.append(str(found))

    async def _silence(self) -> None:
        while self._loop.time() < self.silent_until:  # noqa: ASYNC110 - it may begin while this waits
            await asyncio.sleep(0.05)

    async def _list(self, request: web.Request) -> web.Response:
        """Answer as of some writes ago where that was ordered: an API server that has fallen behind."""
        if not self.stale or request.query.get("continue"):
            return await self._forward(request)
        self.stale -= 1
        return await self._forward(request, f"&resourceVersion={self.past}&resourceVersionMatch=Exact")

    async def _forward(self, request: web.Request, more: str = "") -> web.Response:
        body = await request.read() or None
        headers = {k: v for k, v in request.headers.items() if k in {"Content-Type", "Accept"}}
        url = f"{str(self.api.http.base_url).rstrip('/')}{request.rel_url}{more}"
        async with self._session.request(request.method, url, data=body, headers=headers) as answer:
            kept = {k: v for k, v in answer.headers.items() if k in {"Content-Type", "Retry-After"}}
            return web.Response(body=await answer.read(), status=answer.status, headers=kept)

    async def _watch(self, request: web.Request) -> web.StreamResponse:
        self._watched += 1
        mine = self._watched
        url = f"{str(self.api.http.base_url).rstrip('/')}{request.rel_url}"
        timeout = aiohttp.ClientTimeout(total=None)
        async with self._session.get(url, timeout=timeout) as answer:
            out = web.StreamResponse(status=answer.status, headers={"Content-Type": "application/json"})
            await out.prepare(request)
            self._watches.add(out)
            try:
                async for line in answer.content:
                    while mine <= self.frozen:  # noqa: ASYNC110 - another thread sets it
                        await asyncio.sleep(0.05)
                    await self._silence()
                    if self.cut:
                        return self._broken(request)
                    if not self._loses(line):
                        await out.write(line)
            except (ConnectionError, RuntimeError):
                pass
            finally:
                self._watches.discard(out)
            return out

    def _loses(self, line: bytes) -> bool:
        """Say whether this event falls into a gap; bookmarks don't, so that the watch looks whole."""
        if not self.gaps or b'"type":"BOOKMARK"' in line:
            return False
        self.gaps -= 1
        return True

    def _broken(self, request: web.Request) -> web.StreamResponse:
        if request.transport is not None:
            request.transport.abort()
        return web.Response(status=503)


def bearer(api: ApiServer) -> str:
    """The operator's token: the proxy speaks for it."""
    return str(json.loads(api.operator.read_text())["users"][0]["user"]["token"])


def _refused(fate: Refusal) -> web.Response:
    status = {"kind": "Status", "apiVersion": "v1", "status": "Failure", "code": fate.code, "reason": fate.reason}
    headers = {"Retry-After": str(fate.retry_after)} if fate.retry_after is not None else {}
    return web.json_response({**status, "message": f"played: {fate.reason}"}, status=fate.code, headers=headers)


class InProcess:
    """An operator in a thread of this process: it starts in no time, and can be abandoned at any moment.

    As a context manager it is stopped in good order, or abandoned if that was done before.
    """

    def __init__(self, kubeconfig: Path, namespace: str, **environment: str) -> None:
        defaults = {"LINNET_LEADER_ELECTION": "false", "LINNET_HTTP_PORT": "0", "LINNET_IMAGE": "linnet:test"}
        named = {"KUBECONFIG": str(kubeconfig), "LINNET_WATCH_NAMESPACES": namespace}
        self.settings = read({**defaults, **named, **environment})
        logging.getLogger("kopf").setLevel(logging.CRITICAL)  # each of its tries that fails is an error to it
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()
        until(lambda: hasattr(self, "operator"), "the operator in this process")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def _run(self) -> None:
        with suppress(asyncio.CancelledError):
            asyncio.run(self._operate())

    async def _operate(self) -> None:
        self._loop: Any = asyncio.get_running_loop()
        self._task: Any = asyncio.current_task()
        self.operator: Any = Operator(self.settings, await connection.configuration(self.settings.kubeconfig))
        await self.operator.run()

    def stop(self) -> None:
        """In good order."""
        with suppress(RuntimeError):
            self._loop.call_soon_threadsafe(self.operator.stop.set)
        self._thread.join(2 * CUT_SECONDS)
        assert not self._thread.is_alive(), "the operator does not stop"

    def abandon(self) -> None:
        """As after SIGKILL: the proxy has cut it off already, so that nothing of what it still does arrives."""
        with suppress(RuntimeError):  # it has ended by itself
            self._loop.call_soon_threadsafe(self._task.cancel)
