"""pydantic's schema becomes one that an API server accepts."""

from typing import Annotated, Any

import pytest
from pydantic import Field

from linnet.api.generate.schema import UnsupportedSchemaError, structural
from linnet.api.parts.base import Duration, Wire, rules


class Inner(Wire):
    """The inner part."""

    size: Annotated[int, Field(gt=0, lt=10)] = 5
    """How large."""


class Outer(Wire):
    model_config = {"json_schema_extra": rules(("has(self.a)", "a is missing", ".a"))}

    a: Inner | None = None
    """An inner part,
    over two lines."""
    b: list[Inner] = []
    """Several."""
    c: dict[str, Inner] | None = None
    """By name."""
    wait: Duration | None = None
    """A while."""


class Recursive(Wire):
    child: "Recursive | None" = None


class Union(Wire):
    either: int | str = 1


def keys(node: Any) -> set[str]:
    """Every key at any depth."""
    if isinstance(node, dict):
        return set(node) | {key for value in node.values() for key in keys(value)}
    return {key for value in node for key in keys(value)} if isinstance(node, list) else set()


def test_nothing_is_left_that_an_api_server_refuses_or_defaults() -> None:
    """References, null unions, titles, defaults and `additionalProperties: false` are gone."""
    found = keys(structural(Outer))
    assert not found & {"$ref", "$defs", "anyOf", "oneOf", "allOf", "title", "default", "const", "propertyNames"}
    assert structural(Outer)["properties"]["c"]["additionalProperties"]["type"] == "object"
    assert "additionalProperties" not in structural(Inner)


def test_a_part_is_inlined_under_its_fields_own_description() -> None:
    """The sentence beside the field wins over the one of its type, and stands on one line."""
    part = structural(Outer)["properties"]["a"]
    assert part["description"] == "An inner part, over two lines."
    assert part["properties"]["size"]["description"] == "How large."


def test_exclusive_bounds_are_written_as_openapi_3_0_has_them() -> None:
    """A number and a boolean, since the API server reads OpenAPI 3.0."""
    size = structural(Inner)["properties"]["size"]
    expected = {"minimum": 0, "exclusiveMinimum": True, "maximum": 10, "exclusiveMaximum": True}
    assert {key: size[key] for key in expected} == expected


def test_rules_stand_where_they_were_written() -> None:
    """A CEL rule carries its message and the field that is to blame; a type's own rules stay with it."""
    schema = structural(Outer)
    assert schema["x-kubernetes-validations"] == [{"rule": "has(self.a)", "message": "a is missing", "fieldPath": ".a"}]
    [rule] = schema["properties"]["wait"]["x-kubernetes-validations"]
    assert "30s" in rule["message"]


@pytest.mark.parametrize(("model", "words"), [(Recursive, "recursive"), (Union, "unions with None")])
def test_what_has_no_structural_schema_is_refused_by_name(model: type[Wire], words: str) -> None:
    """The author of a type learns at once what can't be, and where."""
    with pytest.raises(UnsupportedSchemaError, match=words) as refused:
        structural(model)
    assert model.__name__ in str(refused.value)
