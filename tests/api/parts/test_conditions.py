"""Conditions as other programs read them: kstatus, which Flux, kpt and Helm wait by."""

from collections.abc import Sequence
from datetime import UTC, datetime

import pytest

from linnet.api.parts.conditions import Condition, Reason, condition, merge

NOW = datetime(2026, 11, 30, tzinfo=UTC)


def kstatus(said: Sequence[Condition]) -> str:
    """What kstatus makes of an object whose observedGeneration is its generation."""
    status = {c.type: c.status for c in said}
    if status.get("Reconciling") == "True":
        return "InProgress"
    if status.get("Stalled") == "True":
        return "Failed"
    return "Current" if status.get("Ready") == "True" else "InProgress"


@pytest.mark.parametrize(
    ("holds", "reason", "available", "seen"),
    [
        (True, Reason.AS_DESIRED, True, "Current"),
        (True, Reason.SUSPENDED, True, "Current"),
        (None, Reason.PROGRESSING, True, "InProgress"),
        (None, Reason.PAUSED, True, "InProgress"),
        (None, Reason.VALIDATING, False, "InProgress"),
        (False, Reason.ROLLING_BACK, True, "InProgress"),
        (False, Reason.NO_PODS_READY, True, "InProgress"),
        (False, Reason.NO_PODS_READY, False, "Failed"),
        (False, Reason.QUARANTINED, True, "Failed"),
        (False, Reason.INVALID_SPEC, True, "Failed"),
        (False, Reason.READY_DEADLINE_EXCEEDED, False, "Failed"),
        (False, Reason.UNKNOWN_PHASE, True, "Failed"),
    ],
)
def test_kstatus_sees_what_a_person_sees(holds: bool | None, reason: Reason, available: bool, seen: str) -> None:
    """Flux does not wait for ever for what somebody has to mend, and does not fail what passes by itself."""
    said = [condition("Available", available, Reason.AVAILABLE, ""), condition("Ready", holds, reason, "a sentence")]
    assert kstatus(merge([], said, 1, NOW)) == seen


def test_what_no_longer_holds_is_gone() -> None:
    """They are there only while they are true, so that a list of an object's conditions stays short."""
    stalled = merge([], [condition("Ready", False, Reason.QUARANTINED, "worse")], 1, NOW)
    assert [(c.type, c.status, c.message) for c in stalled] == [
        ("Ready", "False", "worse"),
        ("Stalled", "True", "worse"),
    ]
    ready = merge(stalled, [condition("Ready", True, Reason.AS_DESIRED, "")], 1, NOW)
    assert [c.type for c in ready] == ["Ready"]


def test_a_condition_that_is_written_has_what_metav1_requires() -> None:
    """Go's clients, and every tool that reads conditions, may count on each of these."""
    for one in merge([], [condition("Ready", None, Reason.VALIDATING, "")], 1, NOW):
        assert one.wire().keys() >= {"type", "status", "reason", "message", "lastTransitionTime"}
