"""Children: created, applied when they differ, and never taken from somebody else."""

from typing import Any, cast

import pytest

from adapters.fake_kube import FakeKube
from adapters.objects import child, own
from linnet.adapters.actions.children import Children
from linnet.adapters.cache.cache import Cache
from linnet.adapters.cluster import resources
from linnet.adapters.cluster.errors import (
    AlreadyExistsError,
    ConflictError,
    ForbiddenError,
    ForeignObjectError,
    InvalidError,
)

Json = dict[str, Any]


class Desk:
    """The adapter with a cache and an API server in memory."""

    def __init__(self) -> None:
        self.kube = cast("Any", FakeKube())
        self.cache = Cache()
        self.children = Children(self.kube, self.cache, self.seen, self.gone)

    def seen(self, resource: resources.Resource, obj: Json) -> bool:
        return self.cache.put(resource, obj) is not None

    def gone(self, resource: resources.Resource, namespace: str, name: str, uid: str) -> bool:
        return self.cache.drop(resource, namespace, name, uid) is not None


def service(selector: Json | None = None, owner: str = "iris") -> Json:
    made = child("Service", "iris", owner, spec={"selector": selector or {"a": "b"}})
    del made["metadata"]["uid"], made["metadata"]["resourceVersion"], made["status"]
    return made


async def test_a_new_child_costs_one_request() -> None:
    """The budget of an object is ten requests, and it has five children."""
    desk = Desk()
    assert await desk.children.apply(service())
    assert desk.kube.verbs() == ["create"]
    assert desk.cache.get(resources.SERVICE, "ml", "iris") is not None


async def test_the_same_manifest_again_costs_none() -> None:
    """At rest nothing is written."""
    desk = Desk()
    await desk.children.apply(service())
    assert not await desk.children.apply(service())
    assert desk.kube.verbs() == ["create"]


async def test_a_changed_manifest_is_applied() -> None:
    """A Service that must select other pods does."""
    desk = Desk()
    await desk.children.apply(service({"a": "b"}))
    await desk.children.apply(service({"a": "c"}))
    found = desk.cache.get(resources.SERVICE, "ml", "iris")
    assert found is not None
    assert found["spec"]["selector"] == {"a": "c"}


async def test_fields_of_the_creation_become_those_of_an_apply() -> None:
    """Else a selector's key that is dropped later would stay for ever, owned by the creation."""
    desk = Desk()
    await desk.children.apply(service())
    await desk.children.apply(service({"a": "c"}))
    assert desk.kube.verbs() == ["create", "apply", "patch", "apply"]
    await desk.children.apply(service({"a": "d"}))
    assert desk.kube.verbs()[4:] == ["apply"]


async def test_another_hand_is_put_right() -> None:
    """A child that somebody edited is applied again, once."""
    desk = Desk()
    await desk.children.apply(service())
    edited = desk.kube.objects[resources.SERVICE, "ml", "iris"]
    edited["spec"] = {"selector": {"a": "somebody's"}}
    desk.seen(resources.SERVICE, desk.kube.put(resources.SERVICE, edited))
    assert await desk.children.apply(service())
    assert not await desk.children.apply(service())


@pytest.mark.parametrize("refusal", [InvalidError, ForbiddenError])
async def test_a_service_is_routed_by_whatever_else_was_made_of_it(refusal: type[Exception]) -> None:
    """Somebody has another port of our port's name: what is applied is refused, and traffic goes back all the same."""
    desk = Desk()
    await desk.children.apply(service({"a": "b", "old": "key"}))
    desk.kube.fails["apply"] = refusal("spec.ports[1].name: Duplicate value: http")
    await desk.children.apply(service({"a": "c"}))
    assert desk.kube.verbs() == ["create", "apply", "patch"]
    assert desk.kube.objects[resources.SERVICE, "ml", "iris"]["spec"]["selector"] == {"a": "c", "old": None}
    assert not await desk.children.apply(service({"a": "c"}))


async def test_what_is_refused_of_another_kind_is_told() -> None:
    """Its author hears of it."""
    desk = Desk()
    budget = {**service(), "apiVersion": "policy/v1", "kind": "PodDisruptionBudget", "spec": {"maxUnavailable": 1}}
    await desk.children.apply(budget)
    desk.kube.fails["apply"] = InvalidError("minAvailable and maxUnavailable cannot be both set")
    with pytest.raises(InvalidError, match="both set"):
        await desk.children.apply({**budget, "spec": {"maxUnavailable": 2}})


async def test_a_foreign_object_is_left_alone() -> None:
    """A Service of that name that somebody else made is neither changed nor adopted."""
    desk = Desk()
    theirs = desk.kube.put(
        resources.SERVICE, {"metadata": {"name": "iris", "namespace": "ml"}, "spec": {"selector": {}}}
    )
    with pytest.raises(ForeignObjectError, match="Service iris exists") as caught:
        await desk.children.apply(service())
    assert desk.kube.objects[resources.SERVICE, "ml", "iris"] == theirs
    assert "delete" not in str(caught.value)


async def test_a_name_that_two_deployments_need_is_told_with_both() -> None:
    """Whoever followed an advice to delete it would take the other team's Service away."""
    desk = Desk()
    other = {"kind": "Deployment", "name": "iris-canary", "uid": "theirs", "controller": True}
    desk.kube.put(
        resources.SERVICE, {"metadata": {"name": "iris", "namespace": "ml", "ownerReferences": [other]}, "spec": {}}
    )
    with pytest.raises(ForeignObjectError, match="Service iris is of Deployment iris-canary, and Deployment") as caught:
        await desk.children.apply(service())
    assert "give one of them another name" in str(caught.value)
    assert "delete" not in str(caught.value)


