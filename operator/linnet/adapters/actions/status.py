"""A status is written if it differs, on the newest object that is known, and carries along what others wrote.

What the API server refuses is written with less in it: the decision is what must not be lost, and that is short.
"""

from collections.abc import Iterator, Mapping
from contextlib import suppress
from typing import Any, Final

from linnet.adapters.actions.deps import ActionDeps
from linnet.adapters.cluster import resources
from linnet.adapters.cluster.errors import ConflictError, KubeError, NotFoundError
from linnet.adapters.cluster.kube import Kube
from linnet.adapters.cluster.live import in_time
from linnet.adapters.cluster.resources import Resource
from linnet.api.names import API_VERSION
from linnet.core.plan import Manifest, Ref
from linnet.core.resources.objects import Parent

_SENTENCES: Final = frozenset({"message"})
_SHORT: Final = 128
_OPTIONAL: Final = frozenset({"checks", "versions", "metrics", "lineage"})


async def write_status(deps: ActionDeps, ref: Ref, parent: Parent, status: Manifest, known: frozenset[str]) -> None:
    """PUT the status if it differs. `known` are the fields that this operator knows; others are carried along.

    ConflictError is raised after the newest object was taken into the cache; an object that is gone needs no status.
    """
    carried = {k: v for k, v in parent.status.items() if k not in known}
    wanted = {**carried, **status}
    if wanted == parent.status:
        return
    deps.writable()
    resource = resources.own(ref.kind)
    try:
        deps.seen(resource, await put_status(deps.kube, resource, _meta(ref, parent), wanted))
    except ConflictError:
        with suppress(KubeError):  # the conflict is what counts, read or not
            deps.seen(resource, await in_time(deps.kube.get(resource, ref.namespace, ref.name)))
        raise
    except NotFoundError:
        deps.gone(resource, ref.namespace, ref.name, parent.uid)


def _meta(ref: Ref, parent: Parent) -> Manifest:
    version = {"uid": parent.uid, "resourceVersion": parent.resource_version}
    return {"metadata": {"name": ref.name, "namespace": ref.namespace, **version}}


async def put_status(kube: Kube, resource: Resource, obj: Manifest, status: Manifest) -> Manifest:
    """Write the status, and return the object with it. ConflictError unless `obj` has the newest resourceVersion.

    The API server takes the spec from what it holds.
    """
    meta = {k: obj["metadata"][k] for k in ("name", "namespace", "uid", "resourceVersion")}
    body = {"apiVersion": API_VERSION, "kind": resource.kind, "metadata": meta, "status": status}
    return await kube.replace_status(resource, body)


def briefer(status: Manifest) -> Iterator[Manifest]:
    """The status with short sentences and without optional lists; then without any sentence.

    >>> [*briefer({"rollout": {"phase": "RollingBack", "message": "!" * 500, "checks": [1]}})][1]
    {'rollout': {'phase': 'RollingBack', 'message': ''}}
    """
    for longest in (_SHORT, 0):
        yield {key: _brief(value, longest) for key, value in status.items() if key not in _OPTIONAL}


def _brief(value: Any, longest: int) -> Any:
    if isinstance(value, Mapping):
        kept = {k: v for k, v in value.items() if k not in _OPTIONAL}
        return {
            k: v[:longest] if k in _SENTENCES and isinstance(v, str) else _brief(v, longest) for k, v in kept.items()
        }
    return [_brief(v, longest) for v in value] if isinstance(value, list) else value
