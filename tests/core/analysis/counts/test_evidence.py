"""Counters of pods become sums: resets, restarts, pods that come and go, and what can't be read."""

from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from linnet.core.analysis import evidence as rollout_evidence
from linnet.core.analysis.checks import CountCheck, Signal, Track
from linnet.core.analysis.counts.evidence import CountEvidence, start
from linnet.core.analysis.evidence import restored, stored
from linnet.core.analysis.metrics.counters import PodCounters
from linnet.core.analysis.metrics.fold import MAX_PODS, Snapshot, fold

NOW = datetime(2026, 1, 1, tzinfo=UTC)
ERRORS = CountCheck("errors", Signal.ERRORS, max_ratio_to_stable=1.0)
SLOW = CountCheck("slow", Signal.LATENCY, max=0.05, threshold_seconds=0.25)
TRACKS = {"c": Track.CANARY, "s": Track.STABLE}


class Rollout:
    """A rollout that is scraped every five seconds: `Rollout().scrape(c=(10, 1), s=(90, 0)).sums()`."""

    def __init__(self, *checks: CountCheck) -> None:
        self.evidence, self.now, self.tracks = start(checks or (ERRORS,)), NOW, dict(TRACKS)

    def scrape(self, weight: str = "w", *, count: bool = True, **pods: tuple[float, float] | PodCounters) -> Rollout:
        samples = {uid: pod if isinstance(pod, PodCounters) else PodCounters(*pod) for uid, pod in pods.items()}
        self.evidence = fold(self.evidence, samples, self.tracks, weight, self.now, count=count)
        self.now += timedelta(seconds=5)
        return self

    def pods(self, **tracks: Track) -> Rollout:
        self.tracks = tracks
        return self

    def sums(self, check: str = "errors") -> tuple[float, float, float, float]:
        return total(self.evidence, check)


def total(evidence: CountEvidence, check: str = "errors") -> tuple[float, float, float, float]:
    rows = [(s.canary_n, s.canary_bad, s.stable_n, s.stable_bad) for s in evidence.streams[check].segments.values()]
    canary_n, canary_bad, stable_n, stable_bad = (
        (sum(column) for column in zip(*rows, strict=True)) if rows else (0,) * 4
    )
    return canary_n, canary_bad, stable_n, stable_bad


def test_a_canary_counts_from_its_start_and_stable_from_its_baseline() -> None:
    """All that a canary pod has served belongs to the rollout; stable pods have served before it."""
    assert Rollout().scrape(c=(10, 1), s=(9000, 500)).sums() == (10, 1, 0, 0)
    assert Rollout().scrape(c=(10, 1), s=(9000, 500)).scrape(c=(15, 1), s=(9100, 501)).sums() == (15, 1, 100, 1)


def test_a_restarted_container_counts_anew() -> None:
    """A counter that fell means a restart: the new value is what it served since."""
    rollout = Rollout().scrape(c=(100, 5), s=(100, 0)).scrape(c=(7, 1), s=(120, 0))
    assert rollout.sums() == (107, 6, 20, 0)


def test_a_restart_is_one_for_all_checks_of_the_pod() -> None:
    """If one counter of a pod fell, the others began anew too, even where they are higher already."""
    before = PodCounters(100, 5, {"latency": {0.25: 10, math.inf: 10}})
    after = PodCounters(7, 0, {"latency": {0.25: 30, math.inf: 40}})
    rollout = Rollout(ERRORS, SLOW).scrape(c=before).scrape(c=after)
    assert rollout.sums("errors") == (107, 5, 0, 0)
    assert rollout.sums("slow") == (50, 10, 0, 0)


def test_a_pod_that_ends_keeps_what_it_counted() -> None:
    """Scaling down loses no evidence, and a pod that a list left out for a while is not counted twice."""
    rollout = Rollout().scrape(c=(10, 0), s=(50, 0)).scrape(c=(20, 1), s=(60, 2))
    gone = rollout.pods(c=Track.CANARY).scrape(c=(20, 1))
    assert gone.sums() == (20, 1, 10, 2)
    back = gone.pods(s=Track.STABLE).scrape(s=(61, 2)).pods(**TRACKS).scrape(c=(21, 1), s=(61, 2))
    assert back.sums() == (21, 1, 11, 2)


