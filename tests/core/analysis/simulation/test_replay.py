"""Records: what is written with a decision gives the same verdict again, to the last digit."""

import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from linnet.api.kinds.model_version import CheckEvidence, CheckResult, Decision
from linnet.core.analysis import kinds
from linnet.core.analysis.checks import CountCheck, PredictionCheck, QueryCheck, Signal, Track
from linnet.core.analysis.counts.basis import CountBasis
from linnet.core.analysis.pod_health import judge as pod_health
from linnet.core.analysis.pod_health.basis import PodBasis
from linnet.core.analysis.pod_health.silence import Silence, Stall
from linnet.core.analysis.predictions import judge as predictions
from linnet.core.analysis.predictions.basis import PredictionBasis
from linnet.core.analysis.prometheus.basis import QueryBasis
from linnet.core.analysis.simulation import replay
from linnet.core.analysis.statistics.divergence import Pair
from linnet.core.analysis.statistics.equality import Scatter
from linnet.core.analysis.statistics.sums import Spread, Sums
from linnet.core.analysis.verdict import Basis
from linnet.core.registry import decisions

TIME = st.integers(0, 10**13).map(lambda us: timedelta(microseconds=us))
SMALL = st.floats(1e-9, 0.5)
AGES = st.floats(0, 200).map(lambda seconds: round(seconds, 6))


@st.composite
def sums(draw: st.DrawFn) -> Sums:
    canary, stable = draw(st.integers(0, 5000)), draw(st.integers(0, 50_000))
    return Sums(canary, draw(st.integers(0, canary)), stable, draw(st.integers(0, stable)))


@st.composite
def spreads(draw: st.DrawFn) -> Spread:
    spread = Spread()
    for n in draw(st.lists(st.integers(1, 50), max_size=20)):
        spread = spread.plus(n, draw(st.integers(0, n)))
    return spread


@st.composite
def counted(draw: st.DrawFn) -> CountBasis:
    check = CountCheck(
        "any",
        draw(st.sampled_from(Signal)),
        draw(st.none() | st.floats(0.1, 100)),
        draw(SMALL),
        draw(st.none() | SMALL),
    )
    return CountBasis(
        check=check,
        alpha=draw(SMALL),
        detect_ratio=draw(st.floats(1.01, 100)),
        detect_power=draw(st.floats(0.01, 0.99)),
        stale_after=60.0,
        segments=tuple(draw(st.lists(sums(), max_size=6))),
        spread=draw(st.dictionaries(st.sampled_from(Track), spreads())),
        present=draw(st.frozensets(st.sampled_from(Track))),
        ages=draw(st.dictionaries(st.sampled_from(Track), AGES)),
        elapsed=draw(TIME),
        required=draw(TIME),
    )


@st.composite
def queried(draw: st.DrawFn) -> QueryBasis:
    value = draw(st.floats(-1e9, 1e9))
    return QueryBasis(
        check=QueryCheck("any", "http-success", draw(st.none() | SMALL), 1.0),
        stale_after=60.0,
        value=value,
        read_ago=draw(st.none() | AGES),
        breaches=draw(st.integers(0, 5)),
        asked=draw(st.booleans()),
        known=draw(st.booleans()),
        answered=draw(st.none() | st.booleans()),
        failed=draw(st.booleans()),
        silent=draw(st.booleans()),
        elapsed=draw(TIME),
        required=draw(TIME),
    )


def recorded(found: Basis) -> dict[str, Any]:
    """The decision as the API server and the log give it back."""
    (result,) = decisions.results([kinds.decide(found)])
    reason, by = result.name, "analysis"
    record = Decision(id="a", deployment="d", decision="Promoted", by=by, reason=reason, checks=[result])
    return dict(json.loads(json.dumps(record.wire())))


@st.composite
def scatters(draw: st.DrawFn) -> Scatter:
    """Of whole answers: what independent ones would show is never almost nothing."""
    return Scatter(draw(st.floats(0, 1e6)), draw(st.just(0.0) | st.floats(0.5, 1e6)))


@st.composite
def compared(draw: st.DrawFn) -> PredictionBasis:
    classes = draw(st.integers(2, 16))
    tally = st.tuples(*[st.integers(0, 1000)] * classes)
    return PredictionBasis(
        check=PredictionCheck("any", draw(SMALL), tuple(f"≤{n}" for n in range(classes))),
        alpha=draw(SMALL),
        detect_power=draw(st.floats(0.01, 0.99)),
        stale_after=60.0,
        answers=tuple(draw(st.lists(st.builds(Pair, tally, tally), max_size=4))),
        log_evidence=draw(st.floats(-1e6, 1e6)),
        bursts=draw(scatters()),
        clients=draw(scatters()),
        present=draw(st.frozensets(st.sampled_from(Track))),
        ages=draw(st.dictionaries(st.sampled_from(Track), AGES)),
        elapsed=draw(TIME),
        required=draw(TIME),
    )


