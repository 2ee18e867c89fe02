"""Where a terminal or file can't have the characters of trees and bars, ASCII stands in for them."""

import codecs
from typing import Final, TextIO

NAME: Final = "linnet.ascii"
_PLAIN: Final = str.maketrans(
    {"█": "#", "▓": "=", "▒": "-", "░": ".", "┃": "|", "├": "|", "└": "`", "│": "|", "─": "-", "…": ".", "é": "e"}
)


def _replaced(error: UnicodeError) -> tuple[str, int]:
    assert isinstance(error, UnicodeEncodeError)
    text = error.object[error.start : error.end].translate(_PLAIN)
    return "".join(c if c.isascii() else "?" for c in text), error.end


codecs.register_error(NAME, _replaced)


def able(out: TextIO) -> None:
    """What this stream's encoding has not is written in ASCII, and stops no command."""
    if (change := getattr(out, "reconfigure", None)) is not None:
        change(errors=NAME)
