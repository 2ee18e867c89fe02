"""The generated CustomResourceDefinitions: fresh, bounded, described, and small enough for `kubectl apply`."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from linnet.api.generate.crds import KINDS, Kind, crd, main, render
from linnet.api.parts.base import MOST

REPO = Path(__file__).parents[3]
Schema = dict[str, Any]


def nodes(schema: Schema, path: str) -> Iterator[tuple[str, Schema]]:
    yield path, schema
    for name, child in schema.get("properties", {}).items():
        yield from nodes(child, f"{path}.{name}")
    for key in ("items", "additionalProperties"):
        if key in schema:
            yield from nodes(schema[key], f"{path}[]")


def parts(kind: Kind, *roots: str) -> Iterator[tuple[str, Schema]]:
    schema = crd(kind)["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]
    for root in schema.keys() & set(roots):
        yield from nodes(schema[root], f"{kind.name}.{root}")


@pytest.mark.parametrize("kind", KINDS, ids=lambda k: k.name)
def test_every_field_of_a_spec_is_bounded(kind: Kind) -> None:
    """Without bounds the API server refuses CEL rules, and one object could fill etcd."""
    for path, node in parts(kind, "spec"):
        match node.get("type"):
            case "string":
                assert node.keys() & {"maxLength", "enum"}, path
            case "array":
                assert "maxItems" in node, path
            case "object" if "additionalProperties" in node:
                assert "maxProperties" in node, path
            case "object":
                assert "properties" in node, path


SEQUENCES = re.compile(
    # a condition, or a sum, is read as a whole
    r"\.(steps|command|args|tolerations|topologySpread|bounds)$"
    r"|\.pod\.affinity\.|\.autoscaling\.metrics$"  # as Kubernetes itself has them
    r"|\.(match|in|notIn|requests|errors|latency\.histograms|inFlight|correct|total|parentRefs)$"
)
"""The lists of a spec whose order, or whole, says something."""


@pytest.mark.parametrize("kind", KINDS, ids=lambda k: k.name)
def test_each_item_of_a_spec_has_an_owner_of_its_own(kind: Kind) -> None:
    """Two who apply one object may each add a check or a variable: a list that is a map later would lose its owners."""
    lists = {path: node for path, node in parts(kind, "spec") if node.get("type") == "array"}
    whole = {path for path, node in lists.items() if node["x-kubernetes-list-type"] == "atomic"}
    assert whole == {path for path in lists if SEQUENCES.search(path)}
    for path, node in lists.items():
        if node["x-kubernetes-list-type"] == "map":
            assert set(node["x-kubernetes-list-map-keys"]) <= set(node["items"]["required"]), path


@pytest.mark.parametrize("kind", KINDS, ids=lambda k: k.name)
def test_an_integer_is_one_that_every_client_can_read(kind: Kind) -> None:
    """Go's clients are generated as int64, and a reader of JSON that has doubles alone has the same number."""
    for path, node in parts(kind, "spec", "status"):
        if node.get("type") == "integer":
            assert node["format"] == "int64", path
            assert node["maximum"] <= MOST, path


@pytest.mark.parametrize("kind", KINDS, ids=lambda k: k.name)
def test_no_kind_keeps_fields_that_have_no_schema(kind: Kind) -> None:
    """What has no schema is as deep and as large as a stranger likes: nobody could read such an object safely."""
    text = render(kind)
    assert "x-kubernetes-preserve-unknown-fields" not in text
    assert "x-kubernetes-embedded-resource" not in text


@pytest.mark.parametrize("kind", KINDS, ids=lambda k: k.name)
def test_every_field_is_described(kind: Kind) -> None:
    """`kubectl explain` has a sentence for each field."""
    for path, node in parts(kind, "spec", "status"):
        for name, child in node.get("properties", {}).items():
            text = child.get("description", "")
            assert text.endswith((".", ")")), f"{path}.{name}: {text!r}"


@pytest.mark.parametrize("kind", KINDS, ids=lambda k: k.name)
def test_no_field_has_a_default(kind: Kind) -> None:
    """The API server would write it into objects, and GitOps tools would see drift."""
    assert [path for path, node in parts(kind, "spec", "status") if "default" in node] == []


@pytest.mark.parametrize(
    "kind", [k for k in KINDS if k.status and "conditions" in k.status.model_fields], ids=lambda k: k.name
)
def test_conditions_are_a_map_by_type(kind: Kind) -> None:
    """As every tool that reads conditions expects."""
    conditions = dict(parts(kind, "status"))[f"{kind.name}.status.conditions"]
    assert (conditions["x-kubernetes-list-type"], conditions["x-kubernetes-list-map-keys"]) == ("map", ["type"])


@pytest.mark.parametrize(
    "kind", [k for k in KINDS if k.status and "conditions" in k.status.model_fields], ids=lambda k: k.name
)
def test_conditions_are_metav1s(kind: Kind) -> None:
    """What is required of a condition, and how its words are made, is the same as in Kubernetes' own kinds."""
    items = dict(parts(kind, "status"))[f"{kind.name}.status.conditions[]"]
    assert set(items["required"]) == {"type", "status", "reason", "message", "lastTransitionTime"}
    assert items["properties"]["reason"]["pattern"] == "^[A-Za-z]([A-Za-z0-9_,:]*[A-Za-z0-9_])?$"
    assert items["properties"]["reason"]["minLength"] == 1
    assert items["properties"]["observedGeneration"]["minimum"] == 0


@pytest.mark.parametrize("kind", [k for k in KINDS if k.status], ids=lambda k: k.name)
def test_the_words_of_a_status_are_open(kind: Kind) -> None:
    """An older operator meets what a later one has written, and the CRDs of either must let it write the rest back."""
    closed = [path for path, node in parts(kind, "status") if "enum" in node]
    conditions = [f"{kind.name}.status.conditions[].status"]
    assert closed == [path for path in conditions if path in dict(parts(kind, "status"))]


@pytest.mark.parametrize("kind", KINDS, ids=lambda k: k.name)
def test_columns_show_fields_that_there_are(kind: Kind) -> None:
    """A column whose path has a typing error would stay empty for ever."""
    known = {path.removeprefix(kind.name).replace("[]", "") for path, _ in parts(kind, "spec", "status")}
    for name, _, path, _ in kind.columns:
        plain = path.replace("[*]", "").replace('[?(@.type=="Ready")]', "")
        assert plain in known or plain.startswith(".metadata."), name


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS, ids=lambda k: k.name)
def test_client_side_apply_can_carry_it(kind: Kind) -> None:
    """kubectl keeps a copy as JSON in an annotation, which holds 262,144 bytes at most: a second version needs half."""
    kept = json.dumps(yaml.safe_load(render(kind)), separators=(",", ":"))
    assert len(kept.encode()) < 131_072


def test_the_files_are_fresh() -> None:
    """What is applied is what the types say."""
    assert main(["--check", str(REPO / "crds")]) == 0


@pytest.mark.slow
def test_a_stale_file_is_named_and_can_be_written(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """`--check` fails on it, and without `--check` it is written."""
    assert main(["--check", str(tmp_path)]) == 1
    assert "models.yaml is stale" in capsys.readouterr().err
    assert main([str(tmp_path)]) == 0
    assert main(["--check", str(tmp_path)]) == 0
    assert yaml.safe_load((tmp_path / "models.yaml").read_text())["kind"] == "CustomResourceDefinition"
