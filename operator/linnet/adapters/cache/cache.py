"""What the operator knows of the cluster: slim objects as compact JSON, found by name, owner, model and policy.

Filled by LISTs before the watch starts, then by watch events and by the answers to the operator's own writes.
A newer object is never replaced by an older one, since events lag behind answers.
"""

from collections import OrderedDict, defaultdict
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Final

from linnet.adapters.cache.backlog import Asked, Backlog, Excerpt, Target
from linnet.adapters.cache.transform import MOST, bare, decode, encode, fingerprint, slim
from linnet.adapters.cluster import resources
from linnet.adapters.cluster.ownership import controller
from linnet.adapters.cluster.resources import Resource
from linnet.api.labels import OWNER_LABELS
from linnet.core.plan import Manifest
from linnet.core.requests.waiting import Asks, about, is_answered

Key = tuple[Resource, str, str]
"""Resource, namespace, name."""
Place = tuple[str, str, str]
"""A namespace, a kind that people write there, and an author of Requests; no kind is that of all children."""
_TOMBSTONES: Final = 4096
"""Deletions that are remembered of all namespaces; where they are too many, the one with most forgets its oldest."""
MOST_BYTES: Final = 64 * 2**20
"""Bytes that are kept of one namespace's objects of a kind, and of all its children: strangers label what they make."""
MOST_OBJECTS: Final = 100_000
SHARE: Final = 8
"""The part of a namespace's place for Requests that one author may take: an `abort` of another's is always seen."""
_APPLIED: Final = frozenset(resources.CHILDREN) - {resources.POD, resources.REPLICA_SET}
"""Resources whose changes by others an Apply would put right."""
MAKERS: Final = frozenset({resources.WORKLOAD, resources.REPLICA_SET, resources.JOB, resources.CRON_JOB})
"""Resources whose controllers make pods, or what makes pods."""


@dataclass(slots=True)
class _Entry:
    uid: str
    version: int
    data: bytes
    print: str
    marks: tuple[Hashable, ...]
    author: str = ""
    """Who made it, of a Request."""
    applied: str = ""
    """Hash of the manifest that was last applied, and the fingerprint that the object had then."""


@dataclass(frozen=True)
class Maker:
    """What makes pods: its resource, and the uid of its own controller."""

    resource: Resource
    owner: str | None


@dataclass(frozen=True)
class Change:
    """An object before and after a change, None where it did not exist. `moved`: it is found elsewhere now."""

    resource: Resource
    former: bytes | None
    after: Manifest | None
    moved: bool = True

    @property
    def before(self) -> Manifest | None:
        return decode(self.former) if self.former is not None else None

    @property
    def objects(self) -> tuple[Manifest, ...]:
        """The objects to look for others by: the object as it is, and as it was if its owner or model was another."""
        if self.after is not None and not self.moved:
            return (self.after,)
        return tuple(o for o in (self.before, self.after) if o is not None)


@dataclass(slots=True)
class _Kept:
    """What is kept of one namespace's objects, or of its children."""

    objects: int = 0
    size: int = 0

    def add(self, objects: int, size: int) -> None:
        self.objects += objects
        self.size += size

    def has_place(self, objects: int, size: int, share: int = 1) -> bool:
        return (self.objects + objects) * share <= MOST_OBJECTS and (self.size + size) * share <= MOST_BYTES


Full = Callable[[Resource, str, str], None]
"""Called with the resource, namespace and name of an object for which its namespace has no place left."""


