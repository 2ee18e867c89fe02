"""The API server's JSON holds objects of every namespace: one that can't be decoded costs itself, or just a part of it.

Whoever may create any object that is listed or watched chooses its `managedFields`: the API server keeps 10,000 levels
of them, and Python's own parser ends at a thousand, with the whole list in its hands. What lies too deep is therefore
left out, and everything else of the object is read.
"""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from pydantic_core import from_json

from linnet.foreign.document import ForeignError

DEPTH: Final = 64
"""Levels of an object that are kept where it has more than the parser takes, which are 200."""
_FIELDS: Final = b'"managedFields"'
_STRING: Final = rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"'
_TOKEN: Final = re.compile(rb"[\[{]|[\]}]|" + _STRING + rb"?", re.DOTALL)
"""A bracket or a string. One that never ends is a token too: it is read once, and not again from each quote in it."""
_SHALLOW: Final = 4
"""Levels over which one step goes at once. Each byte may be read once more for each, at the speed of a pattern."""
_FLAT: Final = rb'[^"{}\[\]]'


def _content(string: bytes) -> bytes:
    """Return the pattern of what may stand within a level and has few levels of its own, where a string is such a one.

    Its loops of more than a character give back what they took, though no other way leads on: before 3.11.5 Python
    loses its place where a loop that gives nothing back fails within a turn (python/cpython#106052).
    """
    flat = _FLAT + rb"*+(?:" + string + _FLAT + rb"*+)*"
    found = flat
    for _ in range(_SHALLOW):
        found = flat + rb"(?:[\[{]" + found + rb"[\]}]" + flat + rb")*"
    return found


def _shallow(string: bytes) -> bytes:
    """Return the same, where there is something."""
    content = _content(string)
    return rb"(?:" + _FLAT + rb"|" + string + rb"|[\[{]" + content + rb"[\]}])" + content


_STEP: Final = re.compile(_shallow(rb"(?!" + _FIELDS + rb")" + _STRING) + rb"|" + _TOKEN.pattern, re.DOTALL)
"""A token, or all that follows without managedFields, up to some levels."""
_ROW: Final = rb"(?P<row>(?:[\[{]" + _content(rb'"[^"\\{}\[\]]*+"') + rb"){%d,})" % (_SHALLOW + 1)
_WITHIN: Final = re.compile(
    _ROW + rb"|(?P<closed>[\]}]++)|" + _shallow(_STRING) + rb"|(?P<one>[\[{])|" + _STRING + rb"?", re.DOTALL
)
"""Within a value of which the end is looked for: a row of levels, each with what is shallow; closings; the shallow."""
_COLON: Final = re.compile(rb"[ \t\r\n]*+:[ \t\r\n]*+")
_ITEMS: Final = b'"items"'

Json = Any


@dataclass(frozen=True)
class Decoded:
    """`hurt` names what is not whole: `namespace/name` of objects of which a part, or everything, was left out."""

    value: dict[str, Json]
    hurt: tuple[str, ...] = ()


def decoded(data: bytes) -> Decoded:
    """One object, a list of objects, or a watch event. ForeignError if it is no JSON object at all."""
    if (found := whole(data)) is not None:
        return found
    items = list(_items(data))
    return _list(data, items) if items else _one(data)


def whole(data: bytes) -> Decoded | None:
    """What is decoded at once; None for what takes a second, closer look."""
    try:
        return Decoded(_whole(data))
    except ForeignError:
        return None


def _whole(data: bytes) -> dict[str, Json]:
    try:
        value = from_json(data, allow_inf_nan=False, cache_strings="keys")
    except ValueError as error:
        raise ForeignError(f"it can't be decoded ({error})") from error
    if not isinstance(value, dict):
        raise ForeignError("it is no JSON object")
    return value


def _one(data: bytes) -> Decoded:
    value = _whole(_mended(data))
    return Decoded(value, (named(value),))


def _list(data: bytes, spans: list[tuple[int, int]]) -> Decoded:
    """Decode the list's items one by one, and what is around them."""
    around = _one(data[: spans[0][0]] + data[spans[-1][1] :]).value
    items, hurt = list[Json](), list[str]()
    for start, end in spans:
        try:
            items.append(_whole(data[start:end]))
        except ForeignError:
            _mend_item(data[start:end], items, hurt)
    return Decoded({**around, "items": items}, tuple(hurt))


def _mend_item(data: bytes, items: list[Json], hurt: list[str]) -> None:
    try:
        one = _one(data)
    except ForeignError:
        hurt.append("?")
        return
    items.append(one.value)
    hurt.extend(one.hurt)


