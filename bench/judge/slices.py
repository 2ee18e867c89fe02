"""Simulates, with the code that judges, what judging slices apart costs and how often it rolls good versions back.

    python -m bench.judge.slices [--seeds 2000] [--requests 80000] [--slices 8] [--jobs 2]

Requests fail one by one and each is a cell of its own, so that the dispersion is 1. The same requests are judged by
three rules: Linnet's family of slices, plain Bonferroni (each slice at alpha / slices), and one check of the whole.
Prints a table and writes build/bench/slices.json; shares carry their 95 % interval.
"""

from __future__ import annotations

import argparse
import os
import random
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import partial
from math import sqrt
from statistics import fmean, stdev

from bench.results import keep, machine

from linnet.core.analysis.checks import CountCheck, Policy, Signal, Slice, Track
from linnet.core.analysis.counts.evidence import CountEvidence, CountStream
from linnet.core.analysis.counts.judge import judge_all
from linnet.core.analysis.statistics.hypotheses import Setting, hypotheses
from linnet.core.analysis.statistics.intervals import wilson
from linnet.core.analysis.statistics.sums import Spread, Sums
from linnet.core.analysis.verdict import Look, Verdict

ALPHA = 0.01
SHARE = 0.1
STABLE, BAD = 0.01, 0.05
WHOLE = CountCheck("errors", Signal.ERRORS, max_ratio_to_stable=1.0)
NOW = datetime(2026, 1, 1, tzinfo=UTC)
RULES = ("family", "bonferroni", "whole")


@dataclass(frozen=True)
class Scenario:
    """`bad` of the slices have a canary that fails `BAD` of its requests, the others one as good as stable."""

    name: str
    slices: int
    bad: int
    requests: int


Ends = Mapping[str, int]
"""Rule → canary requests of all slices until it rolled back; without those that did not."""


def requests(scenario: Scenario, seed: int) -> Iterator[tuple[int, Track, bool]]:
    """(slice, track, whether it is bad); slices are equally frequent."""
    draw, slices = random.Random(seed).random, scenario.slices
    for _ in range(scenario.requests):
        at = int(draw() * slices)
        if draw() < SHARE:
            yield at, Track.CANARY, draw() < (BAD if at < scenario.bad else STABLE)
        else:
            yield at, Track.STABLE, draw() < STABLE


def run(scenario: Scenario, seed: int) -> Ends:
    """Each rule's end. They look after each bad request of the canary: after another no rule can begin to roll back."""
    counts, canary, ends = [[0, 0, 0, 0] for _ in range(scenario.slices)], 0, dict[str, int]()
    for at, track, bad in requests(scenario, seed):
        first = 0 if track is Track.CANARY else 2
        counts[at][first] += 1
        counts[at][first + 1] += bad
        canary += not first
        if first or not bad:
            continue
        sums = [Sums(*numbers) for numbers in counts]
        for rule in RULES:
            if rule not in ends and _rolls_back(rule, sums):
                ends[rule] = canary
        if len(ends) == len(RULES):
            break
    return ends


def _rolls_back(rule: str, sums: Sequence[Sums]) -> bool:
    if rule == "whole":
        total = Sums(*(sum(numbers) for numbers in zip(*map(_numbers, sums), strict=True)))
        return _fails((WHOLE,), [total], ALPHA)
    checks = [WHOLE.sliced(Slice("part", str(at))) for at in range(len(sums))]
    if rule == "family":
        return _fails(checks, sums, ALPHA)
    return any(_fails((check,), [each], ALPHA / len(sums)) for check, each in zip(checks, sums, strict=True))


def _numbers(sums: Sums) -> tuple[float, float, float, float]:
    return sums.canary_n, sums.canary_bad, sums.stable_n, sums.stable_bad


