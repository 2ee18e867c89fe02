"""The wire types: durations, quantities, conditions; what they take and what they refuse."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, ValidationError

from linnet.api.kinds.deployment import DeploymentSpec, DeploymentStatus
from linnet.api.kinds.model import ModelSpec
from linnet.api.kinds.model_version import ModelVersionSpec
from linnet.api.kinds.retrain_policy import RetrainPolicySpec
from linnet.api.kinds.rollout_policy import RolloutPolicySpec
from linnet.api.parts.base import format_duration, format_quantity, parse_duration, parse_quantity
from linnet.api.parts.conditions import Reason, condition, find, is_true, merge
from linnet.api.parts.runtime import LabelMatch
from samples import changed, deployment, model, model_version, retrain_policy, rollout_policy

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
LATER = NOW + timedelta(hours=1)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("0s", 0), ("250ms", 0.25), ("30s", 30), ("1h30m", 5400), ("1.5h", 5400), ("100us", 0.0001), ("168h", 604800)],
)
def test_a_go_duration_is_read(text: str, seconds: float) -> None:
    """As the manifests have them."""
    assert parse_duration(text) == timedelta(seconds=seconds)


@pytest.mark.parametrize("text", ["", "5", "5x", "-5m", "5 m", "1d", "PT5M", "5m\n", "m", 5, None])
def test_what_is_no_duration_is_refused(text: object) -> None:
    """With a sentence that shows one."""
    with pytest.raises(ValueError, match="is not a duration such as 30s"):
        parse_duration(text)


def test_what_is_longer_than_any_duration_is_refused() -> None:
    """As what is none is: there are readers that bound no text."""
    with pytest.raises(ValueError, match="is longer than any duration"):
        parse_duration("999999999h" * 1000)


@given(st.timedeltas(min_value=timedelta(0), max_value=timedelta(days=10_000)))
def test_a_duration_survives_writing_and_reading(value: timedelta) -> None:
    """Nothing is lost down to the microsecond."""
    assert parse_duration(format_duration(value)) == value


@pytest.mark.parametrize(
    ("text", "value"),
    [("0.95", "0.95"), ("50m", "0.05"), ("10Gi", "10737418240"), ("2k", "2000"), ("1.5Ki", "1536"), ("007", "7")],
)
def test_a_quantity_is_read(text: str, value: str) -> None:
    """As Kubernetes has them."""
    assert parse_quantity(text) == Decimal(value)


@pytest.mark.parametrize("text", ["", "-1", "1e3", "1.", ".5", "1 Gi", "1GiB", "NaN", "1\n", 0.5])
def test_what_is_no_quantity_is_refused(text: object) -> None:
    """With a sentence that shows one."""
    with pytest.raises(ValueError, match="is not a quantity in quotes"):
        parse_quantity(text)


@given(st.decimals(min_value=0, max_value=10**12, allow_nan=False, places=9))
def test_a_quantity_survives_writing_and_reading(value: Decimal) -> None:
    """Without exponent, so that the pattern of the CRD takes it."""
    assert parse_quantity(format_quantity(value)) == value


SPECS: list[tuple[type[BaseModel], dict[str, Any]]] = [
    (ModelSpec, model()),
    (DeploymentSpec, deployment()),
    (ModelVersionSpec, model_version()),
    (RetrainPolicySpec, retrain_policy()),
    (RolloutPolicySpec, rollout_policy()),
]


@pytest.mark.parametrize(("kind", "item"), SPECS, ids=lambda x: getattr(x, "__name__", ""))
def test_the_smallest_object_is_read_and_written_unchanged(kind: type[BaseModel], item: dict[str, Any]) -> None:
    """Reading an object and writing it again adds no default."""
    spec = kind.model_validate(item["spec"])
    written = spec.model_dump(mode="json", by_alias=True, exclude_unset=True)
    assert written == item["spec"]


@pytest.mark.parametrize(("kind", "item"), SPECS, ids=lambda x: getattr(x, "__name__", ""))
def test_an_unknown_field_of_a_spec_is_refused_by_name(kind: type[BaseModel], item: dict[str, Any]) -> None:
    """Also where admission was left out, a typing error is not ignored."""
    with pytest.raises(ValidationError, match="replicass"):
        kind.model_validate({**item["spec"], "replicass": 3})


def test_an_unknown_field_of_a_status_is_passed_by() -> None:
    """A newer operator's status can be read by an older one."""
    assert DeploymentStatus.model_validate({"fromTheFuture": 1}) == DeploymentStatus()


def test_names_that_are_words_of_python_are_plain_on_the_wire() -> None:
    """`in` and `for` are written as people write them."""
    match = LabelMatch(label="path", in_=["/infer"])
    assert match.wire() == {"label": "path", "in": ["/infer"]}
    spec = DeploymentSpec.model_validate(
        changed(deployment(), "spec.strategy.canary.steps", [{"analyze": {"for": "5m"}}])["spec"]
    )
    assert spec.wire()["strategy"]["canary"]["steps"] == [{"analyze": {"for": "5m"}}]


def test_a_condition_keeps_its_time_while_its_status_holds() -> None:
    """At rest nothing changes, so that nothing is written; a new reason alone is no transition."""
    first = merge([], [condition("Ready", holds=True, reason=Reason.AVAILABLE, message="a")], 1, NOW)
    again = merge(first, [condition("Ready", holds=True, reason=Reason.VALIDATED, message="b")], 2, LATER)
    assert again[0].last_transition_time == first[0].last_transition_time == "2026-11-20T12:00:00Z"
    assert (again[0].reason, again[0].observed_generation) == ("Validated", 2)


def test_a_condition_that_changes_tells_when() -> None:
    """The time is that of the change."""
    first = merge([], [condition("Ready", holds=None, reason=Reason.STARTING, message="")], 1, NOW)
    then = merge(first, [condition("Ready", holds=False, reason=Reason.NO_PODS_READY, message="")], 1, LATER)
    assert then[0].last_transition_time == "2026-11-20T13:00:00Z"
    assert not is_true(then, "Ready")
    assert find(then, "Other") is None
