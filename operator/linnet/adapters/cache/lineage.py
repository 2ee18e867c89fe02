"""Whose an object is: the uids of its makers lead up to an object of ours, through the kinds that make such objects.

Labels and names are what children are found by, and prove nothing: whoever may write pods can write them.
"""

from typing import Final

from linnet.adapters.cache.cache import Cache
from linnet.adapters.cluster import resources
from linnet.adapters.cluster.ownership import controller
from linnet.adapters.cluster.resources import Resource
from linnet.core.plan import Manifest
from linnet.core.resources.objects import Parent

_MADE: Final = frozenset({resources.POD, resources.REPLICA_SET})
"""Resources that Linnet never makes itself."""
_PATHS: Final = {
    "Deployment": frozenset(
        {(resources.REPLICA_SET, resources.WORKLOAD), (resources.POD, resources.REPLICA_SET, resources.WORKLOAD)}
    ),
    "ModelVersion": frozenset({(resources.POD, resources.JOB)}),
    "RetrainPolicy": frozenset(
        {
            (resources.JOB, resources.CRON_JOB),
            (resources.POD, resources.JOB),
            (resources.POD, resources.JOB, resources.CRON_JOB),
        }
    ),
}
"""What an object that Linnet did not make itself is made by, from itself up to what our object controls."""
_LONGEST: Final = 3


def belongs(cache: Cache, resource: Resource, obj: Manifest, kind: str, parent: Parent) -> bool:
    """Say whether the object is this very parent's, or made by something that is.

    A maker that was deleted is remembered for a while, since its pods end later; one that was never seen is nobody's.
    """
    path, owner = [resource], controller(obj)
    while owner != parent.uid and len(path) < _LONGEST and (maker := cache.maker(owner)) is not None:
        path.append(maker.resource)
        owner = maker.owner
    direct = len(path) == 1 and resource not in _MADE
    return owner == parent.uid and (direct or tuple(path) in _PATHS.get(kind, ()))