@st.composite
def silences(draw: st.DrawFn) -> Stall | None:
    """As `listen` leaves them: the longest wait first."""
    since = sorted(draw(st.lists(st.floats(1.7e9, 1.7e9 + 200), max_size=16)))
    found = Silence(
        at=1.7e9 + 200,
        waits=tuple(since),
        waiting=draw(st.integers(0, 20)),
        looks=draw(st.integers(0, 10)),
        stable_n=draw(st.floats(0, 1000)),
        stable_seconds=draw(st.floats(0, 1000)),
    )
    return found.stall if found.stall.waits else None


@st.composite
def pods(draw: st.DrawFn) -> PodBasis:
    return PodBasis(
        interval=draw(st.floats(1, 60)),
        killed=draw(st.integers(0, 1)),
        restarts=draw(st.integers(0, 3)),
        stable_restarted=draw(st.booleans()),
        stall=draw(st.none() | silences()),
        ready=draw(st.integers(0, 3)),
        wanted=draw(st.integers(0, 3)),
        waited=draw(st.none() | st.floats(0, 1e6)),
        deadline=draw(st.sampled_from(["ready", "fetch"])),
        limit=draw(st.floats(0, 1e4)),
    )


@given(st.one_of(counted(), queried(), compared(), pods()))
def test_a_record_gives_the_same_verdict_again(found: Basis) -> None:
    """Same counts, same verdict, same statistic: whatever the evidence was."""
    judgement = kinds.decide(found)
    (again,) = replay.decision(recorded(found))
    assert again.now is not None
    assert again.differs == ()
    assert (again.now.verdict, again.now.reason) == (judgement.verdict, judgement.reason)
    assert (again.now.statistic, again.now.bound) == (judgement.statistic, judgement.bound)
    assert (again.now.counts, again.now.shape) == (judgement.counts, judgement.shape)


ALIKE, OTHER = (60, 30, 10), (10, 30, 60)
READ = PredictionBasis(
    check=PredictionCheck("answers", 0.02, ("low", "middle", "high")),
    alpha=0.01,
    detect_power=0.9,
    stale_after=60.0,
    answers=(Pair(tuple(30 * n for n in ALIKE), tuple(100 * n for n in ALIKE)),),
    bursts=Scatter(30.0, 20.0),
    clients=Scatter(3.0, 2.0),
    present=frozenset(Track),
    ages=dict.fromkeys(Track, 0.1 + 0.2),
)
ANSWERED = {
    "AnswersDiffer": replace(READ, answers=(Pair(OTHER, (600, 300, 100)),), log_evidence=99 / 7),
    "MetricsUnreadable": replace(READ, ages={Track.CANARY: 1.0, Track.STABLE: 60.000001}),
    "NoCanaryAnswers": replace(READ, answers=(Pair((0, 0, 0), ALIKE),)),
    "NoStableAnswers": replace(READ, answers=(Pair(ALIKE, (0, 0, 0)),)),
    "NothingToCompare": replace(READ, answers=(Pair(ALIKE, (0, 0, 0)), Pair((0, 0, 0), ALIKE))),
    "TooFewAnswers": replace(READ, answers=(Pair(ALIKE, (600, 300, 100)),)),
    "MaybeAnswersDiffer": replace(READ, answers=(Pair((1000, 1000, 1000), (6000, 3000, 1000)),)),
    "StillAnalysing": replace(READ, required=timedelta(seconds=1)),
    "WithinBounds": READ,
}
UP = PodBasis(5.0, ready=2, wanted=2)
SILENT = Silence(60.3, (0.1, 0.2, 0.3, 20.0), 4, 9, 60.0, 0.7)
PODS = {
    "OOMKilled": replace(UP, killed=1, restarts=1),
    "Restarts": replace(UP, restarts=2),
    "Unanswered": replace(UP, stall=SILENT.stall, restarts=2, stable_restarted=True),
    "NotReady": replace(UP, ready=1, waited=600.000001, limit=600.0),
    "Sound": replace(UP, ready=1, waited=600.0, limit=600.0),
}


@pytest.mark.parametrize("reason", [*ANSWERED, *PODS])
def test_each_rule_about_answers_and_pods_is_replayed(reason: str) -> None:
    """The very rule that decided decides again, on the same numbers."""
    found = (ANSWERED | PODS)[reason]
    (again,) = replay.decision(recorded(found))
    assert again.now is not None
    assert (again.now.reason, again.differs) == (reason, ())
    assert again.now.statistic == kinds.decide(found).statistic


