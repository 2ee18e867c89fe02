"""Simulates, with the code that judges predictions, how often equal answers roll back and how soon different ones do.

    python -m bench.judge.predictions [--seeds 2000] [--only bursts] [--jobs 2]

prints what differences of answers mean in bits and what a bound costs, then a table, and writes
build/bench/predictions.json. `refuted` is the share of the runs in which equality was ever refuted, `rolled back` those
in which the divergence exceeded its bound as well.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass, replace
from itertools import pairwise
from math import log
from statistics import NormalDist, fmean

from bench.results import keep

from linnet.core.analysis.checks import Policy, PredictionCheck
from linnet.core.analysis.simulation.prediction_rollout import Trial, run
from linnet.core.analysis.simulation.prediction_traffic import Shares, SyntheticAnswers
from linnet.core.analysis.statistics.divergence import jensen_shannon, needed
from linnet.core.analysis.statistics.intervals import wilson
from linnet.core.analysis.verdict import Verdict

BOUND = 0.02
SCORES = (0.30, 0.22, 0.15, 0.10, 0.07, 0.05, 0.04, 0.03, 0.02, 0.02)
"""Ten buckets of a score, most answers near zero."""
NIGHT = (0.05, 0.08, 0.10, 0.12, 0.15, 0.15, 0.12, 0.10, 0.08, 0.05)
FRAUD = (0.97, 0.03)


def shifted(shares: Shares, part: float) -> Shares:
    """The shares after this part of the answers has moved up by one class."""
    moved = [part * share for share in shares[:-1]]
    return tuple(s - out + into for s, out, into in zip(shares, (*moved, 0.0), (0.0, *moved), strict=True))


@dataclass(frozen=True)
class Scenario:
    name: str
    traffic: SyntheticAnswers
    at_most: float | None = None
    to_pass: bool = False
    effort: float = 1.0

    @property
    def divergence(self) -> float:
        return jensen_shannon(self.traffic.canary, self.traffic.stable)

    @property
    def trial(self) -> Trial:
        check = PredictionCheck("answers", BOUND, tuple(str(k) for k in range(len(self.traffic.stable))))
        return Trial(self.traffic, check, Policy((), resemblance=check), self.to_pass)


EQUAL = SyntheticAnswers(SCORES, SCORES)
FRAUDS = SyntheticAnswers(FRAUD, FRAUD)
MOVED = replace(EQUAL, canary=shifted(SCORES, 0.4))
DIFFERENT = (("0.6 of the answers one class up", 0.6), ("0.4 of them", 0.4), ("0.25 of them", 0.25))
SCENARIOS = (
    Scenario("equal: independent, 10/s", EQUAL, 0.01),
    Scenario("equal: two classes, 3 % fraud", FRAUDS, 0.01),
    Scenario("equal: bursts geometric, mean 3", replace(EQUAL, burst=3), 0.01),
    Scenario("equal: bursts of exactly 3", replace(EQUAL, burst=3, constant=True), 0.01),
    Scenario("equal: two classes, bursts geometric, mean 3", replace(FRAUDS, burst=3), 0.01),
    Scenario("equal: bursts geometric, mean 10", replace(EQUAL, burst=10), 0.01, effort=0.5),
    Scenario("equal: bursts geometric, mean 3, 1/s", replace(EQUAL, burst=3, per_interval=5, total=2_500), 0.01),
    Scenario(
        "equal: bursts geometric, mean 3, 100/s",
        replace(EQUAL, burst=3, per_interval=500, total=50_000),
        0.01,
        effort=0.25,
    ),
    Scenario(
        "equal: bursts geometric, mean 3, share 0.5",
        replace(EQUAL, burst=3, share=0.5, canary_pods=4),
        0.01,
        effort=0.5,
    ),
    Scenario(
        "equal: bursts geometric, mean 3, 1 pod each",
        replace(EQUAL, burst=3, share=0.5, stable_pods=1),
        0.01,
        effort=0.5,
    ),
    Scenario("equal: the answers change for both", replace(EQUAL, later=NIGHT), 0.01, effort=0.5),
    Scenario(
        "equal: they change while the share creeps to 0.5", replace(EQUAL, later=NIGHT, creep=0.5), 0.01, effort=0.5
    ),
    Scenario("equal: 100 clients to each pod, 4 + 1 pods", replace(EQUAL, clients=100), effort=0.5),
    Scenario("equal: 30 clients to each pod, 4 + 1 pods", replace(EQUAL, clients=30), effort=0.5),
    Scenario(
        "equal: 30 clients to each pod, 8 + 2 pods",
        replace(EQUAL, clients=30, stable_pods=8, canary_pods=2),
        effort=0.5,
    ),
    Scenario(
        "equal: 100 clients to each pod, 1 + 1 pods", replace(EQUAL, clients=100, stable_pods=1, share=0.5), effort=0.5
    ),
    *(
        Scenario(f"shift: {name}", replace(EQUAL, canary=shifted(SCORES, shift)), effort=0.25)
        for name, shift in DIFFERENT
    ),
    Scenario("shift: 0.4, bursts geometric, mean 3", replace(MOVED, burst=3, total=100_000), effort=0.25),
    Scenario("shift: 0.4, share 0.5", replace(MOVED, share=0.5, canary_pods=4), effort=0.25),
    Scenario("shift: fraud 3 % becomes 33 %", replace(FRAUDS, canary=shifted(FRAUD, 0.3)), effort=0.25),
    Scenario("passes: equal, until Pass", replace(EQUAL, total=100_000), to_pass=True, effort=0.25),
    Scenario(
        "passes: equal with bursts, until Pass", replace(EQUAL, burst=3, total=200_000), to_pass=True, effort=0.25
    ),
)


@dataclass(frozen=True)
class Row:
    """One line of the table: shares of the runs, `low` to `high` being the 95 % interval of `rolled_back`."""

    name: str
    divergence: float
    rolled_back: float
    low: float
    high: float
    at_most: float | None
    refuted: float
    passed: float
    until_fail: float | None
    until_pass: float | None
    seeds: int

    @property
    def missed(self) -> bool:
        """The row is beyond its target by more than chance."""
        return self.at_most is not None and self.low > self.at_most

    def line(self) -> str:
        fails = f", after {self.until_fail:,.0f} canary answers" if self.until_fail else ""
        passes = f"; passed {self.passed:.1%}, after {self.until_pass:,.0f}" if self.until_pass else ""
        return (
            f"{self.name:<52} {self.divergence:.4f} bits: rolled back {self.rolled_back:.2%} "
            f"({self.low:.2%} to {self.high:.2%}){fails}; refuted {self.refuted:.2%}{passes}; {self.seeds} seeds"
        )


def measure(scenario: Scenario, seeds: int, pool: ProcessPoolExecutor, jobs: int) -> Row:
    """The scenario over all its seeds; prints its line."""
    count = max(1, int(seeds * scenario.effort))
    outcomes = list(pool.map(run, [scenario.trial] * count, range(count), chunksize=max(1, count // (jobs * 8))))
    failed = [o.canary_n for o in outcomes if o.verdict is Verdict.FAIL]
    passed = [o.canary_n for o in outcomes if o.verdict is Verdict.PASS]
    row = Row(
        scenario.name,
        round(scenario.divergence, 4),
        len(failed) / count,
        *wilson(len(failed), count),
        scenario.at_most,
        sum(o.refuted for o in outcomes) / count,
        len(passed) / count,
        fmean(failed) if failed else None,
        fmean(passed) if passed else None,
        count,
    )
    print(row.line(), flush=True)
    return row


def meaning() -> Iterator[str]:
    """Lines that help to choose a bound: differences in bits, and canary answers until a verdict."""
    for before, after in ((0.01, 0.02), (0.01, 0.05), (0.1, 0.15), (0.1, 0.2), (0.1, 0.3), (0.5, 0.6), (0.5, 0.7)):
        yield f"{before:.0%} become {after:.0%}: {jensen_shannon((before, 1 - before), (after, 1 - after)):.4f} bits"
    cuts = [NormalDist().inv_cdf(k / 10) for k in range(1, 10)]
    for shift in (0.1, 0.2, 0.3, 0.5, 1.0):
        heights = [0.0, *(NormalDist(shift).cdf(cut) for cut in cuts), 1.0]
        moved = [high - low for low, high in pairwise(heights)]
        yield f"a score moves by {shift} deviations, ten buckets: {jensen_shannon([0.1] * 10, moved):.4f} bits"
    for bound in (0.005, 0.01, BOUND, 0.05):
        answers = [needed(bound, 10, share / (1 - share), 1, -log(0.01), 0.9) for share in (0.1, 0.5)]
        yield f"bound {bound:g}: {answers[0]:,.0f} canary answers at a share of 0.1, {answers[1]:,.0f} at 0.5"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=2000)
    parser.add_argument("--only", default="", help="scenarios whose name contains this")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1)
    options = parser.parse_args()
    print("\n".join(meaning()), flush=True)
    with ProcessPoolExecutor(options.jobs) as pool:
        rows = [measure(s, options.seeds, pool, options.jobs) for s in SCENARIOS if options.only in s.name]
    kept = keep("predictions", {"seeds": options.seeds, "rows": [asdict(row) for row in rows]})
    missed = sum(row.missed for row in rows)
    print(f"{missed} targets missed by more than chance; wrote {kept}")
    return int(missed > 0)


if __name__ == "__main__":
    sys.exit(main())
