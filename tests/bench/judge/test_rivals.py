"""The rules that Linnet is compared with do on hand-made traffic what their documentation says."""

from collections.abc import Iterable

import pytest
from bench.judge.rivals import (
    ARGO_COUNT,
    ARGO_DEFAULTS,
    ARGO_EXAMPLE,
    FLAGGER_DEFAULTS,
    FLAGGER_EXAMPLE,
    RIVALS,
    End,
    Outcome,
    Requests,
    Rule,
)

GOOD, BAD, NONE, OUTAGE = (100, 0), (100, 10), (0, 0), (100, 100)
TEN_SECONDS = 6
"""A minute has so many."""


def after(rule: Rule, *minutes: tuple[int, int]) -> End:
    """How the rule ends a canary that had this traffic, given by the minute."""
    return rule.end(Requests.of(_by_ten_seconds(minutes), every=10))


def _by_ten_seconds(minutes: Iterable[tuple[int, int]]) -> list[tuple[int, int]]:
    """All of a minute's requests come in its first ten seconds."""
    return [each for minute in minutes for each in (minute, *[NONE] * (TEN_SECONDS - 1))]


def rolled_back(minutes: float) -> End:
    return End(Outcome.ROLLED_BACK, minutes * 60)


def promoted(minutes: float) -> End:
    return End(Outcome.PROMOTED, minutes * 60)


@pytest.mark.parametrize(
    ("rule", "end"),
    [
        (FLAGGER_DEFAULTS, promoted(10)),
        (FLAGGER_EXAMPLE, promoted(10)),
        (ARGO_DEFAULTS, promoted(5)),
        (ARGO_COUNT, promoted(9)),
        (ARGO_EXAMPLE, promoted(40)),
    ],
)
def test_a_canary_without_errors_is_promoted(rule: Rule, end: End) -> None:
    """It takes interval * (maxWeight / stepWeight), the pause and the count, or the steps."""
    assert after(rule, *[GOOD] * 60) == end


def test_flagger_rolls_back_when_the_threshold_is_reached() -> None:
    """The tenth failed check is seen when the eleventh is due."""
    assert after(FLAGGER_EXAMPLE, *[BAD] * 60) == rolled_back(11)


def test_flagger_counts_failed_checks_that_are_not_consecutive() -> None:
    """A check that passes in between forgives nothing."""
    assert after(FLAGGER_EXAMPLE, BAD, *[BAD, GOOD] * 9, *[GOOD] * 60) == rolled_back(19)


def test_flagger_waits_out_fewer_failures_than_its_threshold() -> None:
    """Nine failed checks delay a promotion by nine minutes."""
    assert after(FLAGGER_EXAMPLE, *[BAD] * 9, *[GOOD] * 60) == promoted(19)


def test_flagger_takes_no_requests_for_a_failed_check() -> None:
    """By default the first quiet minute rolls a good version back."""
    assert after(FLAGGER_DEFAULTS, GOOD, NONE, GOOD) == rolled_back(3)


def test_flagger_accepts_exactly_its_least_success_rate() -> None:
    """99 % is not below 99 %."""
    assert after(FLAGGER_DEFAULTS, *[(100, 1)] * 10) == promoted(10)


def test_argo_measures_once_by_default() -> None:
    """What fails before its five minutes or after them is not seen."""
    assert after(ARGO_DEFAULTS, *[GOOD] * 5, *[OUTAGE] * 60) == promoted(5)
    assert after(ARGO_DEFAULTS, *[BAD] * 5) == rolled_back(5)


def test_argo_rolls_back_when_more_than_the_limit_fail() -> None:
    """Three failures are allowed, the fourth comes fifteen minutes after the first."""
    assert after(ARGO_EXAMPLE, *[BAD] * 60) == rolled_back(25)


def test_argo_counts_failures_that_are_not_consecutive() -> None:
    """Every other window fails: the fourth failed measurement is the seventh, and the steps end before it."""
    every_other = [*[GOOD] * 5, *[BAD] * 5] * 6
    assert after(ARGO_EXAMPLE, *every_other) == promoted(40)
    assert after(ARGO_EXAMPLE, *[BAD] * 10, *[GOOD] * 5, *[BAD] * 15, *[GOOD] * 30) == rolled_back(30)


def test_argo_tries_an_empty_result_again_and_then_gives_up() -> None:
    """A canary that never had a request has no series: five errors, ten seconds apart."""
    assert after(ARGO_DEFAULTS, *[NONE] * 60) == rolled_back(5 + 40 / 60)


def test_argo_goes_on_measuring_once_there_is_a_result() -> None:
    """Errors count only in a row, and are no measurement of the count."""
    assert after(ARGO_DEFAULTS, *[NONE] * 5, *[GOOD] * 5) == promoted(5 + 10 / 60)


def test_argo_takes_a_window_without_requests_for_a_failure() -> None:
    """0/0 is NaN once there is a series, and NaN is not at least 0.95."""
    assert after(ARGO_COUNT, GOOD, *[NONE] * 60) == rolled_back(6)


@pytest.mark.parametrize("rule", RIVALS, ids=lambda rule: rule.name)
def test_a_rule_without_enough_traffic_to_end_continues(rule: Rule) -> None:
    """Nothing is decided before the first look."""
    assert after(rule, GOOD) == End(Outcome.CONTINUES, 60)
