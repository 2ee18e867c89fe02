"""A proxy on the pod's own loopback, for libraries that look at no peer: it connects, looks, and only then passes on.

Such a library looks its server's name up by itself, and may be told another address than whoever looked before it.
Behind this proxy it looks nothing up: the name goes in, and the connection that comes of it is the one that was looked
at. What is encrypted stays so from end to end.
"""

import contextlib
import socket
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import BinaryIO, Final
from urllib.parse import urlsplit

from linnet.fetcher.command.outcome import Failure
from linnet.fetcher.web.address import check_peer

CONNECT_SECONDS: Final = 10
CHUNK: Final = 2**18
MOST_LINES: Final = 200
MOST_IN_LINE: Final = 2**16
_PLAIN_PORT: Final = 80

Connect = Callable[[str, int], socket.socket]


def connected(host: str, port: int) -> socket.socket:
    """A connection whose peer was looked at, without a byte sent. Raises OSError, Failure(AddressNotAllowed)."""
    connection = socket.create_connection((host, port), CONNECT_SECONDS)
    try:
        check_peer(host, str(connection.getpeername()[0]))
    except BaseException:
        connection.close()
        raise
    connection.settimeout(None)
    return connection


@dataclass(frozen=True)
class Head:
    """What a request begins with, as its server is to get it. `method` is CONNECT for a tunnel."""

    method: str
    host: str
    port: int
    lines: tuple[bytes, ...] = ()
    length: int = 0

    @property
    def place(self) -> tuple[str, int]:
        return self.host, self.port

    @property
    def wire(self) -> bytes:
        return b"".join(self.lines) + b"\r\n"


@dataclass
class Guard:
    """The proxy. `trouble`: why the last connection was not made, since the library is only told that it was not."""

    connect: Connect = connected
    trouble: Failure | OSError | None = None
    _listener: socket.socket = field(default_factory=lambda: socket.create_server(("127.0.0.1", 0)))

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._listener.getsockname()[1]}"

    def start(self) -> "Guard":
        """Serve until the process ends."""
        threading.Thread(target=self._serve, name="guard", daemon=True).start()
        return self

    def taken(self) -> Failure | OSError | None:
        """The trouble, which is forgotten by it unless it was a refusal: that is one for good."""
        found = self.trouble
        if not isinstance(found, Failure):
            self.trouble = None
        return found

    def _serve(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._answer, args=(client,), daemon=True).start()

    def _answer(self, client: socket.socket) -> None:
        """Serve one connection of the library's. Where there is none to its server, it is closed without a word."""
        with client, contextlib.suppress(OSError, ValueError), client.makefile("rb") as sent:
            head = _head(sent)
            with self._connected(head) as server:
                if head.method == "CONNECT":
                    client.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
                else:
                    _forward(head, sent, server)
                threading.Thread(target=_pass_on, args=(server, client), daemon=True).start()
                self._send_on(head, sent, client, server)

    def _send_on(self, head: Head, sent: BinaryIO, client: socket.socket, server: socket.socket) -> None:
        """Pass on what else the library sends: all of it through a tunnel, else request by request."""
        if head.method == "CONNECT":
            _pass_on(client, server)
            return
        with contextlib.suppress(ValueError):
            while (following := _head(sent)).place == head.place:
                _forward(following, sent, server)

    @contextlib.contextmanager
    def _connected(self, head: Head) -> Iterator[socket.socket]:
        try:
            server = self.connect(head.host, head.port)
        except Failure as refused:
            self.trouble = refused
            raise ValueError(str(refused)) from refused
        except OSError as error:
            self.trouble = self.trouble or error
            raise
        with server:
            yield server


def _head(sent: BinaryIO) -> Head:
    """The next request's head. ValueError where there is none, or one that no client of a proxy sends."""
    method, target, version = _line(sent).decode("latin-1").split()
    headers = list(_headers(sent))
    if method == "CONNECT":
        place = urlsplit(f"//{target}")
        return Head(method, place.hostname or "", place.port or 0)
    url = urlsplit(target)
    if url.scheme != "http" or not url.hostname:
        raise ValueError("not the absolute form of a URL")
    path = target.removeprefix(f"http://{url.netloc}") or "/"
    first = f"{method} {path if path.startswith('/') else f'/{path}'} {version}\r\n".encode("latin-1")
    kept = [line for line in headers if not line.lower().startswith(b"proxy-")]
    return Head(method, url.hostname, url.port or _PLAIN_PORT, (first, *kept), _length(kept))


def _headers(sent: BinaryIO) -> Iterator[bytes]:
    for _ in range(MOST_LINES):
        line = _line(sent)
        if line in {b"\r\n", b"\n"}:
            return
        yield line
    raise ValueError("too many headers")


def _line(sent: BinaryIO) -> bytes:
    line = sent.readline(MOST_IN_LINE)
    if not line.endswith(b"\n"):
        raise ValueError("no line")
    return line


def _length(headers: list[bytes]) -> int:
    found = (line.partition(b":")[2] for line in headers if line.lower().startswith(b"content-length:"))
    return int(next(found, b"0"))


def _forward(head: Head, sent: BinaryIO, server: socket.socket) -> None:
    server.sendall(head.wire)
    left = head.length
    while left > 0 and (data := sent.read(min(left, CHUNK))):
        server.sendall(data)
        left -= len(data)


def _pass_on(source: socket.socket, sink: socket.socket) -> None:
    """Pass bytes on until one side ends, and then tell the other."""
    buffer = memoryview(bytearray(CHUNK))
    with contextlib.suppress(OSError):
        while count := source.recv_into(buffer):
            sink.sendall(buffer[:count])
    with contextlib.suppress(OSError):
        sink.shutdown(socket.SHUT_WR)
