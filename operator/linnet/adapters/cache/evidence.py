"""The operator remembers a rollout's evidence between two looks, and reads it back once after a restart."""

import logging
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from linnet.adapters.cluster import resources
from linnet.adapters.cluster.errors import (
    ForbiddenError,
    ForeignObjectError,
    InvalidError,
    KubeError,
    NotFoundError,
)
from linnet.adapters.cluster.kube import Kube
from linnet.adapters.cluster.live import in_time
from linnet.adapters.cluster.ownership import controller
from linnet.core.plan import Emit, Manifest, Ref
from linnet.core.resources.objects import Parent
from linnet.core.rollout.judging import seal
from linnet.core.rollout.judging.seal import ReadBack

REFUSED: Final = (ForbiddenError, ForeignObjectError, InvalidError, NotFoundError)
"""After these the ConfigMap holds what it held; after others it may hold either."""
GIVES_UP_SECONDS: Final = 30.0
"""So long evidence that can't be read is waited for; what is seen meanwhile counts, and is not saved."""
_HELD: Final = seal.MOST - len(seal.variants({}))
"""The status has room for so many hashes of what the ConfigMap may hold."""
_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Recalled:
    """The evidence that is known; `held`: hashes of what the ConfigMap may hold; `loss`: why it is not all.

    `unread`: what was saved can't be read now, so that it is what was seen since.
    """

    data: Mapping[str, str] | None = None
    held: tuple[str, ...] = ()
    loss: Emit | None = None
    unread: bool = False


@dataclass
class _Memory:
    uid: str
    data: Mapping[str, str] | None = None
    held: tuple[str, ...] = field(default=())
    since: float | None = None
    """When what was saved could not be read for the first time; None: it can be, as far as is known."""


class EvidenceStore:
    """Evidence is kept by object; that of an earlier object of the same name is never given out.

    `clock` is a monotonic time in seconds.
    """

    def __init__(self, kube: Kube, clock: Callable[[], float]) -> None:
        self._kube = kube
        self._clock = clock
        self._kept: dict[Ref, _Memory] = {}

    async def recall(self, parent: Parent) -> Recalled:
        """Return the evidence that is remembered, or else what the ConfigMap holds, if the status has its hash.

        The ConfigMap is read only where a rollout under way compares two revisions. What can't be used is not kept.
        """
        rollout = parent.status.get("rollout") or {}
        known = self._known(parent)
        if known is not None and known.data is not None and known.since is None:
            return Recalled(known.data, known.held)
        if not rollout.get("from"):
            return Recalled()
        return await self._read_back(self._of(parent), parent, rollout)

    async def _read_back(self, memory: _Memory, parent: Parent, rollout: Mapping[str, Any]) -> Recalled:
        try:
            read = await in_time(self._read(parent, rollout))
        except KubeError as error:
            return self._unread(memory, rollout, error)
        memory.since = None
        memory.data, memory.held = read.data, (read.held,) if read.held else memory.held
        return Recalled(read.data, memory.held, read.loss)

    def _unread(self, memory: _Memory, rollout: Mapping[str, Any], error: KubeError) -> Recalled:
        """Go on with what was seen since, and in the end for good: a bad version is judged meanwhile."""
        _log.warning("the evidence of a rollout was not read: %s", error)
        now, held = self._clock(), tuple(rollout.get("evidence") or ())
        memory.since = now if memory.since is None else memory.since
        if now - memory.since < GIVES_UP_SECONDS:
            return Recalled(memory.data, held, unread=True)
        memory.since, memory.held = None, held
        return Recalled(memory.data, held, seal.lost(f"can't be read ({error})"))

    def keep(self, parent: Parent, data: Mapping[str, str] | None) -> None:
        """Remember the evidence.

        None leaves what is known while a rollout is under way, and forgets it otherwise; a Model of the same name
        has none to forget.
        """
        if data is not None:
            self._of(parent).data = data
        elif self._known(parent) is not None and not parent.status.get("rollout"):
            self._kept.pop(_ref(parent), None)

    async def save(self, parent: Parent, manifest: Manifest, apply: Callable[[Manifest], Awaitable[Any]]) -> None:
        """Write the ConfigMap, with less in it where it is refused, and remember what it holds then, or may hold."""
        refused: KubeError | None = None
        for data in seal.variants(manifest["data"]):
            try:
                await self._save(self._of(parent), {**manifest, "data": data}, apply)
            except (ForbiddenError, InvalidError) as error:
                refused = refused or error
            else:
                if refused is not None:
                    _log.warning("%s has less in it: %s", manifest["metadata"]["name"], refused)
                return
        if refused is not None:
            raise refused

    async def _save(self, memory: _Memory, manifest: Manifest, apply: Callable[[Manifest], Awaitable[Any]]) -> None:
        former, written = memory.held, seal.seal(manifest["data"])
        memory.held = (*former[: _HELD - 1], written)
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
