"""Whether pods are read in time, and what was missed where they were not."""

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from linnet.core.analysis.metrics.pace import MISSED, Pace, missed_before

FIVE = timedelta(seconds=5)


@pytest.mark.parametrize(
    ("gap", "due", "missed", "lag"),
    [(0.0, False, 0, 0.0), (4.6, True, 0, 0.0), (9.0, True, 0, 4.0), (12.0, True, 1, 7.0), (60.0, True, 11, 55.0)],
)
def test_a_gap_is_told_in_intervals(gap: float, due: bool, missed: int, lag: float) -> None:
    """A look that comes a little late has missed nothing; a minute without an operator misses eleven."""
    pace = Pace(FIVE, 1000.0, 1000.0 + gap)
    assert (pace.is_due, pace.missed, pace.lag) == (due, missed, lag)


def test_what_was_never_read_is_due_and_not_late() -> None:
    """A rollout begins in time."""
    pace = Pace(FIVE, None, 1000.0)
    assert (pace.is_due, pace.missed, pace.lag, pace.next_due(read=True)) == (True, 0, 0.0, 1005.0)


@given(st.floats(-1e6, 1e9), st.floats(0, 1e4))
def test_a_clock_that_jumps_counts_no_less_than_nothing(jump: float, interval: float) -> None:
    """A clock that was set back misses nothing, and an interval of nothing divides nothing by zero."""
    pace = Pace(timedelta(seconds=interval), 1000.0, 1000.0 + jump)
    assert pace.missed >= 0
    assert pace.lag >= 0


@pytest.mark.parametrize("told", ["", "-1", "many", "9" * 99, "٣"])
def test_what_is_no_count_counts_nothing(told: str) -> None:
    """Somebody may have written the ConfigMap by hand."""
    assert missed_before({MISSED: told}) == 0
    assert missed_before({MISSED: "12"}) == 12
