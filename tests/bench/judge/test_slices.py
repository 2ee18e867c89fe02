"""The measurement of slices judges the same requests by each rule."""

import pytest
from bench.judge.slices import RULES, Scenario, _rolls_back, requests, run

from linnet.core.analysis.checks import Track
from linnet.core.analysis.statistics.sums import Sums


@pytest.mark.parametrize("seed", range(3))
def test_the_family_is_never_later_than_bonferroni(seed: int) -> None:
    """It refutes whatever Bonferroni refutes, on the same requests."""
    ends = run(Scenario("all", 4, 4, 12_000), seed)
    assert ends["family"] <= ends["bonferroni"]


@pytest.mark.slow
def test_looks_that_are_left_out_would_have_ended_nothing() -> None:
    """Asked after every request, each rule ends after as many canary requests."""
    scenario, canary = Scenario("all", 2, 2, 12_000), 0
    sums, ends = [Sums()] * 2, dict[str, int]()
    for at, track, bad in requests(scenario, 1):
        sums[at] = sums[at].plus(track, 1, bad)
        canary += track is Track.CANARY
        ends |= {rule: canary for rule in RULES if rule not in ends and _rolls_back(rule, sums)}
        if len(ends) == len(RULES):
            break
    assert ends == run(scenario, 1)
