"""What is asked of a canary where little, or nothing, is written."""

from typing import Any

import pytest

from linnet.api.kinds.model import ModelSpec
from linnet.api.parts.analysis import Analysis
from linnet.core.policy import defaults
from linnet.core.serving.runtimes import freeze
from simulator import CATALOGUE

OWN = {"name": "unsure", "signal": "Metric", "metric": {"name": "unsure_total"}, "max": "0.1"}
ERRORS = {"name": "errors", "signal": "Errors", "max": "0.01"}


@pytest.mark.parametrize(
    ("written", "asked"),
    [
        ({}, ["errors", "latency"]),
        ({"checks": [OWN]}, ["unsure", "errors", "latency"]),
        ({"checks": [ERRORS]}, ["errors", "latency"]),
        ({"checks": [OWN], "defaultChecks": True}, ["unsure", "errors", "latency"]),
        ({"checks": [OWN], "defaultChecks": False}, ["unsure"]),
    ],
)
def test_a_check_adds_to_the_default_ones(written: dict[str, Any], asked: list[str]) -> None:
    """Who writes one of a kind of their own goes on being safe from errors and slowness, unless they say otherwise."""
    found = defaults.checks(Analysis.model_validate(written), served())
    assert [check.name for check in found] == asked


def test_a_check_of_that_name_takes_the_place_of_the_default_one() -> None:
    """Its bound is the one that counts, and no other is beside it."""
    (errors, _) = defaults.checks(Analysis.model_validate({"checks": [ERRORS]}), served())
    assert (str(errors.max), errors.max_ratio_to_stable) == ("0.01", None)


def served() -> Any:
    spec = ModelSpec.model_validate({"format": {"name": "sklearn"}, "source": {"uri": "s3://models/1"}})
    return freeze("risk", spec, CATALOGUE)
