"""What the Gateways that a Deployment names can do: their class's `status.supportedFeatures`.

A gateway that does not know a filter need not say so on the route: Traefik 3.6 accepts a route with copies, and answers
every request of its rule with an error.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import Final

from linnet.adapters import kinds
from linnet.adapters.errors import ForbiddenError, NotFoundError
from linnet.adapters.kube import Kube

KEPT_SECONDS: Final = 60.0
Features = frozenset[str] | None
"""None: it can't be read."""


class Gateways:
    """Reads live, and remembers an answer for a minute."""

    def __init__(self, kube: Kube, clock: Callable[[], float]) -> None:
        self._kube = kube
        self._clock = clock
        self._known: dict[tuple[str, str], tuple[float, Features]] = {}

    async def features(self, namespace: str, names: Iterable[str]) -> Mapping[str, Features]:
        """By the Gateway's name."""
        return {name: await self._features(namespace, name) for name in sorted({*names})}

    async def _features(self, namespace: str, name: str) -> Features:
        asked, known = self._known.get((namespace, name), (-KEPT_SECONDS, None))
        if self._clock() - asked < KEPT_SECONDS:
            return known
        found = await self._read(namespace, name)
        self._known[namespace, name] = self._clock(), found
        return found

    async def _read(self, namespace: str, name: str) -> Features:
        try:
            gateway = await self._kube.get(kinds.GATEWAY, namespace, name)
            found = await self._kube.get(kinds.GATEWAY_CLASS, "", gateway["spec"]["gatewayClassName"])
        except (NotFoundError, ForbiddenError):
            return None
        features = (found.get("status") or {}).get("supportedFeatures")
        return None if features is None else frozenset(f["name"] for f in features if "name" in f)
