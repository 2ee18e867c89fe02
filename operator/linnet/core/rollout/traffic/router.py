"""How requests are split between revisions: one interface, and a module for each `spec.traffic.type`."""

from collections.abc import Iterator, Mapping
from typing import Protocol

from linnet.api.kinds.deployment import RevisionStatus
from linnet.core.plan import Action
from linnet.core.rollout.context import World
from linnet.core.rollout.traffic.gateway import GATEWAY
from linnet.core.rollout.traffic.replicas import REPLICAS
from linnet.core.rollout.traffic.split import Split, Stage


class Traffic(Protocol):
    """A way to split requests. `full` is the number of pods that the spec, or the autoscaler, wants to serve."""

    @property
    def by_pods(self) -> bool:
        """Whether clients are connected to pods: then a share follows the pods, and a connection outlives a switch."""

    def canary_replicas(self, full: int, stage: Stage) -> int:
        """Canary pods that a stage takes, at least one."""

    def effective_weight(self, full: int, weight: int) -> int:
        """What becomes of a weight, in percent."""

    def segment(self, world: World) -> str:
        """Names the canary's share at this moment: evidence is compared within a segment only."""

    def alone(self, world: World, revision: RevisionStatus | None) -> bool:
        """Whether what is written sends every request to this revision."""

    def holds(self, world: World, split: Split) -> bool:
        """Whether the split is written, and whoever carries it out has taken it up."""

    def selector(self, world: World, split: Split) -> Mapping[str, str]:
        """Whom the Service `<name>` selects."""

    def actions(self, world: World, split: Split, *, keep: bool) -> Iterator[Action]:
        """What must be written besides the Services; with `keep` what stands stays."""


def of(world: World) -> Traffic:
    """The way of this Deployment."""
    return GATEWAY if world.gateway else REPLICAS
