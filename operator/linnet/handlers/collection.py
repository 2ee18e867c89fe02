"""Answered Requests are kept for the audit, and then deleted: they are not watched, so that they are listed for it."""

from collections.abc import AsyncIterator
from datetime import datetime
from typing import Final

from linnet.adapters.cluster import resources
from linnet.adapters.cluster.errors import ConflictError, NotFoundError
from linnet.adapters.cluster.kube import Kube
from linnet.api.labels import ANSWERED
from linnet.api.parts.conditions import time_or_none
from linnet.core.plan import Manifest
from linnet.core.requests.retention import Kept, Retention, surplus
from linnet.core.requests.waiting import is_answered
from linnet.handlers.informer.sweep import Scope

MOST: Final = 2000
"""Requests that are deleted at once: the rest follows at the next resync."""


async def collect(kube: Kube, scope: Scope, retention: Retention, now: datetime) -> int:
    """Delete the answered Requests that are too many or too old; return how many. Errors of `cluster.errors` pass."""
    deleted = 0
    for namespace in scope.parts:
        labeled = [kept async for kept in _labeled(kube, namespace, now)]
        for request in surplus(labeled, retention, now)[:MOST]:
            deleted += await _delete(kube, request)
    return deleted


async def _labeled(kube: Kube, namespace: str | None, now: datetime) -> AsyncIterator[Kept]:
    """Read them page by page, whole: the status alone says who answered, and of a page little is kept."""
    async for page in kube.pages(resources.REQUEST, namespace, selector=ANSWERED):
        for item in page.get("items") or ():
            yield _kept(item, now)


def _kept(request: Manifest, now: datetime) -> Kept:
    meta, author = request["metadata"], str((request.get("spec") or {}).get("user", ""))
    created, answered = time_or_none(meta.get("creationTimestamp")) or now, is_answered(request.get("status") or {})
    return Kept(meta["namespace"], meta["name"], meta["uid"], created, author, answered)


async def _delete(kube: Kube, request: Kept) -> bool:
    try:
        await kube.delete(
            resources.REQUEST, request.namespace, request.name, request.uid, grace=None, propagation="Background"
        )
    except (NotFoundError, ConflictError):
        return False
    return True
