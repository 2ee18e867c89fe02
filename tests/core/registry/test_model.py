"""Which version of a Model is current, and when a new one is made."""

from typing import Any

import pytest

from builders import ModelWorld
from linnet.core.plan import Create
from simulator import DIGESTS


def test_the_first_source_is_version_1() -> None:
    """A new Model has one version, and says that it is being validated."""
    world = ModelWorld()
    plan = world.step()
    assert [a.manifest["metadata"]["name"] for a in plan.actions if isinstance(a, Create)] == ["risk-v1"]
    assert world.status["current"] == 1
    assert world.status["conditions"][0]["reason"] == "Validating"


def test_planning_again_changes_nothing() -> None:
    """The same Model planned twice makes one version and writes one status."""
    world = ModelWorld()
    world.step()
    world.validated(1).step()
    before = dict(world.status)
    assert world.step().actions == ()
    assert world.status == before


def test_a_new_uri_is_a_new_version() -> None:
    """Another artifact gets the next number."""
    world = ModelWorld()
    world.step()
    world.source("s3://models/2").step()
    assert world.status["current"] == 2
    assert sorted(world.versions) == [1, 2]


def test_a_git_revert_goes_back_to_the_number_it_had() -> None:
    """The former source makes no third version."""
    world = ModelWorld()
    world.step()
    world.source("s3://models/2").step()
    world.source("s3://models/1").step()
    assert world.status["current"] == 1
    assert sorted(world.versions) == [1, 2]


def test_a_known_digest_at_another_place_is_the_same_version() -> None:
    """An artifact that was copied elsewhere is not a new version, if its digest says so."""
    world = ModelWorld()
    world.step()
    world.validated(1).source("s3://archive/1", digest=DIGESTS[1]).step()
    assert world.status["current"] == 1
    assert sorted(world.versions) == [1]


def test_another_image_is_a_new_version() -> None:
    """A version is artifact and runtime."""
    world = ModelWorld()
    world.step()
    world.set(runtime={"name": "mlserver", "image": "mlserver:2"}).step()
    assert world.versions[2]["spec"]["runtime"]["image"] == "mlserver:2"


def test_a_number_is_never_given_twice() -> None:
    """A deleted version's number does not return."""
    world = ModelWorld()
    world.step()
    world.source("s3://models/2").step()
    del world.versions[2]
    world.source("s3://models/3").step()
    assert sorted(world.versions) == [1, 3]


def test_a_retrained_version_becomes_current_once_it_is_validated() -> None:
    """Until its validation it only stands there."""
    world = ModelWorld()
    world.step()
    world.validated(1).retrained(2).step()
    assert world.status["current"] == 1
    world.validated(2).step()
    assert world.status["current"] == 2
    world.step()
    assert world.status["current"] == 2


def test_a_source_change_overrules_an_older_retrain() -> None:
    """A retrained version that was validated before a person's change is passed over."""
    world = ModelWorld()
    world.step()
    world.validated(1).retrained(2)
    world.source("s3://models/9").step()
    assert world.status["current"] == 3
    world.validated(2).step()
    assert world.status["current"] == 3


def test_a_revert_after_a_retrain_is_followed() -> None:
    """A person may go back behind a retrain, and stays there."""
    world = ModelWorld()
    world.step()
    world.source("s3://models/2").step()
    world.validated(2).retrained(3).validated(3).step()
    assert world.status["current"] == 3
    world.source("s3://models/1").step()
    world.step()
    assert world.status["current"] == 1


def test_old_versions_are_collected_but_not_those_that_serve() -> None:
    """keepVersions is kept; a serving or quarantined version survives it."""
    world = ModelWorld().set(keepVersions=2)
    world.step()
    for number in range(2, 7):
        world.source(f"s3://models/{number}").step()
        world.validated(number)
        world.serving = frozenset({2})
        if number == 3:
            world.versions[3]["status"]["quarantine"] = [{"deployment": "d", "revision": "r", "reason": "errors"}]
    world.step()
    assert 2 in world.versions
    assert 3 in world.versions
    assert 6 in world.versions
    assert 4 not in world.versions


def test_the_current_version_is_listed_however_many_were_imported_after_it() -> None:
    """Imports are never collected: a hundred of them leave room for the version that Deployments follow."""
    world = ModelWorld()
    world.step()
    world.validated(1).step()
    imported = {k: v for k, v in world.versions[1]["spec"].items() if k != "identity"}
    for number in range(2, 150):
        spec = {**imported, "version": number, "origin": {"type": "Import"}}
        world.versions[number] = {"spec": spec, "status": {}}
    world.step()
    listed = [v["version"] for v in world.status["versions"]]
    assert world.status["current"] == 1
    assert listed == [*range(149, 50, -1), 1]


def test_an_invalid_spec_leaves_the_current_version() -> None:
    """A wrong field is named, and nothing else changes."""
    world = ModelWorld()
    world.step()
    world.validated(1).set(keepVersions="many").step()
    assert world.status["current"] == 1
    condition = world.status["conditions"][0]
    assert condition["reason"] == "InvalidSpec"
    assert "spec.keepVersions" in condition["message"]


def test_an_unknown_format_names_the_known_ones() -> None:
    """The way out stands in the message."""
    world = ModelWorld().set(format={"name": "abacus"})
    world.step()
    condition = world.status["conditions"][0]
    assert condition["reason"] == "UnknownRuntime"
    assert "spec.format.name" in condition["message"]
    assert "sklearn" in condition["message"]


def test_what_is_not_supported_yet_is_refused_with_its_path() -> None:
    """A field is never ignored."""
    world = ModelWorld().set(gate={"metrics": [{"name": "auc", "direction": "Higher", "min": "0.9"}]})
    world.step()
    condition = world.status["conditions"][0]
    assert condition["reason"] == "NotYetSupported"
    assert "spec.gate.metrics" in condition["message"]


@pytest.mark.parametrize(
    ("source", "reason", "told"),
    [
        ({"uri": "s3://models/1"}, "InvalidSpec", "spec.format: name the artifact's format"),
        ({"uri": "hf://organization/model"}, "NotYetSupported", "spec.source.uri"),
        ({"mlflow": {"server": "main", "name": "risk", "alias": "champion"}}, "NotYetSupported", "spec.source.mlflow"),
    ],
)
def test_a_format_is_left_out_where_the_source_says_it(source: dict[str, Any], reason: str, told: str) -> None:
    """Others name it: also where the rule that the API server has was not asked."""
    world = ModelWorld().set(source=source)
    del world.spec["format"]
    world.step()
    condition = world.status["conditions"][0]
    assert condition["reason"] == reason
    assert told in condition["message"]


def test_a_failed_version_shows_on_the_model() -> None:
    """Whoever looks at the Model reads why its version does not serve."""
    world = ModelWorld()
    world.step()
    world.failed(1, "NotFound", "s3://models/1: no such key").step()
    condition = world.status["conditions"][0]
    assert condition["status"] == "False"
    assert "no such key" in condition["message"]
