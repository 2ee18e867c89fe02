"""The operator asks which of the APIs that a cluster may lack are served: at the start, and in each sweep."""

from collections.abc import Iterable

from linnet.adapters.cluster import resources
from linnet.adapters.cluster.errors import ForbiddenError, NotFoundError
from linnet.adapters.cluster.kube import Kube
from linnet.adapters.cluster.resources import Resource


async def served(kube: Kube, namespaces: Iterable[str | None]) -> frozenset[Resource]:
    """Return the optional resources that can be listed in every namespace; UnavailableError if nobody answers."""
    places = tuple(namespaces)
    return frozenset([r for r in resources.ROUTES if all([await _listed(kube, r, place) for place in places])])


async def _listed(kube: Kube, resource: Resource, namespace: str | None) -> bool:
    """Say whether the resource can be listed, by a name that no object has: the answer is one empty page."""
    try:
        await kube.items(resource, namespace, fields="metadata.name=-", whole=False)
    except (NotFoundError, ForbiddenError):
        return False
    return True
