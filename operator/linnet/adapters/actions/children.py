"""Children are made as their manifests say: created where the name is free, applied where it is ours, else refused."""

import hashlib
import json
import logging
from collections.abc import Callable
from contextlib import suppress
from typing import Final

from linnet.adapters.cache.cache import Cache
from linnet.adapters.cluster import resources
from linnet.adapters.cluster.errors import (
    AlreadyExistsError,
    ConflictError,
    ForbiddenError,
    ForeignObjectError,
    InvalidError,
    KubeError,
    NotFoundError,
)
from linnet.adapters.cluster.kube import JSON_PATCH, Kube
from linnet.adapters.cluster.ownership import as_applied, controller
from linnet.adapters.cluster.resources import Resource
from linnet.core.plan import Manifest

Seen = Callable[[Resource, Manifest], bool]
"""Takes the API server's answer into the cache."""
Gone = Callable[[Resource, str, str, str], bool]
"""Takes an absence into the cache: resource, namespace, name, uid."""
_UNWATCHED_REMEMBERED: Final = 8192
_log = logging.getLogger(__name__)


class Children:
    """No request is sent where the same manifest was applied before and nobody has changed the object since."""

    def __init__(self, kube: Kube, cache: Cache, seen: Seen, gone: Gone) -> None:
        self._kube = kube
        self._cache = cache
        self._seen = seen
        self._gone = gone
        self._unwatched: dict[tuple[Resource, str, str], tuple[str, str]] = {}
        """For resources that are not watched: uid and hash of what was last applied."""
        self._foreign: set[tuple[Resource, str, str]] = set()
        """Names that somebody else's object bore at the last look: read before anything is tried."""

    async def apply(self, manifest: Manifest) -> bool:
        """Apply the manifest; say whether anything was written. ForeignObjectError if the name is somebody else's."""
        resource = resources.of(manifest["apiVersion"], manifest["kind"])
        meta = manifest["metadata"]
        digest = _hash(manifest)
        uid, applied = self._known(resource, meta["namespace"], meta["name"])
        if uid is None:
            made = await self._create(resource, manifest)
        elif applied == digest:
            return False
        else:
            made = await self._change(resource, manifest, uid)
        self._seen(resource, made)
        self._remember(resource, made, digest)
        return True

    async def create(self, manifest: Manifest) -> bool:
        """Create the object if the name is free; else ConflictError, after the object that holds it is in the cache.

        A ModelVersion of the name may be anybody's; of other kinds a stranger's is a ForeignObjectError.
        """
        resource = resources.of(manifest["apiVersion"], manifest["kind"])
        try:
            self._seen(resource, await self._kube.create(resource, manifest))
        except AlreadyExistsError as error:
            found = await self._live(resource, manifest)
            self._seen(resource, found)
            if resource != resources.MODEL_VERSION:
                _refuse_foreign(found, manifest)
            raise ConflictError(str(error)) from error
        return True

    def _known(self, resource: Resource, namespace: str, name: str) -> tuple[str | None, str]:
        if resource not in resources.WATCHED:
            return self._unwatched.get((resource, namespace, name), (None, ""))
        known = self._cache.get(resource, namespace, name)
        if known is None:
            return None, ""
        return str(known["metadata"]["uid"]), self._cache.applied(resource, namespace, name)

    def _remember(self, resource: Resource, made: Manifest, digest: str) -> None:
        meta = made["metadata"]
        key = (resource, meta["namespace"], meta["name"])
        if resource in resources.WATCHED:
            self._cache.remember_applied(*key, digest)
            return
        if len(self._unwatched) >= _UNWATCHED_REMEMBERED:
            self._unwatched.clear()
        self._unwatched[key] = (meta["uid"], digest)

    async def _create(self, resource: Resource, manifest: Manifest) -> Manifest:
        await self._still_foreign(resource, manifest)
        try:
            return await self._kube.create(resource, manifest)
        except AlreadyExistsError:
            found = await self._live(resource, manifest)
            self._foreign.add((resource, *_place(manifest)))
            _refuse_foreign(found, manifest)
            self._foreign.discard((resource, *_place(manifest)))
            if resource == resources.WORKLOAD:
                return found  # made once: who did not know of it had an earlier state before their eyes
            return await self._change(resource, manifest, found["metadata"]["uid"])

    async def _still_foreign(self, resource: Resource, manifest: Manifest) -> None:
        key = (resource, *_place(manifest))
        if key in self._foreign:
            with suppress(NotFoundError):
                _refuse_foreign(await self._kube.get(*key), manifest)
            self._foreign.discard(key)

    async def _live(self, resource: Resource, manifest: Manifest) -> Manifest:
        meta = manifest["metadata"]
        try:
            return await self._kube.get(resource, meta["namespace"], meta["name"])
        except NotFoundError as error:
            raise ConflictError(f"{resource.kind} {meta['name']} was deleted meanwhile") from error

    async def _change(self, resource: Resource, manifest: Manifest, uid: str) -> Manifest:
        """Apply the manifest to the object of this uid. ConflictError if the name is another object's by now."""
        _refuse_foreign(self._cache.get(resource, *_place(manifest)), manifest)
        guarded = {**manifest, "metadata": {**manifest["metadata"], "uid": uid}}
        try:
            made = await self._kube.apply(resource, guarded)
        except ConflictError:
            await self._look_again(resource, manifest, uid)
            raise
        except (ForbiddenError, InvalidError) as refused:
            return await self._route(resource, guarded, refused)
        fields = as_applied(made)
        if fields is None:
            return made
        await self._take_over(resource, made, fields)
        return await self._kube.apply(resource, guarded)

    async def _route(self, resource: Resource, manifest: Manifest, refused: KubeError) -> Manifest:
        """Change at least whom a Service selects. Raises `refused` for another kind.

        What somebody has made of its ports may contradict ours, and must not keep traffic from going back.
        """
        if resource != resources.SERVICE:
            raise refused
        place, wanted = _place(manifest), manifest["spec"]["selector"]
        former = ((self._cache.get(resource, *place) or {}).get("spec") or {}).get("selector") or {}
        selector = {**{key: None for key in former if key not in wanted}, **wanted}
        body = {"metadata": {"uid": manifest["metadata"]["uid"]}, "spec": {"selector": selector}}
        made = await self._kube.patch(resource, *place, body)
        _log.warning("of Service %s nothing but the selector was changed: %s", place[1], refused)
        return made

    async def _take_over(self, resource: Resource, made: Manifest, fields: list[Manifest]) -> None:
        """Make our fields those of an apply. ConflictError if somebody, such as the object's controller, wrote first.

        The API server answers a JSON patch whose test fails with 422, as it does one that it refuses.
        """
        place = _place(made)
        try:
            await self._kube.patch(resource, *place, _replacing(made, fields), content_type=JSON_PATCH)
        except InvalidError as error:
            newest = await self._live(resource, made)
            self._seen(resource, newest)
            if newest["metadata"]["resourceVersion"] == made["metadata"]["resourceVersion"]:
                raise
            raise ConflictError(f"{resource.kind} {place[1]} was written meanwhile") from error

    async def _look_again(self, resource: Resource, manifest: Manifest, uid: str) -> None:
        """Take into the cache what bears the name now, which need not be the object that was known any more.

        If it is, the race was lost for another reason, and it must not count as deleted: it would not come back.
        """
        place = _place(manifest)
        self._unwatched.pop((resource, *place), None)
        try:
            found = await self._kube.get(resource, *place)
        except NotFoundError:
            self._gone(resource, *place, uid)
            return
        if found["metadata"]["uid"] != uid:
            self._gone(resource, *place, uid)
        self._seen(resource, found)


