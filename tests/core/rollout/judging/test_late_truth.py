"""Whole rollouts whose step waits for truth that comes later than any other deadline."""

from datetime import timedelta
from typing import Any

import pytest

from simulator import Behavior, Cluster

pytestmark = pytest.mark.rollouts

LATER = timedelta(minutes=70)
FEEDBACK = {"correct": [{"name": "right_total"}], "total": [{"name": "known_total"}]}


def cluster(wrong: float) -> Cluster:
    """Version 1, wrong in 5 % of its answers, serves for a while; then version 2 comes."""
    made = Cluster(rate=1, behaviors={1: Behavior(wrong=0.05, known_after=LATER)})
    made.edit(
        replicas=2,
        strategy={"canary": {"steps": [{"setWeight": 50}, {"analyze": {"for": "10m"}}]}, "bake": {"time": "0s"}},
        analysis={
            "interval": "1m",
            "defaultChecks": False,
            "checks": [{"name": "truth", "signal": "Feedback", "maxRatioToStable": "1", "minExcess": "0.05"}],
        },
        deadlines={"evidence": "24h"},
    )
    _counts_truth(made.versions[1])
    made.run(300).publish(2, Behavior(wrong=wrong, known_after=LATER))
    _counts_truth(made.versions[2])
    return made


def _counts_truth(version: dict[str, Any]) -> None:
    version["spec"]["runtime"]["metrics"]["feedback"] = FEEDBACK


def test_a_step_holds_until_the_truth_is_known_and_rolls_back() -> None:
    """For more than an hour nothing is concluded, though the operator restarts; then the worse version fails."""
    made = cluster(wrong=0.5).run(3900)
    assert made.phase == "Stepping"
    made.restart_operator().run(3600, until=lambda c: c.phase == "AtRest")
    assert made.typed.stable is not None
    assert made.typed.stable.version == 1
    assert made.versions[2]["status"]["quarantine"][0]["reason"] == "truth"


def test_a_good_version_passes_once_the_truth_is_known() -> None:
    """Not before, and without anybody."""
    made = cluster(wrong=0.05).run(3900)
    assert made.phase == "Stepping"
    made.run(7200, until=lambda c: c.phase == "AtRest")
    assert made.typed.stable is not None
    assert made.typed.stable.version == 2
