"""S3 and what speaks its protocol: a tree below a prefix, or one object."""

import contextlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

from linnet.api.parts.uri import Location
from linnet.fetcher.command.outcome import Failure, Reason, Transient
from linnet.fetcher.order import Order
from linnet.fetcher.sources.s3_errors import explain
from linnet.fetcher.sources.source import Item
from linnet.fetcher.web.address import check_resolved
from linnet.fetcher.web.client import explained
from linnet.fetcher.web.guard import Guard

if TYPE_CHECKING:
    from obstore.store import S3Store

CHUNK = 2**20  # bytes handed over at a time, in each stream
MOST_ITEMS = 100_000
IDENTITIES = (
    "AWS_ACCESS_KEY_ID",
    "AWS_WEB_IDENTITY_TOKEN_FILE",
    "AWS_CONTAINER_CREDENTIALS_FULL_URI",
    "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
)
ECS = "169.254.170.2"
"""Where a path of AWS_CONTAINER_CREDENTIALS_RELATIVE_URI is asked for."""
KEYS = {
    "AWS_ACCESS_KEY_ID": "access_key_id",
    "AWS_SECRET_ACCESS_KEY": "secret_access_key",
    "AWS_SESSION_TOKEN": "session_token",
}
"""Key of the credentials Secret → how the library calls it."""


@dataclass(frozen=True)
class Way:
    """How the library reaches the store: through the platform's proxy, or through a guard that looks at each peer.

    `store` is its address, `excluded` are the hosts that the library asks itself: where the node hands out the identity
    that was given to the pod.
    """

    store: str
    proxy: str
    guard: Guard | None = None
    excluded: str = ""

    @property
    def options(self) -> dict[str, str]:
        """For the library's client, which goes by no variable of the environment then."""
        return {"proxy_url": self.proxy, **({"proxy_excludes": self.excluded} if self.excluded else {})}


@dataclass(frozen=True)
class S3Source:
    location: Location
    store: "S3Store"
    anonymous: bool
    way: Way
    streams: int = 8

    def items(self) -> list[Item]:
        """The objects below the prefix, or else the object of that very key."""
        prefix = self.location.path
        try:
            found = self._listed(prefix)
        except Failure as failure:
            # Credentials that may read one object often may not list its bucket.
            if failure.reason != Reason.FORBIDDEN or self.location.is_folder:
                raise
            with contextlib.suppress(Failure):
                return self._single(prefix)
            raise
        return found if found or self.location.is_folder or not prefix else self._single(prefix)

    def read(self, item: Item, start: int, stop: int | None) -> Iterator[bytes]:
        import obstore

        options: dict[str, Any] = {"if_match": item.version} if item.version else {}
        if stop is not None:
            options["range"] = (start, stop)
        try:
            answer = obstore.get(self.store, item.key, options=options)  # type: ignore[arg-type]
            yield from answer.stream(min_chunk_size=CHUNK)
        except Exception as error:
            raise self._explained(error, f"s3://{self.location.authority}/{item.key}") from error

    def _listed(self, prefix: str) -> list[Item]:
        import obstore

        items: list[Item] = []
        cut = len(prefix) + 1 if prefix else 0
        try:
            for page in obstore.list(self.store, prefix or None, chunk_size=1000):
                items += [_item(meta, meta["path"][cut:]) for meta in page if not _is_marker(meta)]
                if len(items) > MOST_ITEMS:
                    break
        except Exception as error:
            raise self._explained(error, self.location.told) from error
        if len(items) > MOST_ITEMS:
            message = f"{self.location.told} holds more than {MOST_ITEMS} objects; name a longer prefix"
            raise Failure(Reason.REJECTED, message)
        return items

    def _single(self, key: str) -> list[Item]:
        import obstore

        try:
            meta = obstore.head(self.store, key)
        except FileNotFoundError:
            return []
        except Exception as error:
            raise self._explained(error, self.location.told) from error
        return [_item(meta, key.rpartition("/")[2])]

    def _explained(self, error: Exception, shown: str) -> Failure | Transient:
        """What the error means: the guard knows better why a connection was not made."""
        trouble = self.way.guard.taken() if self.way.guard is not None else None
        if isinstance(trouble, Failure):
            return trouble
        found = explain(error, shown, anonymous=self.anonymous)
        return explained(trouble, self.way.store) if trouble is not None and isinstance(found, Transient) else found


def open_source(location: Location, order: Order) -> S3Source:
    """Open the source, which the credentials configure. Raises Failure for an endpoint that may not be used."""
    from obstore.store import S3Store

    values = order.credentials.values
    endpoint = values.get("AWS_ENDPOINT_URL_S3") or values.get("AWS_ENDPOINT_URL") or ""
    plain = endpoint.startswith("http://") or values.get("AWS_ALLOW_HTTP", "").lower() == "true"
    anonymous = not any(values.get(name) for name in IDENTITIES)
    options: dict[str, Any] = {name: values[key] for key, name in KEYS.items() if values.get(key)}
    options |= {"endpoint": endpoint} if endpoint else {}
    if endpoint:
        check_resolved(endpoint)
    if bool(values.get("AWS_ACCESS_KEY_ID")) != bool(values.get("AWS_SECRET_ACCESS_KEY")):
        message = "the credentials need both AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY"
        raise Failure(Reason.UNAUTHORIZED, f"{location.told}: {message}")
    region = values.get("AWS_REGION") or values.get("AWS_DEFAULT_REGION") or "us-east-1"
    way = _way(endpoint or f"https://{location.authority}.s3.{region}.amazonaws.com", values)
    client: Any = {
        "allow_http": plain,
        "connect_timeout": "10s",
        "read_timeout": "30s",
        "timeout": "30m",
        **way.options,
    }
    store = S3Store(
        location.authority,
        region=region,
        virtual_hosted_style_request=not endpoint,
        skip_signature=anonymous,  # or the library would ask the node's metadata service for the node's identity
        client_options=client,
        retry_config={"max_retries": 0},  # `retry` says in the log what failed, and resumes within a part
        **options,
    )
    return S3Source(location, store, anonymous, way)


def _way(address: str, values: Mapping[str, str]) -> Way:
    """The platform's proxy, where its environment names one for this address; its peer is the platform's own affair."""
    url, proxies = urlsplit(address), getproxies()
    named = proxies.get(url.scheme) or proxies.get("all")
    if named and not proxy_bypass(url.netloc):
        return Way(address, named if "://" in named else f"http://{named}")
    guard = Guard().start()
    return Way(address, guard.url, guard, ",".join(_of_the_node(values)))


def _of_the_node(values: Mapping[str, str]) -> Iterator[str]:
    """Where the node hands out the identity of the pod, at an address that nothing else may lead to."""
    if host := urlsplit(values.get("AWS_CONTAINER_CREDENTIALS_FULL_URI", "")).hostname:
        yield host
    if values.get("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI"):
        yield ECS


def _item(meta: Any, path: str) -> Item:
    return Item(path=path, key=meta["path"], size=meta["size"], version=meta["e_tag"])


def _is_marker(meta: Any) -> bool:
    """Whether it is one of the empty objects that consoles make to show a folder."""
    return bool(meta["size"] == 0 and meta["path"].endswith("/"))
