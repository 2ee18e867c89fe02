"""The operator remembers a rollout's evidence between two looks, and reads it back once after a restart."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from linnet.adapters.cluster import resources
from linnet.adapters.cluster.errors import ForbiddenError, ForeignObjectError, InvalidError, NotFoundError
from linnet.adapters.cluster.kube import Kube
from linnet.adapters.cluster.ownership import controller
from linnet.core.plan import Manifest, Ref
from linnet.core.resources.objects import Parent
from linnet.core.rollout.judging import seal
from linnet.core.rollout.judging.seal import ReadBack

REFUSED = (ForbiddenError, ForeignObjectError, InvalidError, NotFoundError)
"""After these the ConfigMap holds what it held; after others it may hold either."""


@dataclass(frozen=True)
class Recalled:
    """The evidence that is known; `held`: hashes of what the ConfigMap may hold; `tampered`: why that is refused."""

    data: Mapping[str, str] | None = None
    held: tuple[str, ...] = ()
    tampered: str = ""


@dataclass
class _Memory:
    uid: str
    data: Mapping[str, str] | None = None
    held: tuple[str, ...] = field(default=())


class EvidenceStore:
    """Evidence is kept by object; that of an earlier object of the same name is never given out."""

    def __init__(self, kube: Kube) -> None:
        self._kube = kube
        self._kept: dict[Ref, _Memory] = {}

    async def recall(self, parent: Parent) -> Recalled:
        """Return the evidence that is remembered, or else what the ConfigMap holds, if the status has its hash.

        The ConfigMap is read only where a rollout under way compares two revisions. What can't be used is not kept.
        """
        rollout = parent.status.get("rollout") or {}
        known = self._known(parent)
        if known is not None and known.data is not None:
            return Recalled(known.data, known.held)
        if not rollout.get("from"):
            return Recalled()
        memory = self._of(parent)
        read = await self._read(parent, rollout)
        if read.data is not None:
            memory.data, memory.held = read.data, (seal.seal(read.data),)
        return Recalled(read.data, memory.held, read.tampered)

    def keep(self, parent: Parent, data: Mapping[str, str] | None) -> None:
        """Remember the evidence.

        None leaves what is known while a rollout is under way, and forgets it otherwise.
        """
        if data is not None:
            self._of(parent).data = data
        elif not parent.status.get("rollout"):
            self._kept.pop(_ref(parent), None)

    async def save(self, parent: Parent, manifest: Manifest, apply: Callable[[Manifest], Awaitable[Any]]) -> None:
        """Write the ConfigMap, and remember what it holds then, or may hold."""
        memory, written = self._of(parent), seal.seal(manifest["data"])
        former = memory.held
        memory.held = (*former[: seal.MOST - 2], written)
        try:
            await apply(manifest)
        except REFUSED:
            memory.held = former
            raise
        memory.held = (written,)

    def forget(self, ref: Ref) -> None:
        self._kept.pop(ref, None)

    def _known(self, parent: Parent) -> _Memory | None:
        known = self._kept.get(_ref(parent))
        return known if known is not None and known.uid == parent.uid else None

    def _of(self, parent: Parent) -> _Memory:
        known = self._known(parent)
        if known is None:
            known = self._kept[_ref(parent)] = _Memory(parent.uid)
        return known

    async def _read(self, parent: Parent, rollout: Mapping[str, Any]) -> ReadBack:
        try:
            found = await self._kube.get(resources.CONFIG_MAP, parent.namespace, f"{parent.name}-evidence")
        except NotFoundError:
            return seal.read_back(rollout, None)
        return seal.read_back(rollout, (found.get("data") or {}) if controller(found) == parent.uid else None)


def _ref(parent: Parent) -> Ref:
    return Ref("Deployment", parent.namespace, parent.name)
