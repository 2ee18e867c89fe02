"""Traffic split by pods: `<name>` selects the pods of one revision, or of both. It needs nothing but a Service."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from linnet.api.kinds.deployment import RevisionStatus
from linnet.api.labels import DEPLOYMENT, REVISION
from linnet.core.plan import Action, Delete
from linnet.core.resources.routes import API_VERSION
from linnet.core.rollout.context import Context, UnderWay
from linnet.core.rollout.traffic.replicas import canary_replicas, effective_weight
from linnet.core.rollout.traffic.split import Split, Stage


@dataclass(frozen=True)
class Replicas:
    """`spec.traffic.type: Replicas`."""

    by_pods: bool = True

    def canary_replicas(self, full: int, stage: Stage) -> int:
        return canary_replicas(full, stage.weight or 1)

    def effective_weight(self, full: int, weight: int) -> int:
        return effective_weight(full, weight)

    def segment(self, under_way: UnderWay) -> str:
        """The share of ready pods, in steps of 5 %: within a segment it stands still."""
        context, rollout = under_way.context, under_way.rollout
        canary, stable = context.ready(rollout.to), context.ready(rollout.from_)
        return f"w{5 * round(20 * canary / max(1, canary + stable))}"

    def alone(self, context: Context, revision: RevisionStatus | None) -> bool:
        return context.pinned(revision)

    def holds(self, context: Context, split: Split) -> bool:
        del context, split
        return True  # the share is the pods', which are counted elsewhere

    def selector(self, context: Context, split: Split) -> Mapping[str, str]:
        return {DEPLOYMENT: context.name} if split.shared else {REVISION: split.main.name}

    def actions(self, context: Context, split: Split, *, keep: bool) -> Iterator[Action]:
        """Delete the routes of a time when a gateway split the traffic."""
        del split, keep
        for found in context.observed.routes:
            if not found.meta.deleting:
                yield Delete(API_VERSION, found.route.kind, found.meta.name, found.meta.uid)


REPLICAS: Final = Replicas()
