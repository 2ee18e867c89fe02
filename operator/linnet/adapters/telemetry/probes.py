"""One small HTTP server answers Prometheus and the kubelet: `/metrics`, `/healthz`, `/readyz`.

kopf's liveness endpoint (`@kopf.on.probe`) knows neither readiness nor metrics, and a standby runs no kopf.
"""

from collections.abc import Awaitable, Callable
from typing import Final

from aiohttp import web

from linnet.adapters.telemetry.metrics import Metrics

_TEXT: Final = "text/plain; version=0.0.4; charset=utf-8"

Check = Callable[[], str | None]
"""Returns why not, or None if all is well."""


class ProbeServer:
    """The server listens on all addresses; port 0 takes a free one, then `port` says which."""

    def __init__(self, port: int, metrics: Metrics, alive: Check, ready: Check) -> None:
        self.port = port
        self._metrics = metrics
        app = web.Application()
        app.router.add_get("/metrics", self._exposition)
        app.router.add_get("/healthz", _probe(alive))
        app.router.add_get("/readyz", _probe(ready))
        self._runner = web.AppRunner(app, access_log=None)

    async def start(self) -> None:
        """Start to listen. OSError if the port is taken."""
        await self._runner.setup()
        await web.TCPSite(self._runner, "0.0.0.0", self.port).start()  # noqa: S104
        self.port = self._runner.addresses[0][1]

    async def stop(self) -> None:
        await self._runner.cleanup()

    async def _exposition(self, _: web.Request) -> web.Response:
        return web.Response(body=self._metrics.exposition(), headers={"Content-Type": _TEXT})


def _probe(check: Check) -> Callable[[web.Request], Awaitable[web.Response]]:
    async def answer(_: web.Request) -> web.Response:
        problem = check()
        return web.Response(text=f"{problem or 'ok'}\n", status=503 if problem else 200)

    return answer
