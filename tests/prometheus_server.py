"""A real Prometheus for tests, from Debian's package, and what it scrapes: an exporter whose text a test writes."""

import json
import shutil
import socket
import ssl
import subprocess
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import httpx
from hack.cluster.machine import packages

WAIT_SECONDS = 60.0


@dataclass
class Exporter:
    """What is scraped; `text` may be changed at any time."""

    text: str = ""
    port: int = 0


@dataclass
class Prometheus:
    """One server; it may be stopped and started again at the same port, with the same data."""

    folder: Path
    exporter: Exporter
    port: int
    web: Mapping[str, object] = field(default_factory=dict)
    ca: Path | None = None

    @property
    def url(self) -> str:
        return f"{'https' if self.ca else 'http'}://127.0.0.1:{self.port}"

    def start(self) -> None:
        """Returns when it answers."""
        scrape = {"job_name": "test", "static_configs": [{"targets": [f"127.0.0.1:{self.exporter.port}"]}]}
        times = {"scrape_interval": "200ms", "scrape_timeout": "200ms"}
        for name, content in (("config", {"global": times, "scrape_configs": [scrape]}), ("web", self.web)):
            (self.folder / f"{name}.yaml").write_text(json.dumps(content))
        command = [
            shutil.which("prometheus") or str(packages.unpacked("prometheus") / "usr" / "bin" / "prometheus"),
            f"--config.file={self.folder / 'config.yaml'}",
            f"--web.config.file={self.folder / 'web.yaml'}",
            f"--web.listen-address=127.0.0.1:{self.port}",
            f"--storage.tsdb.path={self.folder / 'data'}",
        ]
        with (self.folder / "log").open("ab") as log:
            self._process = subprocess.Popen(command, stdout=log, stderr=log)
        _await(self._answers, f"Prometheus ({self.folder / 'log'})")

    def stop(self) -> None:
        self._process.terminate()
        self._process.wait()

    def until(self, query: str, value: str) -> None:
        """Wait until the query's only series has this value."""

        def holds() -> bool:
            found = httpx.get(f"{self.url}/api/v1/query", params={"query": query}, trust_env=False).json()
            return [series["value"][1] for series in found["data"]["result"]] == [value]

        _await(holds, f"{query} to be {value}")

    def _answers(self) -> bool:
        assert self._process.poll() is None, (self.folder / "log").read_text()
        try:
            trust = ssl.create_default_context(cafile=self.ca)
            return httpx.get(f"{self.url}/-/ready", verify=trust, trust_env=False).status_code in {200, 401}
        except httpx.HTTPError:
            return False


@contextmanager
def running(folder: Path, ca: Path | None = None, **web: object) -> Iterator[Prometheus]:
    """A server that scrapes its exporter five times a second; `web` is its web configuration, `ca` vouches for it."""
    with _exporting() as exporter:
        server = Prometheus(folder, exporter, _free_port(), web, ca)
        server.start()
        try:
            yield server
        finally:
            server.stop()


@contextmanager
def _exporting() -> Iterator[Exporter]:
    exporter = Exporter()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            data = exporter.text.encode()
            self.send_response(200)
            self.send_header("Content-Type", "text/plain; version=0.0.4")
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        exporter.port = server.server_address[1]
        threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        yield exporter
        server.shutdown()


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


def _await(holds: Callable[[], bool], what: str) -> None:
    end = time.monotonic() + WAIT_SECONDS
    while not holds():
        assert time.monotonic() < end, f"waited {WAIT_SECONDS:g} s for {what}"
        time.sleep(0.05)
