"""The cluster as the story sees it: the objects that stand, the facts so far, and waiting for what comes next."""

import asyncio
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

from demo.facts import Fact, facts_of
from demo.ledger import Answers, Batches, Request
from demo.settings import NAME
from linnet.cli.cluster.objects import Object, condition, is_ready


class StoryError(Exception):
    """The story did not go on as it should; the message says what was waited for and what was seen instead."""


@dataclass
class Stage:
    """Everything that was observed. `watchers` fill it, the story waits on it, the view shows it."""

    began: float = field(default_factory=time.time)
    objects: dict[tuple[str, str], Object] = field(default_factory=dict)
    facts: list[Fact] = field(default_factory=list)
    batches: Batches = field(default_factory=Batches)
    trained: dict[str, dict[str, Any]] = field(default_factory=dict)
    """Digest → what the trainer logged of the artifact."""
    listeners: list[Callable[[Fact], None]] = field(default_factory=list)
    _pulse: asyncio.Event = field(default_factory=asyncio.Event)

    def observe(self, type_: str, obj: Object) -> None:
        """One change that the API server told of."""
        key = (obj["kind"], obj["metadata"]["name"])
        before, now = self.objects.get(key), None if type_ == "DELETED" else obj
        if now is None:
            self.objects.pop(key, None)
        else:
            self.objects[key] = now
        for fact in facts_of(obj["kind"], before, now, time.time()):
            self.tell(fact)
        self.pulse()

    def tell(self, fact: Fact) -> None:
        self.facts.append(fact)
        for listener in self.listeners:
            listener(fact)

    def read_traffic(self, line: str, client: str = "") -> list[Request]:
        added = self.batches.read(line, client)
        self.pulse()
        return added

    def pulse(self) -> None:
        """Whoever waits looks again."""
        self._pulse.set()

    async def until(self, holds: Callable[[], Any], what: str, seconds: float) -> Any:
        """What `holds` returns once it is truthy; StoryError after `seconds`."""
        try:
            async with asyncio.timeout(seconds):
                while not (found := holds()):
                    self._pulse.clear()
                    await self._pulse.wait()
                return found
        except TimeoutError:
            raise StoryError(f"waited {seconds:g} s for {what}; {self.state()}") from None

    def state(self) -> str:
        """What a person would look at first."""
        ready = condition(self.deployment, "Ready")
        version = max(self.versions, default=0)
        checked = condition(self.versions.get(version, {}), "Ready")
        parts = [
            f"the Deployment says {ready.get('reason', 'nothing')}: {ready.get('message', '')}",
            f"version {version} says {checked.get('reason', 'nothing')}: {checked.get('message', '')}",
        ]
        return "; ".join(parts)

    @property
    def deployment(self) -> Object:
        return self.objects.get(("Deployment", NAME), {})

    @property
    def status(self) -> dict[str, Any]:
        return self.deployment.get("status") or {}

    @property
    def versions(self) -> dict[int, Object]:
        found = (o for (kind, _), o in self.objects.items() if kind == "ModelVersion")
        return {o["spec"]["version"]: o for o in found}

    def pods(self, version: int) -> list[Object]:
        """The serving pods of a version."""
        return [o for o in self._serving() if o["metadata"]["labels"].get("linnet.dev/version") == str(version)]

    def ready(self, version: int) -> int:
        return sum(is_ready(pod) for pod in self.pods(version))

    def _serving(self) -> Iterable[Object]:
        pods = (o for (kind, _), o in self.objects.items() if kind == "Pod")
        return (p for p in pods if (p["metadata"].get("labels") or {}).get("linnet.dev/component") == "serving")

    def answers(self) -> Answers:
        """What each version answers, by its digest."""
        found = {n: (v.get("status") or {}).get("digest") for n, v in self.versions.items()}
        return {n: self.trained[d]["answers"] for n, d in found.items() if d in self.trained}

    def metrics(self, version: int) -> dict[str, str]:
        return (self.versions.get(version, {}).get("status") or {}).get("metrics") or {}