class Cache:
    """The cache belongs to the loop of the work queue, and is not for threads.

    A namespace has a bounded place in it, so that nobody's objects fill the memory that all need.
    """

    def __init__(self, full: Full = lambda *_: None) -> None:
        self._full = full
        self._kept: dict[Place, _Kept] = defaultdict(_Kept)
        self._entries: dict[Key, _Entry] = {}
        self._marked: dict[Hashable, dict[Key, None]] = defaultdict(dict)
        self._backlog = Backlog()
        self._dead: dict[str, OrderedDict[str, int]] = defaultdict(OrderedDict)
        """By namespace, the uid and last resourceVersion of what was deleted, or lost its label."""
        self._buried = 0
        self._makers: dict[str, Maker] = {}
        """By uid, with the owner that each was born with: the Deployment controller adopts a stranger's ReplicaSet that
        bears a revision's label. What was deleted stays while its uid is among the dead: its pods end later than it."""

    def put(self, resource: Resource, obj: Manifest) -> Change | None:
        """Remember the object; None if this or a newer one is known already, or if it was seen deleted since.

        An object that is not watched is not remembered: nobody would tell of its next change.
        """
        if resource not in resources.WATCHED:
            return None
        meta = obj["metadata"]
        key = (resource, meta["namespace"], meta["name"])
        known = self._entries.get(key)
        version = version_of(meta)
        buried = self._dead[key[1]].get(meta["uid"], -1) if key[1] in self._dead else -1
        if version <= max(buried, known.version if known is not None else -1):
            return None
        after, data = _bounded(resource, obj)
        if not self._has_place(key, known, after, len(data)):
            self._full(*key)
            return None
        print_ = fingerprint(resource, obj) if resource in _APPLIED else ""
        fresh = _Entry(meta["uid"], version, data, print_, tuple(_marks(resource, after)), _author(resource, after))
        self._replace(key, known, fresh)
        self._exhume(key[1], fresh.uid)
        if resource in MAKERS:
            self._makers.setdefault(fresh.uid, Maker(resource, controller(after)))
        moved = known is None or known.marks != fresh.marks
        return Change(resource, known.data if known is not None else None, after, moved)

    def _has_place(self, key: Key, known: _Entry | None, after: Manifest, size: int) -> bool:
        """Say whether the object may come in; a spec that is known already may not grow for ever either.

        A status that grows always comes in, as it is the operator's own: what it decided must not wait until strangers
        have made place.
        """
        more = size - (len(known.data) if known is not None else 0)
        places = _places(key, _author(key[0], after))
        if all(self._kept[p].has_place(known is None, more, SHARE if p[2] else 1) for p in places):
            return True
        return known is not None and len(_written(after)) <= len(_written(decode(known.data)))

    def _replace(self, key: Key, known: _Entry | None, fresh: _Entry) -> None:
        if known is not None:
            self._leave(key, known)
        for place in _places(key, fresh.author):
            self._kept[place].add(1, len(fresh.data))
        if known is not None:
            fresh.applied = known.applied if known.uid == fresh.uid else ""
        if known is not None and known.uid != fresh.uid:
            self._bury(key[1], known.uid, known.version)
        moved = known is None or known.marks != fresh.marks
        if known is not None and moved:
            self._unmark(key, known)
        self._entries[key] = fresh
        if moved:
            self._mark(key, fresh)

    def drop(self, resource: Resource, namespace: str, name: str, uid: str, version: int = 0) -> Change | None:
        """Forget the object of this uid; a late answer about it will not bring it back.

        `version` is the resourceVersion of its deletion, where that is known.
        """
        key = (resource, namespace, name)
        known = self._entries.get(key)
        same = known is not None and known.uid == uid
        self._bury(namespace, uid, max(version, known.version if known is not None and same else 0))
        if known is None or not same:
            return None
        self._unmark(key, known)
        del self._entries[key]
        self._leave(key, known)
        return Change(resource, known.data, None)

    def _leave(self, key: Key, entry: _Entry) -> None:
        for place in _places(key, entry.author):
            kept = self._kept[place]
            kept.add(-1, -len(entry.data))
            if not kept.objects:
                del self._kept[place]

    def _bury(self, namespace: str, uid: str, version: int) -> None:
        """Remember a deletion. Who deletes by the thousand makes the operator forget their own ones first."""
        self._buried += uid not in self._dead[namespace]
        self._dead[namespace][uid] = version
        while self._buried > _TOMBSTONES:
            fullest = max(self._dead, key=lambda n: len(self._dead[n]))
            forgotten = next(iter(self._dead[fullest]))
            self._exhume(fullest, forgotten)
            self._makers.pop(forgotten, None)

    def _exhume(self, namespace: str, uid: str) -> None:
        if uid in self._dead.get(namespace, ()):
            del self._dead[namespace][uid]
            self._buried -= 1
            if not self._dead[namespace]:
                del self._dead[namespace]

    def _mark(self, key: Key, entry: _Entry) -> None:
        for mark in entry.marks:
            if isinstance(mark, Asked):
                self._backlog.add(mark)
            else:
                self._marked[mark][key] = None

    def _unmark(self, key: Key, entry: _Entry) -> None:
        for mark in entry.marks:
            if isinstance(mark, Asked):
                self._backlog.remove(mark)
                continue
            self._marked[mark].pop(key, None)
            if not self._marked[mark]:
                del self._marked[mark]

    def get(self, resource: Resource, namespace: str, name: str) -> Manifest | None:
        entry = self._entries.get((resource, namespace, name))
        return decode(entry.data) if entry is not None else None

    def children(self, resource: Resource, namespace: str, owner_kind: str, owner: str) -> list[Manifest]:
        """Find the children of one kind by their owner's label; the caller compares uids."""
        return self._found(("owner", resource, namespace, owner_kind, owner))

    def maker(self, uid: str | None) -> Maker | None:
        """Return what this uid is of, if it is of something that makes pods."""
        return self._makers.get(uid or "")

    def of_model(self, resource: Resource, namespace: str, model: str) -> list[Manifest]:
        """Find the ModelVersions, Deployments or RetrainPolicies that name the Model, also in a Deployment's status."""
        return self._found(("model", resource, namespace, model))

    def quarantined(self, namespace: str) -> list[Manifest]:
        """Find the ModelVersions of the namespace that hold a quarantine."""
        return self._found(("quarantined", namespace))

    def refusing(self, namespace: str, digests: Iterable[str]) -> list[Manifest]:
        """Find the Deployments of the namespace whose status keeps a quarantine of one of these digests."""
        marked = (key for digest in digests for key in self._marked.get(("refusing", namespace, digest), ()))
        return [decode(self._entries[key].data) for key in dict.fromkeys(marked)]

    def postpone(self, target: Target, requests: Iterable[str]) -> None:
        """Let these Requests of the target wait behind the others."""
        self._backlog.postpone(target, requests)

    def requests(
        self, target: Target, settled: Mapping[Asks, str] = MappingProxyType({}), remembered: Iterable[str] = ()
    ) -> tuple[list[Manifest], Excerpt]:
        """Find what a look at the target considers of the Requests that wait for it; see `Backlog.excerpt`."""
        excerpt = self._backlog.excerpt(target, settled, remembered)
        entries = (self._entries[resources.REQUEST, target[0], name] for name in excerpt.names)
        return [decode(entry.data) for entry in entries], excerpt

    def of_policy(self, namespace: str, policy: str) -> list[Manifest]:
        """Find the Deployments that name the RolloutPolicy."""
        return self._found(("policy", namespace, policy))

    def deployments(self, namespace: str) -> list[Manifest]:
        return self._found(("all", resources.DEPLOYMENT, namespace))

    def _found(self, mark: Hashable) -> list[Manifest]:
        return [decode(self._entries[key].data) for key in self._marked.get(mark, ())]

    def is_full(self, resource: Resource, namespace: str) -> bool:
        """Say whether no further object of the resource would be taken in."""
        return not self._kept[_places((resource, namespace, ""), "")[0]].has_place(1, 0)

    def keys(self, resource: Resource) -> Iterator[tuple[Key, str, int]]:
        """Iterate over key, uid and resourceVersion of every object of the resource."""
        for key, entry in list(self._entries.items()):
            if key[0] == resource:
                yield key, entry.uid, entry.version

    def applied(self, resource: Resource, namespace: str, name: str) -> str:
        """Return what `remember_applied` was told, if nobody has changed the object since; else an empty string."""
        entry = self._entries.get((resource, namespace, name))
        if entry is None or not entry.applied.endswith(entry.print):
            return ""
        return entry.applied.removesuffix(entry.print)

    def remember_applied(self, resource: Resource, namespace: str, name: str, digest: str) -> None:
        entry = self._entries.get((resource, namespace, name))
        if entry is not None:
            entry.applied = digest + entry.print

    def __len__(self) -> int:
        return len(self._entries)

    @property
    def size(self) -> int:
        """How many bytes of objects are kept."""
        return sum(kept.size for place, kept in self._kept.items() if not place[2])


