"""`RetrainPolicy`: reconciled on its own changes, its Model's and versions', its CronJob's, Jobs' and pods'."""

import kopf

from linnet.adapters.cache.gatherer import Gatherer
from linnet.adapters.cluster import resources
from linnet.api.kinds.retrain_policy import RetrainPolicyStatus
from linnet.core.retraining import reconcile
from linnet.handlers.reconcile import Kind
from linnet.handlers.watch import OnEvent, watch


def kind(gather: Gatherer) -> Kind:
    return Kind(gather.policy, reconcile.plan, RetrainPolicyStatus)


def register(registry: kopf.OperatorRegistry, on_event: OnEvent) -> None:
    watch(registry, resources.RETRAIN_POLICY, on_event)
