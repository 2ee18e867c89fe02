"""Which story is told with which faults: a sample, or all, which take hours and can be tried in parts."""

import re
from collections.abc import Iterable, Sequence
from typing import Any, Final, TypeVar

import pytest

from faults.plays import PLAYS, STRIDE, Play
from faults.story import LOOP, ROUTED, Story

T = TypeVar("T")
POINTS: Final = "fault points"
"""The property of a test that says how many faults struck in it."""
STORIES: Final = (LOOP, ROUTED)
SAMPLE: Final = (
    (LOOP, Play(("killed before", "409", "never answered", "500"), 3)),
    (LOOP, Play(("killed after", "dropped events", "503", "reset after commit"), 11)),
    (LOOP, Play(("stale lists", "429", "blackhole"), 19)),
    (ROUTED, Play(("killed before", "reset after commit", "409", "429"), 7)),
    (ROUTED, Play(("500", "killed after", "dropped events", "503"), 23)),
)
"""Each fault once or twice in three runs of the loop, and most of them behind a gateway."""


def runs(*, whole: bool) -> Sequence[tuple[Story, Play]]:
    """One fault a run of each story, begun at every write in turn, or the sample."""
    if not whole:
        return SAMPLE
    return [(story, Play((name,), first)) for story in STORIES for name in PLAYS for first in range(STRIDE)]


def part_of(cases: Sequence[T], share: str) -> Sequence[T]:
    """Return a part of the cases: `2/10` is the second of ten, each of which has cases of every kind.

    >>> part_of(range(7), "2/3")
    range(1, 7, 3)
    """
    found = re.fullmatch(r"(\d+)/(\d+)", share)
    if found is None or not 1 <= (number := int(found[1])) <= (parts := int(found[2])):
        raise pytest.UsageError(f"a share is a number and of how many, such as 2/10, not {share}")
    return cases[number - 1 :: parts]


def said(reports: Iterable[Any]) -> str:
    """Return how many faults were tried in these runs, and how many of the runs failed; empty if there was none."""
    tried = [(report.failed, dict(report.user_properties)[POINTS]) for report in reports if _tries(report)]
    failed = sum(failed for failed, _ in tried)
    points = sum(number for _, number in tried)
    return f"{points} fault points in {len(tried)} runs of a story, of which {failed} failed" if tried else ""


def _tries(report: Any) -> bool:
    return getattr(report, "when", "") == "call" and POINTS in dict(report.user_properties)
