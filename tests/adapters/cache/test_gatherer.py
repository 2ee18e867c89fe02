"""What is seen of an object is compared with the API server's before something is made by it alone."""

import asyncio
from typing import Any, cast

import pytest

from adapters.objects import own
from builders import NOW, VersionWorld
from core.registry.test_model_version import new_version, started, validated
from linnet.adapters.cache.cache import Cache
from linnet.adapters.cache.gatherer import Gatherer, Sources
from linnet.adapters.cluster import resources
from linnet.adapters.cluster.errors import ConflictError
from linnet.core.observed import ModelVersionObserved
from linnet.core.plan import Ref
from simulator import PLATFORM

VERSION = Ref("ModelVersion", "ml", "risk-v1")


class View:
    """A ModelVersion in the cache, without its Job, and as the API server has it."""

    def __init__(self, seen: VersionWorld, live: VersionWorld) -> None:
        self.cache, self.live = Cache(), live
        self.asked = 0
        self.cache.put(resources.MODEL_VERSION, _version(seen, 1))

    async def confirm(self, *_: str) -> None:
        self.asked += 1
        self.cache.put(resources.MODEL_VERSION, _version(self.live, 1 + (self.live.status != self._seen())))

    def _seen(self) -> Any:
        return (self.cache.get(resources.MODEL_VERSION, "ml", "risk-v1") or {})["status"]

    def observed(self) -> ModelVersionObserved:
        sources = {"platform": lambda: PLATFORM, "now": lambda: NOW, "confirm": self.confirm}
        unused = ("proof", "told", "unprotected", "accounts", "features", "session_kinds", "evidence", "scrape")
        others = dict.fromkeys((*unused, "ask", "call"))
        gatherer = Gatherer(self.cache, Sources(**cast("Any", {**others, **sources})))
        parent = gatherer.parent(VERSION)
        assert parent is not None
        return asyncio.run(gatherer.version(parent))


def _version(world: VersionWorld, version: int) -> dict[str, Any]:
    return own("ModelVersion", "risk-v1", version, spec=world.spec, status=world.status)


def test_a_version_that_was_validated_meanwhile_is_not_validated_again() -> None:
    """A LIST of the past shows it under validation, and no Job of it: the look is taken again, with what is so now."""
    view = View(seen=started(new_version()), live=validated())
    with pytest.raises(ConflictError):
        view.observed()
    assert view.observed().version.status == view.live.status
    assert view.asked == 1


def test_a_job_that_is_really_missing_is_made() -> None:
    """Somebody deleted it: the API server has the version as it was seen."""
    begun = started(new_version())
    view = View(seen=begun, live=begun)
    assert view.observed().version.status == begun.status
    assert view.asked == 1


def test_a_version_that_is_begun_costs_no_read() -> None:
    """Its status is written first, which fails where it is of the past."""
    view = View(seen=new_version(), live=new_version())
    view.observed()
    assert view.asked == 0
