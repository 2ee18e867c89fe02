"""The cache: never older than what was seen, and found by name, owner and model."""

import pytest

from adapters.objects import Json, child, own
from linnet.adapters.cache.cache import Cache
from linnet.adapters.cache.transform import encode, slim
from linnet.adapters.cluster import resources
from linnet.core.resources import objects
from simulator import DIGESTS


def test_an_older_object_does_not_replace_a_newer_one() -> None:
    """Watch events lag behind the answers to the operator's own writes."""
    cache = Cache()
    cache.put(resources.DEPLOYMENT, own("Deployment", "iris", 7, status={"stable": {"version": 2}}))
    assert cache.put(resources.DEPLOYMENT, own("Deployment", "iris", 5, status={})) is None
    found = cache.get(resources.DEPLOYMENT, "ml", "iris")
    assert found is not None
    assert found["status"] == {"stable": {"version": 2}}


def test_versions_compare_as_numbers() -> None:
    """10 is newer than 9, although it sorts before it as text."""
    cache = Cache()
    cache.put(resources.DEPLOYMENT, own("Deployment", "iris", 9))
    assert cache.put(resources.DEPLOYMENT, own("Deployment", "iris", 10)) is not None


def test_a_deleted_object_is_not_brought_back_by_a_late_answer() -> None:
    """An answer that was under way when the object was deleted must not make a ghost of it."""
    cache = Cache()
    cache.put(resources.SERVICE, child("Service", "iris", "iris", 5))
    cache.drop(resources.SERVICE, "ml", "iris", "child-iris", 8)
    assert cache.put(resources.SERVICE, child("Service", "iris", "iris", 7)) is None
    assert cache.get(resources.SERVICE, "ml", "iris") is None


