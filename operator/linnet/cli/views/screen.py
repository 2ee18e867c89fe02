"""Writes lines that stay and, below them on a terminal, the live tree; without a terminal plain lines."""

import os
import re
import sys
import time
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final, TextIO

from linnet.cli.views.tree import clock

_COLOR: Final = re.compile(r"\x1b\[[0-9;]*m")
HIDE, SHOW, CLEAR_BELOW = "\x1b[?25l", "\x1b[?25h", "\x1b[J"


@dataclass
class Screen:
    """Lines and a tree are written to it. A `live` one redraws the tree in place, others print it by `plain`."""

    out: TextIO
    live: bool
    began: float = field(default_factory=time.monotonic)
    drawn: int = 0
    """The number of the tree's lines that are on the screen now."""

    def say(self, text: str) -> None:
        """Writes a line that stays, with the time."""
        for line in text.splitlines() or [""]:
            self._write([f"{clock(time.monotonic() - self.began):>5}  {line}"], keep=True)

    def draw(self, lines: Sequence[str]) -> None:
        """Draws the tree in place of the former one, on a live screen."""
        if self.live:
            self._write(lines, keep=False)

    def plain(self, lines: Sequence[str]) -> None:
        """Writes the tree as lines that stay, where the screen is not live."""
        if not self.live:
            self._write([f"       {line}" for line in lines], keep=True)

    def close(self) -> None:
        if self.live:
            self.out.write(SHOW)
            self.out.flush()

    def _write(self, lines: Sequence[str], *, keep: bool) -> None:
        up = f"\x1b[{self.drawn}F" if self.drawn else ""
        erase = f"{up}{CLEAR_BELOW}{HIDE}" if self.live else ""
        width = _width() if self.live and not keep else 0
        self.out.write(erase + "".join(f"{clipped(line, width)}\n" for line in lines))
        self.out.flush()
        self.drawn = 0 if keep else len(lines)


def screen(*, plain: bool) -> Screen:
    """The screen of standard output, live where that is a terminal that can move its cursor."""
    able = sys.stdout.isatty() and os.environ.get("TERM", "dumb") != "dumb"
    return Screen(sys.stdout, live=able and not plain)


def _width() -> int:
    try:
        return os.get_terminal_size().columns
    except OSError:
        return 80


def clipped(line: str, width: int) -> str:
    """The line's first `width` columns (0: all), colors ended: a wrapped line could not be erased."""
    if not width:
        return line
    out, taken, index = "", 0, 0
    while index < len(line):
        if color := _COLOR.match(line, index):
            out, index = out + color[0], color.end()
            continue
        taken += columns(line[index])
        if taken > width:
            break
        out, index = out + line[index], index + 1
    return out + ("\x1b[0m" if _COLOR.search(line) else "")


def columns(character: str) -> int:
    """How many columns a terminal gives a character: none to a mark, two to a wide one such as 模 and 🚀."""
    if unicodedata.category(character) in {"Mn", "Me"}:
        return 0
    return 2 if unicodedata.east_asian_width(character) in {"W", "F"} else 1
