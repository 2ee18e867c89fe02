"""`RetrainPolicy`: reconciled on its own changes, its Model's and versions', its CronJob's, Jobs' and pods'."""

import kopf

from linnet.adapters import kinds
from linnet.adapters.gather import Gather
from linnet.api.kinds.retrain_policy import RetrainPolicyStatus
from linnet.core.retraining import reconcile
from linnet.handlers.reconcile import Kind
from linnet.handlers.watch import OnEvent, watch


def kind(gather: Gather) -> Kind:
    return Kind(gather.policy, reconcile.plan, RetrainPolicyStatus)


def register(registry: kopf.OperatorRegistry, on_event: OnEvent) -> None:
    watch(registry, kinds.RETRAIN_POLICY, on_event)
