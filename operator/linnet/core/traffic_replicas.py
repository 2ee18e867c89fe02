"""Traffic split by pods: `<name>` selects the pods of one revision, or of both. It needs nothing but a Service."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from linnet.api.kinds.deployment import RevisionStatus
from linnet.api.labels import DEPLOYMENT, REVISION
from linnet.core import capacity
from linnet.core.plan import Action, Delete
from linnet.core.resources.routes import API_VERSION
from linnet.core.split import Split
from linnet.core.stage import Stage
from linnet.core.world import World


@dataclass(frozen=True)
class Replicas:
    """`spec.traffic.type: Replicas`."""

    by_pods: bool = True

    def canary_replicas(self, full: int, stage: Stage) -> int:
        return capacity.canary_replicas(full, stage.weight or 1)

    def effective_weight(self, full: int, weight: int) -> int:
        return capacity.effective_weight(full, weight)

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
