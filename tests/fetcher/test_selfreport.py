"""What an artifact says of itself in its linnet.json."""

import pytest

from linnet.fetcher import selfreport


def test_self_report() -> None:
    """Numbers become quantity strings, unknown keys go, and what is kept has the API's shape."""
    report = selfreport.parse(
        {
            "metrics": {"auc": 0.991, "rows": 10**6, "tiny": 1e-05, "loss": -0.25, "m": "950m", "e": "1e-3"},
            "lineage": {"code": "git@1", "parameters": {"depth": 6, "flag": True}, "secret": "x"},
            "other": 1,
        }
    )
    assert report.content == {
        "metrics": {"auc": "0.991", "rows": "1000000", "tiny": "0.00001", "loss": "-0.25", "m": "950m", "e": "0.001"},
        "lineage": {"code": "git@1", "parameters": {"depth": "6", "flag": "true"}},
    }
    assert report.warning == ""


@pytest.mark.parametrize("value", [True, None, "high", "", float("nan"), float("inf"), 10**400, [1], "1" * 99])
def test_self_report_malformed_metric(value: object) -> None:
    """A metric that is no number is left out and named; the others stay."""
    report = selfreport.parse({"metrics": {"bad": value, "good": 1}})
    assert report.content == {"metrics": {"good": "1"}}
    assert "metrics.bad" in report.warning


@pytest.mark.parametrize("document", [[], 3, "x", None])
def test_self_report_no_object(document: object) -> None:
    """Anything but an object is a warning, not a failure."""
    report = selfreport.parse(document)
    assert report.content is None
    assert report.warning
