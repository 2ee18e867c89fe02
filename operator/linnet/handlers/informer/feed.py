"""A change of one object means for others that they must be looked at: their keys go into the work queue."""

from collections.abc import Callable, Iterator

from linnet.adapters.cache.cache import Cache, Change, models_of, owner_of, refused_digests, version_of
from linnet.adapters.cache.gatherer import serving
from linnet.adapters.cluster import resources
from linnet.adapters.cluster.resources import Resource
from linnet.adapters.telemetry.unreadable import LOST, Told
from linnet.api.labels import ANSWERED, OWNER_LABELS
from linnet.core.plan import Manifest, Ref
from linnet.foreign.objects import named

Enqueue = Callable[[Ref, bool], None]
"""The key, and whether a person asked something of that very object."""


def untold(*_: object) -> None:
    """Tell nobody."""


def guarded(told: Told, resource: Resource, obj: Manifest, take: Callable[[], object]) -> None:
    """Take the object in; whatever that raises costs this object alone, and is told."""
    try:
        take()
    except Exception as error:  # noqa: BLE001
        told(resource.watched_as, [named(obj)], f"{LOST} ({type(error).__name__}: {error})")


class Feed:
    """All that enters the cache enters here: LISTs, watch events and answers to the operator's own writes."""

    def __init__(self, cache: Cache, enqueue: Enqueue, told: Told = untold) -> None:
        self._cache = cache
        self._enqueue = enqueue
        self._told = told

    def seen(self, resource: Resource, obj: Manifest) -> bool:
        """Take in the object as it is now; False if that was known already, or if nobody watches its kind.

        A Request that was put away is not watched any more.
        """
        meta = obj["metadata"]
        if resource == resources.REQUEST and ANSWERED in (meta.get("labels") or {}):
            return self.gone(resource, meta["namespace"], meta["name"], meta["uid"], version_of(meta))
        return resource in resources.WATCHED and self._spread(self._cache.put(resource, obj))

    def gone(self, resource: Resource, namespace: str, name: str, uid: str, version: int = 0) -> bool:
        return resource in resources.WATCHED and self._spread(self._cache.drop(resource, namespace, name, uid, version))

    def event(self, resource: Resource, type_: str, obj: Manifest) -> None:
        """Take in one watch event; one that can't be is told, and costs the others nothing."""
        guarded(self._told, resource, obj, lambda: self._event(resource, type_, obj))

    def _event(self, resource: Resource, type_: str, obj: Manifest) -> None:
        if type_ == "DELETED":
            meta = obj["metadata"]
            self.gone(resource, meta["namespace"], meta["name"], meta["uid"], version_of(meta))
        else:
            self.seen(resource, obj)

    def _spread(self, change: Change | None) -> bool:
        if change is not None and not _idle(change):
            asked = _asked(change)
            for ref in affected(change, self._cache):
                self._enqueue(ref, ref == asked)
        return change is not None


def _idle(change: Change) -> bool:
    """Say whether a child changed in nothing that a plan reads: an autoscaler reports metrics every 15 seconds."""
    if change.resource not in resources.CHILDREN or change.before is None or change.after is None:
        return False
    return _read(change.before) == _read(change.after)


def _read(child: Manifest) -> Manifest:
    meta = {k: v for k, v in child["metadata"].items() if k != "resourceVersion"}
    return {**child, "metadata": meta}


def _asked(change: Change) -> Ref | None:
    """Return the object of ours whose spec a person wrote, or of which one asked something."""
    if change.resource not in resources.OWN or change.after is None:
        return None
    if change.resource == resources.REQUEST:
        return _target_of(change.after)
    if change.before is not None and _wish(change.before) == _wish(change.after):
        return None
    return Ref(change.resource.kind, *_place(change.after))


def _wish(obj: Manifest) -> object:
    meta = obj["metadata"]
    return meta["uid"], meta.get("generation"), meta.get("deletionTimestamp")


def affected(change: Change, cache: Cache) -> set[Ref]:
    """Return the keys whose plan may come out differently."""
    return {ref for obj in change.objects for ref in _SPREAD[change.resource](change, obj, cache)}


