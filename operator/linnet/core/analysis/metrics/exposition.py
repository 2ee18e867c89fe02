"""Prometheus text to the series that the rules of a runtime ask for, in one pass, whatever a pod writes.

A pod exposes hundreds of series and is scraped every few seconds: the lines that the rules ask for are picked by one
regular expression, and only those are parsed. The pod is a stranger's: no expression here goes back over what it has
read, no line is longer than it may be, and who exposes more than a server needs is not read at all.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Final

from linnet.core.analysis.metrics.selectors import MetricRules

MOST_SERIES: Final = 10_000
"""Series of the families that are asked for: a server has some dozens, with labels for each of its paths hundreds."""
MOST_LINES: Final = 200_000
LONGEST_LINE: Final = 8192
_LONGEST_NUMBER: Final = 64

NUMBER: Final = re.compile(r"[-+]?+(?:(?:\d++(?:\.\d*+)?+|\.\d++)(?:[eE][-+]?+\d++)?+|[Ii]nf|[Nn]a[Nn])")
_LABELS: Final = r'(?:\{((?:[^"}\n]++|"(?:[^"\\\n]++|\\.)*+")*+)\})?+'
_VALUE: Final = rf"[ \t]*+({NUMBER.pattern})(?=\s|$)"
_REST: Final = re.compile(_LABELS + _VALUE)
_SAMPLE: Final = re.compile(rf"^[a-zA-Z_:][\w:]*+{_LABELS}{_VALUE}", re.MULTILINE)
_LABEL: Final = re.compile(r'[\s,]*+([a-zA-Z_]\w*+)\s*+=\s*+"((?:[^"\\]++|\\.)*+)"', re.DOTALL)
_ESCAPE: Final = re.compile(r"\\(.)")

Row = tuple[Mapping[str, str], float]
Series = Mapping[str, list[Row]]
"""Name → (labels, value) of each of its series."""


class ExcessError(ValueError):
    """A page has more than any server needs; the message is a sentence."""


@dataclass(frozen=True)
class Page:
    """What a page says of the families that are asked for. `sampled`: it has a sample, of whatever family.

    `announced` are the families that have their TYPE line: Python servers write it before a labeled family's first
    event.
    """

    series: Series = field(default_factory=dict)
    announced: frozenset[str] = frozenset()
    sampled: bool = False


class Scanner:
    """A page is read as it arrives, so that no more of it is held than one block and what was picked."""

    def __init__(self, rules: MetricRules) -> None:
        self._wanted = _wanted(rules)
        self._series: dict[str, list[Row]] = {}
        self._announced: set[str] = set()
        self._sampled = False
        self._open = ""
        self._lines = self._found = 0

    def feed(self, text: str) -> None:
        """Read on; ExcessError where the page has too much of something."""
        block, newline, rest = text.rpartition("\n")
        if not newline:
            self._open += rest
        else:
            self._read(self._open + block)
            self._open = rest
        if len(self._open) > LONGEST_LINE:
            raise _too_long()

    def page(self) -> Page:
        """Return what was read, when there is no more."""
        self._read(self._open)
        self._open = ""
        return Page(self._series, frozenset(self._announced), self._sampled or bool(self._series))

    def _read(self, block: str) -> None:
        lines = block.split("\n")
        self._lines += len(lines)
        if self._lines > MOST_LINES:
            raise ExcessError(f"its metrics have more than {MOST_LINES} lines")
        if len(max(lines, key=len)) > LONGEST_LINE:
            raise _too_long()
        for match in self._wanted.finditer(block):
            family, name = match.groups()
            if family is not None:
                self._announced.add(family)
            else:
                self._pick(name, block, match.end())
        self._sampled = self._sampled or bool(self._series) or _SAMPLE.search(block) is not None

    def _pick(self, name: str, block: str, end: int) -> None:
        match = _REST.match(block, end)
        if match is None or len(match[2]) > _LONGEST_NUMBER:
            return
        self._found += 1
        if self._found > MOST_SERIES:
            raise ExcessError(f"it has more than {MOST_SERIES} series of the metrics that are read")
        self._series.setdefault(name, []).append((_labels(match[1] or ""), float(match[2])))


def scanned(text: str, rules: MetricRules) -> Page:
    """Read a whole page; ExcessError where it has too much of something."""
    scanner = Scanner(rules)
    scanner.feed(text)
    return scanner.page()


def announced(page: Page, name: str) -> bool:
    """Say whether the family has its TYPE line. OpenMetrics names a counter without its `_total` there."""
    return name in page.announced or name.removesuffix("_total") in page.announced


def _too_long() -> ExcessError:
    return ExcessError(f"a line of its metrics has more than {LONGEST_LINE} characters")


@lru_cache(maxsize=256)
def _wanted(rules: MetricRules) -> re.Pattern[str]:
    """Return what finds the TYPE lines of the families that the rules name, and their samples."""
    names = {*_plain(rules), *(f"{rule.name}_bucket" for rule in rules.latency)}
    asked = {s.name for rule in rules.counters for s in rule.selectors} | {rule.name for rule in rules.latency}
    if rules.predictions is not None:
        asked.add(rules.predictions.family)
    families = asked | {name.removesuffix("_total") for name in asked}
    return re.compile(rf"^(?:# TYPE ({_choice(families)})[ \t]|({_choice(names)})(?![\w:]))", re.MULTILINE)


def _plain(rules: MetricRules) -> set[str]:
    counted = (s for rule in rules.counters for s in rule.selectors)
    answers = (rules.predictions.selector,) if rules.predictions else ()
    return {s.name for s in (*rules.requests, *rules.errors, *rules.in_flight, *counted, *answers)}


def _choice(names: Iterable[str]) -> str:
    return "|".join(re.escape(name) for name in sorted(names)) or r"(?!)"


def _labels(text: str) -> dict[str, str]:
    """Return label → value of each pair up to the first thing that is none."""
    found, at = dict[str, str](), 0
    while match := _LABEL.match(text, at):
        name, value = match[1], match[2]
        found[name] = _ESCAPE.sub(_unescape, value) if "\\" in value else value
        at = match.end()
    return found


def _unescape(match: re.Match[str]) -> str:
    return "\n" if match[1] == "n" else match[1]