def _places(key: Key, author: str) -> tuple[Place, ...]:
    """Return whose place it takes: its namespace's, and there that of its kind, or of all children, or its author's.

    A Request needs one of its own most of all: nobody's other objects may keep an `abort` from being seen.
    """
    whole = key[1], "" if key[0] in resources.CHILDREN else key[0].kind, ""
    return (whole, (*whole[:2], author)) if author else (whole,)


def _author(resource: Resource, obj: Manifest) -> str:
    return str(obj["spec"].get("user") or "?") if resource == resources.REQUEST else ""


def _written(obj: Manifest) -> bytes:
    """Return what people wrote of the object."""
    meta = obj["metadata"]
    return encode({"spec": obj.get("spec"), "labels": meta.get("labels"), "annotations": meta.get("annotations")})


def _bounded(resource: Resource, obj: Manifest) -> tuple[Manifest, bytes]:
    """Return what is kept of the object, and the same as bytes."""
    after = slim(resource, obj)
    data = encode(after)
    if resource in resources.CHILDREN and len(data) > MOST:
        after = bare(after)
        data = encode(after)
    return after, data


def _marks(resource: Resource, obj: Manifest) -> Iterable[Hashable]:
    meta = obj["metadata"]
    namespace = meta["namespace"]
    if resource in resources.CHILDREN:
        owner = owner_of(obj)
        if owner is not None:
            yield "owner", resource, namespace, *owner
        return
    if resource == resources.REQUEST:
        if not meta.get("deletionTimestamp") and not is_answered(obj["status"]):
            yield _asked(obj)
        return
    for model in models_of(obj["spec"], obj["status"] if resource == resources.DEPLOYMENT else {}):
        yield "model", resource, namespace, model
    policy = (obj["spec"].get("policy") or {}).get("name")
    if policy:
        yield "policy", namespace, policy
    if resource == resources.MODEL_VERSION and obj["status"].get("quarantine"):
        yield "quarantined", namespace
    if resource == resources.DEPLOYMENT:
        yield "all", resource, namespace
        for digest in refused_digests(obj["status"]):
            yield "refusing", namespace, digest


