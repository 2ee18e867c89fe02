"""One GET over http(s), with the redirects that an artifact may take and no others."""

import socket
import ssl
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field

import httpcore
import httpx

from linnet.api.parts.uri import Location, UriError, told
from linnet.fetcher.command.outcome import Failure, Reason, Transient
from linnet.fetcher.web.address import check_host
from linnet.fetcher.web.faults import system_error
from linnet.fetcher.web.transport import FAULTS, Transport
from linnet.fetcher.web.url import UNREADABLE, checked

TIMEOUT = httpx.Timeout(30).as_dict()  # seconds without a byte
MOST_REDIRECTS = 5
REDIRECTS = frozenset({301, 302, 303, 307, 308})
CHARSET = "latin-1"  # of headers: each character is a byte, so that what a server said can be said back to it
HEADERS = {"User-Agent": "linnet-fetch", "Accept": "*/*", "Accept-Encoding": "identity"}


@dataclass(frozen=True)
class Web:
    """A way to ask web servers. `authorization` goes only to URLs within `scope`: no redirect carries it elsewhere.

    It is one line of Latin-1, as are the headers of a request.
    Requests go to the transport without httpx's client, which would keep cookies and take passwords from URLs.
    """

    scope: Location | None = None
    authorization: str = field(default="", repr=False)
    transport: httpx.BaseTransport = field(default_factory=Transport)

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
            message = f"{told(str(url))}: more than {MOST_REDIRECTS} redirects; name the last URL"
            raise Failure(Reason.UNSAFE_REDIRECT, message)
        try:
            yield answer
        finally:
            answer.close()

    def _sent(self, url: httpx.URL, headers: Mapping[str, str]) -> httpx.Response:
        check_host(url.host)
        proof = {"Authorization": self.authorization} if self.authorization and self._may_authorize(url) else {}
        every = httpx.Headers({**HEADERS, **headers, **proof}, encoding=CHARSET)
        try:
            return self.transport.handle_request(
                httpx.Request("GET", url, headers=every, extensions={"timeout": TIMEOUT})
            )
        except (OSError, *FAULTS) as error:
            raise explained(error, str(url)) from error

    def _may_authorize(self, url: httpx.URL) -> bool:
        try:
            return self.scope is None or Location.parse(str(url)).within(self.scope)
        except UriError:
            return False


def explained(error: Exception, url: str) -> Failure | Transient:
    """What a connection's error means: a wrong certificate does not pass by itself, all else may."""
    cause = system_error(error) or error
    if isinstance(cause, ssl.SSLCertVerificationError):
        message = (
            f"{told(url)}: its certificate is not trusted ({cause.verify_message}); mount the CA and set SSL_CERT_FILE"
        )
        return Failure(Reason.UNREACHABLE, message)
    if isinstance(cause, socket.gaierror):
        return Transient(f"the name {httpx.URL(url).host} has no address")
    if isinstance(cause, TimeoutError | httpcore.TimeoutException):
        return Transient("no answer in time")
    text = str(getattr(cause, "strerror", None) or cause)
    return Transient(text or type(cause).__name__)


def _url(address: str) -> httpx.URL:
    try:
        return checked(httpx.URL(address))
    except UNREADABLE as error:
        raise Failure(Reason.INVALID_URI, f"{told(address)} is no http address") from error


def _redirected(origin: httpx.URL, location: str) -> httpx.URL:
    """The place that an answer names. Raises Failure(UnsafeRedirect) if it is not gone to."""
    shown_origin = told(str(origin))
    target = _joined(origin, location)
    if target is None:
        raise Failure(Reason.UNSAFE_REDIRECT, f"{shown_origin} redirects to what is no address")
    if target.scheme not in ("http", "https"):
        raise Failure(Reason.UNSAFE_REDIRECT, f"{shown_origin} redirects to {target.scheme}://, which is not followed")
    if target.userinfo:
        raise Failure(Reason.UNSAFE_REDIRECT, f"{shown_origin} redirects to a URL with a user, which is not followed")
    if (origin.scheme, target.scheme) == ("https", "http"):
        message = f"{shown_origin} redirects from https to http ({told(str(target))}), which is not followed"
        raise Failure(Reason.UNSAFE_REDIRECT, message)
    return target


def _joined(origin: httpx.URL, location: str) -> httpx.URL | None:
    try:
        return checked(origin.join(location))
    except UNREADABLE:
        return None
