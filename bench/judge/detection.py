"""Simulates, with the code that judges, how fast bad canaries are found and how often good ones are rolled back.

    python -m bench.judge.detection [--seeds 2000] [--only detect] [--jobs 2]

prints a table and writes build/bench/detection.json. Every figure carries its 95 % interval.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections.abc import Iterable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass
from math import sqrt
from statistics import fmean, median, quantiles, stdev

from bench.judge.scenarios import SCENARIOS
from bench.results import keep

from linnet.core.analysis.simulation.rollout import Outcome, Scenario, run
from linnet.core.analysis.statistics.intervals import wilson
from linnet.core.analysis.verdict import Verdict


@dataclass(frozen=True)
class Row:
    """One line of the table: what was measured, its interval, and whether the target is met."""

    name: str
    measure: str
    value: float
    low: float
    high: float
    at_most: float | None
    met: bool | None
    detail: dict[str, float]
    seeds: int
    seconds: float


def summarize(scenario: Scenario, outcomes: list[Outcome], seconds: float) -> Row:
    """The scenario's own measure over all its runs."""
    detail = _detail(outcomes)
    if scenario.measure == "requests":
        found = [o.canary_n for o in outcomes if o.verdict is Verdict.FAIL]
        value = fmean(found) if found else float("nan")
        half = 1.96 * stdev(found) / sqrt(len(found)) if len(found) > 1 else 0.0
        low, high = value - half, value + half
    else:
        wanted = {"rolled back": Verdict.FAIL, "passed": Verdict.PASS}[scenario.measure]
        hits = sum(o.verdict is wanted for o in outcomes)
        value, (low, high) = hits / len(outcomes), wilson(hits, len(outcomes))
    met = None if scenario.at_most is None else value <= scenario.at_most
    return Row(
        scenario.name,
        scenario.measure,
        value,
        low,
        high,
        scenario.at_most,
        met,
        detail,
        len(outcomes),
        round(seconds, 1),
    )


def _detail(outcomes: list[Outcome]) -> dict[str, float]:
    failed = sorted(o.canary_n for o in outcomes if o.verdict is Verdict.FAIL)
    passed = sorted(o.canary_n for o in outcomes if o.verdict is Verdict.PASS)
    detail = {"failed": len(failed) / len(outcomes), "passed": len(passed) / len(outcomes)}
    if len(failed) > 1:
        detail |= {"fail_median": median(failed), "fail_p95": quantiles(failed, n=20)[-1]}
    if len(passed) > 1:
        detail |= {"pass_mean": fmean(passed), "pass_median": median(passed), "pass_p95": quantiles(passed, n=20)[-1]}
    detail["inconclusive_first"] = sum(o.was_inconclusive for o in outcomes) / len(outcomes)
    detail["dispersion"] = fmean(o.dispersion for o in outcomes)
    return {key: round(value, 4) for key, value in detail.items()}


def measure(scenarios: Iterable[Scenario], seeds: int, jobs: int) -> list[Row]:
    """Each scenario over all seeds; prints its line as soon as it is known."""
    rows = []
    with ProcessPoolExecutor(jobs) as pool:
        for scenario in scenarios:
            count, began = int(seeds * scenario.effort), time.perf_counter()
            tasks = pool.map(run, [scenario] * count, range(count), chunksize=max(1, count // (jobs * 8)))
            row = summarize(scenario, list(tasks), time.perf_counter() - began)
            print(line(row), flush=True)
            rows.append(row)
    return rows


def line(row: Row) -> str:
    number = "{:.1f}" if row.measure == "requests" else "{:.2%}"
    value, low, high = (number.format(v) for v in (row.value, row.low, row.high))
    state = {True: "ok", False: "unclear", None: ""}[row.met] if not missed(row) else "MISSED"
    target = "" if row.at_most is None else f"<= {row.at_most:g}"
    extra = " ".join(f"{key}={value:g}" for key, value in row.detail.items())
    return f"{row.name:<58} {row.measure:<11} {value:>8} [{low}, {high}] {target:<8} {state:<7} {extra}"


def missed(row: Row) -> bool:
    """The row is beyond its target by more than chance: the whole interval is."""
    return row.at_most is not None and row.low > row.at_most


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=2000)
    parser.add_argument("--only", default="", help="scenarios whose name contains this")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1)
    options = parser.parse_args()
    rows = measure([s for s in SCENARIOS if options.only in s.name], options.seeds, options.jobs)
    kept = keep("detection", {"seeds": options.seeds, "rows": [asdict(row) for row in rows]})
    failed = sum(missed(row) for row in rows)
    print(f"{failed} targets missed by more than chance; wrote {kept}")
    return int(failed > 0)


if __name__ == "__main__":
    sys.exit(main())
