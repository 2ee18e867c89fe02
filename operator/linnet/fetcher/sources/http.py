"""A single file behind an http(s) URL, read in ranges where the server has them."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import httpcore
import httpx

from linnet.api.parts.uri import Location
from linnet.fetcher.command.outcome import Failure, Reason, Transient
from linnet.fetcher.location import location_of
from linnet.fetcher.order import Order
from linnet.fetcher.sources.source import Item
from linnet.fetcher.web.client import CHARSET, Web, explained
from linnet.fetcher.web.transport import FAULTS

BUSY = frozenset({408, 425, 429})
LONGEST_WAIT = 60.0  # seconds that a server's Retry-After is obeyed
OK, PARTIAL, NO_RANGE = 200, 206, 416
_HEADER = re.compile(r"[\t\x20-\x7e\x80-\xff]*")
"""The value of a header (RFC 9110, 5.5)."""


@dataclass(frozen=True)
class HttpSource:
    location: Location
    web: Web
    streams: int = 4

    def items(self) -> list[Item]:
        """The one file. Its first byte is asked for, since a presigned URL allows GET but not HEAD."""
        if not self.location.parts or self.location.is_folder:
            message = f"{self.location.told} must name a file or an archive, not a folder"
            raise Failure(Reason.INVALID_URI, message)
        name = self.location.parts[-1]
        with self.web.get(self.location.full, {"Range": "bytes=0-0"}) as answer:
            total = _total(answer)
            if answer.status_code == NO_RANGE and total == 0:
                return [Item(name, name, 0, None)]
            self._check_status(answer)
            if answer.status_code == PARTIAL:
                return [Item(name, name, total, _validator(answer))]
            return [Item(name, name, _length(answer), None)]

    def read(self, item: Item, start: int, stop: int | None) -> Iterator[bytes]:
        headers = {}
        if stop is not None and item.version:
            headers = {"Range": f"bytes={start}-{stop - 1}", "If-Range": item.version}
        with self.web.get(self.location.full, headers) as answer:
            self._check_status(answer)
            self._check_same(answer, item, start if headers else None)
            try:
                yield from answer.iter_raw()
            except httpcore.RemoteProtocolError as error:
                if item.size is None:  # else the transfer counts what came, and says how much is missing
                    raise Transient("the answer broke off") from error
            except (OSError, *FAULTS) as error:
                raise explained(error, self.location.full) from error

    def _check_status(self, answer: httpx.Response) -> None:
        status = answer.status_code
        if status in (OK, PARTIAL):
            return
        if status >= 500 or status in BUSY:  # noqa: PLR2004 - HTTP's classes
            raise Transient(f"the server answered {status} {answer.reason_phrase}", _retry_after(answer))
        reason, hint = {
            401: (Reason.UNAUTHORIZED, "give an authorization in spec.source.credentials"),
            403: (Reason.FORBIDDEN, "see who may read it; a presigned URL may have expired"),
            404: (Reason.NOT_FOUND, "see the path"),
            410: (Reason.NOT_FOUND, "it was removed"),
        }.get(status, (Reason.REJECTED, "see the URL"))
        raise Failure(reason, f"{self.location.told}: the server answered {status} {answer.reason_phrase}; {hint}")

    def _check_same(self, answer: httpx.Response, item: Item, start: int | None) -> None:
        """Raise Failure(Changed) where the answer is not of the file that was asked for first."""
        whole = not start and _is_whole(answer, item)
        if not whole and not _is_part(answer, item, start):
            message = f"{self.location.told} changed while it was read; it is fetched anew"
            raise Failure(Reason.CHANGED, message)


def _is_whole(answer: httpx.Response, item: Item) -> bool:
    """Whether the answer is all of the file: a server may answer so to the range that is all of it."""
    same_size = item.size in (None, _length(answer))
    return answer.status_code == OK and same_size and item.version in (None, _validator(answer))


def _is_part(answer: httpx.Response, item: Item, start: int | None) -> bool:
    begins = (answer.headers.get("Content-Range") or "").startswith(f"bytes {start}-")
    same = (_total(answer), _validator(answer)) == (item.size, item.version)
    return answer.status_code == PARTIAL and begins and same


def _validator(answer: httpx.Response) -> str | None:
    """What If-Range may compare: a strong ETag, or else the date (RFC 9110, 13.1.5)."""
    headers = httpx.Headers(answer.headers.raw, encoding=CHARSET)
    tag = headers.get("ETag") or ""
    return tag if tag.startswith('"') else headers.get("Last-Modified")


def _total(answer: httpx.Response) -> int | None:
    found = re.fullmatch(r"bytes (?:[0-9]+-[0-9]+|\*)/([0-9]+)", answer.headers.get("Content-Range") or "")
    return _number(found[1]) if found else None


def _length(answer: httpx.Response) -> int | None:
    return _number(answer.headers.get("Content-Length") or "")


def _retry_after(answer: httpx.Response) -> float:
    return min(_number(answer.headers.get("Retry-After") or "") or 0.0, LONGEST_WAIT)


def _number(text: str) -> int | None:
    """A number as HTTP has it: ASCII digits, and no more of them than anything has bytes; None for all else."""
    return int(text) if re.fullmatch("[0-9]{1,18}", text) else None


def open_source(location: Location, order: Order) -> HttpSource:
    """Open the source, whose authorization is a header's whole value and stays below allowedPrefix.

    Raises Failure(Unauthorized) for a value that no header can be.
    """
    prefix = order.credentials.allowed_prefix
    scope = location_of(prefix) if prefix else location.at_root
    return HttpSource(location, Web(scope, _authorization(location, order.credentials.values)))


def _authorization(location: Location, values: Mapping[str, str]) -> str:
    value = values.get("authorization", "").strip()
    if not _HEADER.fullmatch(value):
        message = "the key authorization of its credentials Secret must be one line of Latin-1 characters"
        raise Failure(Reason.UNAUTHORIZED, f"{location.told}: {message}")
    return value
