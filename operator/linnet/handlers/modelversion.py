"""`ModelVersion`: reconciled on its own changes, and on its validation Job's and that Job's pods'."""

import kopf

from linnet.adapters.cache.gatherer import Gatherer
from linnet.adapters.cluster import resources
from linnet.api.kinds.model_version import ModelVersionStatus
from linnet.core.registry import model_version
from linnet.handlers.reconcile import Kind
from linnet.handlers.watch import OnEvent, watch


def kind(gather: Gatherer) -> Kind:
    return Kind(gather.version, model_version.plan, ModelVersionStatus)


def register(registry: kopf.OperatorRegistry, on_event: OnEvent) -> None:
    watch(registry, resources.MODEL_VERSION, on_event)
