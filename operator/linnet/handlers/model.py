"""`Model`: reconciled on its own changes, on its ModelVersions', and when Deployments serve another version."""

import kopf

from linnet.adapters.cache.gatherer import Gatherer
from linnet.adapters.cluster import resources
from linnet.api.kinds.model import ModelStatus
from linnet.core.registry import model
from linnet.handlers.reconcile import Kind
from linnet.handlers.watch import OnEvent, watch


def kind(gather: Gatherer) -> Kind:
    return Kind(gather.model, model.plan, ModelStatus)


def register(registry: kopf.OperatorRegistry, on_event: OnEvent) -> None:
    watch(registry, resources.MODEL, on_event)
