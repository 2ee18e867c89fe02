"""How an outcome is written: it always fits into a termination message."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from linnet.fetcher import selfreport
from linnet.fetcher.command import outcome
from linnet.fetcher.command.outcome import Failure, Reason

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)


@pytest.mark.slow
@given(st.fixed_dictionaries({}, optional={"metrics": json_values, "lineage": json_values}))
def test_self_report_always_fits(document: dict[str, object]) -> None:
    """Whatever a tenant writes into linnet.json, the outcome is valid JSON of at most 4096 bytes."""
    report = selfreport.parse(document)
    line = outcome.encode({"outcome": "Fetched", "linnet": report.content, "warning": report.warning})
    assert json.loads(line)["outcome"] == "Fetched"
    assert len(line) <= outcome.LIMIT


def test_lineage_goes_first() -> None:
    """Of a self-report that is too long the lineage goes, and the gate keeps its metrics."""
    report = selfreport.parse(
        {"metrics": {"auc": 1}, "lineage": {"parameters": {str(n): "x" * 200 for n in range(40)}}}
    )
    result = json.loads(outcome.encode({"outcome": "Fetched", "digest": "d", "linnet": report.content}))
    assert result["linnet"] == {"metrics": {"auc": "1"}}
    assert "lineage" in result["warning"]


def test_metrics_go_last() -> None:
    """If the metrics alone are too long they go too, with a warning; the digest always stays."""
    report = selfreport.parse({"metrics": {f"{n:063}": "123456789012345.123456789012" for n in range(64)}})
    result = json.loads(outcome.encode({"outcome": "Fetched", "digest": "d", "linnet": report.content}))
    assert result["linnet"] == {}
    assert (result["digest"], "too long" in result["warning"]) == ("d", True)


@given(st.text(max_size=5000))
def test_long_messages_fit(message: str) -> None:
    """A failure's message never costs the outcome its form."""
    line = outcome.encode(outcome.failed(Failure(Reason.NOT_FOUND, message)))
    assert len(line) <= outcome.LIMIT
    assert json.loads(line)["reason"] == "NotFound"
