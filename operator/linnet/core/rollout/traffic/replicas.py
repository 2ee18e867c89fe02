"""Traffic split by pods: `<name>` selects the pods of one revision, or of both. It needs nothing but a Service."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from linnet.api.kinds.deployment import RevisionStatus
from linnet.api.labels import DEPLOYMENT, REVISION
from linnet.core.plan import Action, Delete
from linnet.core.policy.defaults import MOST_WEIGHT
from linnet.core.resources.routes import API_VERSION
from linnet.core.rollout.context import World
from linnet.core.rollout.traffic.split import Split, Stage


@dataclass(frozen=True)
class Replicas:
    """`spec.traffic.type: Replicas`."""

    by_pods: bool = True

    def canary_replicas(self, full: int, stage: Stage) -> int:
        return canary_replicas(full, stage.weight or 1)

    def effective_weight(self, full: int, weight: int) -> int:
        return effective_weight(full, weight)

    def segment(self, world: World) -> str:
        """By ready pods, in steps of 5 %: within a segment the share stands still."""
        rollout = world.status.rollout
        canary, stable = world.ready(rollout.to if rollout else None), world.ready(rollout.from_ if rollout else None)
        return f"w{5 * round(20 * canary / max(1, canary + stable))}"

    def alone(self, world: World, revision: RevisionStatus | None) -> bool:
        return world.pinned(revision)

    def holds(self, world: World, split: Split) -> bool:
        del world, split
        return True  # the share is the pods', which are counted elsewhere

    def selector(self, world: World, split: Split) -> Mapping[str, str]:
        return {DEPLOYMENT: world.name} if split.shared else {REVISION: split.main.name}

    def actions(self, world: World, split: Split, *, keep: bool) -> Iterator[Action]:
        """Routes of a time when a gateway split the traffic go."""
        del split, keep
        for found in world.observed.routes:
            if not found.meta.deleting:
                yield Delete(API_VERSION, found.route.kind, found.meta.name, found.meta.uid)


REPLICAS: Final = Replicas()


def canary_replicas(stable: int, weight: int) -> int:
    """Pods beside `stable` ones that make about `weight` percent; at least one, and at most as many as `stable`.

    4 stable at 10 % → max(1, round(4·10/90)) = 1; 4 at 50 % → 4; 9 at 25 % → 3. More than 50 % is a gateway's weight:
    if traffic is split by pods after all, since somebody took the gateway away in mid-rollout, 4 at 99 % are not 396.
    """
    if weight >= MOST_WEIGHT:
        return max(1, stable)
    return max(1, round(stable * weight / (100 - weight)))


def effective_weight(stable: int, weight: int) -> int:
    """What the pods make of a weight, in percent: 10 % is 20 % at 4 replicas."""
    if weight == 0:
        return 0
    canary = canary_replicas(stable, weight)
    return round(100 * canary / max(1, canary + stable))


def holdback_replicas(serving: int, percent: int) -> int:
    """Pods of the former version during the bake; none at 0 percent, at least one otherwise.

    4 serving at 5 % → max(1, round(4·5/95)) = 1.
    """
    return 0 if percent == 0 or serving == 0 else max(1, round(serving * percent / (100 - percent)))
