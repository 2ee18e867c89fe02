"""The comparison measures every rule on the same traffic, and Linnet by the code that judges."""

from datetime import datetime, timedelta

import pytest
from bench.judge.curves import BASE, ENDS, LINNET, NAMES, Run, cell, hour, linnet, row, runs, summarize
from bench.judge.rivals import End, Outcome

from linnet.cli.forecast.inputs import DEFAULT, LENGTH_SECONDS
from linnet.core.analysis.counts.evidence import CountEvidence
from linnet.core.analysis.counts.judge import judge
from linnet.core.analysis.simulation.rollout import START, looks
from linnet.core.analysis.verdict import Look, Verdict


def test_a_seed_is_the_same_hour_again() -> None:
    """Whoever runs it gets these numbers; another seed is another hour."""
    assert runs(0.05, 1.0, 7) == runs(0.05, 1.0, 7)
    assert hour(0.05, 1.0, 7) != hour(0.05, 1.0, 8)


def test_every_rule_sees_the_same_hour() -> None:
    """One run for each rule, and none serves more errors than the hour had."""
    found = runs(0.1, 10.0, 1)
    assert [run.rule for run in found] == list(NAMES)
    had = sum(bad for cells in hour(0.1, 10.0, 1) for pod, _, _, bad in cells if pod.startswith("canary"))
    assert all(0 < run.errors <= had for run in found)


@pytest.mark.parametrize(("bad", "rate"), [(BASE, 10.0), (0.005, 10.0), (0.05, 1.0), (0.5, 0.1)])
def test_looks_that_are_left_out_would_have_ended_nothing(bad: float, rate: float) -> None:
    """Linnet ends as if it were asked after every interval."""
    cells, required = hour(bad, rate, 3), timedelta(seconds=LENGTH_SECONDS)
    each = ((_verdict(evidence, now, required), now) for evidence, now in looks(DEFAULT.checks[0], cells))
    ends = (End(ENDS[verdict], (now - START).total_seconds()) for verdict, now in each if verdict in ENDS)
    assert linnet(cells) == next(ends, End(Outcome.CONTINUES, 3600))


def _verdict(evidence: CountEvidence, now: datetime, required: timedelta) -> Verdict:
    return judge(DEFAULT, DEFAULT.checks[0], evidence, Look(now - START, required, now)).verdict


def test_a_point_tells_rollbacks_apart_from_promotions() -> None:
    """Times and errors until then are those of the runs that rolled back."""
    ends = [
        Run(LINNET, End(Outcome.ROLLED_BACK, 20), 2),
        Run(LINNET, End(Outcome.ROLLED_BACK, 40), 4),
        Run(LINNET, End(Outcome.PROMOTED, 840), 60),
        Run(LINNET, End(Outcome.CONTINUES, 3600), 54),
    ]
    point = summarize(LINNET, 1.0, 0.05, ends)
    assert (point.rolled_back, point.promoted, point.seconds, point.errors_until, point.errors) == (
        0.5,
        0.25,
        30,
        3,
        30,
    )
    assert row(1.0, LINNET, [point]) == f"| 1/s | {LINNET} | {cell(point)} |"


def test_a_rule_that_never_rolls_back_has_no_time() -> None:
    """No median of nothing, and none is shown."""
    point = summarize(LINNET, 1.0, BASE, [Run(LINNET, End(Outcome.PROMOTED, 840), 1)])
    assert point.seconds is None
    assert cell(point) == "0 %; 100 %"


def test_a_rare_rollback_is_not_shown_as_none() -> None:
    """One in two hundred is no 0 %, and leaves no 100 %."""
    ends = [Run(LINNET, End(Outcome.PROMOTED, 840), 1)] * 199
    point = summarize(LINNET, 1.0, BASE, [*ends, Run(LINNET, End(Outcome.ROLLED_BACK, 30), 1)])
    assert cell(point) == "<1 %: 30 s, 1 err.; >99 %"