class Meanwhile(FakeKube):
    """Another writes between the apply and the JSON patch, whose test fails then: the API server says 422."""

    written = False

    async def patch(self, resource: Any, namespace: str, name: str, body: Any, **kwargs: Any) -> Any:
        if isinstance(body, list):
            if self.written:
                self.put(resource, self.objects[resource, namespace, name])
            raise InvalidError("the server rejected our request due to an error in our request")
        return await super().patch(resource, namespace, name, body, **kwargs)


@pytest.mark.parametrize("written", [True, False])
async def test_a_lost_race_is_a_conflict_and_a_refusal_is_not(written: bool) -> None:
    """Nobody is told that the spec is invalid because a controller wrote a status at that moment."""
    desk = Desk()
    kube = Meanwhile()
    kube.written = written
    desk.kube = cast("Any", kube)
    desk.children = Children(desk.kube, desk.cache, desk.seen, desk.gone)
    await desk.children.apply(service())
    with pytest.raises(ConflictError if written else InvalidError):
        await desk.children.apply(service({"a": "c"}))


async def test_a_foreign_object_is_looked_at_and_not_written_to_again() -> None:
    """While somebody else has the name, a retry is a read; once it is free, the child is made."""
    desk = Desk()
    desk.kube.put(resources.SERVICE, {"metadata": {"name": "iris", "namespace": "ml"}, "spec": {"selector": {}}})
    for _ in range(2):
        with pytest.raises(ForeignObjectError):
            await desk.children.apply(service())
    assert desk.kube.verbs() == ["create", "get", "get"]
    del desk.kube.objects[resources.SERVICE, "ml", "iris"]
    assert await desk.children.apply(service())


async def test_a_namesakes_children_are_foreign() -> None:
    """A new object of a deleted one's name must not adopt what the garbage collector is about to remove."""
    desk = Desk()
    desk.seen(resources.SERVICE, desk.kube.put(resources.SERVICE, service(owner="the-former")))
    with pytest.raises(ForeignObjectError):
        await desk.children.apply(service())


async def test_ones_own_child_that_the_cache_missed_is_applied() -> None:
    """A create whose answer was lost is found again by its owner's uid."""
    desk = Desk()
    desk.kube.put(resources.SERVICE, service({"a": "old"}))
    assert await desk.children.apply(service())
    found = desk.cache.get(resources.SERVICE, "ml", "iris")
    assert found is not None
    assert found["spec"]["selector"] == {"a": "b"}


async def test_a_child_that_was_deleted_meanwhile_is_a_conflict_and_forgotten() -> None:
    """The next look finds it missing and makes it anew."""
    desk = Desk()
    await desk.children.apply(service())
    del desk.kube.objects[resources.SERVICE, "ml", "iris"]
    with pytest.raises(ConflictError):
        await desk.children.apply(service({"a": "c"}))
    assert desk.cache.get(resources.SERVICE, "ml", "iris") is None
    assert await desk.children.apply(service({"a": "c"}))


async def test_a_lost_race_about_a_child_that_stands_forgets_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """The API server answers 409 for other reasons, too. Nobody would put right a Service that counts as deleted."""
    desk = Desk()
    await desk.children.apply(service())
    stands, apply = desk.cache.get(resources.SERVICE, "ml", "iris"), desk.kube.apply

    async def lost(*_: Any) -> None:
        raise ConflictError("please apply your changes to the latest version and try again")

    monkeypatch.setattr(desk.kube, "apply", lost)
    with pytest.raises(ConflictError):
        await desk.children.apply(service({"a": "c"}))
    assert desk.cache.get(resources.SERVICE, "ml", "iris") == stands
    monkeypatch.setattr(desk.kube, "apply", apply)
    assert await desk.children.apply(service({"a": "c"}))


async def test_pods_that_stand_are_not_changed_by_who_did_not_know_of_them() -> None:
    """A LIST of the past shows neither them nor the digest by which they were made: they keep what they run."""
    desk = Desk()
    made = child("Deployment", "iris-v1", "iris", spec={"template": {"image": "server@sha256:1"}})
    stands = desk.kube.put(resources.WORKLOAD, made)
    anew = {**made, "spec": {"template": {"image": "server:1"}}}
    del anew["metadata"]["uid"], anew["metadata"]["resourceVersion"]
    assert await desk.children.apply({**anew, "apiVersion": "apps/v1"})
    assert desk.kube.verbs() == ["create", "get"]
    known = desk.cache.get(resources.WORKLOAD, "ml", "iris-v1")
    assert known is not None
    assert known["metadata"]["uid"] == stands["metadata"]["uid"]


async def test_a_taken_version_number_is_a_conflict_that_shows_the_holder() -> None:
    """The name is the lock: whoever lost plans again with the winner in the cache."""
    desk = Desk()
    theirs = own("ModelVersion", "iris-v3", spec={"model": {"name": "iris"}, "version": 3})
    desk.kube.put(resources.MODEL_VERSION, theirs)
    with pytest.raises(ConflictError) as caught:
        await desk.children.create(theirs)
    assert isinstance(caught.value.__cause__, AlreadyExistsError)
    assert desk.cache.get(resources.MODEL_VERSION, "ml", "iris-v3") is not None


async def test_unwatched_children_are_remembered_too() -> None:
    """The evidence is a ConfigMap: written when it changes, created once."""
    desk = Desk()
    evidence = service()
    evidence |= {"kind": "ConfigMap", "data": {"n": "1"}}
    del evidence["spec"]
    await desk.children.apply(evidence)
    assert not await desk.children.apply(evidence)
    assert desk.kube.verbs() == ["create"]
