"""Cron expressions: what Kubernetes refuses is named beforehand, and nothing that it takes is refused."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from linnet.core.retraining import cron


@pytest.mark.parametrize(
    "text",
    [
        "0 3 * * 0",
        "*/15 * * * *",
        "0 0 1,15 * ?",
        "5-55/10 8-18 * JAN-Mar mon,WED-fri",
        "0 0 31 12 6",
        "30/5 * * * *",
    ],
)
def test_what_kubernetes_takes_is_taken(text: str) -> None:
    """Lists, ranges, steps and names in any case."""
    assert cron.wrong(text) is None


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("0 3 * *", "five fields are expected"),
        ("0 0 3 * * 0", "there are 6"),
        ("@daily", "macros"),
        ("TZ=UTC 3 * * *", "timeZone"),
        ("CRON_TZ=Asia/Tokyo 3 * * *", "timeZone"),
        ("60 3 * * *", "the minute is '60': 60 is not within 0 and 59"),
        ("0 24 * * *", "the hour"),
        ("0 0 0 * *", "the day of the month"),
        ("0 0 * foo *", "'foo' is neither a number nor a range"),
        ("0 0 * * 7", "not within 0 and 6"),
        ("0 0 * * fri-mon", "ends before it begins"),
        ("*/0 * * * *", "'0' is no step"),
        ("1-2-3 * * * *", "neither a number nor a range"),
        ("-1 * * * *", "neither"),
        ("1,,2 * * * *", "neither"),
        ("٣ * * * *", "neither"),
        ("*/٣ * * * *", "is no step"),
        ("9" * 5000 + " * * * *", "neither"),
        ("*/" + "9" * 5000 + " * * * *", "is no step"),
    ],
)
def test_what_kubernetes_refuses_is_named(text: str, words: str) -> None:
    """The field and the value stand in the sentence."""
    assert words in (cron.wrong(text) or "")


@given(st.text(alphabet="0123456789*/,-?@ JANSU", max_size=20))
def test_no_text_raises(text: str) -> None:
    """Whatever somebody writes, there is a sentence or none."""
    assert cron.wrong(text) is None or isinstance(cron.wrong(text), str)
