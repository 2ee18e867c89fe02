"""Whole rollouts judged by what the versions answer: a silent regression, and a version that answers alike."""

from typing import Any

import pytest

from simulator import Behavior, Cluster

pytestmark = pytest.mark.rollouts

COUNTED = {"histogram": {"name": "score", "bounds": ["0.5"]}}
CHECK = {"name": "answers", "signal": "Predictions", "maxDivergence": "0.02"}


def cluster(high: float, *, stable_counts: bool = True) -> Cluster:
    """Version 1 gives a high score to a tenth of the requests; version 2 comes."""
    made = Cluster()
    made.edit(
        replicas=4,
        strategy={"canary": {"steps": [{"setWeight": 34}, {"analyze": {"for": "1m"}}]}, "bake": {"time": "30s"}},
        analysis={"interval": "5s", "warmUp": "0s", "defaultChecks": False, "checks": [CHECK]},
    )
    if stable_counts:
        _counts_answers(made.versions[1])
    made.run(5).publish(2, Behavior(high=high))
    _counts_answers(made.versions[2])
    return made


def _counts_answers(version: dict[str, Any]) -> None:
    version["spec"]["runtime"]["metrics"]["predictions"] = COUNTED


def test_shifted_answers_with_good_status_codes_roll_back_and_quarantine_the_artifact() -> None:
    """By digest, whatever serves it; the record has both distributions."""
    made = cluster(high=0.5).run(900, until=lambda c: c.version_status(2).quarantine is not None)
    status = made.version_status(2)
    assert status.quarantine is not None
    assert (status.quarantine[0].reason, status.quarantine[0].template) == ("answers", None)
    assert status.decisions is not None
    (check,) = [c for c in status.decisions[-1].checks or () if c.name == "answers"]
    assert check.predictions is not None
    assert [c.name for c in check.predictions.classes or ()] == ["≤0.5", ">0.5"]
    assert check.predictions.divergence is not None
    assert check.predictions.divergence > 0.02
    assert "bits, at most 0.02 allowed" in check.message


def test_a_version_that_answers_alike_is_promoted_though_the_operator_restarts() -> None:
    """Its evidence goes on from what was saved."""
    made = cluster(high=0.1).run(60)
    assert "evidence.predictions" in (made.saved or {})
    made.restart_operator().run(900, until=lambda c: c.typed.stable is not None and c.typed.stable.version == 2)
    assert made.typed.stable is not None
    assert made.typed.stable.version == 2


def test_a_stable_whose_model_did_not_say_so_yet_is_read_as_the_canary_is() -> None:
    """The first rollout with such a check needs no detour."""
    made = cluster(high=0.1, stable_counts=False)
    made.run(900, until=lambda c: c.typed.stable is not None and c.typed.stable.version == 2)
    assert made.typed.stable is not None
    assert made.typed.stable.version == 2


def test_a_runtime_that_names_no_predictions_starts_no_rollout() -> None:
    """It is said before traffic moves."""
    made = Cluster().edit(analysis={"defaultChecks": False, "checks": [CHECK]}).run(5).publish(2).run(10)
    assert made.ready_reason() == "False/UnsupportedSignal"
    assert "spec.analysis.checks[0].signal: runtime mlserver names no Predictions" in made.message()
