"""Proxies of the environment that can't be used: what is told of them, and whom they are no trouble of."""

import pytest

from fetcher.running import Command, contents
from fetcher.site import Site, plain

BODY = b"weights"
UNUSABLE = [
    "socks5://user:canary@127.0.0.1:1080",
    "ftp://user:canary@127.0.0.1:21",
    "http://user:canary@127.0.0.1:port",
    "http://user:canary@127.0.0.1:99999",
    "http://user:canary@",
    "user:canary@xn--",
    "garbage://[canary",
]


@pytest.mark.parametrize("proxy", UNUSABLE)
def test_an_unusable_proxy_is_named(fetch: Command, site: Site, proxy: str) -> None:
    """By its variable, without the password that it may hold, and nothing is sent around it."""
    site.pages["/f"] = plain(BODY)
    ended = fetch.env(http_proxy=proxy).given("--uri", f"{site.url}/f").run()
    assert (ended.code, ended.reason) == (1, "Unreachable"), ended.output
    assert "http_proxy or HTTP_PROXY" in ended.message
    assert "canary" not in ended.output
    assert site.requests == []


@pytest.mark.parametrize("proxy", UNUSABLE)
def test_an_unusable_proxy_of_others_is_no_trouble(fetch: Command, site: Site, proxy: str) -> None:
    """The proxy of another scheme, or one that this host is excepted from, is not looked at."""
    site.pages["/f"] = plain(BODY)
    fetch.given("--uri", f"{site.url}/f")
    for environ in ({"HTTPS_PROXY": proxy}, {"http_proxy": proxy, "no_proxy": "127.0.0.1"}):
        fetch.environ = environ
        ended = fetch.run()
        assert ended.code == 0, ended.output
        assert contents(fetch.to) == {"f": BODY}
