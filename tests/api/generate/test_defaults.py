"""What counts where a field is left out stands in its description, since no schema has a default."""

from collections.abc import Iterator
from typing import Any, Final, get_args

import pytest
from pydantic import BaseModel
from pydantic.fields import FieldInfo

from linnet.api.generate.crds import KINDS, Kind
from linnet.api.generate.fields import table

FIELDS: Final = 516
"""Fields of all specs, repeats counted."""


def models(annotation: Any) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for part in get_args(annotation):
        yield from models(part)


def fields(model: type[BaseModel]) -> Iterator[tuple[str, FieldInfo]]:
    for name, field in model.model_fields.items():
        yield f"{model.__name__}.{name}", field
        for part in models(field.annotation):
            yield from fields(part)


def told(field: FieldInfo) -> str:
    return " ".join(str(field.description).split())


@pytest.mark.parametrize("kind", KINDS, ids=lambda k: k.name)
def test_a_default_of_a_type_is_told(kind: Kind) -> None:
    """With its value: `kubectl explain` shows nothing else."""
    for path, field in fields(kind.spec):
        if not field.is_required() and field.default not in (None, "", []):
            assert f"{field.default} if left out" in told(field), path


@pytest.mark.parametrize("kind", KINDS, ids=lambda k: k.name)
def test_whatever_may_be_left_out_says_what_counts_then(kind: Kind) -> None:
    """The code decides it, and somebody who reads the manifest has only the description."""
    untold = [path for path, field in fields(kind.spec) if not field.is_required() and "left out" not in _told(field)]
    assert untold == []


def _told(field: FieldInfo) -> str:
    return told(field).lower()


def test_there_are_no_more_fields_than_there_were() -> None:
    """Each is something to learn: who adds one says in ADR 0043 why, and what it is worth."""
    assert sum(spec for spec, _ in table().values()) <= FIELDS
