"""`RolloutPolicy`: never reconciled itself; what happens to it is a reason to look at the Deployments that name it."""

import kopf

from linnet.adapters.cluster import resources
from linnet.handlers.watch import OnEvent, watch


def register(registry: kopf.OperatorRegistry, on_event: OnEvent) -> None:
    watch(registry, resources.ROLLOUT_POLICY, on_event)
