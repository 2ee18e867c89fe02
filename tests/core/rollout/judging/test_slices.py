"""Whole rollouts judged by slice: a version that is worse in one country, one that is as good, and no label."""

import pytest

from linnet.core.analysis.simulation import replay
from simulator import Behavior, Cluster

pytestmark = pytest.mark.rollouts

BY_COUNTRY = {
    "name": "errors",
    "signal": "Errors",
    "maxRatioToStable": "1",
    "slice": {"label": "country", "values": ["de", "fr", "at"]},
}
WHOLE = {"name": "slo", "signal": "Errors", "max": "0.1"}
GOOD = Behavior(errors=0.02)
WORSE_IN_AUSTRIA = Behavior(errors=0.02, errors_in={"at": 0.15})


def cluster(then: Behavior) -> Cluster:
    """Version 1 serves three countries and a fourth that nobody judges; version 2 comes."""
    made = Cluster(countries=("de", "fr", "at", "ch"), rate=60.0)
    made.behaviors[1] = GOOD
    made.edit(
        replicas=4,
        strategy={
            "canary": {"steps": [{"setWeight": 34}, {"analyze": {"for": "1m", "checks": ["errors"]}}]},
            "bake": {"time": "30s"},
        },
        analysis={"interval": "5s", "warmUp": "0s", "defaultChecks": False, "checks": [BY_COUNTRY, WHOLE]},
    )
    return made.run(5).publish(2, then)


def test_a_version_that_is_worse_in_one_country_is_rolled_back_though_the_whole_looks_well() -> None:
    """The reason names the slice, and the check of the whole is within its bound."""
    made = cluster(WORSE_IN_AUSTRIA).run(900, until=lambda c: c.version_status(2).quarantine is not None)
    status = made.version_status(2)
    assert status.quarantine is not None
    assert (status.quarantine[0].reason, status.quarantine[0].template) == ("errors[country=at]", None)
    assert "requests with country=at" in status.quarantine[0].message
    assert status.decisions is not None
    record = status.decisions[-1]
    verdicts = {c.name: c.verdict for c in record.checks or ()}
    assert verdicts["slo"] != "Fail"
    assert [name for name, verdict in verdicts.items() if verdict == "Fail"] == ["errors[country=at]"]


def test_its_record_is_judged_again_without_its_siblings() -> None:
    """Each slice's part of alpha is kept with it."""
    made = cluster(WORSE_IN_AUSTRIA).run(900, until=lambda c: c.version_status(2).quarantine is not None)
    (decided,) = [d for d in made.version_status(2).decisions or () if d.decision == "RolledBack"]
    (failed,) = [c for c in decided.checks or () if c.verdict == "Fail"]
    assert failed.slice is not None
    assert (failed.slice.label, failed.slice.value) == ("country", "at")
    (again,) = replay.decision({**decided.wire(), "checks": [failed.wire()]})
    assert again.now is not None
    assert again.differs == ()


def test_a_version_that_is_as_good_everywhere_is_promoted_though_the_operator_restarts() -> None:
    """A step that names the check means all of its slices."""
    made = cluster(GOOD).run(60).restart_operator()
    made.run(1800, until=lambda c: c.typed.stable is not None and c.typed.stable.version == 2)
    assert made.typed.stable is not None
    assert made.typed.stable.version == 2


def test_a_rare_slice_holds_and_says_what_it_needs() -> None:
    """Nobody in Austria asks: the step waits for them, and says for whom."""
    made = cluster(GOOD)
    made.countries = ("de", "fr", "ch")
    made.run(900, until=lambda c: "errors[country=de|fr]: Pass" in c.message())
    assert made.phase == "Stepping"
    assert "errors[country=at]: InsufficientData" in made.message()
    assert "errors[country=de|fr]: Pass" in made.message()


def test_counters_without_the_label_hold_with_its_name() -> None:
    """Zero errors of a slice that can't be told apart are no good sign."""
    made = cluster(Behavior(errors=0.02, labeled=False)).run(90)
    assert made.phase == "Stepping"
    told = [log.fields["message"] for log in made.logs if log.event == "verdict" and log.fields["verdict"] == "Error"]
    assert any("metric requests_total has no label country" in message for message in told)
