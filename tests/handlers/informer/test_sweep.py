"""Seeding and sweeping: the cache is whole before anything is decided, and is put right when a watch lost something."""

from collections.abc import AsyncIterator
from typing import Any, cast

import pytest

from adapters.fake_kube import FakeKube
from adapters.objects import child, own
from linnet.adapters.cache.cache import Cache
from linnet.adapters.cluster import resources
from linnet.adapters.cluster.errors import ForbiddenError, GoneError, NotFoundError, TooLargeError
from linnet.core.plan import Ref
from linnet.handlers.informer import sweep
from linnet.handlers.informer.feed import Feed
from linnet.handlers.informer.sweep import Scope

Json = dict[str, Any]


class Paged(FakeKube):
    """LISTs in pages of one; `interrupted` is raised once, after the first page."""

    interrupted: Exception | None = None

    async def pages(self, resource: resources.Resource, namespace: str | None, **_: Any) -> AsyncIterator[Json]:
        found, version = await self.items(resource, namespace)
        for items in [[item] for item in found] or [[]]:
            yield {"metadata": {"resourceVersion": version}, "items": items}
            error, self.interrupted = self.interrupted, None
            if error is not None:
                raise error


class Desk:
    def __init__(self) -> None:
        self.kube = cast("Any", Paged())
        self.cache = Cache()
        self.keys: list[Ref] = []
        self.feed = Feed(self.cache, lambda ref, _: self.keys.append(ref))

    def known(self, resource: resources.Resource, obj: Json) -> Json:
        stored: Json = self.kube.put(resource, obj)
        self.feed.seen(resource, stored)
        self.keys.clear()
        return stored

    async def sweep(self, *namespaces: str) -> None:
        await sweep.sweep(self.kube, self.cache, self.feed, Scope(namespaces))


@pytest.fixture
def desk(monkeypatch: pytest.MonkeyPatch) -> Desk:
    monkeypatch.setattr(sweep, "RETRY_SECONDS", 0.0)
    return Desk()


async def test_seeding_knows_everything_and_names_what_to_look_at(desk: Desk) -> None:
    """Children are in the cache before their owner's first look, or it would make them twice."""
    desk.kube.put(resources.DEPLOYMENT, own("Deployment", "iris"))
    desk.kube.put(resources.SERVICE, child("Service", "iris", "iris"))
    refs = await sweep.seed(desk.kube, desk.cache, Scope(()))
    assert refs == [Ref("Deployment", "ml", "iris")]
    assert desk.cache.get(resources.SERVICE, "ml", "iris") is not None


@pytest.mark.parametrize("error", [GoneError("expired"), NotFoundError("no such kind")])
async def test_seeding_begins_again_after_an_interruption(desk: Desk, error: Exception) -> None:
    """A list that expired between two pages, or CRDs that are applied after the operator was."""
    for name in ("a", "b"):
        desk.kube.put(resources.MODEL, own("Model", name))
    desk.kube.interrupted = error
    assert len(await sweep.seed(desk.kube, desk.cache, Scope(()))) == 2


async def test_a_missing_right_ends_the_operator(desk: Desk) -> None:
    """With half of the world in the cache it must not decide."""
    desk.kube.interrupted = ForbiddenError("may not list models")
    with pytest.raises(ForbiddenError):
        await sweep.seed(desk.kube, desk.cache, Scope(()))


async def test_what_was_deleted_unseen_is_dropped_and_its_owner_told(desk: Desk) -> None:
    """A watch that had to list again never tells of deletions."""
    desk.known(resources.SERVICE, child("Service", "iris", "iris"))
    del desk.kube.objects[resources.SERVICE, "ml", "iris"]
    await desk.sweep()
    assert desk.cache.get(resources.SERVICE, "ml", "iris") is None
    assert desk.keys == [Ref("Deployment", "ml", "iris")]


async def test_a_list_of_an_earlier_time_buries_nothing_that_lives(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """What came after it is not in it, and would be taken for dead for good."""
    earlier = await desk.kube.items(resources.MODEL_VERSION, None)
    version = desk.known(resources.MODEL_VERSION, own("ModelVersion", "iris-v2"))

    async def items(resource: resources.Resource, namespace: str | None, **_: Any) -> tuple[list[Json], str]:
        return earlier if resource == resources.MODEL_VERSION else await FakeKube.items(desk.kube, resource, namespace)

    monkeypatch.setattr(desk.kube, "items", items)
    await desk.sweep()
    assert desk.cache.get(resources.MODEL_VERSION, "ml", version["metadata"]["name"]) is not None


async def test_what_was_made_or_changed_unseen_is_read(desk: Desk) -> None:
    """Events can be lost as well as late."""
    desk.known(resources.DEPLOYMENT, own("Deployment", "iris"))
    desk.kube.put(resources.DEPLOYMENT, own("Deployment", "iris", spec={"replicas": 3}))
    desk.kube.put(resources.DEPLOYMENT, own("Deployment", "new"))
    await desk.sweep()
    assert {ref.name for ref in desk.keys} == {"iris", "new"}
    changed = desk.cache.get(resources.DEPLOYMENT, "ml", "iris")
    assert changed is not None
    assert changed["spec"] == {"replicas": 3}


async def test_at_rest_a_sweep_reads_nothing_but_lists(desk: Desk) -> None:
    """One LIST of metadata for each kind, and no word to anybody."""
    desk.known(resources.DEPLOYMENT, own("Deployment", "iris"))
    desk.kube.calls.clear()
    await desk.sweep()
    assert set(desk.kube.verbs()) == {"list"}
    assert desk.keys == []


async def test_a_sweep_of_one_namespace_spares_the_others(desk: Desk) -> None:
    """A namespaced operator lists only what it may."""
    desk.known(resources.DEPLOYMENT, own("Deployment", "iris"))
    desk.kube.objects.clear()
    await desk.sweep("another")
    assert desk.cache.get(resources.DEPLOYMENT, "ml", "iris") is not None


async def test_an_object_that_can_not_be_taken_in_ends_neither_start_nor_sweep(desk: Desk) -> None:
    """It is told by name, and the others are there."""
    told: list[str] = []
    scope = Scope((), told=lambda _, who, __: told.extend(who))
    for name, spec in (("a", ["no", "spec"]), ("b", {"model": "no reference"}), ("iris", {})):
        desk.kube.put(resources.DEPLOYMENT, own("Deployment", name, spec=spec))
    assert [ref.name for ref in await sweep.seed(desk.kube, desk.cache, scope)] == ["iris"]
    desk.kube.put(resources.DEPLOYMENT, own("Deployment", "late"))
    await sweep.sweep(desk.kube, desk.cache, desk.feed, scope)
    assert desk.cache.get(resources.DEPLOYMENT, "ml", "late") is not None
    assert told == ["ml/a", "ml/b", "ml/a", "ml/b"]


async def test_an_object_that_can_not_be_read_ends_no_sweep(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is too large for one is passed over, and the next one is read."""
    told: list[str] = []
    for name in ("a", "iris"):
        desk.kube.put(resources.DEPLOYMENT, own("Deployment", name))
    read = desk.kube.get

    async def get(resource: resources.Resource, namespace: str, name: str) -> Json:
        if name == "a":
            raise TooLargeError("more than 64 MiB")
        return cast("Json", await read(resource, namespace, name))

    monkeypatch.setattr(desk.kube, "get", get)
    await sweep.sweep(desk.kube, desk.cache, desk.feed, Scope((), told=lambda _, who, __: told.extend(who)))
    assert desk.cache.get(resources.DEPLOYMENT, "ml", "iris") is not None
    assert told == ["ml/a"]
