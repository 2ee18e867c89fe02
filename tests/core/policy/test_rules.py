"""The rules of a rollout are frozen with every default filled in: what is read again is what was decided by."""

import json
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml

from core.rollout.test_transitions import QUICK, serving
from linnet.api.kinds.deployment import RULES_SIZE, DeploymentSpec
from linnet.api.kinds.model import ModelSpec
from linnet.api.parts.runtime import FrozenRuntime
from linnet.core.policy import defaults, rules
from linnet.core.policy.rules import Rules
from linnet.core.serving.runtimes import freeze
from simulator import CATALOGUE, Behavior, Cluster

REPO = Path(__file__).parents[3]
Json = dict[str, Any]
BLOCKS = ("strategy", "analysis", "deadlines")
OTHERS: dict[str, Json] = {
    "blueGreen": {"strategy": {"blueGreen": {}}},
    "allAtOnce in place": {"strategy": {"allAtOnce": {}, "capacity": "InPlace"}},
    "a query": {
        "analysis": {"checks": [{"name": "slo", "signal": "Prometheus", "query": {"name": "http"}, "min": "0.99"}]}
    },
    "answers": {"analysis": {"checks": [{"name": "answers", "signal": "Predictions", "maxDivergence": "0.02"}]}},
    "small numbers": {"analysis": {"alpha": "0.000000001", "interval": "1.5s", "detect": {"ratio": "1.1"}}},
    "a pause": {
        "strategy": {"canary": {"steps": [{"setWeight": 5}, {"pause": {"maxTime": "24h", "onExpiry": "RollBack"}}]}}
    },
}
FROZEN_BY_THIS_RELEASE = """{"type":"Canary","on_new_version":"Queue","in_place":false,"abort_delay":"PT30S","steps":[
{"setWeight":10},{"analyze":{"for":"2m"}}],"hooks":[{"name":"freeze","at":"PreRollout","endpoint":"calendar"}],
"bake":"PT10M","holdback_percent":5,"interval":"PT5S","warm_up":"PT30S","asked":[{"name":"latency","signal":"Latency",
"maxRatioToStable":"1","minExcess":"0.05","threshold":"500ms"}],"judged":{"checks":[{"name":"latency","signal":
"Latency","max_ratio_to_stable":1.0,"min_excess":0.05,"threshold_seconds":0.5,"histogram":"latency","counter":""}],
"alpha":0.01,"detect_ratio":5.0,"detect_power":0.9,"stale_after_seconds":60.0},"thresholds":[],"checks":["latency"],
"on_insufficient_data":"Hold","limits":{"fetch":"PT1H","ready":"PT10M","evidence":"PT1H","hook":"PT1H"}}"""


def runtime() -> FrozenRuntime:
    model = ModelSpec.model_validate({"format": {"name": "sklearn"}, "source": {"uri": "s3://models/1"}})
    return freeze("tumor-risk", model, CATALOGUE)


def resolved(blocks: Json) -> Rules:
    spec = DeploymentSpec.model_validate({"model": {"name": "tumor-risk"}, **blocks})
    found = rules.resolve(rules.source_of(spec), runtime())
    assert found is not None
    return found


def examples() -> Iterator[Any]:
    for path in sorted((REPO / "docs" / "examples").glob("*.yaml")):
        for document in yaml.safe_load_all(path.read_text()):
            if document and document.get("kind") in {"Deployment", "RolloutPolicy"} and "linnet" in str(document):
                blocks = {b: document["spec"][b] for b in BLOCKS if b in document.get("spec", {})}
                yield pytest.param(blocks, id=f"{path.stem}-{document['metadata']['name']}")
    yield from (pytest.param(blocks, id=name) for name, blocks in OTHERS.items())


@pytest.mark.parametrize("blocks", [*examples()])
def test_what_is_frozen_is_read_again_as_it_was(blocks: Json) -> None:
    """To the last digit, and by the same hash."""
    found = resolved(blocks)
    assert rules.restored(found.frozen) == found
    assert rules.restored(found.frozen) is not None
    again = rules.restored(found.frozen)
    assert again is not None
    assert again.hash == found.hash


def test_what_this_release_froze_is_read_by_the_next() -> None:
    """A rollout that is under way while the operator is upgraded goes on by the same rules.

    Whoever adds a rule gives it a default, and leaves this text as it is.
    """
    found = rules.restored(FROZEN_BY_THIS_RELEASE)
    assert found is not None
    assert (found.judged.alpha, found.bake, found.steps[0].set_weight) == (0.01, timedelta(minutes=10), 10)


@pytest.mark.parametrize("text", ["", "{}", "[]", "x", "[" * 5000, '{"type": "Canary"}'])
def test_what_is_no_set_of_rules_is_none(text: str) -> None:
    """And raises nothing."""
    assert rules.restored(text) is None