def test_who_deletes_by_the_thousand_has_no_other_namespace_s_deletions_forgotten(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A late answer brings nothing back there, and the pods of what was deleted there are known by it."""
    monkeypatch.setattr("linnet.adapters.cache.cache._TOMBSTONES", 10)
    cache = Cache()
    theirs = child("Deployment", "iris", "iris", 5, uid="workload")
    theirs["metadata"]["namespace"] = "theirs"
    cache.put(resources.WORKLOAD, theirs)
    cache.drop(resources.WORKLOAD, "theirs", "iris", "workload", 6)
    for n in range(100):
        cache.drop(resources.SERVICE, "ml", f"x{n}", f"u{n}", n + 10)
    assert cache.put(resources.WORKLOAD, theirs) is None
    assert cache.maker("workload") is not None
    assert cache.put(resources.SERVICE, child("Service", "x99", "iris", 5, uid="u99")) is None


def test_an_object_that_gets_its_label_back_is_seen_again() -> None:
    """Without the label the watch calls it deleted; it is the same object, newer, when the label returns."""
    cache = Cache()
    cache.put(resources.SERVICE, child("Service", "iris", "iris", 5))
    cache.drop(resources.SERVICE, "ml", "iris", "child-iris", 8)
    assert cache.put(resources.SERVICE, child("Service", "iris", "iris", 9)) is not None


def test_the_deletion_of_a_former_object_spares_its_namesake() -> None:
    """A late DELETED event is about the uid, not the name."""
    cache = Cache()
    cache.put(resources.DEPLOYMENT, own("Deployment", "iris", 5, uid="old"))
    cache.put(resources.DEPLOYMENT, own("Deployment", "iris", 9, uid="new"))
    assert cache.drop(resources.DEPLOYMENT, "ml", "iris", "old", 8) is None
    assert cache.get(resources.DEPLOYMENT, "ml", "iris") is not None


def test_children_are_found_by_their_most_specific_owner() -> None:
    """A serving pod names its Model too, but belongs to the Deployment."""
    cache = Cache()
    cache.put(resources.POD, child("Pod", "iris-1", "iris"))
    assert len(cache.children(resources.POD, "ml", "Deployment", "iris")) == 1
    assert cache.children(resources.POD, "ml", "Model", "iris") == []


def test_a_child_that_changes_owner_leaves_the_former() -> None:
    """Labels are what children are found by, so a changed label moves them."""
    cache = Cache()
    cache.put(resources.POD, child("Pod", "p", "iris", 1))
    cache.put(resources.POD, child("Pod", "p", "other", 2))
    assert cache.children(resources.POD, "ml", "Deployment", "iris") == []
    assert len(cache.children(resources.POD, "ml", "Deployment", "other")) == 1


def test_versions_are_found_by_model_and_quarantine() -> None:
    """A quarantine holds in the whole namespace, whichever Model the version is of."""
    cache = Cache()
    spec = {"model": {"name": "iris"}, "version": 1}
    cache.put(resources.MODEL_VERSION, own("ModelVersion", "iris-v1", 1, spec=spec))
    assert cache.quarantined("ml") == []
    cache.put(resources.MODEL_VERSION, own("ModelVersion", "iris-v1", 2, spec=spec, status={"quarantine": [{}]}))
    assert len(cache.quarantined("ml")) == 1
    assert len(cache.of_model(resources.MODEL_VERSION, "ml", "iris")) == 1
    assert cache.of_model(resources.MODEL_VERSION, "other", "iris") == []


def test_deployments_are_found_by_what_they_refuse() -> None:
    """By the digest, whatever version it was, until they refuse it no more."""
    cache = Cache()
    kept = {"quarantine": ["sha256:a * iris-v1-x * errors: many", 7, "sha256:b * iris-v2-x * errors: many"]}
    cache.put(resources.DEPLOYMENT, own("Deployment", "iris", 1, status=kept))
    found = cache.refusing("ml", ["sha256:a", "sha256:b", "sha256:c"])
    assert [d["metadata"]["name"] for d in found] == ["iris"]
    assert cache.refusing("theirs", ["sha256:a"]) == []
    cache.put(resources.DEPLOYMENT, own("Deployment", "iris", 2, status={"quarantine": kept["quarantine"][2:]}))
    assert cache.refusing("ml", ["sha256:a"]) == []


def test_nothing_is_left_of_what_was_dropped() -> None:
    """A fleet that comes and goes leaves no memory behind."""
    cache = Cache()
    cache.put(resources.SERVICE, child("Service", "iris", "iris"))
    cache.drop(resources.SERVICE, "ml", "iris", "child-iris")
    assert len(cache) == 0
    assert cache.children(resources.SERVICE, "ml", "Deployment", "iris") == []


def test_managed_fields_and_foreign_annotations_are_not_kept() -> None:
    """They are half of most objects, and no decision reads them."""
    cache = Cache()
    obj = own("Deployment", "iris")
    obj["metadata"]["managedFields"] = [{"manager": "x" * 1000}]
    obj["metadata"]["annotations"] = {"kubectl.kubernetes.io/last-applied-configuration": "y" * 1000}
    cache.put(resources.DEPLOYMENT, obj)
    assert len(encode(cache.get(resources.DEPLOYMENT, "ml", "iris") or {})) < 300


def test_what_was_applied_is_known_until_somebody_changes_it() -> None:
    """The same manifest is not applied twice, unless the object was changed by another hand."""
    cache = Cache()
    service = child("Service", "iris", "iris", 1, spec={"selector": {"a": "b"}})
    cache.put(resources.SERVICE, service)
    cache.remember_applied(resources.SERVICE, "ml", "iris", "hash")
    assert cache.applied(resources.SERVICE, "ml", "iris") == "hash"
    cache.put(resources.SERVICE, child("Service", "iris", "iris", 2, spec={"selector": {"a": "c"}}))
    assert cache.applied(resources.SERVICE, "ml", "iris") == ""


def test_a_controller_that_reports_status_does_not_count_as_a_change() -> None:
    """Or every pod that becomes ready would cost an apply."""
    cache = Cache()
    cache.put(resources.WORKLOAD, child("Deployment", "iris-v1", "iris", 1))
    cache.remember_applied(resources.WORKLOAD, "ml", "iris-v1", "hash")
    cache.put(resources.WORKLOAD, child("Deployment", "iris-v1", "iris", 2, status={"readyReplicas": 1}))
    assert cache.applied(resources.WORKLOAD, "ml", "iris-v1") == "hash"


def test_a_stranger_s_annotations_fill_no_memory() -> None:
    """400 objects with 250 KB each were 95 MiB, and 1,900 of them the end of an operator of 512 MiB."""
    cache = Cache()
    for n in range(400):
        hostile = child("Service", f"x{n}", "iris", n + 1, uid=f"u{n}")
        hostile["metadata"]["annotations"] = {"linnet.dev/any": "x" * 250_000, "linnet.dev/template": "y" * 250_000}
        hostile["metadata"]["labels"] |= {f"linnet.dev/x{k}": "z" * 63 for k in range(100)}
        cache.put(resources.SERVICE, hostile)
    assert cache.size < 400 * 2_000


@pytest.mark.parametrize(
    ("resource", "spec"),
    [
        (resources.SERVICE, {"selector": {f"k{n}": "v" * 63 for n in range(10_000)}}),
        (resources.AUTOSCALER, {"metrics": [{"words": "x" * 1000}] * 1000}),
        (resources.HTTP_ROUTE, {"rules": [{"words": "x" * 1000}] * 1000}),
        (resources.CRON_JOB, {"schedule": "0" * 1_000_000}),
    ],
)
def test_of_a_huge_child_its_name_and_owner_are_kept(resource: resources.Resource, spec: Json) -> None:
    """It is still there, so that nobody makes it twice, and what was changed about it is put right by an Apply."""
    cache = Cache()
    cache.put(resource, child("Service", "iris", "iris", spec=spec))
    (found,) = cache.children(resource, "ml", "Deployment", "iris")
    assert found["metadata"]["ownerReferences"] == child("Service", "iris", "iris")["metadata"]["ownerReferences"]
    assert cache.size < 70_000


def test_one_namespace_leaves_the_others_their_place(monkeypatch: pytest.MonkeyPatch) -> None:
    """A namespace that is full takes no more children, and says so; objects of ours, and other namespaces, go on."""
    monkeypatch.setattr("linnet.adapters.cache.cache.MOST_OBJECTS", 30)
    refused: list[tuple[str, str]] = []
    cache = Cache(lambda _, namespace, name: refused.append((namespace, name)))
    for n in range(100):
        cache.put(resources.SERVICE, child("Service", f"x{n}", "iris", n + 1, uid=f"u{n}"))
    assert len(cache) == 30
    assert refused == [("ml", f"x{n}") for n in range(30, 100)]
    assert cache.put(resources.DEPLOYMENT, own("Deployment", "iris")) is not None
    other = own("Deployment", "iris", uid="other")
    other["metadata"]["namespace"] = "theirs"
    assert cache.put(resources.DEPLOYMENT, other) is not None
    known = child("Service", "x0", "iris", 1000, uid="u0")
    known["metadata"]["labels"].pop("linnet.dev/model")
    assert cache.put(resources.SERVICE, known) is not None
    cache.drop(resources.SERVICE, "ml", "x1", "u1")
    assert cache.put(resources.SERVICE, child("Service", "new", "iris", 2000)) is not None


def test_what_the_operator_wrote_comes_into_a_full_namespace(monkeypatch: pytest.MonkeyPatch) -> None:
    """A stranger's objects take all of the place: a status still grows, a spec does not, and an `abort` is seen."""
    monkeypatch.setattr("linnet.adapters.cache.cache.MOST_BYTES", 2000)
    cache = Cache()
    cache.put(resources.DEPLOYMENT, own("Deployment", "victim", 1))
    cache.put(resources.DEPLOYMENT, own("Deployment", "hog", 2, spec={"words": "x" * 1500}))
    assert cache.put(resources.DEPLOYMENT, own("Deployment", "more", 3, spec={"words": "x" * 1500})) is None
    assert cache.put(resources.DEPLOYMENT, own("Deployment", "victim", 14, status={"words": "x" * 1500})) is not None
    assert cache.put(resources.DEPLOYMENT, own("Deployment", "hog", 5, spec={"words": "x" * 1900})) is None
    abort = own("Request", "abort", 6, spec={"target": {"kind": "Deployment", "name": "victim"}, "verb": "abort"})
    assert cache.put(resources.REQUEST, abort) is not None


def test_what_is_forgotten_leaves_its_place() -> None:
    """The place that a namespace takes is counted down, too."""
    cache = Cache()
    cache.put(resources.DEPLOYMENT, own("Deployment", "iris", status={"words": "x" * 500}))
    assert cache.size > 500
    cache.put(resources.DEPLOYMENT, own("Deployment", "iris", 2))
    assert cache.size < 500
    cache.drop(resources.DEPLOYMENT, "ml", "iris", "Deployment-iris")
    assert cache.size == 0


@pytest.mark.parametrize(
    ("containers", "digest"),
    [
        ([{"name": "fetch", "args": ["fetch", "--digest", DIGESTS[1]]}, {"name": "wait", "args": []}], DIGESTS[1]),
        ([{"name": "other", "args": ["--digest", DIGESTS[1]]}], None),
        ([{"name": "fetch", "args": ["fetch", "--digest"]}], None),
        ([{"name": "fetch", "args": ["fetch", "--digest", "x"]}], None),
        ([{"name": "fetch"}], None),
        (None, None),
    ],
)
def test_of_a_revision_what_its_pods_fetch_is_kept(containers: object, digest: str | None) -> None:
    """Where the status is lost, nothing else says whose artifact it serves."""
    whole = child(
        "Deployment", "risk-v1", "risk", spec={"replicas": 2, "template": {"spec": {"initContainers": containers}}}
    )
    assert objects.workload(slim(resources.WORKLOAD, whole)).digest == digest
