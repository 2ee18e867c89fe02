"""Linnet beside the fixed-window rules of `rivals`: how fast each rolls bad canaries back, and how often good ones.

    python -m bench.judge.curves [--seeds 300] [--jobs 2]

prints a table and writes build/bench/curves.json. A seed is one hour of traffic, and every rule sees the same hour.
Stable fails 0.2 % of its requests. The canary has a tenth of the traffic under every rule and at all times, whatever
steps its example has: what differs is the rule alone.
"""

from __future__ import annotations

import argparse
import os
import time
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass
from datetime import timedelta
from itertools import islice
from statistics import fmean, median

from bench.judge.rivals import RIVALS, End, Outcome, Requests
from bench.results import keep, machine

from linnet.cli.forecast.inputs import DEFAULT, LENGTH_SECONDS
from linnet.core.analysis.checks import Track
from linnet.core.analysis.counts.evidence import CountEvidence
from linnet.core.analysis.counts.judge import judge
from linnet.core.analysis.simulation.rollout import INTERVAL, START, Scenario, looks, may_fail, may_pass
from linnet.core.analysis.simulation.traffic import CountCell, SyntheticTraffic, intervals
from linnet.core.analysis.statistics.intervals import wilson
from linnet.core.analysis.verdict import Look, Verdict

BASE = 0.002
"""Stable's share of failed requests, and that of a good canary."""
BAD = (0.005, 0.01, 0.02, 0.05, 0.1, 0.5, 1.0)
RATES = (0.1, 1.0, 10.0, 100.0)
"""Requests a second, of both tracks."""
SHARE = 0.1
HOUR = timedelta(hours=1)
EVERY = int(INTERVAL.total_seconds())
LINNET = "Linnet, defaults"
NAMES = (LINNET, *(rule.name for rule in RIVALS))
ENDS = {Verdict.FAIL: Outcome.ROLLED_BACK, Verdict.PASS: Outcome.PROMOTED}


@dataclass(frozen=True)
class Run:
    """One rule's end in one hour. `errors`: the canary's failed requests until the rollback, or in the whole hour."""

    rule: str
    end: End
    errors: int


@dataclass(frozen=True)
class Point:
    """One rule at one rate of requests (1/s) and one error rate of the canary, over all seeds.

    `seconds` and `errors_until` are medians over the runs that rolled back, None without any; `errors` is the mean
    over all runs, in which a canary that was not rolled back goes on failing until the hour ends.
    """

    rule: str
    rate: float
    bad: float
    seeds: int
    rolled_back: float
    rolled_back_interval: tuple[float, float]
    promoted: float
    seconds: float | None
    errors_until: float | None
    errors: float


def hour(bad: float, rate: float, seed: int) -> list[list[CountCell]]:
    """An hour's traffic in intervals."""
    traffic = SyntheticTraffic(BASE, bad, share=SHARE, per_interval=rate * EVERY)
    return list(islice(intervals(traffic, seed), int(HOUR / INTERVAL)))


def linnet(cells: Sequence[list[CountCell]]) -> End:
    """Linnet's end by the default check, `for` as long as the default steps and bake together last."""
    (check,), required = DEFAULT.checks, timedelta(seconds=LENGTH_SECONDS)
    scenario = Scenario("curves", SyntheticTraffic(BASE, BASE), check, "passed")
    for each, (evidence, now) in zip(cells, looks(check, cells), strict=True):
        elapsed = now - START
        if _ends_nothing(scenario, each, evidence, elapsed, required):
            continue
        verdict = judge(DEFAULT, check, evidence, Look(elapsed, required, now)).verdict
        if verdict in ENDS:
            return End(ENDS[verdict], elapsed.total_seconds())
    return End(Outcome.CONTINUES, HOUR.total_seconds())


def _ends_nothing(
    scenario: Scenario, cells: list[CountCell], evidence: CountEvidence, elapsed: timedelta, required: timedelta
) -> bool:
    """A look needs no judgement if nothing is new since the last one, or if it can be neither Fail nor Pass."""
    due = elapsed - INTERVAL < required <= elapsed
    if not due and not any(n for _, _, n, _ in cells):
        return True
    return not may_fail(scenario, evidence) and (elapsed < required or not may_pass(scenario, evidence))


