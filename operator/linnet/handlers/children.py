"""Managed children: what happens to them is a reason to look at their owner."""

from collections.abc import Collection

import kopf

from linnet.adapters.cluster import resources
from linnet.adapters.cluster.resources import Resource
from linnet.handlers.watch import OnEvent, watch


def register(registry: kopf.OperatorRegistry, on_event: OnEvent, watched: Collection[Resource]) -> None:
    for resource in (r for r in resources.CHILDREN if r in watched):
        watch(registry, resource, on_event)
