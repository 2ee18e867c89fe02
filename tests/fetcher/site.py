"""A real HTTP server for tests: files with or without ranges, faults on demand, a record of every request."""

import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email.message import Message
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

Answer = Callable[[BaseHTTPRequestHandler], None]
TAG = '"one"'


@dataclass
class Site:
    """`pages` maps a path without its query to what answers it."""

    server: ThreadingHTTPServer
    scheme: str
    pages: dict[str, Answer] = field(default_factory=dict)
    requests: list[tuple[str, Message]] = field(default_factory=list)

    @property
    def url(self) -> str:
        return f"{self.scheme}://{self.host}"

    @property
    def host(self) -> str:
        return f"127.0.0.1:{self.server.server_address[1]}"

    @property
    def ranges(self) -> list[str]:
        """The Range of each request after the first, which only asks how long the file is."""
        return [headers.get("Range", "") for _, headers in self.requests[1:]]

    def answer(self, handler: BaseHTTPRequestHandler) -> None:
        self.requests.append((handler.path, handler.headers))
        page = self.pages.get(handler.path.partition("?")[0], status(404))
        page(handler)


@contextmanager
def serving(certificate: Path | None = None) -> Iterator[Site]:
    """A site on a free loopback port; with a PEM file of key and certificate it speaks TLS."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            site.answer(self)

        def do_POST(self) -> None:
            site.answer(self)

        def log_message(self, *_: object) -> None:
            pass

    class Server(ThreadingHTTPServer):
        def handle_error(self, *_: object) -> None:
            """Clients that are killed, or refuse a certificate, are what the tests are about."""

    server = Server(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    if certificate:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate)
        server.socket = context.wrap_socket(server.socket, server_side=True)
    site = Site(server, "https" if certificate else "http")
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield site
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def send(handler: BaseHTTPRequestHandler, code: int, headers: dict[str, str], body: bytes = b"") -> None:
    handler.send_response(code)
    for name, value in headers.items():
        handler.send_header(name, value)
    handler.end_headers()
    handler.wfile.write(body)


def status(code: int, **headers: str) -> Answer:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return lambda handler: send(handler, code, {"Content-Length": "0", **named})


def plain(body: bytes) -> Answer:
    """No ranges, no validator: what the simplest servers do."""
    return lambda handler: send(handler, 200, {"Content-Length": str(len(body))}, body)


def ranged(body: bytes, tag: str = TAG) -> Answer:
    """Ranges and If-Range, as RFC 9110 has them."""

    def answer(handler: BaseHTTPRequestHandler) -> None:
        start, stop = _span(handler, len(body), tag)
        send(handler, *_head(start, stop, len(body), tag), body[start:stop])

    return answer


def breaking(body: bytes, after: int, times: int, tag: str = TAG) -> Answer:
    """Ranges, but the connection is cut after that many bytes of an answer, that many times."""
    left = [times]
    lock = threading.Lock()

    def answer(handler: BaseHTTPRequestHandler) -> None:
        start, stop = _span(handler, len(body), tag)
        with lock:
            cut = left[0] > 0 and stop - start > after
            left[0] -= cut
        send(handler, *_head(start, stop, len(body), tag), body[start : start + after if cut else stop])

    return answer


def in_turn(*answers: Answer) -> Answer:
    """One answer after the other; the last one stays."""
    queue = list(answers)

    def answer(handler: BaseHTTPRequestHandler) -> None:
        current = queue.pop(0) if len(queue) > 1 else queue[0]
        current(handler)

    return answer


def _span(handler: BaseHTTPRequestHandler, size: int, tag: str) -> tuple[int, int]:
    text = handler.headers.get("Range", "")
    if not text or handler.headers.get("If-Range", tag) != tag:
        return 0, size
    first, _, last = text.removeprefix("bytes=").partition("-")
    return int(first), min(int(last) + 1 if last else size, size)


def _head(start: int, stop: int, size: int, tag: str) -> tuple[int, dict[str, str]]:
    headers = {"Content-Length": str(stop - start), "ETag": tag}
    if (start, stop) == (0, size):
        return 200, headers
    return 206, {**headers, "Content-Range": f"bytes {start}-{stop - 1}/{size}"}
