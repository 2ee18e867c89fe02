"""A training run's claim is checked word for word; what is wrong with it is said to whoever wrote the training code."""

import json
import runpy
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from linnet.api.kinds.model import ModelSpec
from linnet.api.kinds.model_version import ModelVersionSpec, Origin
from linnet.api.parts.base import parse_quantity
from linnet.api.parts.runtime import FrozenRuntime
from linnet.core.resources.metadata import Owner
from linnet.core.retraining import claim
from linnet.core.retraining.claim import Claim, Refusal
from linnet.fetcher import tree

DIGEST = "sha256:" + "a" * 64
UNHURRIED = settings(suppress_health_check=[HealthCheck.too_slow], deadline=None)


def said(**changes: Any) -> str:
    whole = {"uri": "s3://models/tumor/5", "digest": DIGEST, **changes}
    return json.dumps({k: v for k, v in whole.items() if v is not None})


def read(message: str) -> Claim:
    found = claim.read(message)
    assert isinstance(found, Claim), found
    return found


def test_numbers_and_quantity_strings_are_metrics() -> None:
    """Every digit of a JSON number is kept, without an exponent."""
    found = read(said(metrics={"auc": 0.991, "rows": 569, "loss": 1e-05, "f1": "0.97", "p": "950m", "r2": -0.0}))
    assert found.metrics == {
        "auc": Decimal("0.991"),
        "rows": 569,
        "loss": Decimal("0.00001"),
        "f1": Decimal("0.97"),
        "p": Decimal("0.95"),
        "r2": 0,
    }


def test_lineage_parameters_become_text() -> None:
    """Training code writes parameters as what they are; the record keeps text."""
    parameters = {"max_depth": 6, "shrink": 0.10, "balanced": True, "kind": "l2"}
    found = read(said(lineage={"code": "git@3f2c", "parameters": parameters, "trainedBy": "team", "host": "x"}))
    assert found.lineage is not None
    assert found.lineage.wire() == {
        "code": "git@3f2c",
        "parameters": {"max_depth": "6", "shrink": "0.1", "balanced": "true", "kind": "l2"},
        "trainedBy": "team",
    }


def test_unknown_keys_are_passed_over() -> None:
    """A newer training library may say more than this operator knows."""
    assert read(said(duration=12)).uri == "s3://models/tumor/5"


def test_negative_metrics_are_kept() -> None:
    """A score below zero, such as scikit-learn's neg_* ones, is a metric like any other."""
    found = read(said(metrics={"neg_mse": -2.5, "auc": 0.9}))
    assert found.metrics["neg_mse"] < 0
    assert found.metrics["auc"] == Decimal("0.9")


@pytest.mark.parametrize(
    ("message", "words"),
    [
        ("", "is empty"),
        ("  \n", "is empty"),
        ("done.", "no JSON document"),
        ("[" * 3000, "nested more than 64 levels deep"),
        ("[]", "no JSON object"),
        (said(metrics={"auc": float("nan")}), "NaN is no JSON number"),
        (said(uri=None), "uri: is required"),
        (said(digest=None), "digest: is required"),
        (said(uri="s3:/models"), "uri: "),
        (said(uri="file:///etc/passwd"), "uri: "),
        (said(uri="gs://bucket/m"), "gs:// is not supported yet"),
        (said(uri="https://user:pw@host/m"), "password belongs in the credentials Secret"),
        (said(uri="s3://models/../other"), "'..' segment"),
        (said(uri="pvc://claim/a b"), "uri: "),
        (said(digest="sha256:" + "A" * 64), "digest: "),
        (said(digest="a" * 64), "digest: "),
        (said(metrics={"auc": "high"}), "metrics"),
        (said(metrics={"auc": True}), "a metric is a number"),
        (said(metrics={"auc": None}), "a metric is a number"),
        (said(metrics={"rows": 10**20}), "larger than a quantity may be"),
        (said(metrics=[0.9]), "metrics: "),
        (said(metrics={"m" * 64: 1}), "metrics."),
        (said(lineage={"code": 7}), "lineage.code: "),
        (said(lineage={"parameters": {"a": [1]}}), "lineage.parameters.a: "),
        (said(metrics={"auc": 0}).replace("0}", "1e-99999999999999999999}"), "a number that is none"),
        (said(metrics={"auc": 0}).replace("0}", "0E+99999999999999999999}"), "a number that is none"),
        (said(note="x" * 4096), "4096 are allowed"),
        (said(note="x" * 9000)[:4096], "so it was cut"),
    ],
)
def test_a_wrong_claim_is_refused_with_the_field_and_the_reason(message: str, words: str) -> None:
    """Nothing that is malformed becomes a version."""
    found = claim.read(message)
    assert isinstance(found, Refusal)
    assert words in found.message
    assert len(found.message) < 700


@UNHURRIED
@given(st.text(max_size=200) | st.dictionaries(st.text(max_size=9), st.integers() | st.text()).map(json.dumps))
def test_no_message_raises(message: str) -> None:
    """Training code is anybody's: whatever it leaves behind is read or refused."""
    assert isinstance(claim.read(message), Claim | Refusal)


