"""What a look considers of the Requests that wait: a bounded part, in which everybody has a place."""

from datetime import UTC, datetime, timedelta

import pytest

from adapters.objects import Json, own
from linnet.adapters.cache.backlog import CONSIDERED
from linnet.adapters.cache.cache import Cache
from linnet.adapters.cluster import resources

TARGET = ("ml", "Deployment", "risk")
BOUND = 5 * CONSIDERED
START = datetime(2026, 1, 1, tzinfo=UTC)


def requested(number: int, verb: str = "abort", user: str = "pat", **about: object) -> Json:
    spec = {"target": {"kind": "Deployment", "name": "risk"}, "verb": verb, "user": user, **about}
    made = own("Request", f"r{number}", number + 1, uid=f"u{number}", spec=spec)
    made["metadata"]["creationTimestamp"] = (START + timedelta(seconds=number)).strftime("%Y-%m-%dT%H:%M:%SZ")
    return made


def names(cache: Cache, settled: dict[tuple[str, str], str] | None = None) -> list[str]:
    return [r["metadata"]["name"] for r in cache.requests(TARGET, settled or {})[0]]


def flooded(count: int, verb: str = "abort") -> Cache:
    cache = Cache()
    for n in range(count):
        cache.put(resources.REQUEST, requested(n, verb))
    return cache


def test_a_look_reads_as_much_of_few_as_of_many() -> None:
    """Thousands wait, of one wish or of as many as there are: what is decoded doesn't grow with them."""
    assert len(names(flooded(3000))) <= BOUND
    many = Cache()
    for n in range(3000):
        many.put(resources.REQUEST, requested(n, ("abort", "pause", "promote")[n % 3], f"user{n}", version=n + 1))
    assert len(names(many)) <= BOUND


def test_the_oldest_come_first() -> None:
    """Whatever the order in which they arrive, as from a LIST, which is by name."""
    cache = Cache()
    for n in reversed(range(100)):
        cache.put(resources.REQUEST, requested(n, "promote"))
    assert names(cache) == [f"r{n}" for n in range(CONSIDERED)]


def test_nobody_waits_behind_another() -> None:
    """A flood of wishes, each another one, is somebody else's: a younger wish is among the first."""
    cache = Cache()
    for n in range(2000):
        cache.put(resources.REQUEST, requested(n, version=n + 1))
    cache.put(resources.REQUEST, requested(2000, "rollback", "ada"))
    assert "r2000" in names(cache)


def test_what_is_answered_with_others_leaves_its_place_to_what_is_not() -> None:
    """A thousand aborts were settled at one look: they get their answers, and a new one by the same person is seen."""
    cache = flooded(1000)
    _, excerpt = cache.requests(TARGET)
    until = excerpt.newest["abort", "-"]
    assert until == requested(999)["metadata"]["creationTimestamp"]
    cache.put(resources.REQUEST, requested(1000))
    assert names(cache, {("abort", "-"): until}) == [*(f"r{n}" for n in range(CONSIDERED)), "r1000"]


def test_what_can_not_be_answered_waits_behind_what_can() -> None:
    """However many there are of them."""
    cache = flooded(500, verb="promote")
    for _ in range(20):
        cache.postpone(TARGET, names(cache))
    assert names(cache)[0] == f"r{20 * CONSIDERED}"


def test_nothing_is_left_of_what_was_answered_or_deleted() -> None:
    """Nor of who asked it."""
    cache = flooded(60, verb="promote")
    for n in range(60):
        if n % 2:
            cache.drop(resources.REQUEST, "ml", f"r{n}", f"u{n}")
            continue
        answered = requested(n, "promote") | {"status": {"outcome": "Accepted"}}
        answered["metadata"]["resourceVersion"] = str(1000 + n)
        cache.put(resources.REQUEST, answered)
    assert names(cache) == []
    assert not cache._backlog._of


def test_the_requests_of_one_leave_another_s_their_place(monkeypatch: pytest.MonkeyPatch) -> None:
    """Who fills their part of the memory keeps nobody else's `abort` from being seen."""
    monkeypatch.setattr("linnet.adapters.cache.cache.MOST_OBJECTS", 80)
    cache = Cache()
    taken = [cache.put(resources.REQUEST, requested(n)) is not None for n in range(100)]
    assert taken == [True] * 10 + [False] * 90
    assert cache.put(resources.REQUEST, requested(100, "rollback", "ada")) is not None
    cache.drop(resources.REQUEST, "ml", "r0", "u0")
    assert cache.put(resources.REQUEST, requested(101)) is not None


def test_the_oldest_is_known_though_it_is_not_seen() -> None:
    """What the target remembers is kept for it."""
    cache = flooded(300)
    cache.postpone(TARGET, ["r0"])
    found, excerpt = cache.requests(TARGET)
    assert "r0" not in [r["metadata"]["name"] for r in found]
    assert excerpt.oldest == requested(0)["metadata"]["creationTimestamp"]
