"""Pods of ours may run as those ServiceAccounts that the namespace's owner labeled for it."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Final

from linnet.adapters.cluster import resources
from linnet.adapters.cluster.errors import NotFoundError
from linnet.adapters.cluster.kube import Kube
from linnet.api.labels import ALLOW_PODS, ALLOWED_PREFIX
from linnet.api.parts.uri import LONGEST

KEPT_SECONDS: Final = 60.0


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
        return frozenset(await self.prefixes(namespace, names))

    async def prefixes(self, namespace: str, names: Iterable[str]) -> dict[str, str]:
        """Return, for those that are allowed, the URIs that their identity may be used for; empty if nobody said."""
        found = {name: await self._permission(namespace, name) for name in sorted(names)}
        return {name: known.prefix for name, known in found.items() if known is not None}

    async def _permission(self, namespace: str, name: str) -> "_Permission | None":
        known = self._known.pop((namespace, name), None)
        if known is None or self._clock() - known.read_at >= KEPT_SECONDS:
            known = await self._read(namespace, name)
        if known is not None:
            self._known[namespace, name] = known
        return known

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
    prefix: str
