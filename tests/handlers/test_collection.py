"""Answered Requests are deleted when they are too many or too old."""

from collections.abc import Collection
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


def kept(days: dict[str, int], made_up: Collection[str] = ()) -> Any:
    """Answered Requests of these ages; the name's first word is its author."""
    server = FakeKube()
    for name, age in days.items():
        status = {} if name in made_up else {"outcome": "Accepted"}
        request = own("Request", name, spec={"user": name.partition("-")[0]}, status=status)
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


async def test_what_the_operator_did_not_answer_goes_first() -> None:
    """Somebody brings in hundreds with the label of an answered one, each younger than what was really asked."""
    made_up = {f"pat-{n}": 0 for n in range(300)}
    server = kept({"jane-1": 50, "ada-1": 60, **made_up}, made_up)
    assert await collect(server, Scope(()), Retention(4, timedelta(days=90)), NOW) == 298
    assert {"jane-1", "ada-1"} < left(server)


async def test_who_has_thousands_answered_pushes_out_nobody_else_s() -> None:
    """The newest of each author stay, then the next of each."""
    server = kept({"jane-1": 50, "jane-2": 49, "ada-1": 60, **{f"pat-{n}": n % 40 for n in range(300)}})
    await collect(server, Scope(()), Retention(5, timedelta(days=90)), NOW)
    assert {"jane-1", "jane-2", "ada-1"} < left(server)
    assert len(left(server)) == 5


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