def _asked(request: Manifest) -> Asked:
    meta, spec = request["metadata"], request["spec"]
    target = spec.get("target") or {}
    return Asked(
        target=(meta["namespace"], str(target.get("kind")), str(target.get("name"))),
        user=str(spec.get("user")),
        asks=(str(spec.get("verb")), about(spec.get("version"), spec.get("digest"))),
        created=str(meta.get("creationTimestamp", "")),
        sequence=version_of(meta),
        name=meta["name"],
    )


def models_of(spec: Manifest | Mapping[str, Any], status: Mapping[str, Any]) -> list[str]:
    """Return the Models that a spec, and the revisions of a Deployment's status, name: of these they may be former."""
    named = [(spec.get("model") or {}).get("name"), *(r.get("model") for r in revisions(status))]
    return list(dict.fromkeys(n for n in named if isinstance(n, str) and n))


def refused_digests(status: Mapping[str, Any] | None) -> frozenset[str]:
    """Return the digests of which a Deployment's status keeps a quarantine."""
    kept = (status or {}).get("quarantine") or ()
    return frozenset(line.partition(" ")[0] for line in kept if isinstance(line, str))


def revisions(status: Mapping[str, Any] | None) -> list[Mapping[str, Any]]:
    """Return the revisions that a Deployment serves, could go back to, or brings to traffic."""
    given = status or {}
    rollout = given.get("rollout")
    both = (rollout.get("to"), rollout.get("from")) if isinstance(rollout, Mapping) else ()
    found = (given.get("stable"), given.get("former"), given.get("queued"), *both)
    return [r for r in found if isinstance(r, Mapping)]


_OWNERS: Final = ("Deployment", "RetrainPolicy", "ModelVersion", "Model")
"""Every child names its Model too: the most specific label is its owner's."""


def owner_of(child: Manifest) -> tuple[str, str] | None:
    """Return (kind, name) of the object of ours that a child's labels name; None if they name none."""
    labels = child["metadata"].get("labels") or {}
    return next(((kind, labels[OWNER_LABELS[kind]]) for kind in _OWNERS if labels.get(OWNER_LABELS[kind])), None)


def version_of(meta: Manifest) -> int:
    """Return the resourceVersion as a number.

    They are comparable, which Kubernetes guarantees since 1.35, and which was true of etcd before.
    """
    try:
        return int(meta.get("resourceVersion") or 0)
    except ValueError:
        return 0
