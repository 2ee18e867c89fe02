"""A JSON document that a stranger may have written is read here, or refused with a sentence: nothing else can come out.

Termination messages, stored evidence, answers of servers outside: each may be nested until the parser's stack ends,
hold integers of a million digits that no API takes, or halves of characters that can't be written down again. The last
are marked, so that what else is said is heard.
"""

import json
import math
import re
from collections.abc import Callable
from decimal import Decimal, InvalidOperation
from typing import Any, Final

LARGEST: Final = 2**53
"""The largest integer that is believed: beyond it JavaScript, a float and `jsonpath` have another number."""
DEPTH: Final = 64
"""The deepest level of a document that is read: what Linnet and Kubernetes write themselves has fewer than 20."""
MOST: Final = 2**20
"""The most characters of a document, where nothing else is said: as much as a ConfigMap holds."""

_BRACKET: Final = re.compile(r'[\[{]|[\]}]|"(?:[^"\\]++|\\.)*+"?', re.DOTALL)
_DIGITS: Final = 17
_LONGEST: Final = 400
_SURROGATE: Final = re.compile("[\ud800-\udfff]")


class ForeignError(ValueError):
    """What a stranger sent can't be read; the message is a sentence's end, such as "it is nested too deeply"."""


def read(data: bytes | str, *, most: int = MOST, depth: int = DEPTH, exact: bool = False) -> Any:
    """The JSON value; ForeignError if it is none, too large, too deep, or holds a number that nobody can keep.

    `exact`: numbers are Decimals, with all their digits.
    """
    if len(data) > most:
        raise ForeignError(f"it has more than {most} bytes")
    text = _text(data)
    if deeper(text, depth):
        raise ForeignError(f"it is nested more than {depth} levels deep")
    try:
        value = json.loads(text, parse_int=_integer(exact), parse_float=_decimal(exact), parse_constant=_no_number)
    except ForeignError:
        raise
    except (ValueError, RecursionError) as error:  # the latter where the caller's own stack is nearly full
        raise ForeignError(f"it is no JSON document ({str(error)[:100]})") from error
    return _mended(value) if "\\u" in text or not text.isascii() else value


def read_object(data: bytes | str, *, most: int = MOST, depth: int = DEPTH, exact: bool = False) -> dict[str, Any]:
    """The JSON object; ForeignError where the document is another value, or none."""
    value = read(data, most=most, depth=depth, exact=exact)
    if not isinstance(value, dict):
        raise ForeignError("it is no JSON object")
    return value


def deeper(text: str, depth: int) -> bool:
    """Whether brackets outside of strings are nested deeper, in one pass."""
    if text.count("{") + text.count("[") <= depth:
        return False
    level = 0
    for match in _BRACKET.finditer(text):
        first = text[match.start()]
        level += 1 if first in "[{" else -1 if first in "]}" else 0
        if level > depth:
            return True
    return False


def _text(data: bytes | str) -> str:
    try:
        text = data.decode() if isinstance(data, bytes) else data
    except UnicodeDecodeError as error:
        raise ForeignError("it is no UTF-8") from error
    return text


def _integer(exact: bool) -> Callable[[str], int | Decimal]:
    def parsed(digits: str) -> int | Decimal:
        if exact and len(digits) <= _LONGEST:
            return Decimal(digits)
        if len(digits) > _DIGITS or abs(int(digits)) > LARGEST:
            raise ForeignError(f"it holds an integer beyond {LARGEST}: {digits[:24]}")
        return int(digits)

    return parsed


def _decimal(exact: bool) -> Callable[[str], float | Decimal]:
    def parsed(digits: str) -> float | Decimal:
        if len(digits) > _LONGEST or not math.isfinite(float(digits)):
            raise _none(digits)
        try:
            return Decimal(digits) if exact else float(digits)
        except InvalidOperation as error:  # an exponent of twenty digits, where a float is zero
            raise _none(digits) from error

    return parsed


def _none(digits: str) -> ForeignError:
    return ForeignError(f"it holds a number that is none: {digits[:24]}")


def _no_number(name: str) -> None:
    raise ForeignError(f"{name} is no JSON number")


def _mended(value: Any) -> Any:
    """The value with a mark for each half of a character, which nobody could write down again."""
    if isinstance(value, str):
        return _SURROGATE.sub("\ufffd", value)
    if isinstance(value, list):
        return [_mended(each) for each in value]
    return {_mended(key): _mended(each) for key, each in value.items()} if isinstance(value, dict) else value
