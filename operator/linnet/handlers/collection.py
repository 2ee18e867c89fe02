"""Answered Requests are kept for the audit, and then deleted: they are not watched, so that they are listed for it."""

from datetime import datetime

from linnet.adapters.cluster import resources
from linnet.adapters.cluster.errors import ConflictError, NotFoundError
from linnet.adapters.cluster.kube import Kube
from linnet.api.labels import ANSWERED
from linnet.api.parts.conditions import time_or_none
from linnet.core.plan import Manifest
from linnet.core.requests.retention import Kept, Retention, surplus
from linnet.handlers.informer.sweep import Scope


async def collect(kube: Kube, scope: Scope, retention: Retention, now: datetime) -> int:
    """Delete the answered Requests that are too many or too old; return how many. Errors of `cluster.errors` pass."""
    deleted = 0
    for namespace in scope.parts:
        items, _ = await kube.items(resources.REQUEST, namespace, selector=ANSWERED, whole=False)
        for request in surplus((_kept(item["metadata"], now) for item in items), retention, now):
            deleted += await _delete(kube, request)
    return deleted


def _kept(meta: Manifest, now: datetime) -> Kept:
    return Kept(meta["namespace"], meta["name"], meta["uid"], time_or_none(meta.get("creationTimestamp")) or now)


async def _delete(kube: Kube, request: Kept) -> bool:
    try:
        await kube.delete(
            resources.REQUEST, request.namespace, request.name, request.uid, grace=None, propagation="Background"
        )
    except (NotFoundError, ConflictError):
        return False
    return True
