"""Which of the APIs that a cluster may lack are served to the operator: asked at the start, and in each sweep."""

from collections.abc import Iterable

from linnet.adapters import kinds
from linnet.adapters.errors import ForbiddenError, NotFoundError
from linnet.adapters.kinds import Resource
from linnet.adapters.kube import Kube


async def served(kube: Kube, namespaces: Iterable[str | None]) -> frozenset[Resource]:
    """The optional resources that can be listed in every namespace; UnavailableError if nobody answers."""
    places = tuple(namespaces)
    return frozenset([r for r in kinds.ROUTES if all([await _listed(kube, r, place) for place in places])])


async def _listed(kube: Kube, resource: Resource, namespace: str | None) -> bool:
    """By a name that no object has: the answer is one empty page."""
    try:
        await kube.items(resource, namespace, fields="metadata.name=-", whole=False)
    except (NotFoundError, ForbiddenError):
        return False
    return True
