"""One GET over http(s), with the redirects that an artifact may take and no others."""

import http.client
import socket
import ssl
import urllib.error
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import urljoin, urlsplit

from linnet.api.parts.uri import Location, shown
from linnet.fetcher.command.outcome import Failure, Reason, Transient
from linnet.fetcher.location import location_of
from linnet.fetcher.web.address import check_host, is_metadata, refused

TIMEOUT = 30.0  # seconds without a byte
MOST_REDIRECTS = 5
REDIRECTS = frozenset({301, 302, 303, 307, 308})
AGENT = "linnet-fetch"


def _check_peer(connection: http.client.HTTPConnection) -> None:
    """After the connection and before the request: a name may have any address, and change it."""
    peer = str(connection.sock.getpeername()[0])
    if is_metadata(peer):
        connection.close()
        raise refused(f"{connection.host} ({peer})")


class _Connection(http.client.HTTPConnection):
    def connect(self) -> None:
        super().connect()
        _check_peer(self)


class _SecureConnection(http.client.HTTPSConnection):
    def connect(self) -> None:
        super().connect()
        _check_peer(self)


class _HTTP(urllib.request.HTTPHandler):
    def http_open(self, req: urllib.request.Request) -> http.client.HTTPResponse:
        return self.do_open(_Connection, req)


class _HTTPS(urllib.request.HTTPSHandler):
    def https_open(self, req: urllib.request.Request) -> http.client.HTTPResponse:
        return self.do_open(_SecureConnection, req, context=ssl.create_default_context())


def _opener() -> urllib.request.OpenerDirector:
    """Proxies of the environment are honored; redirects and errors are this module's business."""
    opener = urllib.request.OpenerDirector()
    for handler in (urllib.request.ProxyHandler(), _HTTP(), _HTTPS(), urllib.request.UnknownHandler()):
        opener.add_handler(handler)
    return opener


@dataclass(frozen=True)
class Web:
    """`authorization` goes only to URLs within `scope`: no redirect carries it elsewhere."""

    scope: Location | None = None
    authorization: str = ""
    timeout: float = TIMEOUT
    opener: urllib.request.OpenerDirector = field(default_factory=_opener)

    def get(self, url: str, headers: Mapping[str, str]) -> http.client.HTTPResponse:
        """The first answer that is no redirect, whatever its status, unread: the caller closes it."""
        for _ in range(MOST_REDIRECTS + 1):
            answer = self._get_once(url, headers)
            if answer.status not in REDIRECTS:
                return answer
            target = urljoin(url, answer.headers.get("Location") or "")
            answer.close()
            _check_redirect(url, target)
            url = target
        raise Failure(Reason.UNSAFE_REDIRECT, f"{shown(url)}: more than {MOST_REDIRECTS} redirects; name the last URL")

    def _get_once(self, url: str, headers: Mapping[str, str]) -> http.client.HTTPResponse:
        check_host(url)
        every = {"User-Agent": AGENT, "Accept": "*/*", "Accept-Encoding": "identity", **headers}
        if self.authorization and self._may_authorize(url):
            every["Authorization"] = self.authorization
        request = urllib.request.Request(url, headers=every)  # noqa: S310 - the scheme was checked
        try:
            answer = self.opener.open(request, timeout=self.timeout)
        except (OSError, http.client.HTTPException) as error:
            raise explained(error, url) from error
        if not isinstance(answer, http.client.HTTPResponse):
            raise Failure(Reason.INVALID_URI, f"{shown(url)} is no http address")
        return answer

    def _may_authorize(self, url: str) -> bool:
        try:
            return self.scope is None or location_of(url).within(self.scope)
        except Failure:
            return False


def explained(error: Exception, url: str) -> Failure | Transient:
    """What a connection's error means: wrong certificates don't pass by themselves, all else may."""
    cause = error.reason if isinstance(error, urllib.error.URLError) else error
    if isinstance(cause, ssl.SSLCertVerificationError):
        message = (
            f"{shown(url)}: its certificate is not trusted ({cause.verify_message}); mount the CA and set SSL_CERT_FILE"
        )
        return Failure(Reason.UNREACHABLE, message)
    if isinstance(cause, socket.gaierror):
        return Transient(f"the name {urlsplit(url).hostname} has no address")
    if isinstance(cause, TimeoutError):
        return Transient("no answer in time")
    if isinstance(cause, http.client.IncompleteRead):
        return Transient("the answer broke off")
    text = cause.strerror if isinstance(cause, OSError) and cause.strerror else str(cause)
    return Transient(text or type(cause).__name__)


def _check_redirect(origin: str, target: str) -> None:
    old, new = urlsplit(origin), urlsplit(target)
    if new.scheme not in ("http", "https"):
        raise Failure(Reason.UNSAFE_REDIRECT, f"{shown(origin)} redirects to {new.scheme}://, which is not followed")
    if (old.scheme, new.scheme) == ("https", "http"):
        message = f"{shown(origin)} redirects from https to http ({shown(target)}), which is not followed"
        raise Failure(Reason.UNSAFE_REDIRECT, message)
