"""What played pods answer on their metrics port: MLServer's series, counted up by the test."""

import socket
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import count
from os import getpid

BOUNDS = ("0.005", "0.01", "0.025", "0.05", "0.075", "0.1", "0.25", "0.5", "0.75", "1.0", "2.5", "5.0", "7.5", "10.0")


@dataclass
class Answers:
    """What one pod has answered so far. `slow` of them took longer than 0.25 s."""

    good: int = 0
    bad: int = 0
    slow: int = 0


@dataclass
class PodServer:
    """One pod's metrics, on an address of its own below 127.0.0.0/8."""

    model: str
    port: int
    answers: Answers = field(default_factory=Answers)
    body: str | None = None
    """Overrides the exposition, such as by an empty one or by NaN."""
    status: int = 200

    address: str = ""

    def start(self) -> None:
        """Take a free address."""
        for address in _addresses():
            try:
                self._server = _Server((address, self.port), _handler(self))
            except OSError:
                continue
            self.address = address
            threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()
            return

    def stop(self) -> None:
        self._server.shutdown()
        self._server.server_close()

    def exposition(self) -> str:
        if self.body is not None:
            return self.body
        path = 'path="/v2/models/{model_name}/infer"'  # the route's template, as MLServer 1.7.1 has it
        done = self.answers.good + self.answers.bad
        lines = ["# TYPE rest_server_requests_total counter"]
        lines += [f'rest_server_requests_total{{method="POST",{path},status_code="200"}} {self.answers.good}.0']
        lines += [f'rest_server_requests_total{{method="POST",{path},status_code="500"}} {self.answers.bad}.0']
        lines += ["# TYPE rest_server_request_duration_seconds histogram"]
        for bound in BOUNDS:
            within = done if float(bound) > 0.25 else done - self.answers.slow
            lines += [f'rest_server_request_duration_seconds_bucket{{le="{bound}",method="POST",{path}}} {within}.0']
        lines += [f'rest_server_request_duration_seconds_bucket{{le="+Inf",method="POST",{path}}} {done}.0']
        return "\n".join(lines) + "\n"


_numbers = count(1)


def _addresses() -> Iterator[str]:
    """Loopback addresses that no other test process of this machine is likely to use."""
    block = 20 + getpid() % 200
    while True:
        number = next(_numbers)
        yield f"127.{block}.{number // 250 % 250}.{1 + number % 250}"


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    allow_reuse_address = False
    address_family = socket.AF_INET


def _handler(pod: PodServer) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            data = pod.exposition().encode()
            self.send_response(pod.status)
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, *_: object) -> None:
            pass

    return Handler
