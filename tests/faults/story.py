"""The whole story: a first version, a better one, a bad one that is rolled back, and a retrained one."""

from collections.abc import Callable
from typing import Any, Final

from faults.oracles import Watcher
from faults.stage import Stage
from integration.rollouts import NAME, QUICK, URI, Traffic, outcome, phase, publish, quarantine, reason, stable
from integration.test_retrain import claims, due, job_of, weekly

GOOD: Final = (200, 0, 0)
BAD: Final = (140, 60, 0)
WITHIN: Final = 240.0
"""Seconds for one chapter: a fault costs the longest wait of the operator, and the machine may be busy."""
ROLLED_BACK: Final = 3
RETRAINED: Final = 4


def tell(stage: Stage) -> Watcher:
    """Play it to its end; return what was seen on the way."""
    world, watcher = stage.world, Watcher(stage.world, ROLLED_BACK)
    traffic = Traffic(world, {1: GOOD, 2: GOOD, ROLLED_BACK: BAD, RETRAINED: GOOD})

    def until(holds: Callable[[], Any], what: str) -> None:
        def look() -> Any:
            stage.tend()
            watcher.look()
            return holds()

        traffic.until(look, what, WITHIN)

    world.model(NAME, URI.format(1))
    world.deployment(NAME, NAME, **QUICK)
    until(lambda: stable(world) == 1 and world.condition("Deployment", NAME)["status"] == "True", "version 1 to serve")
    publish(world, 2)
    until(lambda: stable(world) == 2 and outcome(world) == "Promoted", "version 2 to be promoted")
    publish(world, ROLLED_BACK)
    until(lambda: reason(world) == "Quarantined" and quarantine(world, ROLLED_BACK), "version 3 to be refused")
    claims(world, URI.format(RETRAINED))
    world.policy("weekly", NAME, training=job_of(), triggers=weekly())
    until(lambda: world.get("CronJob", "weekly-retrain", "batch/v1"), "the CronJob")
    due(world)
    until(lambda: stable(world) == RETRAINED and outcome(world) == "Promoted", "the retrained version to be promoted")
    until(lambda: _at_its_end(stage), "everything to come to its end")
    return watcher


def _at_its_end(stage: Stage) -> bool:
    world = stage.world
    serving = world.list("Deployment", "apps/v1")
    busy = [w for w in serving if w["spec"]["replicas"] != w["status"].get("replicas", 0)]
    checks = world.list("Job", "batch/v1", "linnet.dev/component=validation")
    own = [*world.list("Model"), *world.list("Deployment"), *world.list("RetrainPolicy")]
    return phase(world) == "AtRest" and not busy and not checks and all(_is_true(o) for o in own)


def _is_true(obj: dict[str, Any]) -> bool:
    conditions = obj.get("status", {}).get("conditions") or ()
    return any(c["type"] == "Ready" and c["status"] == "True" for c in conditions)
