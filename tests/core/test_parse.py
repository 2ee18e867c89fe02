"""Specs that types refuse become a sentence with the field's path; statuses lose only what is unreadable."""

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from linnet.api.kinds.deployment import DeploymentSpec, DeploymentStatus
from linnet.api.kinds.model import ModelSpec, ModelStatus
from linnet.api.kinds.model_version import ModelVersionStatus
from linnet.api.kinds.retrain_policy import RetrainPolicySpec, RetrainPolicyStatus
from linnet.core.parse import Invalid, parse_spec, parse_status

# The machine that runs this may be busy: slow drawing says nothing about the code.
UNHURRIED = settings(suppress_health_check=[HealthCheck.too_slow], deadline=None)

JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 5) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)


def policy(**changes: Any) -> dict[str, Any]:
    return {"model": {"name": "m"}, "training": {"job": {"image": "train:1"}}, **changes}


def test_a_sound_spec_is_typed() -> None:
    """What the types accept comes back as the type."""
    spec = parse_spec(RetrainPolicySpec, policy(cooldown="6h"))
    assert isinstance(spec, RetrainPolicySpec)
    assert spec.wire()["cooldown"] == "6h"


@pytest.mark.parametrize(
    ("data", "path", "words"),
    [
        (policy(cooldown="6 hours"), "spec.cooldown", "'6 hours' is not a duration"),
        (policy(triggers=[{"name": "a"}, {"name": "B"}]), "spec.triggers[1].name", "(got 'B')"),
        (policy(budget={"runs": 0, "per": "1h"}), "spec.budget.runs", "greater than or equal to 1 (got 0)"),
        (policy(sleep=True), "spec.sleep", "there is no such field"),
        ({"model": {"name": "m"}}, "spec.training", "is required"),
        (
            policy(training={"job": {"image": "i", "pod": {"nodeSelector": {"a": 1}}}}),
            "spec.training.job.pod.nodeSelector.a",
            "string",
        ),
        (
            policy(triggers=[{"name": "a", "metric": {"signal": "Errors", "above": "1", "for": "x"}}]),
            "spec.triggers[0].metric.for",
            "duration",
        ),
    ],
)
def test_the_first_wrong_field_is_named_as_in_the_yaml(data: dict[str, Any], path: str, words: str) -> None:
    """The path is camelCase with list indices, and the sentence begins with it."""
    found = parse_spec(RetrainPolicySpec, data)
    assert isinstance(found, Invalid)
    assert found.path == path
    assert found.message.startswith(f"{path}: ")
    assert words in found.message


def test_a_long_value_is_cut_and_one_of_env_is_not_repeated() -> None:
    """A condition never grows with its input, and repeats nothing that may be a secret."""
    long = parse_spec(RetrainPolicySpec, policy(cooldown="x" * 5000))
    env = [{"name": "TOKEN", "value": "hunter2" * 500}]
    secret = parse_spec(RetrainPolicySpec, policy(training={"job": {"image": "i", "env": env}}))
    assert isinstance(long, Invalid)
    assert len(long.message) < 400
    assert isinstance(secret, Invalid)
    assert secret.path == "spec.training.job.env[0].value"
    assert "hunter2" not in secret.message


def test_a_uri_is_not_repeated() -> None:
    """It may hold a password or a signature."""
    source = {"uri": "ftp://user:hunter2@host/model"}
    found = parse_spec(ModelSpec, {"format": {"name": "sklearn"}, "source": source})
    assert isinstance(found, Invalid)
    assert found.path == "spec.source.uri"
    assert "hunter2" not in found.message


def test_an_unreadable_item_of_a_status_is_left_out_alone() -> None:
    """One damaged run does not cost the memory of the others; a newer operator's word for an outcome damages none."""
    runs = [
        {"job": "a", "trigger": "t", "outcome": "Succeeded"},
        {"job": "b", "trigger": ["t"], "outcome": "Succeeded"},
        {"job": "c", "trigger": "t", "outcome": "Postponed"},
    ]
    status = parse_status(RetrainPolicyStatus, {"runs": runs, "lastVersion": "seven", "lastRunTime": "x"})
    assert [r.job for r in status.runs or ()] == ["a", "c"]
    assert status.last_version is None
    assert status.last_run_time == "x"


@pytest.mark.slow
@UNHURRIED
@given(
    st.sampled_from([ModelStatus, ModelVersionStatus, DeploymentStatus, RetrainPolicyStatus]),
    st.dictionaries(
        st.sampled_from(["conditions", "runs", "versions", "current", "decisions", "rollout", "requests", "digest"]),
        JSON,
    ),
)
def test_garbage_in_a_status_never_raises(kind: type[ModelStatus], data: dict[str, Any]) -> None:
    """Whatever stands in a status, a status comes out."""
    assert isinstance(parse_status(kind, data), kind)


@pytest.mark.slow
@UNHURRIED
@given(st.sampled_from([ModelSpec, DeploymentSpec, RetrainPolicySpec]), st.dictionaries(st.text(max_size=5), JSON))
def test_garbage_in_a_spec_is_a_sentence(kind: type[ModelSpec], data: dict[str, Any]) -> None:
    """Whatever stands in a spec, the trouble has a path below it."""
    found = parse_spec(kind, data)
    assert isinstance(found, Invalid)
    assert found.path.startswith("spec.")
