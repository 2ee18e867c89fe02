"""Deployments by 20 writers at once: when each has its children and is ready, and what that costs."""

import math
import sys
import time
from collections.abc import Collection
from dataclasses import dataclass

from bench.engine.api import AUTHOR, Json, path
from bench.engine.controllers import FakeControllers
from bench.engine.fleet import all_ready, create_validated, deployment, each, until
from bench.engine.plane import Plane
from bench.engine.process import REQUESTS, Operator, looks, mean_look, proofs, quiet, total

KINDS = ("Model", "ModelVersion", "Deployment")


async def burst(plane: Plane, operator: Operator, names: list[str], features: Json) -> Json:
    """Has 20 writers apply Deployments of Models that are validated first, and measures until all is quiet."""
    await create_validated(plane.api, names)
    controllers = FakeControllers(plane.api, gateway=bool(features))
    controllers.start()
    await quiet(operator)
    print(f"{len(names)} Deployments by 20 writers", file=sys.stderr, flush=True)
    before = await _Reading.of(plane, operator)
    applied, written = await _apply(plane, names, features)
    await until(lambda: _all_seen(controllers, names), "deployments to be ready")
    ready = time.monotonic() - before.at
    await until(lambda: all_ready(plane.api, "deployments", names), "deployments to be ready")
    await quiet(operator)
    after = await _Reading.of(plane, operator)
    controllers.stop()
    made = [controllers.made[n] - applied[n] for n in names]
    ready_after = [controllers.ready[n] - applied[n] for n in names]
    return {
        "written_seconds": written,
        "all_ready_seconds": ready,
        "objects_per_second": len(names) / (max(controllers.made[n] for n in names) - before.at),
        **{f"p{p}_seconds": percentile(made, p) for p in (50, 99)},
        **{f"ready_p{p}_seconds": percentile(ready_after, p) for p in (50, 99)},
        **after.since(before, len(names)),
    }


async def _apply(plane: Plane, names: list[str], features: Json) -> tuple[dict[str, float], float]:
    """When each was applied, and how long all of it took."""
    applied: dict[str, float] = {}
    begun = time.monotonic()

    async def apply(name: str) -> None:
        applied[name] = time.monotonic()
        await plane.api.send("POST", path("deployments"), deployment(name, features), user=AUTHOR)

    await each(names, apply)
    return applied, time.monotonic() - begun


async def _all_seen(controllers: FakeControllers, names: Collection[str]) -> bool:
    return all(n in controllers.made and n in controllers.ready for n in names)


def percentile(values: Collection[float], percent: float) -> float:
    """The least value that so many percent of them don't exceed.

    >>> percentile([1.0, 2.0, 3.0, 4.0], 50)
    2.0
    """
    return sorted(values)[math.ceil(percent / 100 * len(values)) - 1]


@dataclass(frozen=True)
class _Reading:
    """What can be read of the two processes at one time."""

    at: float
    metrics: dict[str, float]
    operator_cpu: float
    server_cpu: float

    @classmethod
    async def of(cls, plane: Plane, operator: Operator) -> "_Reading":
        return cls(time.monotonic(), await operator.metrics(), operator.cpu(), plane.cpu())

    def since(self, before: "_Reading", objects: int) -> Json:
        """What so many objects cost between two readings. The proofs of the policies are not an object's."""
        more = {k: v - before.metrics.get(k, 0) for k, v in self.metrics.items() if v > before.metrics.get(k, 0)}
        return {
            "objects": objects,
            "requests_per_object": (total(more, REQUESTS) - proofs(more)) / objects,
            "proofs": proofs(more),
            "looks_per_object": {kind: looks(more, kind) / objects for kind in KINDS},
            "seconds_per_look": mean_look(more),
            "cpu_ms_per_object": 1000 * (self.operator_cpu - before.operator_cpu) / objects,
            "server_cpu_ms_per_object": 1000 * (self.server_cpu - before.server_cpu) / objects,
            "requests": {k: v for k, v in more.items() if k.startswith(f"{REQUESTS}{{")},
        }
