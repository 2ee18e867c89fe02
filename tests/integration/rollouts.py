"""What tests of whole rollouts share: a quick strategy, traffic while something is waited for, and who serves."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from integration.harness import EVERY_SECONDS, WAIT_SECONDS, World

NAME = "risk"
URI = "s3://models/risk/{}"
GOOD, BAD = (200, 0, 0), (140, 60, 0)
"""What a version answers at a scrape."""
QUICK: dict[str, Any] = {
    "replicas": 2,
    "strategy": {
        "canary": {
            "steps": [{"setWeight": 34}, {"analyze": {"for": "1s"}}, {"setWeight": 50}, {"analyze": {"for": "1s"}}]
        },
        "bake": {"time": "1s"},
        "abortScaleDownDelay": "0s",
    },
    "analysis": {"interval": "500ms", "warmUp": "0s"},
}


@dataclass
class Traffic:
    """Requests per look, by version: (good, bad, slow). Only versions whose pods run are asked."""

    world: World
    answers: dict[int, tuple[int, int, int]] = field(default_factory=dict)

    def flow(self) -> None:
        for version, (good, bad, slow) in self.answers.items():
            self.world.kubelet.answer(version, good=good, bad=bad, slow=slow)

    def until(
        self, holds: Callable[[], Any], what: str, within: float = WAIT_SECONDS, every: float = EVERY_SECONDS
    ) -> Any:
        """Wait while requests come in."""

        def look() -> Any:
            self.flow()
            return holds()

        return self.world.until(look, what, within, every)


def serve(world: World, **spec: Any) -> Traffic:
    """Version 1 serves; returns traffic that it answers well."""
    world.model(NAME, URI.format(1))
    world.deployment(NAME, NAME, **{**QUICK, **spec})
    world.ready("Deployment", NAME)
    return Traffic(world, {1: GOOD})


def stepping(world: World) -> Traffic:
    """Version 2 is judged for an hour, and answers well so far."""
    strategy = {**QUICK["strategy"], "canary": {"steps": [{"setWeight": 34}, {"analyze": {"for": "1h"}}]}}
    traffic = serve(world, strategy=strategy)
    publish(world, 2)
    traffic.answers[2] = GOOD
    traffic.until(lambda: phase(world) == "Stepping", "the canary's first step")
    return traffic


def publish(world: World, number: int) -> None:
    """The Model's next artifact."""
    world.model(NAME, URI.format(number))


def rollout(world: World) -> dict[str, Any]:
    """The rollout under way; empty at rest."""
    return dict(world.status("Deployment", NAME).get("rollout") or {})


def phase(world: World) -> str:
    return str(rollout(world).get("phase", "AtRest"))


def stable(world: World) -> int:
    return int(world.status("Deployment", NAME).get("stable", {}).get("version", 0))


def outcome(world: World) -> str:
    """How the last rollout ended, once nothing is under way."""
    status = world.status("Deployment", NAME)
    return "" if status.get("rollout") else str((status.get("lastRollout") or {}).get("outcome", ""))


def live(world: World) -> dict[str, str]:
    """Whom `<name>` selects."""
    service = world.get("Service", NAME, "v1") or {}
    return dict(service.get("spec", {}).get("selector", {}))


def pods(world: World, version: int) -> list[dict[str, Any]]:
    found = world.list("Pod", "v1", f"linnet.dev/version={version},linnet.dev/component=serving")
    return [p for p in found if not p["metadata"].get("deletionTimestamp")]


def reason(world: World) -> str:
    return str(world.condition("Deployment", NAME)["reason"])


def quarantine(world: World, version: int) -> list[dict[str, Any]]:
    return list(world.status("ModelVersion", f"{NAME}-v{version}").get("quarantine") or [])
