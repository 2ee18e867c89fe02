"""What becomes of a Request: it expires, misses its target, is told, is put away, and is collected."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from builders import NOW
from linnet.core.plan import Patch
from linnet.core.requests.lifecycle import MISSING_AFTER, RequestObserved, plan
from linnet.core.requests.retention import Kept, Retention, surplus
from linnet.core.requests.waiting import read
from linnet.core.resources.objects import Parent

TARGET = Parent("risk", "ml", "uid-mld", 1, {}, False, {}, {})
SPEC: dict[str, Any] = {"target": {"kind": "Deployment", "name": "risk"}, "verb": "abort", "user": "jane"}
ASKED = Parent("risk-abort-1", "ml", "uid-req", 1, {}, False, SPEC, {}, created=NOW)
ANSWERED = replace(ASKED, status={"outcome": "Accepted", "message": "back", "time": "2026-01-01T12:00:00Z"})
MINUTE = timedelta(minutes=1)


def test_one_that_waits_is_left_to_its_target() -> None:
    """It is looked at again when it expires."""
    made = plan(RequestObserved(ASKED, TARGET), NOW + MINUTE)
    assert (made.status, made.actions) == (None, ())
    assert made.requeue_after is not None
    assert timedelta(minutes=59) < made.requeue_after < timedelta(minutes=60)


def test_after_an_hour_it_expires() -> None:
    """The answer says so, and nobody obeys it any more."""
    made = plan(RequestObserved(ASKED, TARGET), NOW + 61 * MINUTE)
    assert made.status is not None
    assert made.status.outcome == "Expired"
    assert read([replace(ASKED, status=made.status.wire())]) == ()


def test_without_a_target_it_is_refused_once_that_can_be_believed() -> None:
    """The target may have been applied together with it."""
    assert plan(RequestObserved(ASKED, None), NOW).status is None
    for target in (None, replace(TARGET, deleting=True)):
        made = plan(RequestObserved(ASKED, target), NOW + MISSING_AFTER)
        assert made.status is not None
        assert made.status.message == "there is no Deployment risk in this namespace"


def test_an_answered_one_is_labeled_and_at_rest() -> None:
    """The label is what the audit keeps; its status is not written again."""
    made = plan(RequestObserved(ANSWERED, None), NOW)
    assert made.status is None
    assert [a.body for a in made.actions if isinstance(a, Patch)] == [
        {"metadata": {"labels": {"linnet.dev/answered": "true"}}}
    ]


@pytest.mark.parametrize("age", [timedelta(0), timedelta(days=30)])
def test_it_is_not_put_away_before_the_endpoint_took_its_event(age: timedelta) -> None:
    """However long that takes: what is not put away is never collected."""
    made = plan(RequestObserved(ANSWERED, TARGET, told=False), NOW + age)
    assert (made.status, made.actions) == (None, ())
    assert made.requeue_after


def kept(name: str, days: int, namespace: str = "ml") -> Kept:
    return Kept(namespace, name, f"uid-{name}", NOW - timedelta(days=days))


def test_the_oldest_are_collected_by_number_and_by_age() -> None:
    """Of each namespace by itself."""
    requests = [kept("new", 1), kept("old", 100), kept("b", 3), kept("a", 4), kept("other", 5, "prod")]
    names = [k.name for k in surplus(requests, Retention(2, timedelta(days=90)), NOW)]
    assert names == ["old", "a"]
    assert [k.name for k in surplus(requests, Retention(10, timedelta(days=90)), NOW)] == ["old"]
