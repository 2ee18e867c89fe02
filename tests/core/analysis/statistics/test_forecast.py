"""Forecasts agree with the test that they forecast."""

from __future__ import annotations

import math

import pytest

from linnet.core.analysis.checks import CountCheck, Policy, Signal
from linnet.core.analysis.statistics.forecast import forecast

STABLE = CountCheck("errors", Signal.ERRORS, max_ratio_to_stable=1.0)
KNOWN = CountCheck("errors", Signal.ERRORS, max=0.01)


def test_the_documented_case() -> None:
    """5 % against stable's 1 %, a tenth of the traffic: 184 requests in the mean; at one a minute, 30 hours."""
    cost = forecast(Policy((STABLE,)), STABLE, stable_rate=0.01, share=0.1, bad_rate=0.05)
    assert cost.until_fail == pytest.approx(184, rel=0.15)
    assert cost.seconds(cost.until_fail, rate=1 / 60, share=0.1) / 3600 == pytest.approx(30, rel=0.15)


def test_a_known_bound_is_cheaper() -> None:
    """A bound on the rate itself needs no comparison: simulated 151 requests in the mean."""
    cost = forecast(Policy((KNOWN,)), KNOWN, stable_rate=0.01, share=0.1, bad_rate=0.05)
    assert cost.until_fail == pytest.approx(151, rel=0.15)


def test_dispersion_costs_in_proportion() -> None:
    """Errors in threes need three times the requests."""
    single = forecast(Policy((STABLE,)), STABLE, stable_rate=0.01, share=0.1)
    triple = forecast(Policy((STABLE,)), STABLE, stable_rate=0.01, share=0.1, dispersion=3)
    assert triple.until_pass == pytest.approx(3 * single.until_pass, rel=0.05)


def test_more_checks_cost_more() -> None:
    """Alpha that is shared makes each test stricter."""
    alone = forecast(Policy((STABLE,)), STABLE, stable_rate=0.01, share=0.1)
    shared = forecast(Policy((STABLE, KNOWN)), STABLE, stable_rate=0.01, share=0.1)
    assert shared.until_pass > alone.until_pass


def test_what_can_never_be_seen() -> None:
    """Where stable fails half its requests, no canary fails three times as many."""
    thrice = CountCheck("errors", Signal.ERRORS, max_ratio_to_stable=3.0)
    assert forecast(Policy((thrice,)), thrice, stable_rate=0.5, share=0.1).until_pass == math.inf
