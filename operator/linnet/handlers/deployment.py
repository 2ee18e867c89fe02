"""`Deployment` (mld): reconciled on its own changes, its Model's, versions' and policy's, its children's and pods'."""

import kopf

from linnet.adapters.cache.gatherer import Gatherer
from linnet.adapters.cluster import resources
from linnet.api.kinds.deployment import DeploymentStatus
from linnet.core.rollout import reconcile
from linnet.handlers.reconcile import Kind
from linnet.handlers.watch import OnEvent, watch


def kind(gather: Gatherer) -> Kind:
    return Kind(gather.deployment, reconcile.plan, DeploymentStatus)


def register(registry: kopf.OperatorRegistry, on_event: OnEvent) -> None:
    watch(registry, resources.DEPLOYMENT, on_event)
