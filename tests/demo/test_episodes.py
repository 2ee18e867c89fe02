"""The numbers of the summary, and what makes the demo fail."""

from dataclasses import replace

import pytest
from demo.episodes.acts import STORY, Act
from demo.episodes.results import Split, condemned, episodes, rollouts, split, troubles
from demo.evidence.ledger import account
from demo.report.summary import summary

from demo_plays import BROKEN, STABLE, answered, answers, failed, rollout

FACTS = [*rollout(2, 0, "Promoted"), *rollout(BROKEN, 100, "RolledBack", "errors")]
ROLLED_BACK = STORY[2]
RECORD = {
    "decision": "RolledBack",
    "checks": [{"name": "errors", "canaryRequests": 91, "canaryBad": 4}, {"name": "pod-health"}],
}
REQUESTS = [
    answered(BROKEN, 106, worker="f0"),
    failed(500, 110, worker="f1", missing=True),
    answered(STABLE, 115, worker="f2"),
    answered(BROKEN, 121, worker="k0"),
]


def played(outcome: str = "RolledBack", reason: str = "errors"):  # type: ignore[no-untyped-def]
    """The third episode, as the story saw it and as the clients did."""
    found = rollouts(FACTS)
    rows = account(REQUESTS, answers(), condemned(found))
    act = Act(ROLLED_BACK, 95, 131, outcome, reason)
    return episodes([act], found, rows, {BROKEN: [RECORD]}), rows


def test_a_rollback_is_timed_from_the_first_bad_answer() -> None:
    """To the routing change, and to the last answer that the canary gave, on connections that were kept."""
    ((episode,), _) = played()
    assert episode.canary_requests == 91
    assert episode.seconds["fromVerdictToRoutingChange"] == pytest.approx(0.4)
    assert episode.seconds["fromFirstBadAnswerToRoutingChange"] == pytest.approx(120.4 - 110.01, abs=0.01)
    assert episode.seconds["fromFirstBadAnswerToLastCanaryAnswer"] == pytest.approx(11.0, abs=0.01)


def test_requests_are_counted_by_version_and_cause() -> None:
    """The planted failure is counted, and is no trouble."""
    ((episode,), _) = played()
    assert dict(episode.by_version) == {STABLE: 1, BROKEN: 3}
    assert sum(episode.failed.values()) == 1
    assert episode.unexpected == 0


def test_only_rolled_back_canaries_are_condemned() -> None:
    """Failures of a version that was promoted are never excused."""
    assert [c.version for c in condemned(rollouts(FACTS))] == [BROKEN]


def test_another_outcome_is_trouble() -> None:
    """A bug that is promoted must fail the demo, by name."""
    (told, _) = played("Promoted", "StepsCompleted")
    assert any(
        t.startswith("v3 is rolled back on errors: expected RolledBack errors, got Promoted")
        for t in troubles(told, True)
    )


def test_another_reason_is_trouble() -> None:
    """Rolled back for the wrong reason is not the story."""
    (told, _) = played("RolledBack", "pod-health")
    assert any("got RolledBack pod-health" in t for t in troubles(told, True))


def test_an_unexpected_failure_is_trouble() -> None:
    """One lost request, and the demo says which cause."""
    ((episode,), _) = played()
    lost = replace(episode, failed={"refused": 1})
    assert "v3 is rolled back on errors: 1 client requests failed unexpectedly: refused" in troubles([lost], True)


def test_missing_acts_and_an_incomplete_log_are_trouble() -> None:
    """What did not happen, and what is not known, are no success."""
    told = troubles([], False)
    assert len(told) == len(STORY) + 1


def test_a_gateways_split_is_measured() -> None:
    """From the canary's first answer to its verdict, by the requests that went through the gateway."""
    found = rollouts(rollout(BROKEN, 100, "RolledBack", "errors"))
    early = [answered(STABLE, 104 + at / 100, worker="k0g") for at in range(50)]
    shared = [answered(BROKEN if at % 20 == 0 else STABLE, 106 + at / 10, worker="k0g") for at in range(100)]
    rows = account([*early, *shared], answers(), [])
    assert split(found[0], rows) == Split(weight=33, requests=100, canary=5)
    assert split(found[0], account([answered(BROKEN, 110)], answers(), [])) is None


def test_a_split_that_misses_its_weight_is_trouble() -> None:
    """The gateway, or the route, is not what it should be."""
    ((episode,), _) = played()
    off = replace(episode, split=Split(weight=5, requests=1000, canary=80))
    assert any("the gateway gave it 8.0 % of 1000 requests" in t for t in troubles([off], True))


def test_the_summary_is_of_all_requests() -> None:
    """Totals by kind of client, and each episode in the issue's terms."""
    (told, rows) = played()
    text = summary(told, rows, [], {"total": 12.34})
    assert text["succeeded"] is True
    assert text["clients"]["byKind"]["one connection a request"] == {"requests": 3, "failed": 1}
    assert text["episodes"][0]["failedUnexpectedly"] == 0
    assert text["seconds"] == {"total": 12.3}
