"""Prometheus text to the few numbers that a judgement needs, by the rules of a runtime.

A pod exposes hundreds of series and is scraped every few seconds: lines are picked by one regular
expression over the names that the rules ask for, and only those are parsed.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from functools import lru_cache
from typing import Final, assert_never

from linnet.core.checks import Signal
from linnet.core.classes import Buckets, Labels


class Op(StrEnum):
    """How a label's value is compared (an absent label is the empty string, as in PromQL)."""

    EQUAL = "="
    NOT_EQUAL = "!="
    PREFIX = "^="
    NOT_PREFIX = "!^"
    REGEX = "=~"
    NOT_REGEX = "!~"


class Unit(StrEnum):
    """The unit of a histogram's `le` bounds."""

    SECONDS = "s"
    MILLISECONDS = "ms"
    MICROSECONDS = "us"


SECONDS: Final = {Unit.SECONDS: 1.0, Unit.MILLISECONDS: 1e-3, Unit.MICROSECONDS: 1e-6}
CORRECT: Final = "feedback.correct"
TOTAL: Final = "feedback.total"
"""Keys of the counters of a runtime's feedback, whatever their names are on each track."""


@dataclass(frozen=True)
class LabelRule:
    """One condition on one label; regular expressions are anchored at both ends, as in PromQL."""

    label: str
    op: Op
    value: str


@dataclass(frozen=True)
class Selector:
    """Series of one name whose labels meet all conditions; their values are added up."""

    name: str
    labels: tuple[LabelRule, ...] = ()


@dataclass(frozen=True)
class HistogramRule:
    """A histogram by its base name (without `_bucket`); `key` is what `Check.histogram` names, of one or more of them.

    `unit` is None where it does not measure time. `lazy` as in `MetricRules`: one that a check names is not,
    so that a wrong name is never taken for a quiet server.
    """

    name: str
    labels: tuple[LabelRule, ...] = ()
    unit: Unit | None = Unit.SECONDS
    key: str = "latency"
    lazy: bool = True


@dataclass(frozen=True)
class CounterRule:
    """Counters that are added up; `key` is what `Check.counter` names. If one of them is missing, none is read.

    `sampled`: that the family is there is not enough, one of the selected series must be. The others count as zero
    until their first event.
    """

    key: str
    selectors: tuple[Selector, ...]
    sampled: bool = False


@dataclass(frozen=True)
class PredictionRule:
    """What the model answers, by class. Of a histogram the selector names the series with its `_bucket`."""

    selector: Selector
    classes: Buckets | Labels


@dataclass(frozen=True)
class MetricRules:
    """Where a runtime's signals are found; empty = the runtime does not expose that signal.

    `lazy`: the server exposes a family only after its first event, so that a good scrape without
    the family means zero. Where it is false, a missing family is an absent signal. `in_flight` are gauges.
    """

    requests: tuple[Selector, ...] = ()
    errors: tuple[Selector, ...] = ()
    latency: tuple[HistogramRule, ...] = ()
    lazy: bool = True
    in_flight: tuple[Selector, ...] = ()
    counters: tuple[CounterRule, ...] = ()
    predictions: PredictionRule | None = None

    def signals(self) -> frozenset[Signal]:
        """The signals that this runtime can answer at all (for `UnsupportedSignal`)."""
        answers = {
            Signal.ERRORS: self.requests and self.errors,
            Signal.LATENCY: self.latency,
            Signal.METRIC: self.requests,
            Signal.FEEDBACK: [rule for rule in self.counters if rule.key in {CORRECT, TOTAL}],
        }
        return frozenset(signal for signal, found in answers.items() if found)