def _fails(checks: Sequence[CountCheck], sums: Sequence[Sums], alpha: float) -> bool:
    """The judge says whether they fail; it is not asked where no slice reaches the whole alpha, as every Fail does."""
    setting = Setting(alpha, 5.0, 0.9, dispersion=1)
    bounds = [h for c, s in zip(checks, sums, strict=True) for h in hypotheses(c, (s,), setting)]
    if not any(h.breached and h.against_bound >= setting.rejects for h in bounds):
        return False
    streams = {c.name: _stream(c, s) for c, s in zip(checks, sums, strict=True)}
    evidence = CountEvidence(streams, present=frozenset(Track), folded_at=NOW.timestamp())
    none = timedelta(0)
    found = judge_all(Policy(tuple(checks), alpha), evidence, Look(none, none, NOW))
    return any(j.verdict is Verdict.FAIL for j in found)


def _stream(check: CountCheck, sums: Sums) -> CountStream:
    """Each request is a cell of its own."""
    spread = {
        Track.CANARY: _single(int(sums.canary_n), int(sums.canary_bad)),
        Track.STABLE: _single(int(sums.stable_n), int(sums.stable_bad)),
    }
    return CountStream(check, {"w": sums}, spread, read_at=dict.fromkeys(Track, NOW.timestamp()))


def _single(n: int, bad: int) -> Spread:
    return Spread(n, bad, n, bad, n, bad, bad)


@dataclass(frozen=True)
class Row:
    """One rule in one scenario. `share` of the runs was rolled back, after `mean` canary requests of all slices."""

    scenario: str
    rule: str
    seeds: int
    share: float
    low: float
    high: float
    mean: float | None
    half: float | None
    seconds: float

    @property
    def missed(self) -> bool:
        """A good version rolled back more often than alpha allows, by more than chance."""
        return self.scenario == "good" and self.low > ALPHA

    def line(self) -> str:
        share = f"{self.share:8.2%} [{self.low:.2%}, {self.high:.2%}]"
        after = f"  after {self.mean:7,.0f} ± {self.half:,.0f} canary requests" if self.mean is not None else ""
        return f"{self.scenario:<14} {self.rule:<11} rolled back {share:<28}{after}{'  MISSED' if self.missed else ''}"


def rows(scenario: Scenario, found: Sequence[Ends], seconds: float) -> list[Row]:
    return [_row(scenario.name, rule, [ends.get(rule) for ends in found], seconds) for rule in RULES]


def _row(name: str, rule: str, found: Sequence[int | None], seconds: float) -> Row:
    rollbacks = [n for n in found if n is not None]
    low, high = wilson(len(rollbacks), len(found))
    row = Row(name, rule, len(found), len(rollbacks) / len(found), low, high, None, None, round(seconds, 1))
    if name == "good" or len(rollbacks) < 2:
        return row
    return replace(row, mean=fmean(rollbacks), half=1.96 * stdev(rollbacks) / sqrt(len(rollbacks)))


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=2000)
    parser.add_argument("--requests", type=int, default=80_000, help="of both tracks and all slices in a run")
    parser.add_argument("--slices", type=int, default=8)
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1)
    given = parser.parse_args()
    print(f"seeds 0 to {given.seeds - 1}, {given.requests:,} requests each, {given.slices} slices; {machine()}")
    found: list[Row] = []
    with ProcessPoolExecutor(given.jobs) as pool:
        for name, bad in (("good", 0), ("one at 5 %", 1), ("all at 5 %", given.slices)):
            began = time.perf_counter()
            scenario = Scenario(name, given.slices, bad, given.requests)
            ends = list(pool.map(partial(run, scenario), range(given.seeds), chunksize=8))
            new = rows(scenario, ends, time.perf_counter() - began)
            print(*(row.line() for row in new), sep="\n", flush=True)
            found += new
    about = {key: getattr(given, key) for key in ("seeds", "requests", "slices")}
    print(f"wrote {keep('slices', {**about, 'rows': [asdict(row) for row in found]})}")
    return int(any(row.missed for row in found))


if __name__ == "__main__":
    sys.exit(main())
