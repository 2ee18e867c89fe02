"""The traffic client against a server that behaves like the example's: 500, then the connection is closed."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from demo.evidence.ledger import Batches, Request

pytestmark = pytest.mark.slow

ROOT = Path(__file__).resolve().parents[2]
ENOUGH = 60
PATIENCE = 30.0
GATEWAY_HOST = "m.example"


class MlServer(BaseHTTPRequestHandler):
    """Answers [0.25, 0.75]; on a null it answers 500 and closes the connection without saying so beforehand."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        self.send_response(200 if self.headers["Host"] == GATEWAY_HOST else 404)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def do_POST(self) -> None:
        tensor = json.loads(self.rfile.read(int(self.headers["Content-Length"])))["inputs"][0]
        bad = None in tensor["data"]
        body = b"Traceback" if bad else json.dumps({"outputs": [{"data": [0.25, 0.75]}]}).encode()
        self.send_response(500 if bad else 200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
        self.close_connection = bad

    def log_message(self, *_: Any) -> None:
        """The test's output stays readable."""


@pytest.fixture
def server() -> Iterator[int]:
    """The port of a running server."""
    made = ThreadingHTTPServer(("127.0.0.1", 0), MlServer)
    threading.Thread(target=made.serve_forever, daemon=True).start()
    yield made.server_port
    made.shutdown()
    made.server_close()


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """A stand-in for the place where scikit-learn keeps its data: the client finds it without importing anything."""
    folder = tmp_path / "sklearn" / "datasets" / "data"
    folder.mkdir(parents=True)
    (tmp_path / "sklearn" / "__init__.py").write_text("raise ImportError('the client must not import this')")
    rows = [",".join(str(r + c) for c in range(30)) + ",1" for r in range(20)]
    (folder / "breast_cancer.csv").write_text("\n".join(["20,30,a,b", *rows]))
    return tmp_path


def traffic(port: int, data: Path, *more: str) -> list[Request]:
    """Every request that the client made until it had made enough; its own total must agree."""
    command = [sys.executable, "-u", str(ROOT / "demo/client/traffic.py"), "--url", f"http://127.0.0.1:{port}"]
    command += ["--model", "m", "--rate", "200", "--workers", "4", *more]
    path = f"{ROOT / 'demo/models'}:{data}"
    batches = Batches()
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, text=True, env={**os.environ, "PYTHONPATH": path}
    ) as process:
        assert process.stdout is not None
        ends = time.monotonic() + PATIENCE
        for line in process.stdout:
            batches.read(line)
            if len(batches.requests) >= ENOUGH or time.monotonic() > ends:
                process.send_signal(signal.SIGTERM)
    assert batches.complete
    assert len(batches.requests) >= ENOUGH
    return batches.requests


def test_both_kinds_of_clients_ask_and_all_is_accounted_for(server: int, data: Path) -> None:
    """Kept connections carry many requests, the others one each; the answer's log-odds are logged."""
    requests = traffic(server, data, "--missing", "0")
    assert {(r.status, r.answer) for r in requests} == {(200, 1.098612)}
    used = Counter(r.link for r in requests)
    assert all(count == 1 for (worker, _), count in used.items() if worker.startswith("f"))
    assert max(count for (worker, _), count in used.items() if worker.startswith("k")) > 1


def test_a_reset_after_a_500_is_seen_and_survived(server: int, data: Path) -> None:
    """The server hangs up after its 500: the next request on that connection fails, the one after it does not."""
    requests = traffic(server, data, "--missing", "0.5")
    links: dict[tuple[str, float], list[int]] = {}
    for r in requests:
        links.setdefault(r.link, []).append(r.status)
    kept = [statuses for (worker, _), statuses in links.items() if worker.startswith("k")]
    after = [s[s.index(500) + 1 :] for s in kept if 500 in s]
    assert any(rest == [0] for rest in after), "a reset was seen"
    assert all(rest in ([0], []) for rest in after), "and nothing came over that connection any more"
    assert all(r.status == 500 for r in requests if r.missing and r.status)


def test_behind_a_gateway_clients_say_whom_they_want(server: int, data: Path) -> None:
    """They wait until the gateway knows the host name, and their names tell that they asked it."""
    requests = traffic(server, data, "--missing", "0", "--host", GATEWAY_HOST)
    assert {r.status for r in requests} == {200}
    assert all(r.routed for r in requests)


def test_nobody_there_is_a_refused_request(data: Path) -> None:
    """Where no server listens, every request fails, and says so."""
    assert {(r.status, r.cause) for r in traffic(1, data)} == {(0, "refused")}
