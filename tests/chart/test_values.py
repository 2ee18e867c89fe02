"""The chart's values: documented, checked by a schema, and in step with the operator."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from hack import chart_schemas, chart_values

from linnet.api.names import VERBS, Verb
from linnet.core.serving.runtimes import CatalogueEntry

REPO = Path(__file__).parents[2]
CHART = REPO / "charts" / "linnet"
VALUES = yaml.safe_load((CHART / "values.yaml").read_text())
SCHEMA = json.loads((CHART / "values.schema.json").read_text())


def test_the_tables_are_fresh() -> None:
    """docs/reference/values.md and the chart's README say what values.yaml says."""
    for path, text in chart_values.files(CHART, REPO).items():
        assert path.read_text() == text, f"{path.name} is stale: run `python3 hack/chart.py docs`"


def test_every_value_has_a_row() -> None:
    """A value that nobody documented is an error, a documented map is one row."""
    text = "# -- First,\n# in two lines.\na: 1\nb:\n  # -- Second.\n  c: {d: 2}\n"
    rows = [(row.path, row.default, row.text) for row in chart_values.values(text)]
    assert rows == [("a", 1, "First, in two lines."), ("b.c", {"d": 2}, "Second.")]
    with pytest.raises(LookupError, match="b has no"):
        list(chart_values.values("# -- First.\na: 1\nb: 2\n"))


def known(values: Any, schema: dict[str, Any], path: str = "") -> None:
    if "$ref" in schema:
        schema = SCHEMA["definitions"][schema["$ref"].rsplit("/", 1)[1]]
    if schema.get("additionalProperties") is False:
        for key, value in values.items():
            assert key in schema["properties"], f"{path}.{key} is not in values.schema.json"
            known(value, schema["properties"][key], f"{path}.{key}")


def test_the_schema_knows_every_value_and_no_other() -> None:
    """A typing error in a value is refused by Helm, and no value is refused that there is."""
    known(VALUES, SCHEMA)
    assert set(SCHEMA["properties"]) - {"global"} == set(VALUES)


def test_a_runtime_takes_the_fields_of_the_catalogue() -> None:
    """What the operator reads of an entry is what the schema lets pass; the name is the key."""
    fields = {field.alias or name for name, field in CatalogueEntry.model_fields.items()} - {"name"}
    assert set(SCHEMA["properties"]["runtimes"]["additionalProperties"]["properties"]) == fields


def test_the_policy_knows_every_kind_that_can_be_asked() -> None:
    """And whose verb it is: a version is approved by a right on its Model."""
    policy = (CHART / "templates" / "admission" / "requests.yaml").read_text()
    assert f"in ['{Verb.APPROVE}', '{Verb.REJECT}']" in policy
    plurals = {kind: f"'{kind}': '{kind.lower()}s'".replace("policys", "policies") for kind in VERBS}
    assert all(entry in policy for entry in plurals.values())


def test_the_chart_ships_the_crds_of_the_repository() -> None:
    """One source: the chart's folder is a link."""
    assert (CHART / "files" / "crds").resolve() == REPO / "crds"


def test_a_schema_for_kubeconform_refuses_unknown_fields_at_any_depth() -> None:
    """Without that a typing error in a template would pass."""
    schema: dict[str, Any] = {
        "properties": {
            "spec": {"properties": {"properties": {"type": "object"}}, "type": "object"},
            "port": {"x-kubernetes-int-or-string": True},
            "free": {"type": "object", "additionalProperties": {"properties": {"a": {"type": "string"}}}},
        }
    }
    strict = chart_schemas.strict(schema)
    assert strict["additionalProperties"] is False
    assert strict["properties"]["spec"] == {**schema["properties"]["spec"], "additionalProperties": False}
    assert strict["properties"]["port"] == {"oneOf": [{"type": "integer"}, {"type": "string"}]}
    assert strict["properties"]["free"]["additionalProperties"]["additionalProperties"] is False


@pytest.mark.parametrize(
    ("repository", "taken"),
    [
        ("localhost/linnet", True),
        ("registry.example:5000/team/linnet-operator", True),
        ("linnet", True),
        ("registry.example/linnet:1.0", False),
        (f"registry.example/linnet@sha256:{'0' * 64}", False),
        ("https://registry.example/linnet", False),
        ("registry.example/Linnet", False),
        ("registry.example/linnet $(id)", False),
        ("", False),
    ],
)
def test_a_repository_is_a_name_without_tag_and_digest(repository: str, taken: bool) -> None:
    """A tag in the wrong place would be installed beside another, and a digest there would never be looked at."""
    pattern = SCHEMA["properties"]["image"]["properties"]["repository"]["pattern"]
    assert (re.search(pattern, repository) is not None) is taken
