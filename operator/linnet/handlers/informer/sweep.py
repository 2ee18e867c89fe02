"""A sweep puts the cache right against the API server: before the watches start, and whenever one has begun again.

A watch tells only what changes after it began: what happened before is read here.
"""

import asyncio
import logging
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from functools import partial
from typing import Final, TypeVar

from linnet.adapters.cache.cache import Cache, version_of
from linnet.adapters.cluster import resources
from linnet.adapters.cluster.errors import (
    GoneError,
    NotFoundError,
    TooLargeError,
    UnavailableError,
    UnreadableError,
)
from linnet.adapters.cluster.kube import Kube
from linnet.adapters.cluster.resources import Resource
from linnet.adapters.telemetry.unreadable import LOST, Told
from linnet.core.plan import Manifest, Ref
from linnet.foreign.objects import named
from linnet.handlers.informer.feed import Feed, guarded, untold

RETRY_SECONDS: Final = 5.0
IN_VAIN: Final = 256
"""Objects of a namespace for which there is no place, after which no other unknown one of the kind is read there."""
T = TypeVar("T")
_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Scope:
    """What is watched, and in which namespaces; without any named, in all. `told` hears of what can't be read."""

    namespaces: tuple[str, ...]
    watched: tuple[Resource, ...] = resources.WATCHED
    told: Told = untold

    @property
    def parts(self) -> tuple[str | None, ...]:
        return self.namespaces or (None,)


async def seed(kube: Kube, cache: Cache, scope: Scope) -> list[Ref]:
    """Fill the cache, and return every object of ours. CRDs that are not installed yet are waited for.

    ForbiddenError where the operator's role lacks a LIST.
    """
    for resource in scope.watched:
        for namespace in scope.parts:
            async for obj in _listed(kube, resource, namespace):
                guarded(scope.told, resource, obj, partial(cache.put, resource, obj))
    return [Ref(r.kind, key[1], key[2]) for r in resources.OWN for key, _, _ in cache.keys(r)]


async def answered(call: Callable[[], Awaitable[T]]) -> T:
    """Return what the call returns, as soon as the API server can be asked."""
    while True:
        try:
            return await call()
        except (UnavailableError, UnreadableError) as error:
            _log.warning("asking again: %s", error)
        await asyncio.sleep(RETRY_SECONDS)


async def _listed(kube: Kube, resource: Resource, namespace: str | None) -> AsyncIterator[Manifest]:
    while True:
        try:
            async for page in kube.pages(resource, namespace, selector=resources.selector(resource)):
                for obj in page.get("items") or ():
                    yield obj
        except NotFoundError:
            _log.warning("%s is not installed: apply Linnet's CRDs; trying again", resource.watched_as)
        except (GoneError, UnavailableError, UnreadableError) as error:
            _log.warning("listing %s again: %s", resource.watched_as, error)
        else:
            return
        await asyncio.sleep(RETRY_SECONDS)


async def sweep(kube: Kube, cache: Cache, feed: Feed, scope: Scope) -> None:
    """Compare with LISTs of metadata; drop what is gone, read what was missed."""
    for resource in scope.watched:
        for namespace in scope.parts:
            await _compare(kube, cache, feed, _Place(resource, namespace, scope.told))


@dataclass(frozen=True)
class _Place:
    """One resource in one namespace, or in all; `told` hears of what can't be read."""

    resource: Resource
    namespace: str | None
    told: Told


async def _compare(kube: Kube, cache: Cache, feed: Feed, place: _Place) -> None:
    resource, namespace = place.resource, place.namespace
    known = {uid: (key, version) for key, uid, version in cache.keys(resource) if namespace in {None, key[1]}}
    items, listed = await kube.items(resource, namespace, selector=resources.selector(resource), whole=False)
    there = {i["metadata"]["uid"]: i["metadata"] for i in items}
    as_of = version_of({"resourceVersion": listed})
    for uid, (key, version) in known.items():
        if uid not in there and version <= as_of:  # a LIST may be of an earlier time than the object
            feed.gone(*key, uid)
    passed = Counter[str]()
    for uid, meta in there.items():
        of = meta["namespace"]
        room = passed[of] < IN_VAIN and not cache.is_full(resource, of)
        if version_of(meta) > known[uid][1] if uid in known else room:
            await _read(kube, feed, place, meta)
            passed[of] += cache.get(resource, of, meta["name"]) is None


async def _read(kube: Kube, feed: Feed, place: _Place, meta: Manifest) -> None:
    resource = place.resource
    try:
        obj = await kube.get(resource, meta["namespace"], meta["name"])
    except NotFoundError:
        feed.gone(resource, meta["namespace"], meta["name"], meta["uid"])
    except (TooLargeError, UnreadableError) as error:
        place.told(resource.watched_as, [named({"metadata": meta})], f"{LOST} ({error})")
    else:
        guarded(place.told, resource, obj, lambda: feed.seen(resource, obj))
