"""How the address of a proxy is read, which the platform put into the environment: no tenant can."""

import httpcore
import httpx

from linnet.fetcher.command.outcome import Failure, Reason
from linnet.fetcher.web.url import UNREADABLE, checked


def proxy_of(scheme: str, address: str) -> httpcore.Proxy:
    """The proxy at `address`, over which URLs of `scheme` are asked.

    Raises Failure(Unreachable), which repeats nothing of an address that can't be used: there may be a password in it.
    """
    try:
        proxy = _read(address if "://" in address else f"http://{address}")
    except (ValueError, *UNREADABLE) as error:
        variables = f"{scheme}_proxy or {scheme.upper()}_PROXY"
        message = f"the proxy that {variables} of the environment names can't be used; write it as http://host:port"
        raise Failure(Reason.UNREACHABLE, message) from error
    return httpcore.Proxy(str(proxy.url), proxy.raw_auth)


def _read(address: str) -> httpx.Proxy:
    proxy = httpx.Proxy(address)
    if proxy.url.scheme not in ("http", "https") or not checked(proxy.url).host:
        raise ValueError("neither http nor https, or without a host")
    return proxy
