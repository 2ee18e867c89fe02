"""A status is written if it differs, on the newest object that is known, and carries along what others wrote."""

from contextlib import suppress

from linnet.adapters.actions.deps import ActionDeps
from linnet.adapters.cluster import resources
from linnet.adapters.cluster.errors import ConflictError, NotFoundError
from linnet.adapters.cluster.kube import Kube
from linnet.adapters.cluster.resources import Resource
from linnet.api.names import API_VERSION
from linnet.core.plan import Manifest, Ref
from linnet.core.resources.objects import Parent


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
        with suppress(NotFoundError):
            deps.seen(resource, await deps.kube.get(resource, ref.namespace, ref.name))
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
