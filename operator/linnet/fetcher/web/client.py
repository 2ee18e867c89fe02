"""One GET over http(s), with the redirects that an artifact may take and no others."""

import socket
import ssl
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.cookiejar import CookieJar, DefaultCookiePolicy

import httpcore
import httpx

from linnet.api.parts.uri import Location, UriError, shown
from linnet.fetcher.command.outcome import Failure, Reason, Transient
from linnet.fetcher.web.address import check_host
from linnet.fetcher.web.faults import system_error
from linnet.fetcher.web.transport import FAULTS, Transport

TIMEOUT = 30.0  # seconds without a byte
MOST_REDIRECTS = 5
REDIRECTS = frozenset({301, 302, 303, 307, 308})
HEADERS = {"User-Agent": "linnet-fetch", "Accept": "*/*", "Accept-Encoding": "identity"}


def client(transport: httpx.BaseTransport | None = None) -> httpx.Client:
    """A client that follows no redirect, keeps no cookie and decompresses nothing."""
    no_cookies = CookieJar(DefaultCookiePolicy(allowed_domains=()))
    return httpx.Client(transport=transport or Transport(), headers=HEADERS, cookies=no_cookies, timeout=TIMEOUT)


@dataclass(frozen=True)
class Web:
    """`authorization` goes only to URLs within `scope`: no redirect carries it elsewhere."""

    scope: Location | None = None
    authorization: str = field(default="", repr=False)
    client: httpx.Client = field(default_factory=client)

    @contextmanager
    def get(self, address: str, headers: Mapping[str, str]) -> Iterator[httpx.Response]:
        """The first answer that is no redirect, whatever its status, with its body unread.

        Raises Failure for an address or a redirect that is refused, Transient where there is no answer.
        """
        url = _url(address)
        for _ in range(MOST_REDIRECTS + 1):
            answer = self._sent(url, headers)
            if answer.status_code not in REDIRECTS:
                break
            answer.close()
            url = _redirected(url, answer.headers.get("Location", ""))
        else:
            message = f"{shown(str(url))}: more than {MOST_REDIRECTS} redirects; name the last URL"
            raise Failure(Reason.UNSAFE_REDIRECT, message)
        try:
            yield answer
        finally:
            answer.close()

    def _sent(self, url: httpx.URL, headers: Mapping[str, str]) -> httpx.Response:
        check_host(url.host)
        proof = {"Authorization": self.authorization} if self.authorization and self._may_authorize(url) else {}
        try:
            return self.client.send(self.client.build_request("GET", url, headers={**headers, **proof}), stream=True)
        except (OSError, *FAULTS) as error:
            raise explained(error, url) from error

    def _may_authorize(self, url: httpx.URL) -> bool:
        try:
            return self.scope is None or Location.parse(str(url)).within(self.scope)
        except UriError:
            return False


def explained(error: Exception, url: httpx.URL) -> Failure | Transient:
    """What a connection's error means: a wrong certificate does not pass by itself, all else may."""
    cause = system_error(error) or error
    if isinstance(cause, ssl.SSLCertVerificationError):
        message = (
            f"{shown(str(url))}: its certificate is not trusted ({cause.verify_message}); "
            "mount the CA and set SSL_CERT_FILE"
        )
        return Failure(Reason.UNREACHABLE, message)
    if isinstance(cause, socket.gaierror):
        return Transient(f"the name {url.host} has no address")
    if isinstance(cause, TimeoutError | httpcore.TimeoutException):
        return Transient("no answer in time")
    text = str(getattr(cause, "strerror", None) or cause)
    return Transient(text or type(cause).__name__)


def _url(address: str) -> httpx.URL:
    try:
        return httpx.URL(address)
    except httpx.InvalidURL as error:
        raise Failure(Reason.INVALID_URI, f"{shown(address)} is no http address") from error


def _redirected(origin: httpx.URL, location: str) -> httpx.URL:
    """The place that an answer names. Raises Failure(UnsafeRedirect) if it is not gone to."""
    shown_origin = shown(str(origin))
    try:
        target = origin.join(location)
    except httpx.InvalidURL as error:
        raise Failure(Reason.UNSAFE_REDIRECT, f"{shown_origin} redirects to what is no address") from error
    if target.scheme not in ("http", "https"):
        raise Failure(Reason.UNSAFE_REDIRECT, f"{shown_origin} redirects to {target.scheme}://, which is not followed")
    if target.userinfo:
        raise Failure(Reason.UNSAFE_REDIRECT, f"{shown_origin} redirects to a URL with a user, which is not followed")
    if (origin.scheme, target.scheme) == ("https", "http"):
        message = f"{shown_origin} redirects from https to http ({shown(str(target))}), which is not followed"
        raise Failure(Reason.UNSAFE_REDIRECT, message)
    return target