UNREADABLE = (
    PodCounters(None, None),
    PodCounters(math.nan, 0),
    PodCounters(10, math.nan),
    PodCounters(-1, 0),
    PodCounters(math.inf, 0),
)


@pytest.mark.parametrize("sample", UNREADABLE)
def test_what_cannot_be_read_is_skipped_and_said(sample: PodCounters) -> None:
    """Absent, NaN, negative and infinite values add nothing, are noted, and do not disturb the next scrape."""
    rollout = Rollout().scrape(c=(10, 1), s=(0, 0)).scrape(c=sample, s=(5, 0))
    stream = rollout.evidence.streams["errors"]
    assert (stream.unreadable, set(stream.problems)) == ({Track.CANARY: 1}, {Track.CANARY})
    assert stream.read_at[Track.CANARY] < stream.read_at[Track.STABLE]
    assert rollout.scrape(c=(12, 1), s=(5, 0)).sums() == (12, 1, 5, 0)
    assert rollout.evidence.streams["errors"].problems == {}


def test_a_pod_that_does_not_answer_is_noted() -> None:
    """A failed scrape is no sample: nothing is counted, and the counters catch up later."""
    rollout = Rollout().scrape(c=(10, 0), s=(10, 0)).scrape(s=(20, 0)).scrape(c=(30, 2), s=(30, 0))
    assert rollout.evidence.streams["errors"].unreadable == {Track.CANARY: 1}
    assert rollout.sums() == (30, 2, 20, 0)


def test_a_canary_first_seen_silent_still_counts_in_full() -> None:
    """If the first scrape of a canary failed, what it served until the second is not lost."""
    assert Rollout().scrape(s=(0, 0)).scrape(c=(10, 4), s=(0, 0)).sums() == (10, 4, 0, 0)


def test_more_errors_than_requests_are_capped() -> None:
    """Counters read a moment apart never make more bad requests than requests."""
    rollout = Rollout().scrape(c=(10, 2), s=(0, 0)).scrape(c=(11, 5), s=(0, 0))
    assert rollout.sums() == (11, 3, 0, 0)


def test_warm_up_is_a_baseline() -> None:
    """What happens with `count=False` is never counted, what happens after it is."""
    rollout = Rollout().scrape(c=(10, 9), s=(10, 0), count=False).scrape(c=(12, 9), s=(30, 0))
    assert rollout.sums() == (2, 0, 20, 0)


def test_single_checks_can_be_left_uncounted() -> None:
    """Latency may warm up while errors count from the first request."""
    sample = PodCounters(10, 1, {"latency": {0.25: 4, math.inf: 10}})
    evidence = fold(start([ERRORS, SLOW]), {"c": sample}, TRACKS, "w", NOW, uncounted={"slow"})
    assert (total(evidence, "errors")[:2], total(evidence, "slow")[:2]) == ((10, 1), (0, 0))


def test_latency_counts_requests_slower_than_the_bucket() -> None:
    """Bad is what lies above the threshold's bucket."""
    before = PodCounters(0, 0, {"latency": {0.1: 0, 0.25: 0, math.inf: 0}})
    after = PodCounters(0, 0, {"latency": {0.1: 5, 0.25: 7, math.inf: 10}})
    assert Rollout(SLOW).scrape(c=before).scrape(c=after).sums("slow") == (10, 3, 0, 0)


def test_a_threshold_that_is_no_bucket_is_named() -> None:
    """Nothing is interpolated: the message says which bounds there are."""
    rollout = Rollout(SLOW).scrape(c=PodCounters(1, 0, {"latency": {0.1: 1, 0.5: 1, math.inf: 1}}))
    problem = rollout.evidence.streams["slow"].problems[Track.CANARY]
    assert problem == "0.25 s is no bound of the histogram's buckets (0.1, 0.5)"


def test_weights_are_kept_apart() -> None:
    """Each weight has its own sums, whatever comes after it."""
    rollout = Rollout().scrape("w10", c=(0, 0), s=(0, 0)).scrape("w10", c=(10, 1), s=(90, 0))
    segments = rollout.scrape("w50", c=(60, 2), s=(140, 1)).evidence.streams["errors"].segments
    by_weight = {key.partition("|")[0]: sums for key, sums in segments.items()}
    assert (by_weight["w10"].canary_n, by_weight["w50"].canary_n) == (10, 50)


