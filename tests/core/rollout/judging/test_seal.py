"""Evidence and rules that somebody else has changed promote nothing, and stop no rollback."""

import json
from collections.abc import Callable, Mapping
from copy import deepcopy
from functools import cache

import pytest

from linnet.core.rollout.judging import seal
from simulator import Behavior, Cluster, quick

QUICK = quick("60s", bake="300s")
LENIENT = json.dumps(
    {
        "strategy": {"steps": [{"setWeight": 50}], "bake": {"time": "0s"}},
        "analysis": {"checks": [{"name": "errors", "signal": "Errors", "max": "1"}]},
    }
)
Data = Mapping[str, str]


def stepping(errors: float = 0.3) -> Cluster:
    """Version 2, in its first step, has answered for a second."""
    return deepcopy(_stepping(errors))


@cache
def _stepping(errors: float) -> Cluster:
    cluster = Cluster()
    cluster.edit(**QUICK).run(5)
    cluster.publish(2, Behavior(errors=errors)).run(600, until=lambda c: c.phase == "Stepping")
    return cluster.run(1)


def outcome(cluster: Cluster) -> str:
    last = cluster.typed.last_rollout
    return last.outcome if last is not None and last.to.version == 2 else cluster.phase


def is_rolled_back(cluster: Cluster) -> bool:
    return outcome(cluster) == "RolledBack"


def events(cluster: Cluster, reason: str) -> list[str]:
    return [e.message for e in cluster.events if e.reason == reason]


DEEP = "[" * 5000


def overwritten(key: str, value: str) -> Callable[[Data], Data]:
    return lambda data: {**data, key: value}


DAMAGE: dict[str, Callable[[Data], Data | None]] = {
    "gone": lambda _: None,
    "empty": lambda _: {},
    "other rules": lambda d: {**d, "policy": LENIENT, "rules": LENIENT},
    "other rollout": lambda d: {**d, "rollout": "tumor-risk-v9"},
    "no format": lambda d: {k: v for k, v in d.items() if k != "evidence.format"},
    "keys of its own": lambda d: {**d, seal.KEYS: "rollout"},
    "no keys": lambda d: {k: v for k, v in d.items() if k != seal.KEYS},
    "only good answers": lambda d: {**d, "evidence.counts": d["evidence.counts"].replace("canary", "stable")},
}
VALUES: dict[str, Callable[[Data], Data | None]] = {
    f"{key}: {value[:9]!a}": overwritten(key, value)
    for key in ("saved", "restarts", "evidence.counts", "evidence.silence", "evidence.format", "rollout")
    for value in ("", "x", "[]", "{}", "null", "1e400", '"x"', "[[[]]]", DEEP, "\x00", '{"a": "b"}', "9" * 5000)
}
damaged = pytest.mark.parametrize(
    "damage",
    [
        *(pytest.param(damage, id=name) for name, damage in DAMAGE.items()),
        *(pytest.param(damage, id=name, marks=pytest.mark.rollouts) for name, damage in VALUES.items()),
    ],
)
"""A value for each entry is many rollouts: those are left to `make test`."""


@damaged
def test_a_bad_version_is_rolled_back_whatever_the_config_map_holds(damage: Callable[[Data], Data | None]) -> None:
    """After the operator's restart it is judged by the rules of before, on evidence that is counted anew."""
    cluster = stepping()
    rules = cluster.typed.rollout
    assert cluster.saved is not None
    assert rules is not None
    cluster.saved = damage(cluster.saved)
    cluster.restart_operator().run(300, until=is_rolled_back)
    assert outcome(cluster) == "RolledBack"
    assert [d.policy_hash for d in cluster.version_status(2).decisions or ()] == [rules.policy_hash]


@damaged
def test_evidence_that_cannot_be_read_raises_nothing(damage: Callable[[Data], Data | None]) -> None:
    """Also past the seal, as by another release's hand: the rollout counts anew, and goes on."""
    cluster = stepping()
    assert cluster.saved is not None
    cluster.memory = damage(cluster.saved)
    assert outcome(cluster.run(300, until=is_rolled_back)) == "RolledBack"


