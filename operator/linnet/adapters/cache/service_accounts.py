"""Pods of ours may run as those ServiceAccounts that the namespace's owner labeled for it."""

import logging
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Final

from linnet.adapters.cluster import resources
from linnet.adapters.cluster.errors import KubeError, NotFoundError
from linnet.adapters.cluster.kube import Kube
from linnet.adapters.cluster.live import in_time
from linnet.api.labels import ALLOW_PODS, ALLOWED_PREFIX
from linnet.api.parts.uri import LONGEST

KEPT_SECONDS: Final = 60.0
_log = logging.getLogger(__name__)


class ServiceAccounts:
    """A permission is read live and remembered for a minute.

    Whoever may create our objects gains no identity by it.
    """

    def __init__(self, kube: Kube, clock: Callable[[], float]) -> None:
        self._kube = kube
        self._clock = clock
        self._known: dict[tuple[str, str], _Permission] = {}

    async def allowed(self, namespace: str, names: Iterable[str]) -> frozenset[str]:
        """Return those of these names that exist and carry the label. A refusal is never remembered."""
        return frozenset(name for name, known in (await self.prefixes(namespace, names)).items() if known is not None)

    async def prefixes(self, namespace: str, names: Iterable[str]) -> dict[str, str | None]:
        """Return, for those that are allowed, the URIs that their identity may be used for; empty if nobody said.

        While one can't be read, what was known of it last stands; None if nothing was.
        """
        found = {name: await self._permission(namespace, name) for name in sorted(names)}
        return {name: known.prefix for name, known in found.items() if known is not None}

    async def _permission(self, namespace: str, name: str) -> "_Permission | None":
        known = self._known.get((namespace, name))
        if known is not None and self._clock() - known.read_at < KEPT_SECONDS:
            return known
        try:
            found = await in_time(self._read(namespace, name))
        except KubeError as error:
            _log.warning("ServiceAccount %s/%s was not read: %s", namespace, name, error)
            return known or _UNREAD
        self._known.pop((namespace, name), None)
        if found is not None:
            self._known[namespace, name] = found
        return found

    async def _read(self, namespace: str, name: str) -> "_Permission | None":
        try:
            meta = (await self._kube.get(resources.SERVICE_ACCOUNT, namespace, name))["metadata"]
        except NotFoundError:
            return None
        if (meta.get("labels") or {}).get(ALLOW_PODS) != "true":
            return None
        prefix = (meta.get("annotations") or {}).get(ALLOWED_PREFIX) or ""
        return _Permission(self._clock(), prefix if len(prefix) <= LONGEST else "")


@dataclass(frozen=True)
class _Permission:
    read_at: float
    prefix: str | None


_UNREAD: Final = _Permission(0.0, None)
