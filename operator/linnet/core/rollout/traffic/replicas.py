"""Traffic split by pods: a weight becomes a number of pods, and `<name>` selects those of one revision, or of both.

It needs nothing but a Service.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from linnet.api.kinds.deployment import RevisionStatus
from linnet.api.labels import DEPLOYMENT, REVISION
from linnet.core.plan import Action, Delete
from linnet.core.policy.defaults import MOST_WEIGHT
from linnet.core.resources.routes import API_VERSION
from linnet.core.rollout.context import Context, UnderWay
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


def canary_replicas(stable: int, weight: int) -> int:
    """The number of pods beside `stable` ones that make about `weight` percent: at least one, at most `stable`.

    4 stable at 10 % → max(1, round(4·10/90)) = 1; 4 at 50 % → 4; 9 at 25 % → 3. More than 50 % is a gateway's weight:
    if traffic is split by pods after all, since somebody took the gateway away in mid-rollout, 4 at 99 % are not 396.
    """
    if weight >= MOST_WEIGHT:
        return max(1, stable)
    return max(1, round(stable * weight / (100 - weight)))


def effective_weight(stable: int, weight: int) -> int:
    """What becomes of a weight by whole pods, in percent: 10 % is 20 % at 4 replicas."""
    if weight == 0:
        return 0
    canary = canary_replicas(stable, weight)
    return round(100 * canary / max(1, canary + stable))


def holdback_replicas(serving: int, percent: int) -> int:
    """The number of the former version's pods during the bake: none at 0 percent, at least one otherwise.

    4 serving at 5 % → max(1, round(4·5/95)) = 1.
    """
    return 0 if percent == 0 or serving == 0 else max(1, round(serving * percent / (100 - percent)))
