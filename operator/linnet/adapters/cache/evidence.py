"""The operator remembers a rollout's evidence between two looks, and reads it back once after a restart."""

from collections.abc import Mapping

from linnet.adapters.cluster import resources
from linnet.adapters.cluster.errors import NotFoundError
from linnet.adapters.cluster.kube import Kube
from linnet.adapters.cluster.ownership import controller
from linnet.core.plan import Ref
from linnet.core.resources.objects import Parent


class EvidenceStore:
    """Evidence is kept by object; that of an earlier object of the same name is never given out."""

    def __init__(self, kube: Kube) -> None:
        self._kube = kube
        self._kept: dict[Ref, tuple[str, Mapping[str, str] | None]] = {}

    async def recall(self, parent: Parent) -> Mapping[str, str] | None:
        """Return the evidence that is remembered, or else what the ConfigMap holds; None where there is none.

        The ConfigMap is read only where a rollout under way compares two revisions.
        """
        uid, data = self._kept.get(_ref(parent), ("", None))
        if uid == parent.uid:
            return data
        if not (parent.status.get("rollout") or {}).get("from"):
            return None
        data = await self._read(parent)
        self._kept[_ref(parent)] = (parent.uid, data)
        return data

    def keep(self, parent: Parent, data: Mapping[str, str] | None) -> None:
        """Remember the evidence.

        None leaves what is known while a rollout is under way, and forgets it otherwise.
        """
        if data is not None:
            self._kept[_ref(parent)] = (parent.uid, data)
        elif not parent.status.get("rollout"):
            self._kept.pop(_ref(parent), None)

    def forget(self, ref: Ref) -> None:
        self._kept.pop(ref, None)

    async def _read(self, parent: Parent) -> Mapping[str, str] | None:
        try:
            found = await self._kube.get(resources.CONFIG_MAP, parent.namespace, f"{parent.name}-evidence")
        except NotFoundError:
            return None
        return (found.get("data") or {}) if controller(found) == parent.uid else None


def _ref(parent: Parent) -> Ref:
    return Ref("Deployment", parent.namespace, parent.name)
