"""A canary writes its own metrics: whatever it writes, it can be taken back, and what is written down can be kept."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

import pytest

from linnet.core.analysis.metrics.counters import PodCounters, count_pod, unreadable
from linnet.core.analysis.metrics.selectors import MetricRules
from linnet.core.observed import Scrape
from simulator import Behavior, Cluster, quick

pytestmark = pytest.mark.rollouts
QUICK = quick("60s", bake="300s")
MOST_OF_A_CONFIG_MAP = 2**20
NUMBERS = [2.0**53, 9e15, 1e17, 1e20, 1e300]


class Hostile(Cluster):
    """The pods of version 2 say what `says` makes of what they counted."""

    says: Any = None

    def _scrape(self, targets: Mapping[str, MetricRules]) -> Scrape:
        found = super()._scrape(targets)
        theirs = {
            p["metadata"]["uid"] for p in self.pods.values() if p["metadata"]["labels"]["linnet.dev/version"] == "2"
        }
        said = {u: self.says(c, targets[u]) if self.says and u in theirs else c for u, c in found.counters.items()}
        return replace(found, counters=said)


def canary(errors: float = 0.5) -> Hostile:
    """A rollout whose canary gets traffic."""
    cluster = Hostile()
    cluster.edit(**QUICK)
    cluster.run(5)
    cluster.publish(2, Behavior(errors=errors))
    cluster.run(600, until=lambda c: c.phase == "Stepping")
    return cluster


def ended(cluster: Cluster) -> str:
    """How the rollout of version 2 ended; empty while it has not."""
    last = cluster.typed.last_rollout
    return str(last.outcome) if last is not None and last.to.version == 2 else ""


def integers(value: Any) -> Iterator[int]:
    """Iterate over every integer in a document."""
    if isinstance(value, dict | list):
        for each in value.values() if isinstance(value, dict) else value:
            yield from integers(each)
    elif isinstance(value, int):
        yield value


def written(cluster: Cluster) -> Iterator[int]:
    yield from integers(cluster.status)
    for version in cluster.versions.values():
        yield from integers(version.get("status") or {})


@pytest.mark.parametrize("number", NUMBERS)
def test_an_absurd_counter_holds_nobody_up(number: float) -> None:
    """The API server refuses such a number in a record, and abort and rollback would wait for it for ever."""

    def says(counters: PodCounters, _: MetricRules) -> PodCounters:
        latency = {"latency": dict.fromkeys((0.25, 0.5, float("inf")), number)}
        return replace(counters, requests=number, errors=number, latency=latency)

    cluster = canary()
    cluster.says = says
    cluster.run(100)
    assert {c.verdict for c in cluster.typed.rollout.checks or () if c.name == "errors"} == {"Error"}  # type: ignore[union-attr]
    cluster.ask("abort v2 id9 jane")
    cluster.run(30)
    assert ended(cluster) == "Aborted"
    assert max(map(abs, written(cluster))) < 2**53


def test_counters_that_jump_add_up_to_no_absurd_sum() -> None:
    """Each reading alone is a number; what it rose by in two seconds is none."""
    turn = iter(range(10**6))

    def says(counters: PodCounters, _: MetricRules) -> PodCounters:
        high = 9e15 if next(turn) % 2 else 0.0
        return replace(counters, requests=high, errors=high, latency={"latency": {0.25: 0.0, float("inf"): high}})

    cluster = canary(errors=0.0)
    cluster.says = says
    cluster.run(120)
    assert max(map(abs, written(cluster))) < 10**9


@pytest.mark.parametrize("buckets", [100, 9000, 100_000])
def test_a_histogram_of_any_size_leaves_evidence_that_can_be_kept(buckets: int) -> None:
    """A sentence that named all bounds was larger than a ConfigMap."""

    def says(counters: PodCounters, rules: MetricRules) -> PodCounters:
        name = rules.latency[0].name
        labels = "".join(f'{r.label}="/v2/models/{{model_name}}/infer",' for r in rules.latency[0].labels)
        page = "".join(f'{name}_bucket{{{labels}le="{100_000 + n}.123"}} 1\n' for n in range(buckets))
        found = count_pod(page, rules)
        return unreadable(found.problem) if found.problem else replace(counters, latency=found.latency)

    cluster = canary(errors=0.0)
    cluster.says = says
    cluster.run(100)
    assert sum(map(len, (cluster.memory or {}).values())) < MOST_OF_A_CONFIG_MAP / 10
    checks = (cluster.typed.rollout.checks if cluster.typed.rollout else None) or ()
    assert {c.verdict for c in checks if c.name == "latency"} == {"Error"}
    assert all(len(c.message or "") < 400 for c in checks)
    cluster.ask("abort v2 id9 jane")
    cluster.run(30)
    assert ended(cluster) == "Aborted"


def test_a_page_that_exceeds_its_bounds_is_told() -> None:
    """The canary is unreadable: it is neither promoted nor blamed, and the condition says which bound it was."""
    cluster = canary(errors=0.0)
    cluster.says = lambda *_: unreadable("its metrics have more than 200000 lines")
    cluster.run(400)
    assert cluster.phase == "Stepping"
    assert cluster.ready_reason() == "Unknown/MetricsError"
    assert "Error (a pod can't be read: its metrics have more than 200000 lines)" in cluster.message()
    written = cluster.writes
    cluster.run(20)
    assert cluster.writes <= written + 2  # its evidence, saved once more
    cluster.ask("abort v2 id9 jane").run(30)
    assert ended(cluster) == "Aborted"


DAMAGE = {
    "a policy that is a list": {"policy": "[]"},
    "a deep policy": {"policy": "[" * 5000},
    "restarts that are a list": {"restarts": "[]"},
    "restarts that are words": {"restarts": '{"a": "b"}'},
    "deep restarts": {"restarts": "[" * 5000},
    "a time that is none": {"saved": "x"},
    "a time without a zone": {"saved": "2026-01-01T00:00:00"},
    "counts that are a list": {"evidence.counts": "[]"},
    "deep counts": {"evidence.counts": "[" * 5000},
    "counts of a huge integer": {"evidence.counts": '{"streams": ' + "9" * 5000 + "}"},
    "another format": {"evidence.format": "[]"},
    "no words": {"evidence.counts": '"\\ud800"'},
    "nothing": {"evidence.counts": ""},
}


@pytest.mark.parametrize("damage", DAMAGE)
def test_damaged_evidence_ends_no_look(damage: str) -> None:
    """It is unreadable, so that the rollout counts anew: a person is obeyed, and no look raises."""
    cluster = canary(errors=0.0)
    cluster.run(40)
    cluster.saved = {**(cluster.saved or cluster.memory or {}), **DAMAGE[damage]}
    cluster.restart_operator()
    cluster.run(10)
    assert ended(cluster) != "Promoted"
    cluster.ask("abort v2 id9 jane")
    cluster.run(30)
    assert ended(cluster) in {"Aborted", "RolledBack"}
    assert json.dumps(cluster.status)
