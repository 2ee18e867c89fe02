"""The terminal: lines that stay, and below them, on a terminal, the live tree. Without one, plain lines."""

import os
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TextIO

from linnet.cli.views.tree import clock

HIDE, SHOW, CLEAR_BELOW = "\x1b[?25l", "\x1b[?25h", "\x1b[J"


@dataclass
class Screen:
    """`live`: redraw the tree in place; otherwise it is printed only when asked for."""

    out: TextIO
    live: bool
    began: float = field(default_factory=time.monotonic)
    drawn: int = 0
    """Lines of the tree on the screen now."""

    def say(self, text: str) -> None:
        """A line that stays, with the time."""
        for line in text.splitlines() or [""]:
            self._write([f"{clock(time.monotonic() - self.began):>5}  {line}"], keep=True)

    def draw(self, lines: Sequence[str]) -> None:
        """The tree, in place of the former one."""
        if self.live:
            self._write(lines, keep=False)

    def plain(self, lines: Sequence[str]) -> None:
        """The tree as lines that stay, where it is not live."""
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
    """Live where standard output is a terminal that can move its cursor."""
    able = sys.stdout.isatty() and os.environ.get("TERM", "dumb") != "dumb"
    return Screen(sys.stdout, live=able and not plain)


def _width() -> int:
    try:
        return os.get_terminal_size().columns
    except OSError:
        return 80


def clipped(line: str, width: int) -> str:
    """At most `width` visible characters (0: all), with colors ended: a wrapped line could not be erased."""
    if not width:
        return line
    out, seen, index = "", 0, 0
    while index < len(line) and seen < width:
        if line[index] == "\x1b":
            end = line.index("m", index) + 1
            out, index = out + line[index:end], end
            continue
        out, seen, index = out + line[index], seen + 1, index + 1
    return out + ("\x1b[0m" if "\x1b" in line else "")
