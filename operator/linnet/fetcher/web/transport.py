"""Connections for httpx whose peer is looked at before it hears a word: httpx itself checks names, not addresses."""

import ssl
from collections.abc import Iterable, Iterator
from urllib.request import getproxies, proxy_bypass

import httpcore
import httpx

from linnet.fetcher.web.address import check_peer

FAULTS = (httpcore.NetworkError, httpcore.TimeoutException, httpcore.ProtocolError, httpcore.ProxyError)
"""What a connection may raise, with the system's own error as its cause."""


class Backend(httpcore.NetworkBackend):
    """Checks each connection's peer between connecting and the first byte, that of a TLS handshake included.

    A name may have any address, and another one at the next lookup: only the peer of the connection counts.
    """

    def __init__(self, inner: httpcore.NetworkBackend | None = None) -> None:
        self._inner = inner or httpcore.SyncBackend()

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.NetworkStream:
        """Open a connection. Raises Failure(AddressNotAllowed), after closing it, if its peer is refused."""
        stream = self._inner.connect_tcp(host, port, timeout, local_address, socket_options)
        try:
            check_peer(host, str(stream.get_extra_info("server_addr")[0]))
        except BaseException:
            stream.close()
            raise
        return stream


class Transport(httpx.BaseTransport):
    """Sends the requests of a client over such connections, or over the proxy that the environment names.

    Raises one of FAULTS where there is no answer.
    """

    def __init__(self, backend: httpcore.NetworkBackend | None = None) -> None:
        self._backend = backend or Backend()
        self._context = ssl.create_default_context()
        self._direct = self._pool(None)
        self._by_proxy = {
            scheme: self._pool(httpx.Proxy(proxy if "://" in proxy else f"http://{proxy}"))
            for scheme, proxy in getproxies().items()
            if scheme in ("http", "https")
        }

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        url = request.url
        answer = self._pool_for(url).handle_request(
            httpcore.Request(
                request.method,
                httpcore.URL(scheme=url.raw_scheme, host=url.raw_host, port=url.port, target=url.raw_path),
                headers=request.headers.raw,
                content=request.stream,
                extensions=request.extensions,
            )
        )
        return httpx.Response(answer.status, headers=answer.headers, stream=_Body(answer), extensions=answer.extensions)

    def close(self) -> None:
        for pool in (self._direct, *self._by_proxy.values()):
            pool.close()

    def _pool_for(self, url: httpx.URL) -> httpcore.ConnectionPool:
        pool = self._by_proxy.get(url.scheme)
        return self._direct if pool is None or proxy_bypass(url.netloc.decode()) else pool

    def _pool(self, proxy: httpx.Proxy | None) -> httpcore.ConnectionPool:
        through = httpcore.Proxy(str(proxy.url), proxy.raw_auth, proxy.headers.raw) if proxy else None
        return httpcore.ConnectionPool(self._context, through, network_backend=self._backend)


class _Body(httpx.SyncByteStream):
    """The body of an answer as it comes, without decompression."""

    def __init__(self, answer: httpcore.Response) -> None:
        self._answer = answer

    def __iter__(self) -> Iterator[bytes]:
        yield from self._answer.iter_stream()

    def close(self) -> None:
        self._answer.close()
