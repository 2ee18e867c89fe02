"""The operator reaches the API server by its pod's service account, or by a kubeconfig."""

from collections.abc import AsyncIterator, Callable, Sequence
from functools import partial
from http import HTTPStatus
from importlib.metadata import version
from typing import Any, Final, cast

import aiohttp
from kubernetes.aio.client.api_client import ApiClient
from kubernetes.aio.client.configuration import Configuration
from kubernetes.aio.config import ConfigException, load_incluster_config, load_kube_config

from linnet.adapters.cluster.kube import MOST
from linnet.foreign.objects import Lines

USER_AGENT = f"linnet/{version('linnet')}"
NO_OBJECT = "metadata.name=-"
"""A name that no object can have."""
POOL = 32
"""Connections of the operator's own client: the workers, the lease and a few for looks that do two things."""
_AGAIN: Final = {
    HTTPStatus.UNAUTHORIZED: "the API server refuses the operator's token (401 Unauthorized)",
    HTTPStatus.TOO_MANY_REQUESTS: "the API server has too much to do (429 Too Many Requests)",
}
"""What kopf is to try again, as after a broken connection. By itself it would close its session under all watches after
the one, and after the other wait as long as it is told, a day of deafness, or end with a time that is no number."""


class NoClusterError(Exception):
    """Neither a service account nor a kubeconfig was found; the message says what to set."""


async def configuration(kubeconfig: str | None) -> Configuration:
    """Read the kubeconfig at this path; if None the pod's service account, or else the default kubeconfig.

    NoClusterError where there is neither.
    """
    config = Configuration()
    try:
        if kubeconfig is not None or not _in_cluster(config):
            await load_kube_config(config_file=kubeconfig, client_configuration=config)
    except (ConfigException, OSError) as error:
        raise NoClusterError(
            f"no way to an API server: {error}. Set KUBECONFIG to a kubeconfig file, or run inside a cluster"
        ) from error
    config.connection_pool_maxsize = POOL
    config.client_session_kwargs = {"trust_env": False}  # or a .netrc is looked for at every single request
    return config


def _in_cluster(config: Configuration) -> bool:
    try:
        load_incluster_config(client_configuration=config)
    except ConfigException:
        return False
    return True


def client(config: Configuration) -> ApiClient:
    """Return the official client; close it with `await client.close()`."""
    made = ApiClient(config)
    made.user_agent = USER_AGENT
    return made


OnHurt = Callable[[str, Sequence[str]], None]
"""Called with the resource and `namespace/name` of each object of which something was left out."""


async def session(
    config: Configuration, limit: int, on_list: Callable[[], None], on_hurt: OnHurt = lambda *_: None
) -> aiohttp.ClientSession:
    """Return a session for kopf with at most `limit` connections (its own has no bound: 264 MB for 1,000 objects).

    The token is asked for with each request, since a service account's is renewed every hour. A LIST brings nothing but
    the version to watch from, and `on_list` is called: what is there is read by pages and goes into the cache at once,
    where kopf would hold thousands of whole objects until their handlers have run. What a watch brings is made harmless
    line by line, since kopf's parser ends with the first object that is nested too deeply, and kopf with it.
    """
    ssl_context = ApiClient(config).rest_client.ssl_context

    async def prove(request: aiohttp.ClientRequest, handler: Any) -> aiohttp.ClientResponse:
        listing = "limit" in request.url.query
        if listing:
            request.url = request.url.update_query(fieldSelector=NO_OBJECT)
        token = await config.get_api_key_with_prefix("BearerToken")
        if token:
            request.headers["Authorization"] = token
        answer: aiohttp.ClientResponse = await handler(request)
        if answer.status in _AGAIN:
            answer.release()
            raise aiohttp.ClientConnectionError(_AGAIN[HTTPStatus(answer.status)])
        if listing:
            on_list()
        elif "watch" in request.url.query and answer.ok:
            answer.content = cast("aiohttp.StreamReader", Harmless(answer.content, partial(on_hurt, _named(request))))
        return answer

    return aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(limit=limit, ssl=ssl_context),
        headers={"User-Agent": USER_AGENT},
        middlewares=(prove,),
        read_bufsize=2**21,
    )


def _named(request: aiohttp.ClientRequest) -> str:
    """Return the resource that a path of the API server ends with, as `Resource.watched_as` has it."""
    parts = request.url.path.strip("/").split("/")
    group = parts[parts.index("apis") + 1] if "apis" in parts[:-1] else ""
    return f"{parts[-1]}.{group}".rstrip(".")


class Harmless:
    """The content of a watch, whose lines anybody can parse; in all else it is the content that it was made of."""

    def __init__(self, content: aiohttp.StreamReader, hurt: Callable[[Sequence[str]], None]) -> None:
        self._content = content
        self._hurt = hurt

    async def iter_chunked(self, size: int) -> AsyncIterator[bytes]:
        """Iterate over the lines, several at a time."""
        lines = Lines(MOST)
        async for chunk in self._content.iter_chunked(size):
            whole = bytearray()
            for line, hurt in lines.fed(chunk):
                whole += line + b"\n" if line else b""
                if hurt:
                    self._hurt(hurt)
            if whole:
                yield bytes(whole)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._content, name)