@dataclass(frozen=True)
class PodCounters:
    """Absolute, monotonic counters of one pod at one scrape. None = the signal was absent.

    `in_flight` alone goes up and down: the requests that the pod is answering at that moment.
    `latency`: histogram key -> {bound in seconds: cumulative count}, with `inf` for all requests;
    an empty mapping is a histogram that has seen no request yet. `counters`: counter key -> value.
    `missing`: counter key -> the name of a family that the pod does not expose. `predictions`: class of answers ->
    count, or why they can't be counted.
    """

    requests: float | None = None
    errors: float | None = None
    latency: Mapping[str, Mapping[float, float]] = field(default_factory=dict)
    absent: frozenset[Signal] = frozenset()
    in_flight: float | None = None
    counters: Mapping[str, float] = field(default_factory=dict)
    missing: Mapping[str, str] = field(default_factory=dict)
    predictions: Mapping[str, float] | str | None = None


def count_pod(text: str, rules: MetricRules) -> PodCounters:
    """The counters of one scrape. A text without a single sample leaves every signal absent."""
    series = _series(text, rules)
    lazy = rules.lazy and (bool(series) or _SAMPLE.search(text) is not None)
    requests = _total(series, rules.requests, lazy=lazy)
    errors = _total(series, rules.errors, lazy=lazy)
    found: dict[str, dict[float, float] | None] = {}
    for rule in rules.latency:
        buckets = _buckets(series, rule, lazy=_may_be_empty(text, rule, lazy=lazy))
        found[rule.key] = _together(found.get(rule.key, {}), buckets)
    latency = {key: buckets for key, buckets in found.items() if buckets is not None}
    absent = {Signal.ERRORS} if requests is None or errors is None else set()
    counters, missing = _counters(text, series, rules.counters)
    return PodCounters(
        requests=requests,
        errors=errors,
        latency=latency,
        absent=frozenset(absent | ({Signal.LATENCY} if len(latency) < max(1, len(found)) else set())),
        in_flight=_level(series, rules.in_flight),
        counters=counters,
        missing=missing,
        predictions=_by_class(text, series, rules.predictions) if rules.predictions else None,
    )


_LABEL = re.compile(r'([a-zA-Z_]\w*)\s*=\s*"((?:[^"\\]|\\.)*)"')
_ESCAPE = re.compile(r"\\(.)")
_LABELS = r'(?:\{((?:[^"}]|"(?:[^"\\]|\\.)*")*)\})?'
_NUMBER = re.compile(r"[-+]?(?:(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?|[Ii]nf|[Nn]a[Nn])")
_VALUE = rf"[ \t]*({_NUMBER.pattern})(?=\s|$)"
_SAMPLE = re.compile(rf"^[a-zA-Z_:][\w:]*{_LABELS}{_VALUE}", re.MULTILINE)

_Series = Mapping[str, list[tuple[Mapping[str, str], float]]]


@lru_cache(maxsize=256)
def _wanted(rules: MetricRules) -> re.Pattern[str]:
    counted = (s for rule in rules.counters for s in rule.selectors)
    answers = (rules.predictions.selector,) if rules.predictions else ()
    plain = {s.name for s in (*rules.requests, *rules.errors, *rules.in_flight, *counted, *answers)}
    names = plain | {f"{rule.name}_bucket" for rule in rules.latency}
    choice = "|".join(re.escape(name) for name in sorted(names)) or r"(?!)"
    return re.compile(rf"^({choice})(?![\w:]){_LABELS}{_VALUE}", re.MULTILINE)


def _series(text: str, rules: MetricRules) -> _Series:
    """Only the series that the rules name: name -> [(labels, value)]."""
    found: dict[str, list[tuple[Mapping[str, str], float]]] = {}
    for name, labels, value in _wanted(rules).findall(text):
        found.setdefault(name, []).append((_labels(labels), float(value)))
    return found


def _labels(text: str) -> dict[str, str]:
    pairs = _LABEL.findall(text)
    return {name: _ESCAPE.sub(_unescape, value) if "\\" in value else value for name, value in pairs}


def _unescape(match: re.Match[str]) -> str:
    return "\n" if match[1] == "n" else match[1]


def _matches(labels: Mapping[str, str], rules: tuple[LabelRule, ...]) -> bool:
    return all(_holds(rule, labels.get(rule.label, "")) for rule in rules)


