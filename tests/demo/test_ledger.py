"""Every request is accounted for: whose it was, and what it failed for."""

import json

from demo.evidence.ledger import BUG_ANSWER, BUG_GATEWAY, BUG_RESET, Batches, account
from demo.evidence.ledger import CONDEMNED as OF_CONDEMNED

from demo_plays import BROKEN, CONDEMNED, STABLE, answered, answers, causes, failed


def test_an_answer_tells_by_its_value_who_gave_it() -> None:
    """Two versions behind one Service are told apart without any of them saying who it is."""
    rows = account([answered(1, record=3), answered(2, 1, connection=2, record=3)], answers(), [])
    assert [(r.version, r.failure) for r in rows] == [(1, ""), (2, "")]


def test_an_answer_that_no_version_gives_is_a_failure() -> None:
    """Status 200 alone is not success."""
    wrong = answered(1).__class__(0, 5, "k0", 1, 0, False, 200, 77.7)
    assert causes(account([wrong], answers(), [])) == ["a wrong answer"]


def test_a_500_on_a_missing_value_is_the_planted_bug() -> None:
    """It counts to the version whose pipeline fails on that record, while that version has traffic."""
    (row,) = account([failed(500, 110, missing=True)], answers(), [CONDEMNED])
    assert (row.failure, row.version, row.planted) == (BUG_ANSWER, BROKEN, True)


def test_a_500_on_a_complete_record_is_no_planted_bug() -> None:
    """The bug fails on missing values only: another 500 is a failure of ours."""
    assert causes(account([failed(500, 110)], answers(), [CONDEMNED])) == ["answered 500"]


def test_a_500_without_the_broken_version_is_no_planted_bug() -> None:
    """Before the broken version has traffic nothing may fail."""
    assert causes(account([failed(500, 50, missing=True)], answers(), [CONDEMNED])) == ["answered 500"]


def test_the_reset_after_a_500_counts_to_the_bug() -> None:
    """The server closes the connection after an unhandled error; the next request on it is reset."""
    rows = [failed(500, 110, missing=True), failed(0, 110.2, "reset")]
    assert causes(account(rows, answers(), [CONDEMNED])) == [BUG_ANSWER, BUG_RESET]


def test_a_reset_on_another_connection_does_not() -> None:
    """A reset on a connection to a healthy pod is an unexpected failure, however near in time."""
    rows = [
        failed(500, 110, missing=True),
        answered(STABLE, 110.1, connection=2),
        failed(0, 110.2, "reset", connection=2),
    ]
    assert causes(account(rows, answers(), [CONDEMNED])) == [BUG_ANSWER, "", "reset"]


def test_connections_of_the_condemned_pods_die_with_them() -> None:
    """What had been answered by the condemned version belongs to it when its pod is killed."""
    rows = [answered(BROKEN, 119), failed(0, 120.9, "reset")]
    assert causes(account(rows, answers(), [CONDEMNED])) == ["", OF_CONDEMNED]


def test_a_first_request_cut_off_while_the_pods_die_is_theirs() -> None:
    """Opened before the switch, broken while the pods were killed: nothing else was going away then."""
    assert causes(account([failed(0, 120.3, "reset", worker="f1")], answers(), [CONDEMNED])) == [OF_CONDEMNED]


def test_a_first_request_opened_after_the_switch_is_not() -> None:
    """New connections go to stable alone: their failures are never excused."""
    assert causes(account([failed(0, 123, "reset", worker="f1")], answers(), [CONDEMNED])) == ["reset"]


def test_a_connection_of_stable_is_never_excused() -> None:
    """A reset while the canary dies, on a connection that stable had answered on, is a failure."""
    rows = [answered(STABLE, 119), failed(0, 120.9, "reset")]
    assert causes(account(rows, answers(), [CONDEMNED])) == ["", "reset"]


def test_behind_a_gateway_one_connection_reaches_both_versions() -> None:
    """Each answer tells whose it was, and a failure on the connection excuses none that comes after it."""
    rows = [
        answered(STABLE, 110, worker="k0g", record=3),
        answered(BROKEN, 111, worker="k0g", record=3),
        failed(500, 112, worker="k0g", missing=True),
        failed(0, 113, "reset", worker="k0g"),
    ]
    told = account(rows, answers(), [CONDEMNED])
    assert [r.version for r in told] == [STABLE, BROKEN, BROKEN, None]
    assert causes(told) == ["", "", BUG_ANSWER, "reset"]


def test_a_gateways_502_right_after_a_500_counts_to_the_bug() -> None:
    """The server hung up on the gateway; it was the canary's request. Any other 502 is a lost request."""
    rows = [
        failed(500, 110, worker="k0g", missing=True),
        failed(502, 110.1, worker="f0g"),
        failed(502, 118, worker="f0g"),
    ]
    told = account(rows, answers(), [CONDEMNED])
    assert causes(told) == [BUG_ANSWER, BUG_GATEWAY, "answered 502"]
    assert told[1].version == BROKEN


def test_a_batch_counts_once() -> None:
    """The log may be read again from its beginning."""
    batches, row = Batches(), [1.5, 10, "k0", 1, 0, 0, 200, 1.0]
    line = json.dumps({"batch": 1, "requests": [row]})
    for text in (line, line, "not of ours", json.dumps({"end": 1})):
        batches.read(text)
    assert len(batches.requests) == 1
    assert batches.complete


def test_each_client_pod_counts_its_own() -> None:
    """A second pod of clients begins its batches at 1 again; the log is complete when both totals agree."""
    batches, row = Batches(), [1.5, 10, "k0", 1, 0, 0, 200, 1.0]
    for client in ("traffic", "traffic-gateway"):
        batches.read(json.dumps({"batch": 1, "requests": [row]}), client)
        batches.read(json.dumps({"end": 1}), client)
    assert len(batches.requests) == 2
    assert batches.complete


def test_a_lost_batch_is_noticed() -> None:
    """The clients' own total proves that nothing is missing."""
    batches = Batches()
    batches.read(json.dumps({"end": 1}))
    assert not batches.complete
