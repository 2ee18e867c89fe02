"""What is stored, as JSON and back, by the type hints of frozen dataclasses: evidence, and what a record keeps.

An object's keys are the fields' names in camelCase; None is left out. A float is a string, its shortest decimal, so
that read again it is the same to the last digit; an integer is a number; a time span is its seconds. Markers in a hint
say what else a field looks like. Reading is total: whatever the JSON is, the answer is a value or a `FormatError`.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import Field, dataclass, fields, is_dataclass
from datetime import timedelta
from enum import Enum
from functools import lru_cache
from types import UnionType
from typing import Annotated, Any, Final, TypeVar, Union, get_args, get_origin, get_type_hints

T = TypeVar("T")
Json = Any
LARGEST_COUNT: Final = 2**53
"""No count of requests is believed beyond it: a float is no exact number of them any more."""
GREATEST: Final = 10**60
"""Numbers beyond are refused: arithmetic on them would end in an exception, and nothing counts so far."""

LONGEST: Final = 2**20
"""The most characters of a document: as much as a ConfigMap holds."""


@dataclass(frozen=True)
class Inline:
    """Marks a dataclass whose fields stand among those of its parent; `without` names those that are not kept."""

    without: tuple[str, ...] = ()


@dataclass(frozen=True)
class KeyedBy:
    """Marks a mapping by an enum whose values stand among the fields of its parent, as `<member><suffix>`."""

    suffix: str


Row = Annotated[T, "row"]
"""A dataclass as an array of its fields, in their order: what there are thousands of."""
NotKept = Annotated[T, "not kept"]
"""A field that is not stored; read again, it has its default."""


class FormatError(ValueError):
    """The JSON is not what the type says; the message begins with the path to the value, if it is within another."""

    def __init__(self, problem: str, path: tuple[str, ...] = ()) -> None:
        super().__init__(f"{'.'.join(path)}: {problem}" if path else problem)
        self.problem, self.path = problem, path


@dataclass(frozen=True)
class _Codec:
    """How values of one type are written and read; `optional`: None is a value of it."""

    write: Callable[[Any], Json]
    read: Callable[[Json], Any]
    optional: bool = False


def dump(hint: Any, value: object) -> Json:
    """The value, which is of that type, as JSON."""
    return _codec(hint).write(value)


def load(hint: type[T], data: Json) -> T:
    """The value that was dumped as this; FormatError if none was."""
    kind: Any = hint
    found: T = _codec(kind).read(data)
    return found


def text(data: Json) -> str:
    """JSON as compact text."""
    return json.dumps(data, separators=(",", ":"), allow_nan=False)


def parsed(document: str) -> Json:
    """The JSON of a text; FormatError if it is none, larger than what stores it, or nested too deeply.

    It refuses what `linnet.foreign.document` refuses, but for integers, which sums of squares may need more of.
    """
    if len(document) > LONGEST:
        raise FormatError(f"has more than {LONGEST} characters")
    try:
        return json.loads(document, parse_constant=_no_number)
    except FormatError:
        raise
    except (ValueError, RecursionError) as error:
        raise FormatError(f"no JSON that can be read ({type(error).__name__})") from error


def _no_number(name: str) -> None:
    raise FormatError(f"{name} is no JSON number")


@lru_cache(maxsize=256)
def _codec(hint: Any) -> _Codec:
    origin, args = get_origin(hint), get_args(hint)
    if origin is Annotated:
        return _row(args[0]) if "row" in args[1:] else _codec(args[0])
    if origin in {Union, UnionType}:
        (inner,) = (_codec(arg) for arg in args if arg is not type(None))
        return _Codec(lambda v: None if v is None else inner.write(v), _or_none(inner), optional=True)
    if origin in {tuple, frozenset}:
        return _array(_codec(args[0]), origin)
    if origin is Mapping:
        return _mapping(args[0], _codec(args[1]))
    return _object(hint) if is_dataclass(hint) else _plain(hint)


def _plain(hint: type) -> _Codec:
    if issubclass(hint, Enum):
        return _Codec(lambda v: v.value, _enum(hint))
    same = {bool: _bool, int: _int, str: _str}
    if hint in same:
        return _Codec(lambda v: v, same[hint])
    if hint is float:
        return _Codec(_number, _float)
    if hint is timedelta:
        return _Codec(lambda v: repr(v.total_seconds()), _seconds)
    raise TypeError(f"nothing says how {hint!r} is stored")


def _or_none(inner: _Codec) -> Callable[[Json], Any]:
    return lambda data: None if data is None else inner.read(data)


def _array(inner: _Codec, kind: Any) -> _Codec:
    def read(data: Json) -> Any:
        return kind([_at(str(index), inner.read, item) for index, item in enumerate(_list(data))])

    return _Codec(lambda v: [inner.write(item) for item in (sorted(v) if kind is frozenset else v)], read)


def _mapping(key: Any, inner: _Codec) -> _Codec:
    keys = _codec(key)

    def read(data: Json) -> dict[Any, Any]:
        return {_at(name, keys.read, name): _at(name, inner.read, item) for name, item in _dict(data).items()}

    return _Codec(lambda v: {str(name): inner.write(item) for name, item in v.items()}, read)


def _row(hint: Any) -> _Codec:
    parts = [(f.name, _codec(h)) for f, h in _kept(hint)]

    def read(data: Json) -> Any:
        if len(_list(data)) != len(parts):
            raise FormatError(f"has {len(data)} entries, and must have {len(parts)}")
        return hint(**{name: _at(name, one.read, item) for (name, one), item in zip(parts, data, strict=True)})

    return _Codec(lambda v: [one.write(getattr(v, name)) for name, one in parts], read)


def _object(hint: Any) -> _Codec:
    parts = [(f.name, _part(f, h)) for f, h in _kept(hint)]

    def write(value: Any) -> dict[str, Json]:
        return {k: v for name, part in parts for k, v in part.write(getattr(value, name)).items() if v is not None}

    def read(data: Json) -> Any:
        _dict(data)
        return hint(**{name: part.read(data) for name, part in parts})

    return _Codec(write, read)


def _part(field: Field[Any], hint: Any) -> _Codec:
    """The codec of a field writes entries of its parent's object, and reads from that object."""
    key, marks = _camel(field.name), hint.__metadata__ if get_origin(hint) is Annotated else ()
    for mark in marks:
        if isinstance(mark, Inline):
            return _inlined(get_args(hint)[0], mark)
        if isinstance(mark, KeyedBy):
            return _keyed(get_args(hint)[0], mark.suffix)
    inner = _codec(hint)

    def read(data: Mapping[str, Json]) -> Any:
        if key not in data and not inner.optional:
            raise FormatError("is missing", (key,))
        return _at(key, inner.read, data.get(key))

    return _Codec(lambda v: {key: inner.write(v)}, read)


