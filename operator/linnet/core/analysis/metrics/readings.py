"""One pod's counters are read as one check counts them: requests and bad requests so far, or why not."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final, assert_never

from linnet.core.analysis.checks import CountCheck, Signal
from linnet.core.analysis.codec import LARGEST_COUNT
from linnet.core.analysis.metrics.classes import nearest
from linnet.core.analysis.metrics.counters import ERRORS, HISTOGRAM, REQUESTS, PodCounters
from linnet.core.analysis.metrics.selectors import CORRECT, TOTAL

UNDER_WAY: Final = 50
AHEAD: Final = 0.1
"""So many events more than requests, and this share of them, may belong to requests that have not ended."""


Reading = tuple[int, int]
"""Absolute counts of a pod since it started: requests, and the bad ones among them."""


@dataclass(frozen=True, slots=True)
class Unreadable:
    """Why a sample says nothing about a check: a sentence's end, as in "errors: no such histogram"."""

    problem: str


def read(check: CountCheck, counters: PodCounters) -> Reading | Unreadable:
    """What `check` counts in one scrape. Absent, NaN, infinite or negative values are unreadable, never zero."""
    if counters.problem:
        return Unreadable(counters.problem)
    if check.slice is None:
        return _read(check, counters, counters)
    part = counters.slices.get(check.slice)
    if part is None:
        return Unreadable(f"the pod was not asked for {check.slice}")
    for key in _sources(check):
        if (family := part.unlabeled.get(key)) is not None:
            return Unreadable(f"metric {family} has no label {check.slice.label}")
    return _read(check, part, counters)


def _sources(check: CountCheck) -> tuple[str, ...]:
    """The keys of what the check reads, each of which must have the label of a slice."""
    match check.signal:
        case Signal.ERRORS:
            return REQUESTS, ERRORS
        case Signal.LATENCY:
            return (HISTOGRAM + check.histogram,)
        case Signal.METRIC:
            return (REQUESTS, check.counter) if check.counter else (HISTOGRAM + check.histogram,)
        case Signal.FEEDBACK:
            return CORRECT, TOTAL
        case _:
            assert_never(check.signal)


def _read(check: CountCheck, counters: PodCounters, whole: PodCounters) -> Reading | Unreadable:
    """`whole` are the counters of the pod, of which `counters` may be a slice."""
    match check.signal:
        case Signal.ERRORS:
            return _whole(counters.requests, counters.errors)
        case Signal.LATENCY:
            return _above(check, counters)
        case Signal.METRIC:
            return _events(check, counters) if check.counter else _above(check, counters)
        case Signal.FEEDBACK:
            return _wrong(counters, whole)
        case _:
            assert_never(check.signal)


def _events(check: CountCheck, counters: PodCounters) -> Reading | Unreadable:
    """Events of a counter, at most one a request. Clearly more events than requests are no share of anything.

    A request is counted when it ends, so that the events of those under way are ahead of it.
    """
    events, requests = counters.counters.get(check.counter), counters.requests
    if events is None:
        return _missing(counters, check.counter)
    if requests is not None and math.isfinite(events) and events > requests * (1 + AHEAD) + UNDER_WAY:
        counted = f"{check.counter} has counted {events:g} in {requests:g} requests"
        return Unreadable(f"{counted}: it must count at most one each")
    return _whole(requests, events)


def _wrong(counters: PodCounters, whole: PodCounters) -> Reading | Unreadable:
    """Read answers and wrong ones: without a counter of the correct ones, or with the two mixed up, nothing is known.

    A slice of which nothing is known yet has no sample of either; the pod as a whole says that they are counted.
    """
    correct, total = counters.counters.get(CORRECT), counters.counters.get(TOTAL)
    if correct is None and total == 0 and CORRECT in whole.counters:
        return 0, 0
    if correct is None or total is None:
        return _missing(counters, CORRECT if correct is None else TOTAL)
    if not 0 <= correct <= total:
        return Unreadable(f"the pod exposes {correct:g} correct answers of {total:g} whose truth is known")
    return _whole(total, total - correct)


def _missing(counters: PodCounters, key: str) -> Unreadable:
    name = counters.missing.get(key)
    return Unreadable(f"the pod exposes no metric {name}" if name else "its runtime names no such counter")


def _above(check: CountCheck, counters: PodCounters) -> Reading | Unreadable:
    buckets = counters.latency.get(check.histogram)
    if buckets is None:
        return Unreadable(f"the pod exposes no histogram {check.histogram!r}")
    if not buckets:
        return 0, 0
    threshold = check.threshold_seconds or 0.0
    bound = next((b for b in buckets if same_bound(b, threshold)), None)
    if bound is None:
        shown = f"{threshold:g} s" if check.signal is Signal.LATENCY else f"{threshold:g}"
        return Unreadable(f"{shown} is no bound of the histogram's buckets ({nearest(buckets, threshold)})")
    total = buckets.get(math.inf, math.nan)
    return _whole(total, total - buckets[bound])


def same_bound(bound: float, threshold: float) -> bool:
    """A duration has whole microseconds, a bound need not: 708235.345 us is the threshold 708235us."""
    return math.isclose(bound, threshold, rel_tol=1e-9, abs_tol=min(1e-6, threshold / 100))


def _whole(n: float | None, bad: float | None) -> Reading | Unreadable:
    if n is None or bad is None:
        return Unreadable("the pod exposes no such metric")
    if not (0 <= n <= LARGEST_COUNT and 0 <= bad <= LARGEST_COUNT):
        return Unreadable(f"the pod exposes {n:g} requests, {bad:g} of them bad")
    return round(n), min(round(n), round(bad))
