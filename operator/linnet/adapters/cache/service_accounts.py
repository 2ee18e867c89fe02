"""Pods of ours may run as those ServiceAccounts that the namespace's owner labeled for it."""

from collections.abc import Callable, Iterable
from typing import Final

from linnet.adapters.cluster import resources
from linnet.adapters.cluster.errors import NotFoundError
from linnet.adapters.cluster.kube import Kube
from linnet.api.labels import ALLOW_PODS

KEPT_SECONDS: Final = 60.0


class ServiceAccounts:
    """A permission is read live and remembered for a minute.

    Whoever may create our objects gains no identity by it.
    """

    def __init__(self, kube: Kube, clock: Callable[[], float]) -> None:
        self._kube = kube
        self._clock = clock
        self._allowed: dict[tuple[str, str], float] = {}

    async def allowed(self, namespace: str, names: Iterable[str]) -> frozenset[str]:
        """Return those of these names that exist and carry the label. A refusal is never remembered."""
        return frozenset([name for name in sorted(names) if await self._is_allowed(namespace, name)])

    async def _is_allowed(self, namespace: str, name: str) -> bool:
        if self._clock() - self._allowed.get((namespace, name), -KEPT_SECONDS) < KEPT_SECONDS:
            return True
        self._allowed.pop((namespace, name), None)
        try:
            account = await self._kube.get(resources.SERVICE_ACCOUNT, namespace, name)
        except NotFoundError:
            return False
        if (account["metadata"].get("labels") or {}).get(ALLOW_PODS) != "true":
            return False
        self._allowed[namespace, name] = self._clock()
        return True