def test_an_observed_share_that_moves_opens_a_segment() -> None:
    """Within one weight, requests at a tenth and at half the traffic are not compared with each other's."""
    rollout = Rollout().scrape(c=(0, 0), s=(0, 0)).scrape(c=(100, 0), s=(900, 0)).scrape(c=(1100, 50), s=(1900, 50))
    segments = rollout.evidence.streams["errors"].segments
    assert sorted((s.canary_n, s.stable_n) for s in segments.values()) == [(100, 900), (1000, 1000)]


def test_the_canary_rate_is_of_late() -> None:
    """Ten canary requests in each five seconds are two a second, whatever was before."""
    rollout = Rollout().scrape(c=(0, 0), s=(0, 0))
    for step in range(1, 400):
        rollout.scrape(c=(10 * step, 0), s=(90 * step, 0))
    assert rollout.evidence.streams["errors"].canary_rate == pytest.approx(2, rel=0.05)


def test_fits_into_a_config_map() -> None:
    """With a thousand pods and five checks the data stays below a ConfigMap's mebibyte; sums are never dropped."""
    checks = [CountCheck(f"check-number-{i}", Signal.ERRORS, max=0.01) for i in range(5)]
    counts = ((123_456_789, 123_456),) * len(checks)
    pods = {f"{i:036d}": Snapshot(Track.STABLE, 1.7e9 + i, counts) for i in range(MAX_PODS + 500)}
    data = stored(rollout_evidence.Evidence(CountEvidence(start(checks).streams, pods, frozenset(Track), 1.7e9)))
    assert sum(len(value) for value in data.values()) < 700_000
    kept = restored(data).counts.pods
    assert len(kept) == MAX_PODS
    assert min(pod.seen for pod in kept.values()) == 1.7e9 + 500


@pytest.mark.parametrize(
    "data",
    [
        {},
        {"evidence.format": "2"},
        *(
            {"evidence.format": "3", "evidence.counts": text}
            for text in ("[", "[1]", "{}", "[" * 6000, '{"pods":1e999}')
        ),
    ],
)
def test_foreign_data_is_refused(data: dict[str, str]) -> None:
    """What is not evidence is a ValueError, not a wrong number."""
    with pytest.raises(ValueError, match="evidence"):
        restored(data)


steps = st.lists(st.tuples(st.integers(0, 50), st.integers(0, 50)), min_size=1, max_size=12)


@given(steps, st.sets(st.integers(1, 11)), st.sets(st.integers(1, 11)))
def test_no_request_is_lost_or_counted_twice(
    increments: list[tuple[int, int]], restarts: set[int], reloads: set[int]
) -> None:
    """Whatever the restarts of pod and operator, the canary's sums are what it served.

    A restart is seen where the counters are lower than before; one between equal values can't be.
    """
    rollout, served, bad, now = Rollout(), 0, 0, (0, 0)
    for number, (good, failed) in enumerate(increments):
        fresh = (good + failed, failed)
        restarted = number in restarts and (fresh[0] < now[0] or fresh[1] < now[1])
        now = fresh if restarted else (now[0] + fresh[0], now[1] + fresh[1])
        served, bad = served + fresh[0], bad + fresh[1]
        if number in reloads:
            rollout.evidence = restored(stored(rollout_evidence.Evidence(rollout.evidence))).counts
        rollout.scrape(c=now, s=(0, 0))
    assert rollout.sums()[:2] == (served, bad)


@given(steps)
def test_the_spread_adds_up(increments: list[tuple[int, int]]) -> None:
    """The cells' sums agree with the segments', and each interval with requests is one cell."""
    rollout, now = Rollout(), (0, 0)
    for good, failed in increments:
        now = (now[0] + good + failed, now[1] + failed)
        rollout.scrape(c=now, s=(0, 0))
    spread = rollout.evidence.streams["errors"].spread.get(Track.CANARY)
    filled = [pair for pair in increments if sum(pair)]
    assert (spread.cells, spread.n, spread.bad) == (len(filled), *rollout.sums()[:2]) if spread else not filled


def test_folding_the_same_scrape_again_adds_nothing() -> None:
    """Counters that did not move add no requests."""
    rollout = Rollout().scrape(c=(10, 1), s=(5, 0)).scrape(c=(10, 1), s=(5, 0))
    assert rollout.sums() == (10, 1, 0, 0)
    assert rollout.evidence.streams["errors"].spread[Track.CANARY].cells == 1