def _of_child(_: Change, obj: Manifest, __: Cache) -> Iterator[Ref]:
    owner = owner_of(obj)
    if owner is not None:
        yield Ref(owner[0], obj["metadata"]["namespace"], owner[1])


def _of_model(_: Change, obj: Manifest, cache: Cache) -> Iterator[Ref]:
    namespace, name = _place(obj)
    yield Ref("Model", namespace, name)
    for resource in (resources.MODEL_VERSION, resources.DEPLOYMENT, resources.RETRAIN_POLICY):
        yield from _refs(resource, cache.of_model(resource, namespace, name))


def _of_version(change: Change, obj: Manifest, cache: Cache) -> Iterator[Ref]:
    namespace, name = _place(obj)
    yield Ref("ModelVersion", namespace, name)
    model = _model_of(obj)
    yield Ref("Model", namespace, model)
    for resource in (resources.DEPLOYMENT, resources.RETRAIN_POLICY):
        yield from _refs(resource, cache.of_model(resource, namespace, model))
    if _quarantine(change.before) != _quarantine(change.after):  # holds for the digest, whatever its Model
        yield from _refs(resources.DEPLOYMENT, cache.deployments(namespace))


def _of_deployment(change: Change, obj: Manifest, cache: Cache) -> Iterator[Ref]:
    namespace, name = _place(obj)
    yield Ref("Deployment", namespace, name)
    for model in models_of(obj["spec"], obj.get("status") or {}):
        if serving(change.before, model) != serving(change.after, model):  # decides which versions may be collected
            yield Ref("Model", namespace, model)
    if _refused(change.before) != _refused(change.after):  # what one refuses, all do
        yield from _refs(resources.DEPLOYMENT, cache.deployments(namespace))


def _of_retrain_policy(change: Change, obj: Manifest, _: Cache) -> Iterator[Ref]:
    namespace, name = _place(obj)
    yield Ref("RetrainPolicy", namespace, name)
    if _produced(change.before) != _produced(change.after):  # its word makes a version count
        yield Ref("Model", namespace, _model_of(obj))


def _of_request(_: Change, obj: Manifest, __: Cache) -> Iterator[Ref]:
    yield Ref("Request", *_place(obj))
    target = _target_of(obj)
    if target.kind in OWNER_LABELS:
        yield target


def _target_of(request: Manifest) -> Ref:
    target = request["spec"].get("target") or {}
    return Ref(str(target.get("kind")), request["metadata"]["namespace"], str(target.get("name")))


def _of_rollout_policy(change: Change, obj: Manifest, cache: Cache) -> Iterator[Ref]:
    if _spec(change.before) != _spec(change.after):  # a label of it is nobody's business
        yield from _refs(resources.DEPLOYMENT, cache.of_policy(*_place(obj)))


_SPREAD = {
    resources.MODEL: _of_model,
    resources.MODEL_VERSION: _of_version,
    resources.DEPLOYMENT: _of_deployment,
    resources.RETRAIN_POLICY: _of_retrain_policy,
    resources.REQUEST: _of_request,
    resources.ROLLOUT_POLICY: _of_rollout_policy,
    **dict.fromkeys(resources.CHILDREN, _of_child),
}


def _refs(resource: Resource, objects: list[Manifest]) -> Iterator[Ref]:
    for obj in objects:
        yield Ref(resource.kind, *_place(obj))


def _place(obj: Manifest) -> tuple[str, str]:
    return obj["metadata"]["namespace"], obj["metadata"]["name"]


def _model_of(obj: Manifest) -> str:
    return str((obj["spec"].get("model") or {}).get("name", ""))


def _spec(obj: Manifest | None) -> object:
    return obj["spec"] if obj is not None else None


def _produced(policy: Manifest | None) -> object:
    return ((policy or {}).get("status") or {}).get("lastVersion")


def _refused(deployment: Manifest | None) -> frozenset[str]:
    return refused_digests((deployment or {}).get("status"))


def _quarantine(version: Manifest | None) -> object:
    return ((version or {}).get("status") or {}).get("quarantine")
