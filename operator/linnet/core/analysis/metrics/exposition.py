"""Prometheus text to the series that the rules of a runtime ask for.

A pod exposes hundreds of series and is scraped every few seconds: lines are picked by one regular
expression over the names that the rules ask for, and only those are parsed.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache

from linnet.core.analysis.metrics.selectors import MetricRules

_LABEL = re.compile(r'([a-zA-Z_]\w*)\s*=\s*"((?:[^"\\]|\\.)*)"')
_ESCAPE = re.compile(r"\\(.)")
_LABELS = r'(?:\{((?:[^"}]|"(?:[^"\\]|\\.)*")*)\})?'
NUMBER = re.compile(r"[-+]?(?:(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?|[Ii]nf|[Nn]a[Nn])")
_VALUE = rf"[ \t]*({NUMBER.pattern})(?=\s|$)"
_SAMPLE = re.compile(rf"^[a-zA-Z_:][\w:]*{_LABELS}{_VALUE}", re.MULTILINE)

Series = Mapping[str, list[tuple[Mapping[str, str], float]]]
"""Name → (labels, value) of each of its series."""


def picked(text: str, rules: MetricRules) -> Series:
    """Only the series that the rules name."""
    found: dict[str, list[tuple[Mapping[str, str], float]]] = {}
    for name, labels, value in _wanted(rules).findall(text):
        found.setdefault(name, []).append((_labels(labels), float(value)))
    return found


def has_sample(text: str) -> bool:
    """Say whether there is any sample: a page without one is no good scrape."""
    return _SAMPLE.search(text) is not None


def announced(text: str, name: str) -> bool:
    """Say whether the family has its TYPE line: Python servers write it before a labelled family's first event.

    OpenMetrics names a counter without its `_total` there.
    """
    names = rf"{re.escape(name)}|{re.escape(name.removesuffix('_total'))}"
    return re.search(rf"^# TYPE (?:{names})[ \t]", text, re.MULTILINE) is not None


@lru_cache(maxsize=256)
def _wanted(rules: MetricRules) -> re.Pattern[str]:
    counted = (s for rule in rules.counters for s in rule.selectors)
    answers = (rules.predictions.selector,) if rules.predictions else ()
    plain = {s.name for s in (*rules.requests, *rules.errors, *rules.in_flight, *counted, *answers)}
    names = plain | {f"{rule.name}_bucket" for rule in rules.latency}
    choice = "|".join(re.escape(name) for name in sorted(names)) or r"(?!)"
    return re.compile(rf"^({choice})(?![\w:]){_LABELS}{_VALUE}", re.MULTILINE)


def _labels(text: str) -> dict[str, str]:
    pairs = _LABEL.findall(text)
    return {name: _ESCAPE.sub(_unescape, value) if "\\" in value else value for name, value in pairs}


def _unescape(match: re.Match[str]) -> str:
    return "\n" if match[1] == "n" else match[1]