def runs(bad: float, rate: float, seed: int) -> list[Run]:
    """Every rule's end in the same hour."""
    cells = hour(bad, rate, seed)
    requests = Requests.of([_canary(each) for each in cells], EVERY)
    ends = {LINNET: linnet(cells), **{rule.name: rule.end(requests) for rule in RIVALS}}
    return [Run(name, end, _errors(requests, end)) for name, end in ends.items()]


def _canary(cells: Sequence[CountCell]) -> tuple[int, int]:
    of_canary = [(n, bad) for _, track, n, bad in cells if track is Track.CANARY]
    return sum(n for n, _ in of_canary), sum(bad for _, bad in of_canary)


def _errors(requests: Requests, end: End) -> int:
    rolled_back = end.outcome is Outcome.ROLLED_BACK
    return requests.until(int(end.seconds) if rolled_back else requests.seconds)[1]


def summarize(rule: str, rate: float, bad: float, ends: Sequence[Run]) -> Point:
    """One point of the curves from its runs."""
    gone = [run for run in ends if run.end.outcome is Outcome.ROLLED_BACK]
    promoted = sum(run.end.outcome is Outcome.PROMOTED for run in ends)
    return Point(
        rule=rule,
        rate=rate,
        bad=bad,
        seeds=len(ends),
        rolled_back=len(gone) / len(ends),
        rolled_back_interval=wilson(len(gone), len(ends)),
        promoted=promoted / len(ends),
        seconds=median(run.end.seconds for run in gone) if gone else None,
        errors_until=median(run.errors for run in gone) if gone else None,
        errors=fmean(run.errors for run in ends),
    )


def measure(seeds: int, jobs: int) -> list[Point]:
    """Every point; prints the rows of a rate of requests as soon as they are known."""
    points = []
    print(*heading(), sep="\n")
    with ProcessPoolExecutor(jobs) as pool:
        for rate in RATES:
            found = [p for bad in (BASE, *BAD) for p in _points(pool, rate, bad, seeds)]
            print(*(row(rate, name, found) for name in NAMES), sep="\n", flush=True)
            points += found
    return points


def _points(pool: ProcessPoolExecutor, rate: float, bad: float, seeds: int) -> list[Point]:
    each = list(pool.map(runs, [bad] * seeds, [rate] * seeds, range(seeds), chunksize=5))
    return [summarize(name, rate, bad, [r for of_seed in each for r in of_seed if r.rule == name]) for name in NAMES]


def heading() -> list[str]:
    """The table's head, in Markdown."""
    titles = ["requests", "rule", f"good, {100 * BASE:g} %", *(f"{100 * bad:g} %" for bad in BAD)]
    return [f"| {' | '.join(titles)} |", "|---" * len(titles) + "|"]


def row(rate: float, rule: str, points: Sequence[Point]) -> str:
    """One rule at one rate of requests, one cell for each error rate of the canary."""
    cells = [cell(p) for p in points if p.rule == rule and p.rate == rate]
    return f"| {' | '.join([f'{rate:g}/s', rule, *cells])} |"


def cell(p: Point) -> str:
    """Share rolled back, median time and errors until then; share promoted."""
    then = "" if p.seconds is None else f": {_time(p.seconds)}, {p.errors_until:.0f} err."
    return f"{_share(p.rolled_back)}{then}; {_share(p.promoted)}"


def _share(share: float) -> str:
    """Formats a share in whole percent, but never as none or all where it is not."""
    if 0 < share < 0.01 or 0.99 < share < 1:
        return "<1 %" if share < 0.5 else ">99 %"
    return f"{share:.0%}".replace("%", " %")


def _time(seconds: float) -> str:
    return f"{seconds:.0f} s" if seconds < 100 else f"{seconds / 60:.3g} min"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=300)
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1)
    options = parser.parse_args()
    began = time.perf_counter()
    points = measure(options.seeds, options.jobs)
    report = {
        "seeds": options.seeds,
        "seconds": round(time.perf_counter() - began, 1),
        "stable": BASE,
        "share": SHARE,
        "points": [asdict(point) for point in points],
    }
    print("each cell: share rolled back, its median time and canary errors until then; share promoted within the hour")
    print(f"{options.seeds} seeds, {report['seconds']} s, {machine()}; wrote {keep('curves', report)}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
