"""A rollout is simulated: made-up traffic, judged at every look by the code that judges (`counts/judge.py`)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

from linnet.core.analysis.checks import CountCheck, Policy, Track
from linnet.core.analysis.counts.evidence import CountEvidence, start
from linnet.core.analysis.counts.judge import judge
from linnet.core.analysis.metrics import fold as metrics_fold
from linnet.core.analysis.metrics.counters import PodCounters
from linnet.core.analysis.metrics.fold import fold
from linnet.core.analysis.simulation.traffic import CountCell, SyntheticTraffic, intervals, requests
from linnet.core.analysis.statistics.hypotheses import Hypothesis, Setting, hypotheses
from linnet.core.analysis.verdict import Look, Verdict

START = datetime(2026, 1, 1, tzinfo=UTC)
INTERVAL = timedelta(seconds=5)
SEGMENT = "w10"


@dataclass(frozen=True)
class Scenario:
    """What is simulated and measured. `total`: requests of both tracks at which a run ends.

    Judged once an interval; with `each_request` after each canary request (dispersion 1 by construction);
    with `scraped` through `fold`, from counters. `measure`: "requests" (canary requests until Fail, mean),
    "rolled back", "passed". A run ends at Fail, and at Pass where `measure` is "passed".
    """

    name: str
    traffic: SyntheticTraffic
    check: CountCheck
    measure: str
    total: int = 20_000
    at_most: float | None = None
    each_request: bool = False
    scraped: bool = False
    effort: float = 1.0
    alpha: float = 0.01
    detect_ratio: float = 5.0
    detect_power: float = 0.9


@dataclass(frozen=True)
class Outcome:
    """How one run ended, after how many canary requests."""

    verdict: Verdict
    canary_n: int
    was_inconclusive: bool
    dispersion: float


def run(scenario: Scenario, seed: int) -> Outcome:
    """Play one rollout from its first request to its verdict, or to the end of its traffic."""
    policy = Policy((scenario.check,), scenario.alpha, scenario.detect_ratio, scenario.detect_power)
    only_fail = scenario.measure != "passed"
    inconclusive, enough = False, False
    last = Outcome(Verdict.INSUFFICIENT_DATA, 0, was_inconclusive=False, dispersion=1.0)
    for evidence, now in _looks(scenario, seed):
        if only_fail and not may_fail(scenario, evidence):
            continue
        judgement = judge(policy, scenario.check, evidence, Look(now - START, timedelta(0), now))
        if not enough and judgement.verdict in {Verdict.PASS, Verdict.INCONCLUSIVE}:
            enough, inconclusive = True, judgement.verdict is Verdict.INCONCLUSIVE
        last = Outcome(judgement.verdict, judgement.counts.canary_n, inconclusive, judgement.counts.dispersion)
        if judgement.verdict is Verdict.FAIL or (judgement.verdict is Verdict.PASS and not only_fail):
            break
    return last


def may_fail(scenario: Scenario, evidence: CountEvidence) -> bool:
    """Say whether a look can end in Fail: for lack of time the others are not judged.

    A Fail needs an estimate beyond the bound and evidence that reaches it (`rules.refuted`); a dispersion above 1
    only takes evidence away, so that what does not reach it with 1 reaches it with none.
    """
    setting, bounds = _undivided(scenario, evidence)
    return any(h.breached and h.against_bound >= setting.rejects for h in bounds)


def may_pass(scenario: Scenario, evidence: CountEvidence) -> bool:
    """Say whether a look can end in Pass, by `rules.breached` and `rules.not_excluded` at a dispersion of 1."""
    setting, bounds = _undivided(scenario, evidence)
    return all(not h.breached and h.against_detect() >= setting.excludes for h in bounds)


def _undivided(scenario: Scenario, evidence: CountEvidence) -> tuple[Setting, tuple[Hypothesis, ...]]:
    """The check's bounds at a dispersion of 1: the most evidence that there can be."""
    segments = tuple(evidence.streams[scenario.check.name].segments.values())
    alpha = scenario.alpha / max(1, len(scenario.check.bounds))
    setting = Setting(alpha, scenario.detect_ratio, scenario.detect_power, dispersion=1)
    return setting, hypotheses(scenario.check, segments, setting)


