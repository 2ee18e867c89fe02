"""One pod's counters to what one check counts of them: requests and bad requests so far, or why not."""

from __future__ import annotations

import math
from dataclasses import dataclass

from linnet.core.checks import Check, Signal
from linnet.core.exposition import PodCounters


@dataclass(frozen=True, slots=True)
class Reading:
    """Absolute counts of a pod since it started."""

    n: int
    bad: int


@dataclass(frozen=True, slots=True)
class Unreadable:
    """Why a sample says nothing about a check: a sentence's end, as in "errors: no such histogram"."""

    problem: str


def read(check: Check, counters: PodCounters) -> Reading | Unreadable:
    """What `check` counts in one scrape. Absent, NaN, infinite or negative values are unreadable, never zero."""
    if check.signal is Signal.ERRORS:
        return _whole(counters.requests, counters.errors)
    return _slower(check, counters)


def _slower(check: Check, counters: PodCounters) -> Reading | Unreadable:
    buckets = counters.latency.get(check.histogram)
    if buckets is None:
        return Unreadable(f"the pod exposes no histogram {check.histogram!r}")
    if not buckets:
        return Reading(0, 0)
    threshold = check.threshold_seconds or 0.0
    bound = next((b for b in buckets if math.isclose(b, threshold, rel_tol=1e-9)), None)
    if bound is None:
        known = ", ".join(f"{b:g}" for b in sorted(buckets) if math.isfinite(b))
        return Unreadable(f"{threshold:g} s is no bound of the histogram's buckets ({known})")
    total = buckets.get(math.inf, math.nan)
    return _whole(total, total - buckets[bound])


def _whole(n: float | None, bad: float | None) -> Reading | Unreadable:
    if n is None or bad is None:
        return Unreadable("the pod exposes no such metric")
    if not (math.isfinite(n) and math.isfinite(bad)) or n < 0 or bad < 0:
        return Unreadable(f"the pod exposes {n:g} requests, {bad:g} of them bad")
    return Reading(round(n), min(round(n), round(bad)))
