"""A library that looks at no peer goes through the guard: what its server's name leads to is looked at then."""

import ipaddress
import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest

from fetcher.site import Site, plain, serving
from linnet.api.parts.uri import Location
from linnet.fetcher.command.outcome import Failure, Reason
from linnet.fetcher.credentials import Credentials
from linnet.fetcher.order import Order, parse
from linnet.fetcher.sources import s3
from linnet.fetcher.web import address
from linnet.fetcher.web.guard import Guard

METADATA = "127.0.0.2"
"""It plays the metadata service, since loopback has more addresses than one."""


@contextmanager
def metadata_service() -> Iterator[tuple[int, list[bytes]]]:
    """Its port, and what it was told."""
    heard: list[bytes] = []
    listener = socket.create_server((METADATA, 0))

    def listen() -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            with connection:
                connection.settimeout(5)
                heard.append(connection.recv(4096))
                connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nkeys")

    threading.Thread(target=listen, daemon=True).start()
    with listener:
        yield listener.getsockname()[1], heard


@pytest.fixture(autouse=True)
def refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(address, "METADATA", frozenset({ipaddress.ip_address(METADATA)}))
    for name in ("http_proxy", "https_proxy", "all_proxy", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)


class Names:
    """A resolver that its owner changes: a name has the first address once, and the second from then on."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, *addresses: str) -> None:
        self.addresses, self.asked, self._real = list(addresses), 0, socket.getaddrinfo
        monkeypatch.setattr(socket, "getaddrinfo", self)

    def __call__(self, host: Any, port: Any, *rest: Any, **more: Any) -> Any:
        if host != "store.test":
            return self._real(host, port, *rest, **more)
        self.asked += 1
        return self._real(self.addresses[min(self.asked, len(self.addresses)) - 1], port, *rest, **more)


def order(endpoint: str) -> Order:
    keys = {"AWS_ENDPOINT_URL": endpoint, "AWS_ACCESS_KEY_ID": "id", "AWS_SECRET_ACCESS_KEY": "secret"}
    known = parse(["--uri", "s3://models/x", "--to", "/nowhere"], {})
    return replace(known, credentials=Credentials("Secret", keys, "s3://models/"))


def opened(endpoint: str) -> s3.S3Source:
    return s3.open_source(Location.parse("s3://models/x"), order(endpoint))


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_a_name_that_leads_elsewhere_the_second_time_is_refused(scheme: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The first lookup was of an address that may be asked; the metadata service hears not a byte of the library."""
    names = Names(monkeypatch, "127.0.0.1", METADATA)
    with metadata_service() as (port, heard), pytest.raises(Failure) as refusal:
        opened(f"{scheme}://store.test:{port}").items()
    assert refusal.value.reason == Reason.ADDRESS_NOT_ALLOWED
    assert "store.test (127.0.0.2)" in refusal.value.message
    assert names.asked >= 2
    assert b"".join(heard) == b""


def test_a_redirect_to_the_metadata_service_is_refused() -> None:
    """The library follows redirects by itself, and each of its connections is looked at."""

    def away(handler: Any) -> None:
        handler.send_response(307)
        handler.send_header("Location", f"http://{METADATA}:{port}/latest")
        handler.send_header("Content-Length", "0")
        handler.end_headers()

    with metadata_service() as (port, heard), serving() as site:
        site.pages["/models"] = away
        with pytest.raises(Failure) as refusal:
            opened(site.url).items()
    assert refusal.value.reason == Reason.ADDRESS_NOT_ALLOWED
    assert b"".join(heard) == b""


def through(guard: Guard, **more: Any) -> httpx.Client:
    return httpx.Client(proxy=guard.url, trust_env=False, **more)


def paths(site: Site) -> list[str]:
    return [path for path, _ in site.requests]


def test_plain_requests_reach_the_server_as_if_nobody_were_between() -> None:
    """By path, not by URL, several on a connection, with their query and what they carry."""
    with serving() as site, through(Guard().start()) as client:
        site.pages["/a b"] = plain(b"answer")
        for query in ("?x=1", "?x=2"):
            assert client.get(f"{site.url}/a%20b{query}").status_code == 404
        assert client.post(f"{site.url}/put", content=b"x" * 100_000).status_code == 404
        assert paths(site) == ["/a%20b?x=1", "/a%20b?x=2", "/put"]
        assert all("proxy-connection" not in {k.lower() for k in headers} for _, headers in site.requests)


def test_what_is_encrypted_is_between_the_library_and_the_server(certificate: Path) -> None:
    """The certificate that the library sees is the server's own."""
    trusted = ssl.create_default_context(cafile=str(certificate.with_name("ca.pem")))
    with serving(certificate) as site, through(Guard().start(), verify=trusted) as client:
        site.pages["/x"] = plain(b"secret words")
        assert client.get(f"{site.url}/x").content == b"secret words"


def test_where_nobody_listens_it_says_why() -> None:
    """And not that a proxy is broken."""
    guard = Guard().start()
    with through(guard) as client, pytest.raises(httpx.HTTPError):
        client.get("http://127.0.0.1:1/")
    assert isinstance(guard.taken(), ConnectionRefusedError)
    assert guard.taken() is None


@pytest.mark.parametrize(
    "words", [b"", b"GET\r\n", b"GET / HTTP/1.1\r\n\r\n", b"GET ftp://x/ HTTP/1.1\r\n\r\n", b"x" * 100_000]
)
def test_what_is_no_request_is_answered_by_nothing(words: bytes) -> None:
    """The connection is closed, and the next one is served."""
    guard = Guard().start()
    host, port = guard.url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), 5) as broken, suppress(OSError):  # it may be closed at once
        broken.sendall(words)
        broken.shutdown(socket.SHUT_WR)
        assert broken.recv(10) == b""
    with serving() as site, through(guard) as client:
        assert client.get(f"{site.url}/x").status_code == 404


def test_the_platforms_proxy_is_used_instead(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its peers are the platform's affair; no tenant can name one."""
    monkeypatch.setenv("http_proxy", "proxy.platform:3128")
    way = opened("http://store.test:9").way
    assert (way.proxy, way.guard) == ("http://proxy.platform:3128", None)
    monkeypatch.setenv("no_proxy", "store.test")
    assert opened("http://store.test:9").way.guard is not None
