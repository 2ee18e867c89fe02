"""docs/how-to/call-the-model.md: its commands ask a server, and its facts are those of the code."""

import json
import shlex
import socket
import struct
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import pytest
import yaml

from docs.commands import Command, all_commands
from docs.pages import REPO, code, page
from linnet.core.serving import revision as serving
from simulator import Cluster

pytestmark = pytest.mark.slow

PAGE = page("docs/how-to/call-the-model.md")
CURLS = [c for c in all_commands() if c.page == PAGE.name and c.text.startswith("curl ")]
RETRYING = [c for c in CURLS if "--retry" in c.flags]
RUNTIME = yaml.safe_load((REPO / "operator/linnet/runtimes/mlserver.yaml").read_text())
PATHS = {
    RUNTIME["readyPath"].replace("$(MODEL_NAME)", "tumor-risk"),
    RUNTIME["metrics"]["requests"][0]["match"][0]["in"][0].replace("{model_name}", "tumor-risk"),
}


@dataclass
class Server:
    """Hears a request, and answers it with an empty V2 response, after it has broken so many connections."""

    breaks: int = 0
    heard: list[tuple[str, Any]] = field(default_factory=list)

    @contextmanager
    def running(self) -> Iterator[int]:
        """Its port."""
        http = HTTPServer(("127.0.0.1", 0), self._handler())
        threading.Thread(target=http.serve_forever, daemon=True).start()
        try:
            yield http.server_port
        finally:
            http.shutdown()
            http.server_close()

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        server = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                self.do_POST()

            def do_POST(self) -> None:
                if server.breaks:
                    server.breaks -= 1
                    now = struct.pack("ii", 1, 0)  # closed with a reset, as by a pod that is deleted
                    self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, now)
                    self.connection.close()
                    return
                body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                server.heard.append((self.path, json.loads(body) if body else None))
                self.send_response(200)
                self.end_headers()
                self.wfile.write(b'{"outputs": []}')

            def log_message(self, *_: object) -> None:
                """Silent."""

        return Handler


def asked(words: list[str], server: Server) -> int:
    """curl's exit code, with this server in the place of the page's."""
    with server.running() as port:
        hosts = ("http://localhost:8080", "http://tumor-risk")
        local = [next((w.replace(h, f"http://127.0.0.1:{port}") for h in hosts if w.startswith(h)), w) for w in words]
        return subprocess.run([*local, "--noproxy", "*"], capture_output=True, check=False, timeout=60).returncode


@pytest.mark.parametrize("command", CURLS, ids=lambda c: c.place)
def test_a_request_is_what_the_server_understands(command: Command) -> None:
    """A path that the packaged server has, and as many numbers as the shape says."""
    server = Server()
    assert asked(command.words, server) == 0
    [(path, body)] = server.heard
    assert path in PATHS
    assert all(tensor["shape"] == [1, len(tensor["data"])] for tensor in (body or {"inputs": []})["inputs"])


def test_a_broken_connection_is_asked_again() -> None:
    """What the page recommends survives the end of a pod; the same without the retry does not."""
    [command] = RETRYING
    server = Server(breaks=1)
    assert asked(command.words, server) == 0
    assert len(server.heard) == 1
    bare = [w for w in shlex.split(command.text) if not w.startswith("--retry") and w != "3"]
    assert asked(bare, Server(breaks=1)) != 0


def test_the_pod_asks_as_the_commands_do() -> None:
    """Its arguments are curl's."""
    [block] = [b for b in PAGE.blocks() if b.language == "yaml"]
    [container] = yaml.safe_load(block.text)["spec"]["containers"]
    server = Server()
    assert asked(["curl", *container["args"]], server) == 0
    assert server.heard[0][0] in PATHS


def test_the_services_of_the_table_are_made() -> None:
    """In the middle of a rollout each of them is there, with the ports of the page, and there is no other."""
    steps = [{"setWeight": 50}, {"pause": {}}]
    cluster = Cluster().edit(strategy={"canary": {"steps": steps}})
    cluster.run(5)
    cluster.publish(7).run(30, until=lambda c: c.phase == "Stepping")
    named = {code(row[0])[0] for row in PAGE.table("Look at one version")}
    revision = cluster.revision(7)
    named = {name.replace("tumor-risk-v7-<hash>", revision) for name in named}
    assert set(cluster.services) - {cluster.revision(1)} == named
    ports = [p["port"] for p in cluster.services["tumor-risk"]["spec"]["ports"]]
    [said] = [code(row[1]) for row in PAGE.table("Call the model") if row[0] == "port"]
    assert [int(port) for port in said] == ports


def test_the_time_that_a_leaving_pod_goes_on_answering() -> None:
    """A connection that is replaced within it never breaks."""
    assert f"for {serving.DRAIN_SECONDS} seconds before it is told to end" in PAGE.text.replace("\n", " ")
