"""The chart's admission policies are tried, and compared with what was shipped: a platform may have taken one away.

Each refuses a label of its own to everybody, which is asked by dry runs: the operator is exempt from most other rules.
Nobody is exempt from that for Requests: it is asked by a forgery.
What is missing is told, and nothing stops for it: a rollout on a cluster without a policy is judged as ever.
"""

import asyncio
import logging
from collections import defaultdict
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from linnet.adapters.cluster import request_policy, resources
from linnet.adapters.cluster.errors import ForbiddenError, InvalidError, KubeError, NotFoundError
from linnet.adapters.cluster.kube import Kube
from linnet.adapters.cluster.live import in_time
from linnet.adapters.cluster.resources import Resource
from linnet.api.labels import PROBE
from linnet.api.names import API_VERSION
from linnet.core.plan import Manifest

KEPT_SECONDS: Final = 300.0
AGAIN_SECONDS: Final = 30.0
"""After an outage: a look need not pay for it."""
RISKS: Final[Mapping[str, str]] = {
    "children": "whoever may write pods or ConfigMaps here can forge metrics and evidence",
    "authors": "whoever may write Linnet's objects here can use claims, host names and nodes that are not theirs",
    "operator": "nothing but RBAC bounds what the operator's account may write",
    "requests": "nobody proves who made a request",
}
"""Each policy, by the end of its name, with what its absence means."""
_KINDS: Final = {r.kind: r for r in (resources.ADMISSION_POLICY, resources.ADMISSION_BINDING)}
_IMPLIED: Final[tuple[Any, ...]] = (None, {}, [], "", "*", "Equivalent")
"""What the API server fills in where a field is left out."""
_log = logging.getLogger(__name__)

Tell = Callable[[str, str, bool], None]
"""Called with policy, namespace, and whether the policy is missing there."""


@dataclass(frozen=True)
class _Known:
    """What was found about a namespace, and when; `clock` time."""

    at: float
    missing: tuple[str, ...]


class Protections:
    """It asks at most once in five minutes for each namespace. `shipped` are the chart's policies and bindings."""

    def __init__(self, kube: Kube, clock: Callable[[], float], shipped: Sequence[Manifest], tell: Tell) -> None:
        self._kube = kube
        self._clock = clock
        self._shipped = shipped
        self._tell = tell
        self._known: dict[str, _Known] = {}
        self._asking: dict[str, asyncio.Lock] = defaultdict(asyncio.Lock)
        self._comparing = asyncio.Lock()
        self._changed: tuple[float, frozenset[str]] | None = None

    async def missing(self, namespace: str) -> tuple[str, ...]:
        """Return a sentence for each policy that is not in force as shipped; in an outage, what was known last.

        One look asks, and the others of that moment wait for its answer: after a start all workers want it at once.
        """
        async with self._asking[namespace]:
            return await self._missing(namespace)

    async def _missing(self, namespace: str) -> tuple[str, ...]:
        former = self._known.get(namespace)
        if former is not None and self._clock() - former.at < KEPT_SECONDS:
            return former.missing
        try:
            found = await in_time(self._tried(namespace))
        except KubeError as error:
            _log.debug("the admission policies could not be tried: %s", error)
            known = former.missing if former is not None else ()
            self._known[namespace] = _Known(self._clock() - KEPT_SECONDS + AGAIN_SECONDS, known)
            return known
        self._known[namespace] = _Known(self._clock(), found)
        if found != (former.missing if former is not None else ()):
            _report(namespace, found)
        return found

    async def _tried(self, namespace: str) -> tuple[str, ...]:
        return tuple([sentence async for sentence in self._sentences(namespace)])

    async def _sentences(self, namespace: str) -> AsyncIterator[str]:
        changed = await self._changes()
        for policy, risk in RISKS.items():
            tried = await self._refuses(policy, namespace)
            self._tell(policy, namespace, not tried or policy in changed)
            if not tried:
                yield f"the admission policy {policy} is not in force: {risk}"
            elif policy in changed:
                yield f"the admission policy {policy} is not as it was shipped: {risk}, unless the change is meant"

    async def _refuses(self, policy: str, namespace: str) -> bool:
        resource, manifest = probe(policy, namespace)
        try:
            await self._kube.create(resource, manifest, dry_run=True)
        except (ForbiddenError, InvalidError) as error:
            return _is_its_own(policy, str(error))
        return False

    async def _changes(self) -> frozenset[str]:
        """The policies whose stored spec, or binding, is another than the shipped one."""
        async with self._comparing:
            if self._changed is None or self._clock() - self._changed[0] >= KEPT_SECONDS:
                found = [_policy_of(m) for m in self._shipped if not await self._stands(m)]
                self._changed = self._clock(), frozenset(found)
            return self._changed[1]

    async def _stands(self, manifest: Manifest) -> bool:
        try:
            stored = await self._kube.get(_KINDS[manifest["kind"]], "", manifest["metadata"]["name"])
        except (NotFoundError, ForbiddenError):
            return False
        return bool(said(stored.get("spec")) == said(manifest["spec"]))


def _is_its_own(policy: str, said: str) -> bool:
    """Whether the policy refused, and not somebody else's for reasons of its own."""
    if policy == "requests":
        return request_policy.DENIED.search(said) is not None
    return "ValidatingAdmissionPolicy" in said and f"{PROBE}: " in said


def _report(namespace: str, found: tuple[str, ...]) -> None:
    if not found:
        _log.info("every admission policy protects this namespace", extra={"fields": {"namespace": namespace}})
    for sentence in found:
        _log.warning("%s", sentence, extra={"fields": {"namespace": namespace}})


def _policy_of(manifest: Manifest) -> str:
    return str(manifest["metadata"]["name"]).rpartition("-")[2]


def said(value: Any) -> Any:
    """Return a spec without what the API server would fill in, so that two can be compared.

    >>> said({"matchPolicy": "Equivalent", "rules": [{"scope": "*", "verbs": ["GET"]}]})
    {'rules': [{'verbs': ['GET']}]}
    """
    if isinstance(value, Mapping):
        known = {key: said(each) for key, each in value.items()}
        return {key: each for key, each in known.items() if each not in _IMPLIED}
    return [said(each) for each in value] if isinstance(value, list) else value


def probe(policy: str, namespace: str) -> tuple[Resource, Manifest]:
    """Return an object that this policy refuses, and no other one; it is never stored."""
    if policy == "requests":
        return resources.REQUEST, request_policy.forged(namespace)
    meta = {"name": "linnet-probe-v1", "namespace": namespace, "labels": {PROBE: policy}}
    if policy != "authors":
        return resources.CONFIG_MAP, {"apiVersion": "v1", "kind": "ConfigMap", "metadata": meta}
    spec = {
        "model": {"name": "linnet-probe"},
        "version": 1,
        "format": {"name": "custom"},
        "source": {"uri": "s3://linnet/probe", "digest": f"sha256:{'0' * 64}"},
        "runtime": {"name": "custom", "image": "linnet.invalid/probe", "ports": {"http": 8080}, "readyPath": "/ready"},
        "origin": {"type": "Import"},
    }
    return resources.MODEL_VERSION, {"apiVersion": API_VERSION, "kind": "ModelVersion", "metadata": meta, "spec": spec}
