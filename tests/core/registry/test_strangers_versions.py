"""A ModelVersion that somebody wrote by hand, with whatever they like in it, is never taken for Linnet's own word."""

from dataclasses import replace
from typing import Any

import pytest

from builders import NOW, ModelWorld, VersionWorld
from linnet.api.kinds.model import ModelSpec
from linnet.api.kinds.model_version import ModelVersionSpec
from linnet.core.registry import model_version, versions
from simulator import DIGESTS

EVIL_DIGEST = f"sha256:{'e' * 64}"
EVIL_RUNTIME = {"name": "mlserver", "image": "evil.example/server", "ports": {"http": 8080}, "readyPath": "/r"}
EVIL_SOURCE = {"uri": "https://evil.example/backdoor.joblib", "digest": EVIL_DIGEST}


def pinned() -> ModelWorld:
    """Git pins an artifact by its digest; version 1 was another."""
    world = ModelWorld()
    world.step()
    return world.source("s3://models/2", digest=DIGESTS[2])


def identity(world: ModelWorld) -> str:
    """It is public: whoever reads the Model can work it out."""
    return versions.identity(ModelSpec.model_validate(world.spec))


@pytest.mark.parametrize(
    "forged",
    [
        {"source": EVIL_SOURCE, "runtime": EVIL_RUNTIME},
        {"source": EVIL_SOURCE},
        {"runtime": EVIL_RUNTIME},
        {"source": {"uri": "s3://models/2", "digest": EVIL_DIGEST}},
    ],
)
@pytest.mark.parametrize("origin", ["Source", "Import", "Retrain"])
@pytest.mark.parametrize("owner", [None, "uid"])
def test_a_copied_identity_does_not_take_a_pins_place(forged: dict[str, Any], origin: str, owner: str | None) -> None:
    """The Model makes its own version, of the artifact and with the server that Git names."""
    world = pinned()
    world.written(2, identity=identity(world), origin={"type": origin}, **forged)
    world.versions[2]["owner"] = owner
    world.validated(2, EVIL_DIGEST if "source" in forged else None).step()
    assert world.status["current"] == 3
    assert world.versions[3]["spec"]["source"] == {"uri": "s3://models/2", "digest": DIGESTS[2]}
    world.step()
    assert world.status["current"] == 3


def test_an_import_of_the_pinned_artifact_with_the_same_server_is_that_version() -> None:
    """A known digest is not fetched and tried again."""
    world = pinned()
    world.written(2, source={"uri": "s3://elsewhere/2", "digest": DIGESTS[2]}).validated(2).step()
    assert world.status["current"] == 2


def test_a_version_in_which_another_artifact_was_found_is_not_the_pinned_one() -> None:
    """Its spec names the digest, and its status says what was fetched."""
    world = pinned()
    world.written(2, source={"uri": "s3://elsewhere/2", "digest": DIGESTS[2]}).validated(2, EVIL_DIGEST).step()
    assert world.status["current"] == 3


def test_an_import_that_is_tried_less_is_not_the_pinned_version() -> None:
    """The Model's contract would never be replayed."""
    world = pinned().set(gate={"contract": {"configMapName": "golden"}})
    world.written(2, source={"uri": "s3://models/2", "digest": DIGESTS[2]}).validated(2).step()
    assert world.status["current"] == 3


@pytest.mark.parametrize("owner", [None, "uid", "another-models-uid"])
def test_a_retrained_version_counts_by_the_policys_word(owner: str | None) -> None:
    """Who may create versions may not make them current: that takes `update` on the Model, or a run."""
    world = ModelWorld()
    world.step()
    origin = {"type": "Retrain", "policy": "weekly", "job": "weekly-1"}
    world.validated(1).written(2, source=EVIL_SOURCE, origin=origin).validated(2, EVIL_DIGEST)
    world.versions[2]["owner"] = owner
    world.step()
    assert world.status["current"] == 1
    world.policies["weekly"] = {
        "runs": [{"job": "weekly-1", "trigger": "weekly", "outcome": "Succeeded", "version": 3}]
    }
    world.step()
    assert world.status["current"] == 1


