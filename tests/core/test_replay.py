"""Records: what is written with a decision gives the same verdict again, to the last digit."""

import json
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from linnet.api.modelversion import CheckEvidence, CheckResult, Decision
from linnet.core import basis, decisions, replay
from linnet.core.basis import Asked, Counted
from linnet.core.checks import Check, Signal, Track
from linnet.core.tallies import Spread, Sums

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
def counted(draw: st.DrawFn) -> Counted:
    check = Check(
        "any",
        draw(st.sampled_from(Signal)),
        draw(st.none() | st.floats(0.1, 100)),
        draw(SMALL),
        draw(st.none() | SMALL),
    )
    return Counted(
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
def asked(draw: st.DrawFn) -> Asked:
    value = draw(st.floats(-1e9, 1e9))
    return Asked(
        name="any",
        query="http-success",
        min=draw(st.none() | SMALL),
        max=1.0,
        stale_after=60.0,
        value=value,
        read_ago=draw(st.none() | AGES),
        breaches=draw(st.integers(0, 5)),
        asked=draw(st.booleans()),
        known=draw(st.booleans()),
        answered=draw(st.none() | st.booleans()),
        problem=draw(st.sampled_from(["", "away"])),
        silent=draw(st.booleans()),
        elapsed=draw(TIME),
        required=draw(TIME),
    )


def recorded(found: basis.Basis) -> dict[str, Any]:
    """The decision as the API server and the log give it back."""
    (result,) = decisions.results([replay.again(found)])
    reason, by = result.name, "analysis"
    record = Decision(id="a", deployment="d", decision="Promoted", by=by, reason=reason, checks=[result])
    return dict(json.loads(json.dumps(record.wire())))


@given(st.one_of(counted(), asked()))
def test_a_record_gives_the_same_verdict_again(found: basis.Basis) -> None:
    """Same counts, same verdict, same statistic: whatever the evidence was."""
    judgement = replay.again(found)
    (again,) = replay.decision(recorded(found))
    assert again.now is not None
    assert again.differs == ()
    assert (again.now.verdict, again.now.reason) == (judgement.verdict, judgement.reason)
    assert (again.now.statistic, again.now.bound) == (judgement.statistic, judgement.bound)
    assert again.now.counts == judgement.counts


FAILED = Counted(
    Check("errors", Signal.ERRORS, max_ratio_to_stable=1.0),
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


def test_a_check_of_another_kind_is_not_judged() -> None:
    """Pods' health is no matter of counts, and a later release may judge by what this one does not know."""
    assert replay.decision({"checks": [{"name": "pod-health", "verdict": "Fail"}]})[0].now is None


def many(segments: int) -> Counted:
    return Counted(FAILED.check, 0.01, 5.0, 0.9, 60.0, (Sums(1, 0, 9, 0),) * segments)


def test_too_many_shares_of_traffic_are_kept_by_the_log_alone() -> None:
    """An object has bounds; a line has none."""
    judgement = replay.again(many(basis.MOST_SEGMENTS + 1))
    (result,) = decisions.results([judgement])
    decision = Decision(id="a", deployment="d", decision="Promoted", by="analysis", checks=[result])
    line = decisions.logged(decision, None, [judgement])
    assert replay.decision(decision.wire())[0].now is None
    assert replay.decision(line.fields)[0].now == replay.again(many(basis.MOST_SEGMENTS + 1))


def test_only_the_newest_decisions_keep_their_evidence() -> None:
    """A ModelVersion with its 32 decisions stays small."""
    result = CheckResult(name="e", verdict="Fail", evidence=CheckEvidence.model_validate(basis.wire(FAILED)))
    known = [
        Decision(id=str(n), deployment="d", decision="Promoted", by="analysis", checks=[result]) for n in range(40)
    ]
    kept = decisions.kept(known, 32)
    assert [d.id for d in kept] == [str(n) for n in range(8, 40)]
    whole = [d.id for d in kept if d.checks and d.checks[0].evidence]
    assert whole == [str(n) for n in range(32, 40)]
