"""Addresses and headers as people and servers write them: in Unicode, in punycode, in Latin-1."""

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fetcher.web.streams import Stream, over
from linnet.api.parts.uri import Location, UriError
from linnet.fetcher.command.outcome import Failure
from linnet.fetcher.web.client import Web

PEER = "203.0.113.7"
UNREADABLE = ["http://xn--/x", "http://xn--a/x", "http://-ü/x", "http://store.test/\udc80"]


def sent(scope: str, url: str) -> bytes:
    """All that the server of `url` hears of somebody who may use an authorization within `scope`."""
    stream = Stream(PEER)
    with Web(Location.parse(scope), "Bearer canary", over(stream)).get(url, {}):
        pass
    return b"".join(stream.sent)


@pytest.mark.parametrize("scope", ["https://bücher.example/m/", "https://xn--bcher-kva.example/m/"])
@pytest.mark.parametrize("url", ["https://bücher.example/m/f", "https://XN--BCHER-KVA.example/m/f"])
def test_a_host_in_unicode_gets_its_authorization(scope: str, url: str) -> None:
    """However the prefix and the URI spell the same host."""
    assert b"Authorization: Bearer canary\r\n" in sent(scope, url)


@pytest.mark.parametrize(
    ("scope", "url"),
    [
        ("http://bücher.example/", "http://bucher.example/f"),
        ("http://strasse.example/", "http://straße.example/f"),
        ("http://bücher.example/", "http://bücher.example.evil.test/f"),
    ],
)
def test_another_host_gets_none(scope: str, url: str) -> None:
    """What looks alike is another host."""
    assert b"canary" not in sent(scope, url)


@given(st.text("aZ-é ßüÜİ。.字１", min_size=1, max_size=8))
def test_scope_and_request_agree_on_the_host(host: str) -> None:
    """Whatever host httpx takes, the table reads the name that httpx connects to."""
    try:
        location, url = Location.parse(f"http://{host}/f"), httpx.URL(f"http://{host}/f")
    except (UriError, httpx.InvalidURL):
        return
    assert location.authority == f"{url.raw_host.decode()}:80"


@pytest.mark.parametrize("url", UNREADABLE)
def test_an_address_that_nobody_can_read(url: str) -> None:
    """It is refused as any other that is none."""
    with pytest.raises(Failure, match="is no http address") as caught, Web().get(url, {}):
        pass
    assert str(caught.value.reason) == "InvalidURI"


@pytest.mark.parametrize("url", ["http://xn--/x", "//xn--a/x", "http://-ü/x"])
def test_a_redirect_that_nobody_can_read(url: str) -> None:
    """It is refused as any other to what is no address."""
    answer = f"HTTP/1.1 302 Found\r\nLocation: {url}\r\nContent-Length: 0\r\n\r\n"
    asking = Web(transport=over(Stream(PEER, answer.encode())))
    with pytest.raises(Failure, match="redirects to what is no address") as caught, asking.get("http://a.test/f", {}):
        pass
    assert str(caught.value.reason) == "UnsafeRedirect"
