"""Every kind of check is whole: its records are read again, it is simulated or says why not, and it is documented."""

from __future__ import annotations

import ast
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Final, get_args

import pytest

from linnet.api.kinds.model_version import CheckEvidence
from linnet.api.parts.analysis import Check
from linnet.core import analysis
from linnet.core.analysis import kinds
from linnet.core.analysis.checks import CountCheck, PredictionCheck, QueryCheck, Signal, Track
from linnet.core.analysis.counts.basis import CountBasis
from linnet.core.analysis.kinds import KINDS, Kind
from linnet.core.analysis.pod_health.basis import POD_HEALTH, PodBasis
from linnet.core.analysis.pod_health.silence import Stall
from linnet.core.analysis.predictions.basis import PredictionBasis
from linnet.core.analysis.prometheus.basis import QueryBasis
from linnet.core.analysis.statistics.divergence import Pair
from linnet.core.analysis.statistics.equality import Scatter
from linnet.core.analysis.statistics.sums import Spread, Sums
from linnet.core.analysis.verdict import Basis

ROOT: Final = Path(__file__).parents[3]
HOME: Final = Path(str(analysis.__file__)).parent
NAMES: Final = [Path(*kind.basis.__module__.split(".")).parent.name for kind in KINDS]

WHOLE: Final[dict[str, Basis]] = {
    "counts": CountBasis(
        CountCheck("errors", Signal.ERRORS, 1.0, 0.002, 0.01),
        0.01, 5.0, 0.9, 60.0,
        (Sums(400, 40, 3600, 36),),
        dict.fromkeys(Track, Spread(400, 40, 400, 40, 400, 40, 40)),
        frozenset(Track),
        dict.fromkeys(Track, 1.0),
    ),
    "predictions": PredictionBasis(
        PredictionCheck("answers", 0.02, ("low", "high")),
        0.01, 0.9, 60.0,
        (Pair((60, 30), (300, 100)),),
        1.5, Scatter(30.0, 20.0), Scatter(3.0, 2.0), frozenset(Track), dict.fromkeys(Track, 1.0),
    ),
    "prometheus": QueryBasis(
        QueryCheck("slo", "success", 0.99, 1.0), 60.0, 0.5, 1.0, 3, asked=True, answered=True
    ),
    "pod_health": PodBasis(5.0, 1, 2, stall=Stall((60.0, 50.0, 40.0), 3, 9, 60.0, 0.7), waited=1.0, limit=600.0),
}  # fmt: skip
"""A basis of each kind with every field that a record keeps."""
SIMULATED: Final = {
    "counts": "linnet.core.analysis.simulation.rollout",
    "predictions": "linnet.core.analysis.simulation.prediction_rollout",
}
NOT_SIMULATED: Final = {
    "prometheus": "a threshold on a number whose error nobody knows: there is no rate of false alarms to measure",
    "pod_health": "its rules are about single pods; the one that is statistical is measured in `test_silence`",
}
"""Why a kind has no case in the simulation."""


EACH: Final = pytest.mark.parametrize(("name", "kind"), list(zip(NAMES, KINDS, strict=True)), ids=NAMES)


@EACH
def test_a_kind_is_a_folder_with_its_basis_and_its_judge(name: str, kind: Kind) -> None:
    """Where the table says, and named as everywhere."""
    folder = f"linnet.core.analysis.{name}"
    assert (kind.basis.__module__, kind.decide.__module__) == (f"{folder}.basis", f"{folder}.judge")


@EACH
def test_a_record_holds_all_that_its_verdict_stands_on(name: str, kind: Kind) -> None:
    """Read again from the API's own type, it is the same basis, and the same verdict."""
    basis = WHOLE[name]
    judgement = kinds.decide(basis)
    evidence = CheckEvidence.model_validate(kinds.record(basis)).wire()
    query = {"query": judgement.query.query} if judgement.query is not None else {}
    classes = [{"name": one.name} for one in judgement.shape.classes] if judgement.shape is not None else []
    check = {"name": judgement.check, **query, "predictions": {"classes": classes}, "evidence": evidence}
    again = kinds.read(json.loads(json.dumps(check)))
    assert type(again) is kind.basis
    assert again == basis
    assert kinds.decide(again) == judgement


def test_the_api_has_no_field_of_evidence_that_no_kind_keeps() -> None:
    """Nor does a kind keep one that the API lacks."""
    known = {key for name in NAMES for key in kinds.record(WHOLE[name])}
    assert known == {field.alias or name for name, field in CheckEvidence.model_fields.items()}


def test_each_signal_has_one_kind() -> None:
    """Those that a policy may name, and that of the built-in check."""
    signals = [signal for kind in KINDS for signal in kind.signals]
    assert sorted(signals) == sorted({*get_args(Check.model_fields["signal"].annotation), POD_HEALTH})


@EACH
def test_a_kind_is_simulated_or_says_why_not(name: str, kind: Kind) -> None:
    """What nobody has measured promises nothing."""
    assert (name in SIMULATED) != (name in NOT_SIMULATED)
    if name in SIMULATED:
        found = (ROOT / "operator" / Path(*SIMULATED[name].split("."))).with_suffix(".py")
        assert f"linnet.core.analysis.{name}.judge import" in found.read_text()


@EACH
def test_a_kind_is_documented(name: str, kind: Kind) -> None:
    """What its verdicts promise is explained."""
    explained = (ROOT / "docs/explanation/analysis.md").read_text()
    assert (
        any(f"`{signal}`" in explained for signal in kind.signals)
        or f"`{kinds.decide(WHOLE[name]).check}`" in explained
    )


def imported(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield node.module or ""


@pytest.mark.parametrize("path", sorted(HOME.rglob("*.py")), ids=lambda path: str(path.relative_to(HOME)))
def test_the_judge_needs_the_standard_library_alone(path: Path) -> None:
    """It could stand by itself, and the command line's one file carries it without anything else."""
    others = {name for name in imported(path) if not name.startswith("linnet.core.analysis") and name != "linnet.core"}
    assert {name.partition(".")[0] for name in others} <= sys.stdlib_module_names
