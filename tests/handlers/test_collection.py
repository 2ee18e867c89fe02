"""Answered Requests are deleted when they are too many or too old."""

from datetime import UTC, datetime, timedelta
from typing import Any, cast

from adapters.fake_kube import FakeKube
from adapters.objects import own
from linnet.adapters.cluster import resources
from linnet.adapters.cluster.errors import NotFoundError
from linnet.core.requests.retention import Retention
from linnet.handlers.collection import collect
from linnet.handlers.informer.sweep import Scope

NOW = datetime(2026, 6, 1, tzinfo=UTC)


def kept(days: dict[str, int]) -> Any:
    server = FakeKube()
    for name, age in days.items():
        request = own("Request", name)
        request["metadata"]["creationTimestamp"] = f"{NOW - timedelta(days=age):%Y-%m-%dT%H:%M:%SZ}"
        server.put(resources.REQUEST, request)
    return cast("Any", server)


def left(server: Any) -> set[str]:
    return {name for _, _, name in server.objects}


async def test_the_newest_stay() -> None:
    """And the rest goes, oldest first."""
    server = kept({"a": 3, "b": 2, "c": 1, "old": 91})
    assert await collect(server, Scope(()), Retention(2, timedelta(days=90)), NOW) == 2
    assert left(server) == {"b", "c"}


async def test_at_rest_nothing_is_deleted() -> None:
    """One list, and no write."""
    server = kept({"a": 3})
    assert await collect(server, Scope(("ml",)), Retention(2, timedelta(days=90)), NOW) == 0
    assert server.verbs() == ["list"]


async def test_what_somebody_else_deleted_is_gone() -> None:
    """Two operators, or a person with a broom."""
    server = kept({"a": 99, "b": 98})
    server.fails["delete"] = NotFoundError("gone")
    assert await collect(server, Scope(("ml",)), Retention(2, timedelta(days=90)), NOW) == 1
