"""What must hold in every run, and at its end, whatever went wrong on the way."""

import re
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any, Final

from integration.harness import World
from integration.rollouts import NAME, QUICK, live

Json = dict[str, Any]
OWN: Final = ("Model", "ModelVersion", "Deployment", "RetrainPolicy")
CHILDREN: Final = (
    ("Deployment", "apps/v1"),
    ("Service", "v1"),
    ("PodDisruptionBudget", "policy/v1"),
    ("NetworkPolicy", "networking.k8s.io/v1"),
    ("CronJob", "batch/v1"),
)
VOLATILE: Final = {
    *("resourceVersion", "uid", "creationTimestamp", "managedFields", "clusterIP", "clusterIPs", "observedGeneration"),
    *("lastTransitionTime", "time", "id", "lastChange", "validatedAt", "decisions", "attempt", "since"),
    *("startedAt", "finishedAt", "lastRunTime", "lastScheduleTime", "evidenceHash"),
}
SENTENCES: Final = {"message", "quarantine"}
"""Their numbers are counts of requests."""
NUMBER: Final = re.compile(r"\d+(?:\.\d+)?")
MINUTE: Final = re.compile(r"-retrain-\d+")


@dataclass(frozen=True)
class End:
    """Two runs of the story end alike if these are equal; evidence counts, times and ids are left out."""

    objects: Json
    decisions: Json
    """By version: (decision, by) in order."""
    creations: Json
    """By plural, how many objects were made; Events may repeat."""

    @classmethod
    def of(cls, world: World, made: list[str], routes: Iterable[tuple[str, str]] = ()) -> "End":
        own = {f"{k} {o['metadata']['name']}": masked(o.get("status") or {}) for k in OWN for o in world.list(k)}
        children = {
            f"{k} {o['metadata']['name']}": masked(o["spec"])
            for k, group in (*CHILDREN, *routes)
            for o in world.list(k, group)
        }
        versions = {v["metadata"]["name"]: v["status"] for v in world.list("ModelVersion")}
        told = {n: [[d["decision"], d["by"]] for d in s.get("decisions") or ()] for n, s in versions.items()}
        return cls({**own, **children}, told, dict(Counter(plural for plural in made if plural != "events")))


def differences(found: Any, wanted: Any, path: str = "") -> Iterator[str]:
    """Where the two differ, by path: one line each."""
    if isinstance(found, dict) and isinstance(wanted, dict):
        for key in sorted({*found, *wanted}):
            yield from differences(found.get(key), wanted.get(key), f"{path}.{key}" if path else key)
    elif isinstance(found, list) and isinstance(wanted, list) and len(found) == len(wanted):
        for place, (one, other) in enumerate(zip(found, wanted, strict=True)):
            yield from differences(one, other, f"{path}[{place}]")
    elif found != wanted:
        yield f"{path}: {found!r} instead of {wanted!r}"


def masked(value: Any, key: str = "") -> Any:
    if isinstance(value, dict):
        return {k: masked(v, k) for k, v in value.items() if k not in VOLATILE}
    if isinstance(value, list):
        return [masked(v, key) for v in value]
    if isinstance(value, str):
        return NUMBER.sub("N", value) if key in SENTENCES else MINUTE.sub("-retrain", value)
    return value


@dataclass
class Watcher:
    """Looks at what clients meet and at what is stable; what it saw that must never be is in `alarms`."""

    world: World
    bad: int
    routes: tuple[tuple[str, str], ...] = ()
    alarms: list[str] = field(default_factory=list)
    _served: bool = False
    _below: Json = field(default_factory=dict)

    def look(self) -> None:
        stable = (self.world.status("Deployment", NAME).get("stable") or {}).get("version")
        if stable == self.bad:
            self.alarms.append(f"version {self.bad} became stable")
        for rule in self._rules():
            self._weigh(rule)
        selector = live(self.world)
        ready = self._ready(selector) if selector else 0
        self._served |= ready >= QUICK["replicas"]
        if self._served and ready < QUICK["replicas"]:
            self._too_few(selector, ready)
        else:
            self._below = {}

    def _rules(self) -> list[Json]:
        found = (route for kind, group in self.routes for route in self.world.list(kind, group))
        return [rule for route in found for rule in route["spec"]["rules"]]

    def _weigh(self, rule: Json) -> None:
        weights = {b["name"]: b["weight"] for b in rule["backendRefs"]}
        if sum(weights.values()) != 100:
            self.alarms.append(f"weights that are not 100 in all: {weights}")

    def _ready(self, selector: dict[str, str]) -> int:
        labels = ",".join(f"{k}={v}" for k, v in selector.items())
        pods = self.world.list("Pod", "v1", labels)
        return sum(not p["metadata"].get("deletionTimestamp") and _is_ready(p) for p in pods)

    def _too_few(self, selector: dict[str, str], ready: int) -> None:
        """Between the two reads the Service may have turned to others, so that it must be seen twice."""
        if self._below == selector:
            self.alarms.append(f"{ready} ready pods behind {selector}")
        self._below = selector


def _is_ready(pod: Json) -> bool:
    conditions = pod["status"].get("conditions") or ()
    return any(c["type"] == "Ready" and c["status"] == "True" for c in conditions)