def _inlined(hint: Any, mark: Inline) -> _Codec:
    """An inlined dataclass stands among its parent's fields; one that may be None is there if its first field is."""
    of: Any = next(arg for arg in get_args(hint) or (hint,) if is_dataclass(arg))
    parts = [(f.name, _part(f, h)) for f, h in _kept(of) if f.name not in mark.without]
    optional, first = of is not hint, _camel(parts[0][0])

    def write(value: Any) -> dict[str, Json]:
        return {k: v for name, part in parts for k, v in part.write(getattr(value, name)).items()} if value else {}

    def read(data: Mapping[str, Json]) -> Any:
        return None if optional and first not in data else of(**{name: part.read(data) for name, part in parts})

    return _Codec(write, read)


def _keyed(hint: Any, suffix: str) -> _Codec:
    members, inner = {f"{member.value}{suffix}": member for member in get_args(hint)[0]}, _codec(get_args(hint)[1])

    def read(data: Mapping[str, Json]) -> Any:
        return {member: _at(key, inner.read, data[key]) for key, member in members.items() if key in data}

    return _Codec(lambda v: {f"{member.value}{suffix}": inner.write(item) for member, item in v.items()}, read)


def _kept(hint: Any) -> Iterator[tuple[Field[Any], Any]]:
    hints = get_type_hints(hint, include_extras=True)
    for field in fields(hint):
        found = hints[field.name]
        if "not kept" not in getattr(found, "__metadata__", ()):
            yield field, found


def _camel(name: str) -> str:
    first, *others = name.split("_")
    return first + "".join(other.capitalize() for other in others)


def _at(key: str, read: Callable[[Json], Any], data: Json) -> Any:
    try:
        return read(data)
    except FormatError as error:
        raise FormatError(error.problem, (key[:64], *error.path)) from None


def _expected(kind: type[T], wanted: str) -> Callable[[Json], T]:
    def read(data: Json) -> T:
        if type(data) is not kind:
            raise _refusal(wanted, data)
        return data

    return read


_list, _dict = _expected(list, "an array"), _expected(dict, "an object")
_bool, _str = _expected(bool, "true or false"), _expected(str, "a string")
_whole = _expected(int, "an integer")


def _int(data: Json) -> int:
    if abs(found := _whole(data)) > GREATEST:
        raise _refusal(f"an integer up to {GREATEST:.0e}", data)
    return found


def _number(value: float) -> Json:
    """An integer stays one; what is not finite is None, so that it is left out."""
    return value if isinstance(value, int) else repr(value) if math.isfinite(value) else None


def _float(data: Json) -> float:
    """A decimal, or an integer, which stays one."""
    try:
        found = float(data) if isinstance(data, str | float) else _int(data)
    except ValueError as error:
        raise _refusal("a number", data) from error
    if not abs(found) <= GREATEST:
        raise _refusal(f"a number up to {GREATEST:.0e}", data)
    return found


def _seconds(data: Json) -> timedelta:
    try:
        return timedelta(seconds=_float(data))
    except OverflowError as error:
        raise _refusal("a number of seconds", data) from error


def _enum(hint: type[Enum]) -> Callable[[Json], Enum]:
    values = {str(member.value): member for member in hint}

    def read(data: Json) -> Enum:
        if not isinstance(data, str) or data not in values:
            raise _refusal(f"one of {', '.join(values)}", data)
        return values[data]

    return read


def _refusal(wanted: str, data: Json) -> FormatError:
    shown = data if isinstance(data, bool | str) or data is None else type(data).__name__
    return FormatError(f"must be {wanted}, and is {shown!s:.32}")
