"""How requests are split between revisions: the interface of a traffic router, and the table of those that there are.

A router is a module of this folder, named in `ROUTERS` by its `spec.traffic.type`.
docs/how-to/write-a-traffic-router.md says what to write.
"""

from collections.abc import Iterator, Mapping
from typing import Final, Protocol

from linnet.api.kinds.deployment import DeploymentSpec, RevisionStatus
from linnet.api.parts.traffic import TrafficType
from linnet.core.plan import Action
from linnet.core.rollout.context import Context, UnderWay
from linnet.core.rollout.traffic.by_pods import REPLICAS
from linnet.core.rollout.traffic.gateway import GATEWAY
from linnet.core.rollout.traffic.split import Split, Stage


class TrafficRouter(Protocol):
    """A way to split requests. `full` is the number of pods that the spec, or the autoscaler, wants to serve.

    A router is pure: it reads what is written from the Context, and returns what must be written.
    """

    @property
    def by_pods(self) -> bool:
        """Whether clients are connected to pods: then a share follows the pods, and a connection outlives a switch."""

    def canary_replicas(self, full: int, stage: Stage) -> int:
        """The number of canary pods that a stage takes, at least one."""

    def effective_weight(self, full: int, weight: int) -> int:
        """What becomes of a weight, in percent."""

    def segment(self, under_way: UnderWay) -> str:
        """A name for the canary's share at this moment: evidence is compared within a segment only."""

    def alone(self, context: Context, revision: RevisionStatus | None) -> bool:
        """Whether what is written sends every request to this revision."""

    def holds(self, context: Context, split: Split) -> bool:
        """Whether the split is written, and Services or the gateway carry it out."""

    def selector(self, context: Context, split: Split) -> Mapping[str, str]:
        """The labels of the pods that the Service `<name>` selects."""

    def actions(self, context: Context, split: Split, *, keep: bool) -> Iterator[Action]:
        """What must be written besides the Services; with `keep` what is written stays."""


ROUTERS: Final[Mapping[TrafficType, TrafficRouter]] = {"Replicas": REPLICAS, "Gateway": GATEWAY}
"""`spec.traffic.type` → the router. A Deployment without `spec.traffic` goes by Replicas."""


def for_spec(spec: DeploymentSpec) -> TrafficRouter:
    """The router that a Deployment's spec names."""
    return ROUTERS[(spec.traffic and spec.traffic.type) or "Replicas"]


def of(context: Context) -> TrafficRouter:
    """The router of this Deployment."""
    return for_spec(context.spec)