def test_what_somebody_wrote_is_told_once() -> None:
    """An Event says that the evidence is counted anew; the next restart finds what Linnet wrote."""
    cluster = stepping(errors=0.0)
    assert cluster.saved is not None
    cluster.saved = {**cluster.saved, "saved": "2026-01-01T00:00:00Z"}
    cluster.restart_operator().run(10)
    assert events(cluster, "EvidenceTampered") == [
        "The rollout's evidence is not believed: its ConfigMap holds what Linnet did not write. It is counted anew"
    ]
    cluster.restart_operator().run(10)
    assert len(events(cluster, "EvidenceTampered")) == 1


def test_a_config_map_that_is_gone_is_told_too() -> None:
    """It was there, so that somebody has deleted it."""
    cluster = stepping(errors=0.0).run(40)
    cluster.saved = None
    cluster.restart_operator().run(10)
    assert "its ConfigMap is gone" in events(cluster, "EvidenceTampered")[0]


def test_what_is_added_to_the_config_map_harms_nothing() -> None:
    """Keys that Linnet did not write are not read, and evidence is not lost by them."""
    cluster = stepping(errors=0.0).run(20)
    assert cluster.saved is not None
    written = cluster.saved
    cluster.saved = {**written, "evidence.other": "[]", "note": "mine"}
    cluster.restart_operator()
    assert cluster.memory == written
    assert events(cluster.run(5), "EvidenceTampered") == []


def test_death_between_status_and_config_map_loses_no_evidence() -> None:
    """The status already has the next hash; the ConfigMap still holds the former evidence, which counts."""
    cluster = stepping(errors=0.0).run(10)
    former = cluster.saved
    cluster.run(60, until=lambda c: c.saved != former)
    cluster.saved = former
    cluster.restart_operator()
    assert cluster.memory == former
    assert events(cluster.run(5), "EvidenceTampered") == []


@pytest.mark.rollouts
def test_a_good_version_is_promoted_through_restarts() -> None:
    """Sealed evidence survives them: nothing is told, and nothing begins anew."""
    cluster = stepping(errors=0.0)
    for _ in range(20):
        cluster.run(7).restart_operator()
    assert outcome(cluster.run(900)) == "Promoted"
    assert events(cluster, "EvidenceTampered") == []


def test_the_evidence_of_the_rollout_before_is_no_tampering() -> None:
    """A new rollout begins by writing its hash; until its ConfigMap follows, the former rollout's lies there."""
    former, first = seal.keyed({"rollout": "v2"}), seal.keyed({"rollout": "v3"})
    begun = {"id": "v3", "phase": "Starting", "evidence": seal.seals(first, [])}
    assert seal.read_back(begun, former) == seal.ReadBack()
    assert seal.read_back(begun, None) == seal.ReadBack()
    assert seal.read_back(begun, first) == seal.ReadBack(first, seal.seal(first))


@pytest.mark.rollouts
def test_evidence_that_was_kept_in_part_is_used_and_told() -> None:
    """Where the API server took no more than the counts, these go on, and an Event says what begins anew."""
    cluster = stepping(errors=0.0).run(40)
    assert cluster.saved is not None
    whole, counts, _ = seal.variants(cluster.saved)
    cluster.saved = counts
    cluster.restart_operator().run(5)
    assert whole["evidence.counts"] == counts["evidence.counts"]
    assert cluster.memory is not None
    assert counts["restarts"] == cluster.memory["restarts"]
    assert events(cluster, "EvidenceLost") == [
        "The rollout's evidence was not taken whole by the API server. All but the counts of requests is counted anew"
    ]
    assert outcome(cluster.run(900)) == "Promoted"


@pytest.mark.slow
@pytest.mark.parametrize("kept", [True, False], ids=["its name", "nothing"])
def test_evidence_that_was_not_kept_is_counted_anew_and_told(kept: bool) -> None:
    """A bad version is rolled back on what is counted from then on."""
    cluster = stepping()
    assert cluster.saved is not None
    *_, name = seal.variants(cluster.saved)
    cluster.saved = name if kept else None
    cluster.status["rollout"]["evidence"] = seal.seals(cluster.memory or {}, [seal.seal(name)] if kept else [])
    cluster.restart_operator().run(300)
    assert outcome(cluster) == "RolledBack"
    assert len(events(cluster, "EvidenceLost")) == 1
