"""Connections of the fetcher: whom it never speaks to, whatever a name or a redirect says."""

import socket
from collections.abc import Iterator
from ipaddress import ip_address
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest

from fetcher.running import Command, contents
from fetcher.site import Site, plain, ranged, send, serving, status
from fetcher.web.streams import Stream, over
from linnet.fetcher.command.outcome import Failure, Reason
from linnet.fetcher.web import address
from linnet.fetcher.web.client import Web

pytestmark = pytest.mark.slow
"""They talk to real servers, or move megabytes: `make test` plays them."""

BODY = b"weights"
FORBIDDEN = [
    "169.254.169.254",
    "169.254.170.2",
    "169.254.170.23",
    "fe80::1",
    "fe80::1%eth0",
    "::ffff:169.254.169.254",
    "::ffff:6464:64c8",
    "::169.254.169.254",
    "::ffff:0:169.254.169.254",
    "64:ff9b::a9fe:a9fe",
    "64:ff9b::192.0.0.192",
    "64:ff9b:1::a9fe:a9fe",
    "2002:a9fe:a9fe::1",
    "2001:0:4136:e378:8000:63bf:5601:5601",
    "2001:db8::5efe:169.254.169.254",
    "fd00:ec2::254",
    "fd00:ec2::23",
    "fd20:ce::254",
    "100.100.100.200",
    "168.63.129.16",
    "192.0.0.192",
]


def web(*streams: Stream) -> Web:
    return Web(authorization="Bearer canary", transport=over(*streams))


@pytest.mark.parametrize("peer", FORBIDDEN)
@pytest.mark.parametrize("scheme", ["http", "https"])
def test_a_refused_peer_hears_nothing(scheme: str, peer: str) -> None:
    """Neither request nor credentials nor a TLS greeting reach it, and the connection is closed."""
    stream = Stream(peer)
    with pytest.raises(Failure) as caught, web(stream).get(f"{scheme}://innocent.test/f", {}):
        pass
    assert caught.value.reason is Reason.ADDRESS_NOT_ALLOWED
    assert "innocent.test" in caught.value.message
    assert (stream.sent, stream.handshakes, stream.is_closed) == ([], 0, True)


@pytest.mark.parametrize(
    "peer",
    ["203.0.113.7", "10.0.0.1", "::ffff:10.0.0.1", "2001:db8::1", "64:ff9b::cb00:7107", "2002:cb00:7107::1", "fd00::1"],
)
def test_other_peers_are_asked(peer: str) -> None:
    """Private addresses are where stores of a platform's own are."""
    stream = Stream(peer)
    with web(stream).get("http://store.test/f", {}) as answer:
        assert answer.status_code == 200
    assert b"Bearer canary" in b"".join(stream.sent)


@pytest.fixture
def refused() -> Iterator[None]:
    """127.0.0.1 counts as a metadata service, so that a real server can be one."""
    with patch.object(address, "METADATA", frozenset({ip_address("127.0.0.1")})):
        yield


@pytest.mark.usefixtures("refused")
@pytest.mark.parametrize("secure", [False, True])
def test_a_name_that_changes_its_address(certificate: Path, *, secure: bool) -> None:
    """A name that had a good address when it was looked at, and a refused one once connected, gets no request."""
    looked_up: list[str] = []

    def rebinding(host: str, port: int, *_: object, **__: object) -> list[Any]:
        looked_up.append(host)
        good_first = "203.0.113.7" if len(looked_up) == 1 else "127.0.0.1"
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (good_first, port))]

    with serving(certificate if secure else None) as site, patch.object(socket, "getaddrinfo", rebinding):
        url = f"{site.scheme}://innocent.test:{site.server.server_address[1]}/f"
        address.check_resolved(url)
        with pytest.raises(Failure) as caught, Web(authorization="Bearer canary").get(url, {}):
            pass
    assert caught.value.reason is Reason.ADDRESS_NOT_ALLOWED
    assert looked_up == ["innocent.test", "innocent.test"]
    assert site.requests == []


@pytest.mark.parametrize(
    ("location", "reason"),
    [
        ("http://innocent.test/", "AddressNotAllowed"),
        ("//169.254.169.254/latest", "AddressNotAllowed"),
        ("http://user:canary@store.test/", "UnsafeRedirect"),
        ("http://[::1/", "UnsafeRedirect"),
        ("http://host:99999/", "UnsafeRedirect"),
        ("http://host:port/", "UnsafeRedirect"),
    ],
)
def test_redirects_to_refused_places(location: str, reason: str) -> None:
    """By name, without a scheme, with a password, or to what is no address: nobody is asked, nothing is repeated."""
    answer = f"HTTP/1.1 302 Found\r\nLocation: {location}\r\nContent-Length: 0\r\n\r\n"
    first, second = Stream("203.0.113.7", answer.encode()), Stream("169.254.169.254")
    with pytest.raises(Failure) as caught, web(first, second).get("http://store.test/f", {}):
        pass
    assert str(caught.value.reason) == reason
    assert "canary" not in str(caught.value)
    assert second.sent == []


def test_no_cookie_is_kept(site: Site) -> None:
    """What one answer set is not sent with the next request."""
    site.pages["/f"] = status(200, Set_Cookie="session=canary")
    asking = Web()
    for _ in range(2):
        with asking.get(f"{site.url}/f", {}):
            pass
    assert [headers.get("Cookie") for _, headers in site.requests] == [None, None]


def test_compressed_bytes_stay_as_they_are(fetch: Command, site: Site) -> None:
    """The digest is of what is stored, also where a server says that it is gzip."""
    headers = {"Content-Encoding": "gzip", "Content-Length": str(len(BODY))}
    site.pages["/f"] = lambda handler: send(handler, 200, headers, BODY)
    ended = fetch.given("--uri", f"{site.url}/f").run()
    assert ended.code == 0, ended.output
    assert contents(fetch.to) == {"f": BODY}


def test_proxy_of_the_environment(fetch: Command, site: Site) -> None:
    """A proxy that the platform set is asked for plain http, but not for the hosts that it excepts."""
    site.pages["http://store.test/f"] = ranged(BODY)
    site.pages["/f"] = plain(BODY)
    ended = fetch.env(http_proxy=site.url, no_proxy="127.0.0.1").given("--uri", "http://store.test/f").run()
    assert ended.code == 0, ended.output
    fetch.arguments = ["--uri", f"{site.url}/f"]
    assert fetch.run().code == 0
    assert {path for path, _ in site.requests} == {"http://store.test/f", "/f"}


@pytest.mark.usefixtures("refused")
def test_a_proxy_may_be_no_metadata_service(fetch: Command, site: Site) -> None:
    """Its peer is looked at like any other."""
    ended = fetch.env(http_proxy=site.url.replace("127.0.0.1", "localhost")).given("--uri", "http://store.test/f").run()
    assert (ended.code, ended.reason) == (2, "AddressNotAllowed"), ended.output
    assert site.requests == []
