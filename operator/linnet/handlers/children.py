"""Managed children: what happens to them is a reason to look at their owner."""

import kopf

from linnet.adapters import kinds
from linnet.handlers.watch import OnEvent, watch


def register(registry: kopf.OperatorRegistry, on_event: OnEvent) -> None:
    for resource in kinds.CHILDREN:
        watch(registry, resource, on_event)
