"""The objects that are measured: Models whose first version was validated, and Deployments of them, many at once."""

import asyncio
import sys
import time
from collections.abc import Awaitable, Callable, Iterable
from contextlib import suppress
from typing import Any

from bench.engine.api import AUTHOR, GROUP, MERGE, NAMESPACE, Api, Json, is_ready, path

DIGEST = f"sha256:{'0' * 64}"
RUNTIME = {
    "name": "custom",
    "image": "server:1",
    "ports": {"http": 8080},
    "protocol": "v2",
    "readyPath": "/ready",
    "metrics": {"path": "/metrics", "requests": [{"name": "requests_total"}], "errors": [{"name": "errors_total"}]},
}


def model(name: str) -> Json:
    spec = {"format": {"name": "custom"}, "source": {"uri": f"s3://models/{name}"}, "runtime": RUNTIME}
    return {"apiVersion": GROUP, "kind": "Model", "metadata": {"name": name, "namespace": NAMESPACE}, "spec": spec}


EVERYTHING: Json = {
    "policy": {"name": "shared"},
    "autoscaling": {
        "minReplicas": 1,
        "maxReplicas": 3,
        "metrics": [{"type": "External", "name": "queue", "target": 10}],
    },
    "traffic": {"type": "Gateway", "parentRefs": [{"name": "public"}]},
}
"""A shared policy, an autoscaler and a route for each object, instead of `replicas`."""
POLICY: Json = {
    "apiVersion": GROUP,
    "kind": "RolloutPolicy",
    "metadata": {"name": "shared", "namespace": NAMESPACE},
    "spec": {"strategy": {"canary": {"steps": [{"setWeight": 5}, {"analyze": {"for": "2m"}}, {"setWeight": 80}]}}},
}


def deployment(name: str, features: Json) -> Json:
    spec = {"model": {"name": name}, **(features or {"replicas": 1})}
    return {"apiVersion": GROUP, "kind": "Deployment", "metadata": {"name": name, "namespace": NAMESPACE}, "spec": spec}


async def each(items: Iterable[str], work: Callable[[str], Awaitable[Any]], writers: int = 20) -> None:
    """Does `work` for every item, by so many writers at once."""
    waiting = list(items)[::-1]

    async def write() -> None:
        while waiting:
            await work(waiting.pop())

    await asyncio.gather(*(write() for _ in range(writers)))


async def until(holds: Callable[[], Awaitable[bool]], what: str, within: float = 300) -> float:
    """The seconds until it holds. AssertionError names `what` after `within` seconds."""
    begun = time.monotonic()
    while not await holds():
        assert time.monotonic() < begun + within, f"waited {within:g} s for {what}"
        await asyncio.sleep(0.1)
    return time.monotonic() - begun


async def create_validated(api: Api, names: list[str]) -> None:
    """Creates Models whose version 1 is validated: the operator makes the versions, the bench says that they loaded."""
    print(f"{len(names)} Models with a validated version", file=sys.stderr, flush=True)
    await each(names, lambda n: api.send("POST", path("models"), model(n), user=AUTHOR))

    async def validate(name: str) -> None:
        async def there() -> bool:
            with suppress(AssertionError):
                found.update(await api.send("GET", path("modelversions", f"{name}-v1")))
            return bool((found.get("status") or {}).get("attempt"))

        found: Json = {}
        await until(there, f"{name}-v1")
        ready = {"type": "Ready", "status": "True", "reason": "Validated", "message": "played"}
        stamp = {"lastTransitionTime": "2026-01-01T00:00:00Z", "observedGeneration": 1}
        status = {"digest": DIGEST, "attempt": 1, "observedGeneration": 1, "conditions": [{**ready, **stamp}]}
        await api.send("PATCH", path("modelversions", f"{name}-v1/status"), {"status": status}, MERGE)

    await each(names, validate)
    await until(lambda: all_ready(api, "models", names), "models to be ready")


async def all_ready(api: Api, plural: str, names: Iterable[str]) -> bool:
    items = (await api.send("GET", path(plural)))["items"]
    return {*names} <= {i["metadata"]["name"] for i in items if is_ready(i)}
