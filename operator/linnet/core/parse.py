"""Objects from the API server to typed values, where trouble is data: admission may have let through what types refuse.

A spec that does not parse becomes `Invalid`, which says the field's path in the words of the YAML. A status that
does not parse loses only its bad parts: it is our own memory, and a newer operator may have written it.
"""

import copy
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final, TypeVar

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from linnet.foreign.text import printable

W = TypeVar("W", bound=BaseModel)

_WORDS: Final = {"extra_forbidden": "there is no such field", "missing": "is required"}
_SHOWN: Final = 64
"""No more characters of a wrong value than this are repeated in a condition."""
_SENTENCE: Final = 256


@dataclass(frozen=True)
class Invalid:
    """`path` is camelCase, such as `spec.analysis.checks[1].threshold`; `message` is a sentence that begins with it."""

    path: str
    message: str


def parse_spec(kind: type[W], data: Mapping[str, Any], root: str = "spec") -> W | Invalid:
    """The typed spec, or its first wrong field. `root` is the path of `data` in the object."""
    try:
        return kind.model_validate(data)
    except ValidationError as error:
        return _invalid(error, root)


def invalid_fields(kind: type[BaseModel], data: Any, root: str = "spec") -> list[Invalid]:
    """Every wrong field, for those who have them all before them."""
    try:
        kind.model_validate(data)
    except ValidationError as error:
        return [_told(each, root) for each in error.errors()]
    return []


def parse_status(kind: type[W], data: Mapping[str, Any]) -> W:
    """The typed status. An unreadable list item is left out alone, any other unreadable field whole."""
    try:
        return kind.model_validate(data)
    except ValidationError:
        readable = copy.deepcopy(dict(data)) if isinstance(data, Mapping) else {}
    while True:
        try:
            return kind.model_validate(readable)
        except ValidationError as error:
            _drop(readable, error.errors()[0]["loc"])


def field_path(root: str, parts: Iterable[str | int]) -> str:
    """`("checks", 1, "threshold")` under `spec.analysis` is `spec.analysis.checks[1].threshold`."""
    text = root
    for part in parts:
        if isinstance(part, int):
            text += f"[{part}]"
        elif part != "[key]":  # pydantic's mark for a map's key, after the key itself
            text += f".{part}" if text else part
    return text


def _invalid(error: ValidationError, root: str) -> Invalid:
    first, *others = error.errors()
    told = _told(first, root)
    more = f"; {len(others)} more of its fields are wrong" if others else ""
    return Invalid(told.path, told.message + more)


def _told(error: ErrorDetails, root: str) -> Invalid:
    path = printable(field_path(root, error["loc"]), _SENTENCE)
    words = _WORDS.get(error["type"]) or printable(error["msg"].removeprefix("Value error, "), _SENTENCE)
    return Invalid(path, f"{path}: {words[:1].lower()}{words[1:]}{_got(error)}")


def _got(error: ErrorDetails) -> str:
    """The wrong value, where it can't be a secret: `env` may hold one, and a URI its password or signature."""
    value = error["input"]
    told = error["type"] == "value_error"  # our own parsers name the value themselves
    if told or error["type"] in _WORDS or "env" in error["loc"] or not isinstance(value, str | int | float | bool):
        return ""
    return "" if "://" in str(value) else f" (got {printable(repr(value), _SHOWN)})"


def _drop(data: dict[str, Any], loc: tuple[str | int, ...]) -> None:
    """Take out the outermost list item on the way to the error, or else the whole field."""
    index = next((at for at, part in enumerate(loc) if isinstance(part, int)), None)
    if index is None:
        data.pop(str(loc[0]))
        return
    items: Any = data
    for part in loc[:index]:
        items = items[part]
    items.pop(loc[index])