def named(value: Mapping[str, Json]) -> str:
    """`namespace/name` of an object, or of the object of a watch event."""
    meta = (_object(value) or value).get("metadata")
    return f"{meta.get('namespace', '')}/{meta.get('name', '?')}" if isinstance(meta, dict) else "?"


def _object(event: Mapping[str, Json]) -> Mapping[str, Json]:
    found = event.get("object")
    return found if isinstance(found, dict) else {}


def _mended(data: bytes) -> bytes:
    """The document without managedFields, with `null` for what lies too deep, and marks for what is no character."""
    kept, at = bytearray(), 0
    for start, end in _cuts(data):
        kept += data[at:start]
        kept += b"null"
        at = end
    kept += data[at:]
    return bytes(kept).decode(errors="replace").encode()


def _cuts(data: bytes) -> Iterator[tuple[int, int]]:
    """Iterate over the spans to leave out, in order: values of managedFields, and what begins below `DEPTH`."""
    level = at = 0
    while match := (_STEP if level <= DEPTH - _SHALLOW else _TOKEN).search(data, at):
        at = match.end()
        level += _change(match)
        begins = match.start() if level > DEPTH else _value_at(data, at) if match[0] == _FIELDS else -1
        if begins >= 0:
            level, at = min(level, DEPTH), _end(data, begins)
            yield begins, at


def _change(match: re.Match[bytes]) -> int:
    """Return 1 for a bracket that opens, -1 for one that closes; all else is a string, or closes what it opens."""
    return {b"[": 1, b"{": 1, b"]": -1, b"}": -1}.get(match[0], 0)


def _end(data: bytes, begins: int) -> int:
    """Return where the array or object ends that begins here: where the data does, if it never ends."""
    level, at = 1, begins + 1
    while match := _WITHIN.search(data, at):
        at = match.end()
        match match.lastgroup:
            case "row":
                level += sum(match[0].count(opened) for opened in (b"{", b"["))
                level -= sum(match[0].count(closed) for closed in (b"}", b"]"))
            case "one":
                level += 1
            case "closed" if at - match.start() >= level:
                return match.start() + level
            case "closed":
                level -= at - match.start()
    return len(data)


def _value_at(data: bytes, key_end: int) -> int:
    """Return where the array or object begins that is the value of the key which ends here; -1 if none does."""
    colon = _COLON.match(data, key_end)
    return colon.end() if colon is not None and data[colon.end() : colon.end() + 1] in {b"[", b"{"} else -1


def _items(data: bytes) -> Iterator[tuple[int, int]]:
    """Iterate over the spans of a list's items: what stands in the array `items` of the document itself."""
    level, listing, at = 0, False, 0
    while match := _TOKEN.search(data, at):
        at = match.end()
        level += _change(match)
        if listing and level == _ITEM:
            level, at = level - 1, _end(data, match.start())
            yield match.start(), at
        listing = _value_at(data, at) >= 0 if level == 1 and match[0] == _ITEMS else listing and level > 1


_ITEM: Final = 3
"""The level of an item: within an array, within the list."""


class Lines:
    """Watch events arrive as lines: each is made harmless by itself. `hurt` are named as in `Decoded`.

    A line of more than `most` bytes is passed over, so that a stream without an end of line fills no memory.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._open = bytearray()
        self._passing_over = False

    def fed(self, chunk: bytes) -> Iterator[tuple[bytes, tuple[str, ...]]]:
        """Iterate over the lines that are whole by now, without what would end their reader."""
        *whole, rest = chunk.split(b"\n")
        for part in whole:
            line, passed = self._closed(part)
            if passed:
                yield b"", ("?",)
            elif line.strip():
                yield harmless(line)
        self._open += b"" if self._passing_over else rest
        if len(self._open) > self._most:
            self._open, self._passing_over = bytearray(), True

    def _closed(self, part: bytes) -> tuple[bytes, bool]:
        line = bytes(self._open) + part
        passed = self._passing_over or len(line) > self._most
        self._open, self._passing_over = bytearray(), False
        return line, passed


_EXPIRED: Final = b'{"type":"ERROR","object":{"kind":"Status","code":410,"reason":"Expired"}}'


def harmless(line: bytes) -> tuple[bytes, tuple[str, ...]]:
    """A watch event that any parser of JSON reads, and whom of it a part was left out; empty if nothing can be read.

    An error in the stream ends the watch as an expired one does: it is begun again, and what was missed is read.
    """
    try:
        found = whole(line) or _one(line)
    except ForeignError:
        return b"", ("?",)
    event = found.value
    if event.get("type") == "ERROR" or not isinstance(_object(event).get("metadata"), dict):
        return _EXPIRED, ()
    return (json.dumps(event, separators=(",", ":")).encode() if found.hurt else line), found.hurt
