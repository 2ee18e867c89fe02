"""One kopf event handler: it hands the event on, and does nothing else.

kopf never retries an event handler and runs several of them at once; the work queue does neither.
"""

from collections.abc import Callable
from typing import Any

import kopf

from linnet.adapters.cluster.resources import Resource
from linnet.core.plan import Manifest

OnEvent = Callable[[Resource, str, Manifest], None]
"""Resource, type (ADDED, MODIFIED or DELETED), the object as JSON."""


def watch(registry: kopf.OperatorRegistry, resource: Resource, on_event: OnEvent) -> None:
    @kopf.on.event(resource.group, resource.version, resource.plural, registry=registry)
    async def changed(event: kopf.RawEvent, **_: Any) -> None:
        on_event(resource, event["type"] or "ADDED", dict(event["object"]))