def test_a_number_far_beyond_uses_no_numbers_up() -> None:
    """Created, seen and deleted again, it leaves the Model as it was."""
    world = ModelWorld()
    world.step()
    world.written(1_000_000).step()
    assert world.status["highest"] == 1
    del world.versions[1_000_000]
    world.source("s3://models/2").step()
    assert world.status["current"] == 2


def test_numbers_of_imports_nearby_are_given() -> None:
    """A history that was imported goes on after its last number, and no name is taken twice."""
    world = ModelWorld()
    world.step()
    world.written(40).written(2_000).step()
    assert world.status["highest"] == 40
    world.written(42).source("s3://models/2").step()
    assert world.status["current"] == 43


def test_a_far_number_that_was_seen_keeps_no_retrained_version_out() -> None:
    """What counts as considered goes no further than what counts as given."""
    world = ModelWorld()
    world.step()
    world.validated(1).written(900_000).source("s3://models/2").step()
    world.validated(2).step()
    world.retrained(3).validated(3).step()
    assert world.status["current"] == 3


@pytest.mark.parametrize("forged", [{"source": EVIL_SOURCE, "runtime": EVIL_RUNTIME}, {"runtime": EVIL_RUNTIME}])
def test_who_deletes_the_current_version_does_not_put_another_in_its_place(forged: dict[str, Any]) -> None:
    """Under the same name, before anybody has looked: the Model makes its own version again."""
    world = pinned()
    world.step()
    world.validated(2).step()
    del world.versions[2]
    world.written(2, **forged).validated(2, forged.get("source", {}).get("digest")).step()
    assert world.status["current"] == 3
    assert world.versions[3]["spec"]["source"] == {"uri": "s3://models/2", "digest": DIGESTS[2]}


def test_an_import_that_is_current_is_not_swapped_either() -> None:
    """Its digest is what the Model said of it."""
    world = pinned()
    world.written(2, source={"uri": "s3://elsewhere/2", "digest": DIGESTS[2]}).validated(2).step()
    assert world.status["current"] == 2
    world.written(2, source=EVIL_SOURCE).validated(2, EVIL_DIGEST).step()
    assert world.status["current"] == 3


def test_the_last_number_is_told_and_raises_nothing() -> None:
    """Every later look says the same, and what serves goes on."""
    world = ModelWorld()
    world.step()
    world.status["highest"] = 1_000_000
    plan = world.source("s3://models/2").step()
    assert plan.actions == ()
    [ready] = [c for c in world.status["conditions"] if c["type"] == "Ready"]
    assert ready["reason"] == "NumbersExhausted"
    assert world.status["current"] == 1


def test_a_lost_status_makes_no_version_anew() -> None:
    """A restore brings the objects back, and not what the operator wrote down about them."""
    world = ModelWorld()
    world.step()
    world.versions[1]["spec"]["runtime"]["image"] = "of-an-older-catalogue:1"
    world.status = {}
    world.step()
    assert world.status["current"] == 1
    assert list(world.versions) == [1]


def test_an_upgrade_of_the_catalogue_makes_no_version_anew() -> None:
    """What Linnet made is known again by the hash that it wrote down, though another image would be chosen today."""
    world = ModelWorld()
    world.step()
    world.source("s3://models/2").step()
    world.versions[1]["spec"]["runtime"]["image"] = "of-an-older-catalogue:1"
    [former] = [v for v in world.status["versions"] if v["version"] == 1]
    former["made"] = versions.made(ModelVersionSpec.model_validate(world.versions[1]["spec"]))
    world.source("s3://models/1").step()
    assert world.status["current"] == 1


@pytest.mark.parametrize("required", [False, True])
@pytest.mark.parametrize("origin", ["Import", "Retrain", "Source"])
def test_a_version_by_hand_needs_its_digest(origin: str, required: bool) -> None:
    """`requireDigest` knows no exception, and an import always names what it imports."""
    spec = ModelWorld().written(1, origin={"type": origin}).versions[1]["spec"]
    observed = VersionWorld(spec).observed()
    if required:
        observed = replace(observed, platform=replace(observed.platform, require_digest=True))
    [ready] = [c for c in model_version.plan(observed, NOW).status.conditions if c.type == "Ready"]  # type: ignore[union-attr]
    assert (ready.reason == "DigestRequired") == (required or origin == "Import")
