"""Connections without a network, for tests: each leads where the test says, and records what is sent over it."""

from dataclasses import dataclass, field
from typing import Any

import httpcore

from linnet.fetcher.web.transport import Backend, Transport


@dataclass
class Stream(httpcore.NetworkStream):
    """A connection that leads to `peer` and records what is sent over it."""

    peer: str
    answer: bytes = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"
    sent: list[bytes] = field(default_factory=list)
    handshakes: int = 0
    is_closed: bool = False

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        return self.answer

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        self.sent.append(buffer)

    def start_tls(self, *_: object, **__: object) -> httpcore.NetworkStream:
        self.handshakes += 1
        return self

    def close(self) -> None:
        self.is_closed = True

    def get_extra_info(self, info: str) -> Any:
        return (self.peer, 443) if info == "server_addr" else None


@dataclass
class Network(httpcore.NetworkBackend):
    """Every name leads to the next of these streams."""

    streams: list[Stream]

    def connect_tcp(self, *_: object, **__: object) -> httpcore.NetworkStream:
        return self.streams.pop(0)


def over(*streams: Stream) -> Transport:
    """The fetcher's transport, whose connections are these."""
    return Transport(Backend(Network(list(streams))))