def test_other_defaults_are_other_rules(monkeypatch: pytest.MonkeyPatch) -> None:
    """The hash tells what was decided by, not what was written."""
    before = resolved({})
    with_other_defaults(monkeypatch)
    assert resolved({}).hash != before.hash


def with_other_defaults(monkeypatch: pytest.MonkeyPatch) -> None:
    """As if a release had come that fills in other ones."""
    monkeypatch.setattr(defaults, "ALPHA", 0.2)
    monkeypatch.setattr(defaults, "BAKE_TIME", timedelta(0))
    rules._resolved.cache_clear()


@pytest.fixture(autouse=True)
def _fresh() -> Iterator[None]:
    yield
    rules._resolved.cache_clear()


def stepping(behavior: Behavior) -> Cluster:
    """Version 2 in its first step, by rules that are nearly all defaults."""
    cluster = serving().edit(strategy={"canary": QUICK["strategy"]["canary"]}, analysis={"interval": "2s"})
    return cluster.run(5).publish(2, behavior).run(60, until=lambda c: c.phase == "Stepping")


@pytest.mark.rollouts
def test_an_upgrade_in_mid_rollout_changes_no_rule(monkeypatch: pytest.MonkeyPatch) -> None:
    """The bake of ten minutes that the rollout began with is kept, although the new release has none by default."""
    cluster = stepping(Behavior())
    begun = cluster.typed.rollout
    assert begun is not None
    with_other_defaults(monkeypatch)
    cluster.restart_operator().run(900, until=lambda c: c.phase == "Baking")
    cluster.run(500)
    assert cluster.phase == "Baking"
    assert cluster.typed.rollout is not None
    assert cluster.typed.rollout.policy_hash == begun.policy_hash
    assert json.loads(begun.rules or "")["judged"]["alpha"] == 0.01


def unreadable(cluster: Cluster) -> Cluster:
    """As if a release that was taken back had frozen a kind of step that this one does not know."""
    frozen = json.loads(cluster.status["rollout"]["rules"])
    frozen["steps"][0] = {"teleport": 10}
    rollout = {**cluster.status["rollout"], "rules": json.dumps(frozen)}
    cluster.status = {**cluster.status, "rollout": rollout}
    return cluster


@pytest.mark.rollouts
def test_rules_of_another_release_promote_nothing() -> None:
    """Unknown means hold: a person may lead it on."""
    cluster = unreadable(stepping(Behavior())).run(1200)
    assert cluster.phase == "Stepping"
    cluster.ask("promote-full v2 id1 jane").run(60)
    assert cluster.typed.stable is not None
    assert cluster.typed.stable.version == 2


def test_rules_of_another_release_stop_no_rollback() -> None:
    """By what the spec says it is judged all the same."""
    cluster = unreadable(stepping(Behavior(errors=0.4))).run(600, until=lambda c: c.phase == "AtRest")
    assert cluster.typed.last_rollout is not None
    assert cluster.typed.last_rollout.outcome == "RolledBack"


def test_rules_that_no_status_can_hold_are_refused() -> None:
    """Thirty steps of long headers would not fit; the condition says what to do, and stable goes on serving."""
    headers = [{"name": f"x-{n}-{'h' * 249}", "exact": "v" * 253} for n in range(8)]
    steps = [*({"matchHeaders": headers} for _ in range(31)), {"setWeight": 10}]
    cluster = serving()
    cluster.edit(traffic={"type": "Gateway", "parentRefs": [{"name": "public"}]}).run(30)
    cluster.edit(strategy={"canary": {"steps": steps}}).publish(2).run(30)
    assert cluster.ready_reason() == "False/InvalidSpec"
    assert f"at most {RULES_SIZE} are frozen with a rollout: use fewer steps" in cluster.message()
    assert cluster.typed.rollout is None


@pytest.mark.parametrize(
    ("startup", "ready", "holds"), [("30m", "60s", 30), ("1m", "45m", 45), (None, "45m", 45), ("30m", None, 30)]
)
def test_a_server_has_as_long_to_start_as_it_needs(startup: str | None, ready: str | None, holds: int) -> None:
    """The longer of the runtime's startup and deadlines.ready counts: a slow loader is no failure."""
    spec = DeploymentSpec.model_validate(
        {"model": {"name": "tumor-risk"}, "deadlines": {"ready": ready} if ready else {}}
    )
    slow = FrozenRuntime.model_validate({**runtime().wire(), **({"startup": startup} if startup else {})})
    found = rules.resolve(rules.source_of(spec), slow)
    assert found is not None
    assert found.limits.ready == timedelta(minutes=holds)
