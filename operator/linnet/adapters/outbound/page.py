"""What a pod sends in answer to one GET, read a bounded step at a time, so that whoever reads it counts what it costs.

A client that reads a connection by itself reads on for as long as the other side sends: provisional responses without
an end, chunks of a byte, and all of it in the loop that serves everybody. Here nothing is read but by `step`.
"""

from collections.abc import Callable
from typing import Final

import h11

EVENTS: Final = 64
"""What a step reads at most: heads of responses and parts of the body. An honest page has a handful."""
BLOCK: Final = 64 * 2**10
"""Bytes of the body that are handed on at a time, and of the connection that are fed at a time."""


class Page:
    """The body goes to `take` in blocks, whatever it is.

    `hungry`: all that was fed is read. `whole`: there is no more of it.
    """

    def __init__(self, take: Callable[[bytes], None]) -> None:
        self._take = take
        self._http = h11.Connection(h11.CLIENT)
        self._body = bytearray()
        self.hungry, self.whole = True, False

    def request(self, host: str, path: str) -> bytes:
        """Return what to send. Nothing is to be compressed: a few bytes must not become gigabytes."""
        headers = [("Host", host), ("User-Agent", "linnet"), ("Accept", "text/plain")]
        headers += [("Accept-Encoding", "identity"), ("Connection", "close")]
        asked = self._http.send(h11.Request(method="GET", target=path, headers=headers))
        return (asked or b"") + (self._http.send(h11.EndOfMessage()) or b"")

    def feed(self, data: bytes) -> None:
        """Add what came; nothing, where the connection has ended."""
        self._http.receive_data(data)
        self.hungry = False

    def step(self) -> None:
        """Read some of what was fed. ValueError where it is no page."""
        try:
            self._read()
        except h11.RemoteProtocolError:
            raise ValueError("what it answered is no HTTP") from None
        if self.whole or len(self._body) >= BLOCK:
            self._take(bytes(self._body))
            self._body.clear()

    def _read(self) -> None:
        for _ in range(EVENTS):
            event = self._http.next_event()
            if event is h11.NEED_DATA:
                self.hungry = True
                return
            self._heed(event)
            if self.whole:
                return

    def _heed(self, event: object) -> None:
        match event:
            case h11.Response(status_code=status) if status != 200:  # noqa: PLR2004
                raise ValueError(f"answered {status}")
            case h11.Data(data=data):
                self._body += data
            case h11.EndOfMessage():
                self.whole = True
            case h11.Response() | h11.InformationalResponse():
                pass
            case _:
                raise ValueError("the connection ended before it answered")
