"""Connections for httpx whose peer is looked at before it hears a word: httpx itself checks names, not addresses."""

import ssl
import threading
from collections.abc import Iterable, Iterator
from urllib.request import getproxies, proxy_bypass

import httpcore
import httpx

from linnet.fetcher.web.address import check_peer
from linnet.fetcher.web.proxies import proxy_of

FAULTS = (httpcore.NetworkError, httpcore.TimeoutException, httpcore.ProtocolError, httpcore.ProxyError)
"""What a connection may raise, with the system's own error as its cause."""
DIRECT = ""
"""The name of the pool without a proxy, beside the schemes that have one."""


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

    Raises one of FAULTS where there is no answer, Failure for a proxy that can't be used.
    """

    def __init__(self, backend: httpcore.NetworkBackend | None = None) -> None:
        self._backend = backend or Backend()
        self._context = ssl.create_default_context()
        self._proxies = getproxies()
        self._pools: dict[str, httpcore.ConnectionPool] = {}
        self._lock = threading.Lock()

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
        for pool in self._pools.values():
            pool.close()

    def _pool_for(self, url: httpx.URL) -> httpcore.ConnectionPool:
        """The pool for this URL, which is made when it is first needed: a proxy of others may be one for nobody."""
        is_direct = url.scheme not in self._proxies or proxy_bypass(url.netloc.decode())
        name = DIRECT if is_direct else url.scheme
        with self._lock:
            if name not in self._pools:
                self._pools[name] = self._pool(name)
            return self._pools[name]

    def _pool(self, name: str) -> httpcore.ConnectionPool:
        proxy = None if name == DIRECT else proxy_of(name, self._proxies[name])
        return httpcore.ConnectionPool(self._context, proxy, network_backend=self._backend)


class _Body(httpx.SyncByteStream):
    """The body of an answer as it comes, without decompression."""

    def __init__(self, answer: httpcore.Response) -> None:
        self._answer = answer

    def __iter__(self) -> Iterator[bytes]:
        yield from self._answer.iter_stream()

    def close(self) -> None:
        self._answer.close()
