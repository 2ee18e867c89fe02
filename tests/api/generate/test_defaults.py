"""What counts where a field is left out stands in its description, since no schema has a default."""

from collections.abc import Iterator
from typing import Any, Literal, get_args, get_origin

import pytest
from pydantic import BaseModel
from pydantic.fields import FieldInfo

from linnet.api.generate.crds import KINDS, Kind


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


def chooses(annotation: Any) -> bool:
    """Whether a field is one of a few words, or yes or no: something counts where it is left out."""
    return any(part is bool or get_origin(part) is Literal or chooses(part) for part in get_args(annotation)[:1])


@pytest.mark.parametrize("kind", KINDS, ids=lambda k: k.name)
def test_a_default_of_a_type_is_told(kind: Kind) -> None:
    """With its value: `kubectl explain` shows nothing else."""
    for path, field in fields(kind.spec):
        if not field.is_required() and field.default not in (None, "", []):
            assert f"{field.default} if left out" in told(field), path


@pytest.mark.parametrize("kind", KINDS, ids=lambda k: k.name)
def test_a_choice_that_may_be_left_out_says_what_counts_then(kind: Kind) -> None:
    """The code decides it, and somebody who reads the manifest has only the description."""
    for path, field in fields(kind.spec):
        if not field.is_required() and field.default is None and chooses(field.annotation):
            assert any(word in told(field) for word in ("left out", "default", "empty", "For ")), path