@UNHURRIED
@given(st.dictionaries(st.text(min_size=1, max_size=20), st.floats(0, 1e14), max_size=8))
def test_metrics_survive_the_way_into_the_record(metrics: dict[str, float]) -> None:
    """What was measured is what the ModelVersion says, to twelve decimals."""
    found = claim.read(said(metrics=metrics))
    assert isinstance(found, Claim)
    stored = _version(found)["spec"].get("metrics", {})
    assert stored.keys() == metrics.keys()
    assert all(abs(float(parse_quantity(stored[k])) - v) <= 1e-12 + abs(v) * 1e-15 for k, v in metrics.items())


def _version(found: Claim) -> dict[str, Any]:
    spec = ModelSpec.model_validate(
        {
            "format": {"name": "sklearn", "version": "1"},
            "source": {"uri": "s3://models/tumor/1", "digest": DIGEST, "credentials": {"secretName": "read"}},
            "lineage": {"code": "old"},
            "metrics": {"auc": "0.5"},
            "card": {"owner": "team"},
            "gate": {"contract": {"configMapName": "golden"}},
        }
    )
    frozen = FrozenRuntime.model_validate(
        {"name": "custom", "image": "server:1", "ports": {"http": 8080}, "readyPath": "/ready"}
    )
    owner = Owner("Model", "tumor", "ml", "uid-1")
    return claim.version(owner, 5, spec, frozen, found, Origin(type="Retrain", policy="weekly", job="weekly-1"))


def test_the_version_belongs_to_the_model_and_names_its_run() -> None:
    """The Model owns it; artifact, metrics and lineage are the run's, everything else is the Model's."""
    made = _version(read(said(metrics={"auc": 0.99}, lineage={"code": "git@new"})))
    meta, spec = made["metadata"], made["spec"]
    assert meta["name"] == "tumor-v5"
    assert [(o["kind"], o["name"], o["uid"]) for o in meta["ownerReferences"]] == [("Model", "tumor", "uid-1")]
    assert spec["source"] == {
        "uri": "s3://models/tumor/5",
        "digest": DIGEST,
        "credentials": {"secretName": "read"},
    }
    assert spec["origin"] == {"type": "Retrain", "policy": "weekly", "job": "weekly-1"}
    assert spec["metrics"] == {"auc": "0.99"}
    assert spec["lineage"] == {"code": "git@new"}
    assert spec["card"] == {"owner": "team"}
    assert spec["contract"] == {"configMapName": "golden"}
    assert ModelVersionSpec.model_validate(spec).wire() == spec


def test_the_example_for_training_scripts_makes_a_good_claim(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What the documentation tells people to copy is believed, and the fetcher will find the same digest."""
    example = runpy.run_path(str(Path(__file__).parents[3] / "docs/examples/retrain/claim.py"))
    artifact, log = tmp_path / "artifact", tmp_path / "log"
    (artifact / "sub").mkdir(parents=True)
    (artifact / "model.joblib").write_bytes(b"model")
    (artifact / "sub" / "a.json").write_text("{}")
    monkeypatch.setenv("TERMINATION_LOG", str(log))
    monkeypatch.setenv("LINNET_RUN", "weekly-1")
    example["claim"](example["output_uri"]("s3://models/tumor/"), artifact, {"auc": 0.99}, {"parameters": {"depth": 6}})
    found = read(log.read_text())
    assert found.uri == "s3://models/tumor/weekly-1"
    assert found.digest == tree.read(artifact).digest
    assert found.lineage is not None
    assert found.lineage.parameters == {"depth": "6"}


@pytest.mark.parametrize(
    ("uri", "output", "source"),
    [
        ("s3://models/a/1", None, "s3://models/b"),
        ("s3://models/a/1", "s3://models/a/", "s3://other/b"),
        ("https://host/x/1", None, "https://HOST:443/y?part=1"),
        ("pvc://claim/1", None, "pvc://claim/b"),
        ("pvc://claim/a/1", "pvc://claim/a", "pvc://claim/b"),
    ],
)
def test_a_claim_where_it_belongs(uri: str, output: str | None, source: str) -> None:
    """Below the place that the policy names, or else in the bucket, host or volume of the Model's own artifact."""
    assert claim.misplaced(uri, output, source) is None


@pytest.mark.parametrize(
    ("uri", "output", "source", "words"),
    [
        ("s3://payroll/1", None, "s3://models/b", "s3://payroll/1 is not below s3://models/"),
        ("s3://models-2/1", None, "s3://models/b", "name a place in spec.training.output.uri"),
        ("s3://models/b/1", "s3://models/a/", "s3://models/b", "is not below s3://models/a/"),
        ("s3://models/ab", "s3://models/a", "s3://models/b", "is not below s3://models/a"),
        ("http://host/1", None, "https://host/b", "is not below https://host:443/"),
        ("https://host/get?x=1", None, "https://host/b", "is not below"),
        ("https://host/1", None, "s3://models/b", "is not below s3://models/"),
        ("s3://models/1", None, None, "nothing says where"),
        ("pvc://payroll/1", None, "s3://models/b", "on another claim"),
        ("pvc://payroll/1", None, "pvc://models/b", "on another claim"),
        ("pvc://payroll/1", "pvc://payroll/", "pvc://models/b", "on another claim"),
        ("pvc://payroll/1", "pvc://payroll/", None, "on another claim"),
    ],
)
def test_a_claim_of_somebody_elses(uri: str, output: str | None, source: str | None, words: str) -> None:
    """A training names no other team's artifact, and no volume that its Model does not lie on."""
    assert words in (claim.misplaced(uri, output, source) or "")
