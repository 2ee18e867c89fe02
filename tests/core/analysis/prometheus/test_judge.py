"""Checks of signal Prometheus: what a query may hold, what an answer means, and when a threshold fails or passes."""

from datetime import UTC, datetime, timedelta

import pytest

from linnet.core.analysis.checks import QueryCheck
from linnet.core.analysis.prometheus import evidence, query_template
from linnet.core.analysis.prometheus import judge as prometheus
from linnet.core.analysis.prometheus.evidence import Measurement
from linnet.core.analysis.prometheus.judge import Context
from linnet.core.analysis.prometheus.query_template import Question
from linnet.core.analysis.prometheus.response import Answer, Failure, NoValue, Value, answer
from linnet.core.analysis.verdict import Look, Verdict

NOW = datetime(2026, 1, 1, tzinfo=UTC).timestamp()
NAMES = {"namespace": "ml", "name": "tumor-risk", "revision": "tumor-risk-v2-ab", "stable": "tumor.risk"}
CHECK = QueryCheck("slo", "http-success", min=0.99)
QUESTION = Question("uid", "slo", "http-success", "sum(x)")
GOOD, BAD, AWAY, NONE = Value(1.0, NOW), Value(0.5, NOW), Failure("away"), NoValue("nothing")
MINUTE = timedelta(minutes=1)
KNOWN = ("http-success",)


@pytest.mark.parametrize(
    ("template", "text"),
    [
        ('up{pod="{{revision}}"}', 'up{pod="tumor-risk-v2-ab"}'),
        ('up{pod=~"{{ revision }}-.*",n!="{{namespace}}"}', 'up{pod=~"tumor-risk-v2-ab-.*",n!="ml"}'),
        ('up{pod="{{stable}}"}', 'up{pod="tumor.risk"}'),
        ('up{pod=~"{{stable}}|{{name}}"}', 'up{pod=~"tumor\\\\.risk|tumor-risk"}'),
        ("up{pod!~'{{stable}}'}", "up{pod!~'tumor\\\\.risk'}"),
        ("rate(x[{{interval}}])", "rate(x[120000ms])"),
        ("x # it's \"quoted\n+ y", "x # it's \"quoted\n+ y"),
        ('label_replace(x, "a", "$1", "b", "(.*)")', 'label_replace(x, "a", "$1", "b", "(.*)")'),
    ],
)
def test_a_placeholder_becomes_a_name_as_its_place_needs_it(template: str, text: str) -> None:
    """In a regular expression a dot matches only itself."""
    assert query_template.filled(template, NAMES, timedelta(minutes=2)) == text


@pytest.mark.parametrize("evil", ['x"} or up{a="', "x\\", "x\n", "x'", ".*"])
def test_no_name_becomes_promql(evil: str) -> None:
    """The API server lets no such name through; should one come all the same, it stays inside of its quotes."""
    for operator in ("=", "=~"):
        made = query_template.filled(f'up{{pod{operator}"{{{{name}}}}"}}', {**NAMES, "name": evil}, MINUTE)
        [only] = [p for p in query_template._PART.finditer(made) if p["text"]]
        assert made == f"up{{pod{only[0]}}}"


@pytest.mark.parametrize(
    ("template", "said"),
    [
        ('up{pod="{{pod}}"}', "{{pod}} is no placeholder: there are {{namespace}}, {{name}}"),
        ("up{{revision}}", "{{revision}} stands in a label's quoted value"),
        ('up{a="{{interval}}"}', "{{interval}} stands outside of quotes, such as [{{interval}}]"),
        ('up{a="{{name}"}', "a placeholder is not closed"),
        ("up{a=`{{name}}`}", "a placeholder stands in a label's value, in quotes"),
        ('label_replace(x, "a", "{{name}}", "b", "")', "a placeholder stands in a label's value, in quotes"),
    ],
)
def test_a_wrong_placeholder_is_named(template: str, said: str) -> None:
    """At the operator's start, not in the middle of a rollout."""
    assert said in str(query_template.problem(template))


@pytest.mark.parametrize("template", ["{{" + " " * 20_000, " " * 100_000, "x =~" + " " * 100_000])
def test_blanks_without_end_are_read_once(template: str) -> None:
    """A template of nothing else is refused, or left as it stands, in no time."""
    assert ("not closed" in str(query_template.problem(template))) is template.startswith("{{")


def test_a_range_has_samples_whatever_the_interval() -> None:
    """`rate` over less than two scrapes is empty for ever."""
    assert query_template.window(timedelta(seconds=5), timedelta(seconds=30)) == timedelta(minutes=2)
    assert query_template.window(timedelta(minutes=10), timedelta(seconds=30)) == timedelta(minutes=10, seconds=30)


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (None, "not as Prometheus does"),
        ([], "not as Prometheus does"),
        ({"status": "success"}, "no data"),
        ({"status": "success", "data": {"resultType": "vector"}}, "no result"),
        (
            {"status": "success", "data": {"resultType": "vector", "result": [{"histogram": [1, {}]}]}},
            "no plain number",
        ),
        ({"status": "success", "data": {"resultType": "vector", "result": [{"value": [1, "x"]}]}}, "no plain number"),
        ({"status": "success", "warnings": ["partial"], "data": {}}, "warned of its answer: partial"),
        ({"status": "error", "errorType": "timeout", "error": "y " * 999}, "the server answered 200: timeout: y y"),
    ],
)
def test_an_answer_that_is_no_number_is_a_failure(body: object, said: str) -> None:
    """In one short line."""
    found = answer(200, body)
    assert isinstance(found, Failure)
    assert said in found.problem
    assert len(found.problem) <= 200