def _looks(scenario: Scenario, seed: int) -> Iterator[tuple[CountEvidence, datetime]]:
    if scenario.each_request:
        return _each_request(scenario, seed)
    return _each_scrape(scenario, seed) if scenario.scraped else _each_interval(scenario, seed)


def _each_interval(scenario: Scenario, seed: int) -> Iterator[tuple[CountEvidence, datetime]]:
    return looks(scenario.check, _until_total(scenario, seed))


def _until_total(scenario: Scenario, seed: int) -> Iterator[list[CountCell]]:
    done = 0
    for cells in intervals(scenario.traffic, seed):
        yield cells
        done += sum(n for _, _, n, _ in cells)
        if done >= scenario.total:
            return


def looks(check: CountCheck, each: Iterable[list[CountCell]]) -> Iterator[tuple[CountEvidence, datetime]]:
    """The evidence after each interval: its cells are added to the sums that `fold` would add them to."""
    evidence, now = _empty(check), START
    stream = evidence.streams[check.name]
    for cells in each:
        now += INTERVAL
        stream = replace(
            stream.plus(SEGMENT, counted(cells), INTERVAL.total_seconds()),
            read_at=dict.fromkeys(Track, now.timestamp()),
        )
        yield replace(evidence, streams={check.name: stream}), now


def counted(cells: Iterable[CountCell]) -> list[metrics_fold.Cell]:
    """The cells with requests, as `fold` has them."""
    return [(pod, track, (n, bad)) for pod, track, n, bad in cells if n]


def _each_scrape(scenario: Scenario, seed: int) -> Iterator[tuple[CountEvidence, datetime]]:
    """Yield the evidence as the operator's own fold makes it of pods' counters: slower, with the same sums."""
    totals: dict[str, tuple[int, int]] = {}
    evidence, now, done = start([scenario.check]), START, 0
    for cells in intervals(scenario.traffic, seed):
        if not totals:
            evidence = _scraped(evidence, totals, [(pod, track, 0, 0) for pod, track, _, _ in cells], now)
        now += INTERVAL
        evidence = _scraped(evidence, totals, cells, now)
        yield evidence, now
        done += sum(n for _, _, n, _ in cells)
        if done >= scenario.total:
            return


def _scraped(
    evidence: CountEvidence, totals: dict[str, tuple[int, int]], cells: list[CountCell], now: datetime
) -> CountEvidence:
    for pod, _, n, bad in cells:
        before = totals.get(pod, (0, 0))
        totals[pod] = before[0] + n, before[1] + bad
    samples = {pod: PodCounters(float(n), float(bad)) for pod, (n, bad) in totals.items()}
    return fold(evidence, samples, {pod: track for pod, track, _, _ in cells}, SEGMENT, now)


def _each_request(scenario: Scenario, seed: int) -> Iterator[tuple[CountEvidence, datetime]]:
    """Every request is a cell of its own, and every canary request is judged."""
    evidence = _empty(scenario.check)
    stream = evidence.streams[scenario.check.name]
    cells: list[CountCell] = []
    for number, (track, bad) in enumerate(requests(scenario.traffic, seed)):
        cells.append((track, track, 1, int(bad)))
        if track is Track.CANARY:
            stream, cells = stream.plus(SEGMENT, counted(cells), 0), []
            yield replace(evidence, streams={scenario.check.name: stream}), START
        if number >= scenario.total:
            return


def _empty(check: CountCheck) -> CountEvidence:
    pods = {track.value: track for track in Track}
    return fold(start([check]), {pod: PodCounters(0, 0) for pod in pods}, pods, SEGMENT, START)
