"""Two stories that faults strike: one that ends with a retrained version, and one behind a gateway.

Both have a first version, a better one, and a bad one that is rolled back.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from faults.oracles import Watcher
from faults.stage import Stage
from integration.rollouts import NAME, QUICK, URI, Traffic, outcome, phase, publish, quarantine, reason, stable
from integration.test_gateway import GATEWAY, GATEWAY_API, STRATEGY, Routed
from integration.test_retrain import claims, due, job_of, weekly

Json = dict[str, Any]
GOOD: Final = (200, 0, 0)
BAD: Final = (140, 60, 0)
WITHIN: Final = 240.0
"""Seconds for one chapter: a fault costs the longest wait of the operator, and the machine may be busy."""
ROLLED_BACK: Final = 3
RETRAINED: Final = 4


@dataclass(frozen=True)
class Story:
    """`plane` is the fixture of its control plane, `ends` the reason of Ready at its end, `routes` its own kinds."""

    name: str
    plane: str
    spec: Json
    traffic: type[Traffic]
    chapters: tuple[Callable[["Scene"], None], ...]
    ends: str
    routes: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True)
class Scene:
    """A story on its stage, and who watches."""

    story: Story
    stage: Stage
    watcher: Watcher
    traffic: Traffic

    def until(self, holds: Callable[[], Any], what: str) -> None:
        """Wait while requests come in, operators die and others come, and somebody watches."""

        def look() -> Any:
            self.stage.tend()
            self.watcher.look()
            return holds()

        self.traffic.until(look, what, WITHIN)


def tell(story: Story, stage: Stage) -> Watcher:
    """Play it to its end; return what was seen on the way."""
    watcher = Watcher(stage.world, ROLLED_BACK, story.routes)
    traffic = story.traffic(stage.world, {1: GOOD, 2: GOOD, ROLLED_BACK: BAD, RETRAINED: GOOD})
    scene = Scene(story, stage, watcher, traffic)
    for chapter in story.chapters:
        chapter(scene)
    scene.until(lambda: _at_its_end(scene), "everything to come to its end")
    return watcher


def _first(scene: Scene) -> None:
    world = scene.stage.world
    world.model(NAME, URI.format(1))
    world.deployment(NAME, NAME, **scene.story.spec)
    serves = "version 1 to serve"
    scene.until(lambda: stable(world) == 1 and world.condition("Deployment", NAME)["status"] == "True", serves)


def _better(scene: Scene) -> None:
    world = scene.stage.world
    publish(world, 2)
    scene.until(lambda: stable(world) == 2 and outcome(world) == "Promoted", "version 2 to be promoted")


def _worse(scene: Scene) -> None:
    world = scene.stage.world
    publish(world, ROLLED_BACK)
    scene.until(lambda: reason(world) == "Quarantined" and quarantine(world, ROLLED_BACK), "version 3 to be refused")


def _retrained(scene: Scene) -> None:
    world, promoted = scene.stage.world, "the retrained version to be promoted"
    claims(world, URI.format(RETRAINED))
    world.policy("weekly", NAME, training=job_of(), triggers=weekly())
    scene.until(lambda: world.get("CronJob", "weekly-retrain", "batch/v1"), "the CronJob")
    due(world)
    scene.until(lambda: stable(world) == RETRAINED and outcome(world) == "Promoted", promoted)


def _at_its_end(scene: Scene) -> bool:
    world = scene.stage.world
    serving = world.list("Deployment", "apps/v1")
    busy = [w for w in serving if w["spec"]["replicas"] != w["status"].get("replicas", 0)]
    checks = world.list("Job", "batch/v1", "linnet.dev/component=validation")
    checks += world.list("NetworkPolicy", "networking.k8s.io/v1", "linnet.dev/modelversion")
    others = [*world.list("Model"), *world.list("RetrainPolicy")]
    ready = reason(world) == scene.story.ends and all(_is_true(o) for o in others)
    return phase(world) == "AtRest" and not busy and not checks and ready


def _is_true(obj: Json) -> bool:
    conditions = obj.get("status", {}).get("conditions") or ()
    return any(c["type"] == "Ready" and c["status"] == "True" for c in conditions)


LOOP: Final = Story("loop", "api", QUICK, Traffic, (_first, _better, _worse, _retrained), "AsDesired")
ROUTED: Final = Story(
    name="gateway",
    plane="routing",
    spec={**QUICK, "strategy": STRATEGY, "traffic": GATEWAY},
    traffic=Routed,
    chapters=(_first, _better, _worse),
    ends="Quarantined",
    routes=(("HTTPRoute", GATEWAY_API),),
)