def _holds(rule: LabelRule, value: str) -> bool:
    match rule.op:
        case Op.EQUAL | Op.NOT_EQUAL:
            return (value == rule.value) is (rule.op is Op.EQUAL)
        case Op.PREFIX | Op.NOT_PREFIX:
            return value.startswith(rule.value) is (rule.op is Op.PREFIX)
        case Op.REGEX | Op.NOT_REGEX:
            return (re.fullmatch(rule.value, value) is not None) is (rule.op is Op.REGEX)
        case _:
            assert_never(rule.op)


def _total(series: _Series, selectors: tuple[Selector, ...], *, lazy: bool) -> float | None:
    """The sum of all selected series; a family that is there but has no such series yet counts as zero."""
    if not selectors or not (lazy or any(s.name in series for s in selectors)):
        return None
    return sum(_picked(series, selectors), start=0.0)


def _counters(text: str, series: _Series, rules: Iterable[CounterRule]) -> tuple[dict[str, float], dict[str, str]]:
    """Key -> value, and key -> the first family that is not there."""
    found, missing = dict[str, float](), dict[str, str]()
    for rule in rules:
        missed = (s.name for s in rule.selectors if not _there(text, series, s, sampled=rule.sampled))
        absent = next(missed, None)
        if absent is not None:
            missing[rule.key] = absent
        else:
            found[rule.key] = sum(_picked(series, rule.selectors), start=0.0)
    return found, missing


def _there(text: str, series: _Series, selector: Selector, *, sampled: bool) -> bool:
    if sampled:
        return any(_matches(labels, selector.labels) for labels, _ in series.get(selector.name, ()))
    return selector.name in series or _announced(text, selector.name)


def _announced(text: str, name: str) -> bool:
    """Whether the family has its TYPE line: Python servers write it before a labelled family's first event.

    OpenMetrics names a counter without its `_total` there.
    """
    names = rf"{re.escape(name)}|{re.escape(name.removesuffix('_total'))}"
    return re.search(rf"^# TYPE (?:{names})[ \t]", text, re.MULTILINE) is not None


def _by_class(text: str, series: _Series, rule: PredictionRule) -> Mapping[str, float] | str:
    """A family without a series has counted nothing yet, if it is announced."""
    name = rule.selector.name
    family = name.removesuffix("_bucket") if isinstance(rule.classes, Buckets) else name
    if name not in series and not _announced(text, family):
        return f"the pod exposes no metric {family}"
    rows = series.get(name, ())
    return rule.classes.counted((labels, value) for labels, value in rows if _matches(labels, rule.selector.labels))


def _may_be_empty(text: str, rule: HistogramRule, *, lazy: bool) -> bool:
    return lazy if rule.lazy else _announced(text, rule.name)


def _picked(series: _Series, selectors: tuple[Selector, ...]) -> Iterator[float]:
    return (value for s in selectors for labels, value in series.get(s.name, ()) if _matches(labels, s.labels))


def _together(one: Mapping[float, float] | None, other: Mapping[float, float] | None) -> dict[float, float] | None:
    """Histograms of the same bounds that time different requests, added up; absent if one of them is."""
    if one is None or other is None:
        return None
    return {bound: one.get(bound, 0.0) + other.get(bound, 0.0) for bound in {**one, **other}}


def _level(series: _Series, selectors: tuple[Selector, ...]) -> float | None:
    """The sum of all selected gauges; None if there is none, or one of them is no possible number of requests."""
    picked = tuple(_picked(series, selectors))
    return sum(picked) if picked and all(math.isfinite(value) and value >= 0 for value in picked) else None


def _buckets(series: _Series, rule: HistogramRule, *, lazy: bool) -> dict[float, float] | None:
    """Bound (in seconds if it is of time) -> cumulative count over all selected series; None if it is absent."""
    rows = series.get(f"{rule.name}_bucket")
    if rows is None:
        return {} if lazy else None
    found: dict[float, float] = {}
    for labels, value in rows:
        if _matches(labels, rule.labels) and _NUMBER.fullmatch(labels.get("le", "")):
            bound = float(labels["le"]) * (SECONDS[rule.unit] if rule.unit else 1.0)
            found[bound] = found.get(bound, 0.0) + value
    return found
