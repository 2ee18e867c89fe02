"""Text that a stranger may have written is made printable and short where it enters, so that whoever shows it need not.

A terminal obeys control characters; a page, an Event and a line of a log hide or reorder what bidirectional and
invisible characters tell them to. kubectl prints our printer columns and Events itself: they must be clean already.
"""

import re
import unicodedata
from itertools import chain
from typing import Any, Final

LIMIT: Final = 200
"""The most characters of a stranger's sentence, where nothing else is said."""
LAST_WORDS: Final = 300
"""The most characters of what a container wrote before it ended: a traceback's end needs some."""
READ_FOR_EACH: Final = 8
"""So many characters are read for each that may be shown: a sentence of a megabyte costs no more than a page."""
MARKS: Final = 4
"""The most combining marks on one character; more of them paint over the lines above and below."""
DEPTH: Final = 64
"""The deepest level of a document that is shown."""
UNKNOWN: Final = "\ufffd"

_SEQUENCE: Final = re.compile(
    r"(?:\x1b\[|\x9b)[0-?]*[ -/]*[@-~]"  # colors, movements of the cursor
    r"|(?:\x1b[\]PX^_]|[\x9d\x90\x98\x9e\x9f])[^\x07\x1b\x90\x98\x9c-\x9f]*(?:\x07|\x1b\\|\x9c)"  # titles, links
    r"|\x1b[ -/]*[0-Z\\^_`a-z{|}~]"  # character sets, resets
)
_TO_BE_LOOKED_AT: Final = re.compile("[\u0300-\u1fff\u20d0-\u20ff\u2800-\U0010ffff]")
"""Here are the marks and invisible characters that count as printable; other texts need only be printable."""
_INVISIBLE: Final = frozenset(
    map(
        chr,
        chain(
            (0x034F, 0x115F, 0x1160, 0x17B4, 0x17B5, 0x2800, 0x3164, 0xFFA0),  # joiners and fillers
            range(0x180B, 0x1810),
            range(0xFE00, 0xFE10),  # variation selectors, in which whole texts have been hidden
            range(0xE0100, 0xE01F0),
        ),
    )
)
"""What Unicode counts among letters, marks and symbols, and what nobody sees."""


def printable(text: object, limit: int = LIMIT) -> str:
    r"""One line of at most `limit` characters which no terminal obeys; an ellipsis stands for what was cut.

    >>> printable("loss \x1b[2J\x1b]0;title\x07is\n\u202enan")
    'loss is nan'
    """
    whole = _words(text)
    read = whole[: limit * READ_FOR_EACH]
    line = clean(read)
    if len(line) <= limit and len(read) == len(whole):
        return line
    return f"{line[: limit - 1].rstrip()}…"


def last_words(text: str, limit: int = LAST_WORDS) -> str:
    """The end of what a container wrote before it ended, as one line of at most `limit` characters."""
    line = clean(text[-limit * READ_FOR_EACH :])
    return line if len(line) <= limit else f"…{line[len(line) - limit + 1 :].lstrip()}"


def clean(text: str) -> str:
    """The text as one line of any length, without anything that moves, hides or reorders.

    Blanks become single spaces, and what Unicode does not know becomes a mark. Cleaning again changes nothing.
    """
    if text.isprintable() and "  " not in text and (text.isascii() or not _TO_BE_LOOKED_AT.search(text)):
        return text.strip()
    shown = "".join(_shown(c) for c in _SEQUENCE.sub("", text))
    return " ".join(_bounded_marks(shown).split())


def clean_lines(text: str) -> str:
    """The text with each of its lines clean and where it was indented, such as a traceback or what a command says."""
    return "\n".join(" " * (len(line) - len(line.lstrip(" "))) + clean(line) for line in text.splitlines())


def clean_document(document: Any, depth: int = DEPTH) -> Any:
    """Return the JSON value with every string in it clean, keys too; an ellipsis stands for what lies too deep."""
    if isinstance(document, str):
        return clean(document)
    if not isinstance(document, dict | list):
        return document
    if depth == 0:
        return "…"
    if isinstance(document, list):
        return [clean_document(each, depth - 1) for each in document]
    return {_key(key): clean_document(value, depth - 1) for key, value in document.items()}


def _key(key: str) -> str:
    return key if key.isascii() and key.isidentifier() else clean(key)


def _words(value: object) -> str:
    """What is no string in Python's own words, or by its type where those can't be had, as of a huge integer."""
    try:
        return value if isinstance(value, str) else str(value)
    except (ValueError, RecursionError):
        return type(value).__name__


def _shown(character: str) -> str:
    if character in _INVISIBLE:
        return ""
    if character.isprintable():
        return character
    category = unicodedata.category(character)
    if category == "Cf":  # zero-width, bidirectional, tags
        return ""
    return " " if category[0] == "Z" or category == "Cc" else UNKNOWN


def _bounded_marks(text: str) -> str:
    """The text without the marks beyond `MARKS` on one character."""
    if text.isascii():
        return text
    kept, marks = [], 0
    for character in text:
        marks = marks + 1 if unicodedata.category(character) in {"Mn", "Me"} else 0
        if marks <= MARKS:
            kept.append(character)
    return "".join(kept)