def test_no_rule_about_answers_and_pods_is_left_out() -> None:
    """A new one needs its numbers in the record, too."""

    def deciding(rules: Sequence[Callable[[Any], object]], case: object) -> Callable[[Any], object]:
        return next(rule for rule in rules if rule(case) is not None)

    answers = {deciding(predictions.RULES, predictions._facts(found)) for found in ANSWERED.values()}
    assert answers == set(predictions.RULES)
    assert {deciding(pod_health.RULES, found) for found in PODS.values()} == set(pod_health.RULES)


def test_a_divergence_that_was_changed_is_told() -> None:
    """A Fail rests on it as much as on the evidence."""
    record = recorded(ANSWERED["AnswersDiffer"])
    record["checks"][0]["predictions"]["divergence"] = "0.5"
    (again,) = replay.decision(record)
    assert any("the divergence was 0.5, and is 0.2" in what for what in again.differs), again.differs


FAILED = CountBasis(
    CountCheck("errors", Signal.ERRORS, max_ratio_to_stable=1.0),
    0.01, 5.0, 0.9, 60.0,
    (Sums(400, 40, 3600, 36),),
    {Track.CANARY: Spread(400, 40, 400, 40, 400, 40, 40), Track.STABLE: Spread(3600, 36, 3600, 36, 3600, 36, 36)},
    frozenset(Track),
    dict.fromkeys(Track, 1.0),
)  # fmt: skip


@pytest.mark.parametrize(
    ("field", "value", "said"),
    [
        ("verdict", "Pass", "the verdict was Pass, and is Fail"),
        ("canaryBad", 4, "canaryBad was 4, and the sums have 40"),
        ("statistic", "1.5", "the statistic was 1.5, and is "),
        ("evidence", {"signal": "Errors", "segments": []}, "its evidence can't be judged"),
    ],
)
def test_what_differs_from_the_record_is_named(field: str, value: object, said: str) -> None:
    """Somebody has changed the one or the other."""
    record = recorded(FAILED)
    record["checks"][0][field] = value
    (again,) = replay.decision(record)
    assert any(said in what for what in again.differs), again.differs


def test_a_rollback_for_a_check_that_did_not_fail_differs() -> None:
    """The reason names the check."""
    record = recorded(FAILED) | {"decision": "RolledBack"}
    record["checks"][0]["evidence"]["segments"] = [[400, 4, 3600, 36]]
    record["checks"][0]["name"] = "errors"
    (again,) = replay.decision(record)
    assert any("it was rolled back for errors" in what for what in again.differs)


@pytest.mark.parametrize("kept", [{}, {"evidence": {"signal": "Weather", "rain": "1"}}])
def test_what_another_release_recorded_is_not_judged(kept: dict[str, Any]) -> None:
    """An earlier one kept no evidence of some checks, and a later one may judge by what this one does not know."""
    (again,) = replay.decision({"checks": [{"name": "pod-health", "verdict": "Fail", **kept}]})
    assert (again.now, again.differs) == (None, ())


def many(shares: int) -> CountBasis:
    return CountBasis(FAILED.check, 0.01, 5.0, 0.9, 60.0, (Sums(1, 0, 9, 0),) * shares)


def many_answers(shares: int) -> PredictionBasis:
    return replace(READ, answers=(Pair(ALIKE, ALIKE),) * shares)


@pytest.mark.parametrize("made", [many, many_answers])
def test_too_many_shares_of_traffic_are_kept_by_the_log_alone(made: Callable[[int], Basis]) -> None:
    """An object has bounds; a line has none."""
    judgement = kinds.decide(made(kinds.MOST_SHARES + 1))
    (result,) = decisions.results([judgement])
    decision = Decision(id="a", deployment="d", decision="Promoted", by="analysis", checks=[result])
    line = decisions.logged(decision, None, [judgement])
    assert replay.decision(decision.wire())[0].now is None
    assert replay.decision(line.fields)[0].now == kinds.decide(made(kinds.MOST_SHARES + 1))


def test_only_the_newest_decisions_keep_their_evidence() -> None:
    """A ModelVersion with its 32 decisions stays small."""
    result = CheckResult(name="e", verdict="Fail", evidence=CheckEvidence.model_validate(kinds.record(FAILED)))
    known = [
        Decision(id=str(n), deployment="d", decision="Promoted", by="analysis", checks=[result]) for n in range(40)
    ]
    kept = decisions.kept(known, 32)
    assert [d.id for d in kept] == [str(n) for n in range(8, 40)]
    whole = [d.id for d in kept if d.checks and d.checks[0].evidence]
    assert whole == [str(n) for n in range(32, 40)]
