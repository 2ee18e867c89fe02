"""What it costs that objects are Linnet's by uids: looks at Deployments at rest, with and without the chains of uids.

Without them a child is whatever carries a label, and no ReplicaSet is kept. Both see the same objects, taken from the
API server, in turns: gathered from a cache in this process, and planned, without a network.
"""

import copy
import gc
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from statistics import median
from typing import Any, Final
from unittest.mock import patch

from bench.engine.api import NAMESPACE, Api, Json

from linnet.adapters import clock
from linnet.adapters.cache.cache import Cache
from linnet.adapters.cache.evidence import Recalled
from linnet.adapters.cache.gatherer import Gatherer, Sources
from linnet.adapters.cluster import resources
from linnet.adapters.cluster.resources import Resource
from linnet.adapters.platform import platform
from linnet.core.observed import Scrape
from linnet.core.plan import Ref
from linnet.core.requests.waiting import Proof
from linnet.core.rollout import reconcile
from linnet.settings import read

Objects = Mapping[Resource, list[Json]]
TURNS = 9
FIRST: Final = "m0"
"""The Deployment that gets many pods."""


@dataclass(frozen=True)
class Case:
    """A cluster to look at, and which of its Deployments."""

    name: str
    objects: Objects
    names: tuple[str, ...]
    looks: int = 200
    """Looks of one turn."""


async def measure(api: Api, sizes: Iterable[int]) -> list[Json]:
    """CPU a look, and bytes in the cache, for fleets of these sizes, and for a Deployment of as many pods."""
    everything = {r: await _listed(api, r) for r in resources.WATCHED if r not in resources.ROUTES}
    return [await compared(case) for case in cases(everything, tuple(sizes))]


async def _listed(api: Api, resource: Resource) -> list[Json]:
    root = f"/apis/{resource.api_version}" if resource.group else f"/api/{resource.api_version}"
    items = (await api.send("GET", f"{root}/namespaces/{NAMESPACE}/{resource.plural}"))["items"]
    return [i for i in items if resource in resources.OWN or "linnet.dev/managed" in i["metadata"].get("labels", {})]


def cases(everything: Objects, sizes: tuple[int, ...]) -> Iterator[Case]:
    for size in sizes:
        names = tuple(f"m{n}" for n in range(size))
        yield Case(f"{size} Deployments of a pod", _of(everything, {*names}), names)
    for size in sizes:
        yield Case(f"a Deployment of {size} pods", _with_pods(_of(everything, {FIRST}), size), (FIRST,), 10)


def _of(everything: Objects, names: set[str]) -> Objects:
    return {resource: [o for o in objects if _model(o) in names] for resource, objects in everything.items()}


def _model(obj: Json) -> str:
    """The Model's name, which is its Deployment's as well."""
    labels = obj["metadata"].get("labels", {})
    return str(labels.get("linnet.dev/model") or labels.get("linnet.dev/deployment") or obj["metadata"]["name"])


def _with_pods(objects: Objects, count: int) -> Objects:
    [first] = objects[resources.POD]
    pods = [copy.deepcopy(first) for _ in range(count)]
    for number, pod in enumerate(pods):
        pod["metadata"] |= {"name": f"{FIRST}-{number}", "uid": f"pod-{number}"}
    return {**objects, resources.POD: pods}


async def compared(case: Case) -> Json:
    """Turns with and without uids, and the median of what each took."""
    with_, without = (filled(case.objects, uids=uids) for uids in (True, False))
    seconds: dict[bool, list[float]] = {True: [], False: []}
    for turn in range(TURNS + 1):
        for uids in (True, False) if turn % 2 else (False, True):
            with _labels_alone(not uids):
                took = await looks(Gatherer(with_ if uids else without, _sources()), case)
            seconds[uids] += [took] if turn else []
    return {
        "what": case.name,
        "turns": TURNS,
        "looks": case.looks,
        "with_ms": 1000 * median(seconds[True]),
        "without_ms": 1000 * median(seconds[False]),
        "ratio": median(a / b for a, b in zip(seconds[True], seconds[False], strict=True)),
        "cache_ratio": with_.size / without.size,
    }


def filled(objects: Objects, *, uids: bool) -> Cache:
    cache = Cache()
    for resource, items in objects.items():
        for item in items if uids or resource != resources.REPLICA_SET else ():
            cache.put(resource, item)
    return cache


@contextmanager
def _labels_alone(there: bool) -> Iterator[None]:
    """Where it is there, whatever carries the label of an object is that object's."""
    if not there:
        yield
        return
    with patch("linnet.adapters.cache.gatherer.belongs", lambda *_: True):
        yield


async def looks(gatherer: Gatherer, case: Case) -> float:
    """The seconds of CPU of one look: gathered and planned. No plan asks for anything, since all is at rest."""
    gc.collect()
    begun, now = time.process_time(), clock.now()
    for number in range(case.looks):
        plan = await _look(gatherer, case.names[number % len(case.names)], now)
        assert not plan.actions, plan.actions
    return (time.process_time() - begun) / case.looks


async def _look(gatherer: Gatherer, name: str, now: datetime) -> Any:
    parent = gatherer.parent(Ref("Deployment", NAMESPACE, name))
    assert parent is not None, name
    return reconcile.plan(await gatherer.deployment(parent), now)


def _sources() -> Sources:
    """What the cache does not know does not exist."""
    settled = platform(read({"POD_NAMESPACE": "x"}))

    async def none(*_: Any) -> Any:
        return {}

    async def proof(_: str) -> Proof:
        return Proof()

    async def true(_: Any) -> bool:
        return True

    async def protected(_: str) -> tuple[str, ...]:
        return ()

    async def recalled(_: Any) -> Recalled:
        return Recalled()

    async def scraped(_: Any) -> Scrape:
        return Scrape()

    return Sources(
        platform=lambda: settled,
        now=clock.now,
        proof=proof,
        told=true,
        unprotected=protected,
        accounts=none,
        features=none,
        session_kinds=none,
        evidence=recalled,
        scrape=scraped,
        ask=none,
        call=none,
    )
