"""Reads what the Gateways that a Deployment names can do, and what the cluster's routes can say.

A Gateway can do what its class names in `status.supportedFeatures`, and what the platform vouches for. It need not say
on a route what it does not know: Traefik 3.6 accepts one with copies, and answers its requests with an error.
"""

import logging
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping
from functools import partial
from typing import Any, Final

from linnet.adapters.cluster import resources
from linnet.adapters.cluster.errors import ForbiddenError, KubeError, NotFoundError
from linnet.adapters.cluster.kube import Kube
from linnet.adapters.cluster.live import in_time
from linnet.core.plan import Manifest
from linnet.core.resources import sessions

KEPT_SECONDS: Final = 60.0
_log = logging.getLogger(__name__)
Features = frozenset[str] | None
"""What is there; None if that can't be read."""


class Gateways:
    """Each answer is read live and remembered for a minute. `vouched` are names of controllers that keep sessions.

    While one can't be read, what was known last stands.
    """

    def __init__(self, kube: Kube, clock: Callable[[], float], vouched: frozenset[str] = frozenset()) -> None:
        self._kube = kube
        self._clock = clock
        self._vouched = vouched
        self._known: dict[tuple[str, ...], tuple[float, Features]] = {}

    async def features(self, namespace: str, names: Iterable[str]) -> Mapping[str, Features]:
        """Return the features of each Gateway, by what it was named: `namespace/name`, or `name` for this namespace."""
        return {named: await self._of_gateway(*_place(named, namespace)) for named in sorted({*names})}

    async def _of_gateway(self, namespace: str, name: str) -> Features:
        return await self._remembered((namespace, name), partial(self._of_class, namespace, name))

    async def session_kinds(self) -> Features:
        """Return the kinds of route whose rules have `sessionPersistence`, by the API server's own schema."""
        return await self._remembered((), self._of_schema)

    async def _remembered(self, key: tuple[str, ...], read: Callable[[], Awaitable[Features]]) -> Features:
        asked, known = self._known.get(key, (-KEPT_SECONDS, None))
        if self._clock() - asked < KEPT_SECONDS:
            return known
        try:
            found = await in_time(read())
        except KubeError as error:
            _log.warning("what %s can do was not read: %s", f"Gateway {'/'.join(key)}" if key else "routes", error)
            return known
        self._known[key] = self._clock(), found
        return found

    async def _of_class(self, namespace: str, name: str) -> Features:
        try:
            gateway = await self._kube.get(resources.GATEWAY, namespace, name)
            found = await self._kube.get(resources.GATEWAY_CLASS, "", gateway["spec"]["gatewayClassName"])
        except (NotFoundError, ForbiddenError):
            return None
        named = (found.get("status") or {}).get("supportedFeatures")
        vouched = sessions.FEATURES if found["spec"]["controllerName"] in self._vouched else frozenset()
        return None if named is None and not vouched else vouched | {f["name"] for f in named or () if "name" in f}

    async def _of_schema(self) -> Features:
        try:
            document = await self._kube.schemas(resources.HTTP_ROUTE)
        except (NotFoundError, ForbiddenError):
            return None
        described = (document.get("components") or {}).get("schemas") or {}
        return frozenset(kind for schema in described.values() if _has_sessions(schema) for kind in _kinds(schema))


def _place(named: str, own: str) -> tuple[str, str]:
    namespace, _, name = named.rpartition("/")
    return namespace or own, name


def _kinds(schema: Manifest) -> Iterator[str]:
    """Iterate over the kinds that a schema of an OpenAPI document describes."""
    yield from (str(each.get("kind")) for each in schema.get("x-kubernetes-group-version-kind") or ())


def _has_sessions(schema: Any) -> bool:
    for part in ("properties", "spec", "properties", "rules", "items", "properties"):
        schema = schema.get(part) or {}
    return sessions.FIELD in schema
