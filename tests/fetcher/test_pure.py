"""The small pure parts: patterns, units, what an artifact says of itself, and how an outcome is written."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from linnet.fetcher import selfreport
from linnet.fetcher.command import outcome
from linnet.fetcher.command.log import Log
from linnet.fetcher.command.outcome import Failure, Reason
from linnet.fetcher.command.units import human, human_seconds, seconds, size
from linnet.fetcher.sources import s3_errors
from linnet.fetcher.transfer.globs import matcher


@pytest.mark.parametrize(
    ("pattern", "wanted", "unwanted"),
    [
        ("*.joblib", ["m.joblib", "a/b/m.joblib"], ["m.joblib.bak", "joblib"]),
        ("a/*.json", ["a/x.json"], ["x.json", "a/b/x.json", "b/a/x.json"]),
        ("a/**", ["a/x", "a/b/x"], ["a", "b/a/x"]),
        ("**/x", ["x", "a/x", "a/b/x"], ["ax"]),
        ("/x", ["x"], ["a/x"]),
        ("m?.bin", ["m1.bin"], ["m.bin", "m12.bin"]),
        ("m[0-9].bin", ["m1.bin"], ["ma.bin"]),
        ("m[!0-9].bin", ["ma.bin"], ["m1.bin"]),
        ("a+(b).c", ["a+(b).c"], ["aab.c"]),
    ],
)
def test_globs(pattern: str, wanted: list[str], unwanted: list[str]) -> None:
    """A pattern without a slash is for names at any depth, one with a slash for the whole path."""
    matches = matcher([pattern])
    assert [path for path in wanted + unwanted if matches(path)] == wanted


def test_no_globs_want_everything() -> None:
    """Without `include` the whole tree is fetched."""
    assert matcher([])("anything/at/all")


@given(st.text(max_size=20))
def test_globs_never_break(pattern: str) -> None:
    """Any text is a pattern: a person's typo is no crash in the pod."""
    matcher([pattern])("a/b.c")


@pytest.mark.parametrize(("text", "value"), [("1h30m", 5400.0), ("90s", 90.0), ("250ms", 0.25), ("1.5s", 1.5)])
def test_durations(text: str, value: float) -> None:
    """Durations are Go's."""
    assert seconds(text) == pytest.approx(value)


@pytest.mark.parametrize("text", ["", "5", "5x", "-5s", "0s", "5 s", "m5"])
def test_no_durations(text: str) -> None:
    """What is no positive duration is refused with an example."""
    with pytest.raises(ValueError, match="such as"):
        seconds(text)


def test_sizes() -> None:
    """Sizes are Kubernetes quantities."""
    assert [size(t) for t in ("20Gi", "500M", "1.5Ki", "7")] == [20 * 2**30, 500_000_000, 1536, 7]
    with pytest.raises(ValueError, match="such as"):
        size("20GB")


def test_human() -> None:
    """Numbers in messages are read by people."""
    assert [human(5 * 2**30), human(17), human_seconds(5400), human_seconds(0.5)] == [
        "5.0 GiB",
        "17 B",
        "1h30m",
        "0.5s",
    ]


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


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)


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


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("x - Server returned non-2xx status code: 503 Slow: <Error><Code>SlowDown</Code></Error>", None),
        ("x - Server returned non-2xx status code: 429 Busy: ", None),
        ("x - Server returned non-2xx status code: 400 Bad: <Error><Code>ExpiredToken</Code></Error>", "Unauthorized"),
        ("x - Server returned non-2xx status code: 400 Bad: <Error><Code>InvalidArgument</Code></Error>", "Rejected"),
        ("x - Received redirect without LOCATION\n inner: BareRedirect,", "Rejected"),
        ("Generic: GET https://sts.test/?WebIdentityToken=canary went wrong", None),
    ],
)
def test_s3_errors(text: str, reason: str | None) -> None:
    """What may pass is tried again, what may not is named, and no address is repeated."""
    found = s3_errors.explain(RuntimeError(text), "s3://b/x", anonymous=False)
    assert getattr(found, "reason", None) == reason
    assert "canary" not in str(found)


def test_secrets_are_struck() -> None:
    """Whoever composed a line, the environment's secrets and a presigned query are not in it."""
    log = Log.knowing({"LINNET_HTTP_AUTHORIZATION": "Bearer canary-token"}, "https://h/a?X-Sig=canary-sign")
    assert "canary" not in log.clean("a canary-token and X-Sig=canary-sign and Bearer canary-token")