def _replacing(obj: Manifest, fields: list[Manifest]) -> list[Manifest]:
    """Return a JSON patch that fails if the object has changed since."""
    version = obj["metadata"]["resourceVersion"]
    return [
        {"op": "test", "path": "/metadata/resourceVersion", "value": version},
        {"op": "replace", "path": "/metadata/managedFields", "value": fields},
    ]


def _refuse_foreign(found: Manifest | None, manifest: Manifest) -> None:
    if found is None or controller(found) == controller(manifest):
        return
    raise ForeignObjectError(_whose(found, manifest))


def _whose(found: Manifest, manifest: Manifest) -> str:
    """Say whose the name is, and the way out; never to delete what may be another team's."""
    name, kind = manifest["metadata"]["name"], manifest["kind"]
    mine, other = _owner(manifest), _owner(found)
    if other is None:
        return (
            f"{kind} {name} exists and is not of {mine}: give {mine} another name, or, if that {kind} is yours, give "
            f"it another (kubectl get {kind.lower()} {name} -n {manifest['metadata']['namespace']})"
        )
    return (
        f"{kind} {name} is of {other}, and {mine} needs one of that name: the two can't be in one namespace; "
        "give one of them another name"
    )


def _owner(obj: Manifest) -> str | None:
    """Return kind and name of the controller."""
    owners = (obj.get("metadata") or {}).get("ownerReferences") or ()
    found = next((o for o in owners if o.get("controller")), None)
    return f"{found.get('kind')} {found.get('name')}" if found is not None else None


def _place(manifest: Manifest) -> tuple[str, str]:
    return manifest["metadata"]["namespace"], manifest["metadata"]["name"]


def _hash(manifest: Manifest) -> str:
    return hashlib.blake2b(json.dumps(manifest, sort_keys=True).encode(), digest_size=16).hexdigest()
