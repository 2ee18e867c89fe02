"""The cache: never older than what was seen, and found by name, owner and model."""

from adapters.objects import child, own
from linnet.adapters.cache.cache import Cache
from linnet.adapters.cache.transform import encode
from linnet.adapters.cluster import resources


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