def heard(*answers: Answer, every: float = 30.0, check: QueryCheck = CHECK) -> tuple[Measurement, float]:
    """After these answers, the last of which came now; with the time of the last."""
    known, now = Measurement(), NOW
    for number, said in enumerate(answers):
        now = NOW + number * every
        given = Value(said.value, now) if isinstance(said, Value) and said.at == NOW else said
        known = evidence.updated(check, known, QUESTION, given, now, stale_after=90.0)
    return known, now


def _time(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)


def verdict(
    *answers: Answer,
    elapsed: timedelta = 2 * MINUTE,
    answered: bool | None = True,
    known: tuple[str, ...] = ("http-success",),
) -> tuple[Verdict, str]:
    measured, now = heard(*answers)
    said = prometheus.judge(CHECK, measured, Context(known, answered, Look(elapsed, MINUTE, _time(now)), 90.0))
    return said.verdict, said.reason


@pytest.mark.parametrize(
    ("answers", "verdict_", "reason"),
    [
        ((), Verdict.INSUFFICIENT_DATA, "NotAskedYet"),
        ((GOOD,), Verdict.PASS, "WithinBounds"),
        ((BAD,), Verdict.INCONCLUSIVE, "MaybeThresholdBreached"),
        ((BAD, BAD), Verdict.INCONCLUSIVE, "MaybeThresholdBreached"),
        ((BAD, BAD, BAD), Verdict.FAIL, "ThresholdBreached"),
        ((BAD, BAD, GOOD, BAD, BAD), Verdict.INCONCLUSIVE, "MaybeThresholdBreached"),
        ((BAD, GOOD), Verdict.PASS, "WithinBounds"),
        ((AWAY,), Verdict.ERROR, "QueryFailed"),
        ((GOOD, AWAY), Verdict.ERROR, "QueryFailed"),
        ((BAD, BAD, AWAY), Verdict.ERROR, "QueryFailed"),
        ((AWAY,) * 99, Verdict.ERROR, "QueryFailed"),
        ((NONE,) * 99, Verdict.INSUFFICIENT_DATA, "NoValue"),
        ((BAD, AWAY, BAD, NONE, BAD), Verdict.FAIL, "ThresholdBreached"),
        ((BAD, BAD, AWAY, AWAY, AWAY, AWAY, BAD), Verdict.INCONCLUSIVE, "MaybeThresholdBreached"),
        ((Value(0.5, NOW - 3600),) * 9, Verdict.ERROR, "QueryFailed"),
    ],
)
def test_only_breaches_in_succession_fail(answers: tuple[Answer, ...], verdict_: Verdict, reason: str) -> None:
    """One odd answer, an outage and an old answer never do; an outage that lasts breaks the row."""
    assert verdict(*answers) == (verdict_, reason)


def test_a_pass_needs_its_time_and_an_answer_within_the_step() -> None:
    """As every other check."""
    assert verdict(GOOD, elapsed=MINUTE / 2) == (Verdict.INSUFFICIENT_DATA, "StillAnalysing")
    measured, now = heard(GOOD)
    setting = Context(KNOWN, True, Look(timedelta(seconds=5), timedelta(0), _time(now + 20)), 90.0)
    assert prometheus.judge(CHECK, measured, setting).reason == "NoValueInStep"


def test_a_canary_without_requests_is_not_blamed() -> None:
    """flagger #1035: some queries give 0 where there were none."""
    assert verdict(BAD, BAD, BAD, answered=False) == (Verdict.INSUFFICIENT_DATA, "NoCanaryRequests")
    assert verdict(BAD, BAD, BAD, answered=None)[0] == Verdict.FAIL


def test_a_value_grows_stale() -> None:
    """No answer for too long is an error, whatever the last one said."""
    measured, now = heard(GOOD)
    said = prometheus.judge(CHECK, measured, Context(KNOWN, True, Look(MINUTE, MINUTE, _time(now + 91)), 90.0))
    assert (said.verdict, said.reason) == (Verdict.ERROR, "StaleValue")


def test_a_query_that_was_taken_away_is_an_error() -> None:
    """The platform changed its values in mid-rollout: what there is, is named."""
    assert verdict(GOOD, known=("other",)) == (Verdict.ERROR, "UnknownQuery")


def test_another_question_begins_a_new_row() -> None:
    """The platform edited the query: breaches of the former text say nothing about this one."""
    measured, now = heard(BAD, BAD)
    other = Question("uid", "slo", "http-success", "sum(y)")
    assert evidence.updated(CHECK, measured, other, Value(0.5, now), now, 90.0).breaches == 1


def test_a_verdict_says_value_and_bound() -> None:
    """In words, and for the record."""
    measured, now = heard(BAD, BAD, BAD)
    said = prometheus.judge(CHECK, measured, Context(KNOWN, True, Look(MINUTE, MINUTE, _time(now)), 90.0))
    assert said.message == "query http-success: 0.5, and must be at least 0.99; 3 such answers in succession"
    assert said.query is not None
    assert (said.query.query, said.query.value, said.query.min, said.query.max) == ("http-success", 0.5, 0.99, None)
