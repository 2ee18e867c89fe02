"""The few numbers that a judgement needs of a pod: its series, added up by the rules of its runtime."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Final

from linnet.core.analysis.checks import Signal, Slice
from linnet.core.analysis.codec import LARGEST_COUNT
from linnet.core.analysis.metrics.exposition import NUMBER, ExcessError, Page, Series, announced, scanned
from linnet.core.analysis.metrics.selectors import (
    SECONDS,
    CounterRule,
    HistogramRule,
    MetricRules,
    PredictionRule,
    Selector,
    matches,
)

REQUESTS: Final = "runtime.requests"
ERRORS: Final = "runtime.errors"
HISTOGRAM: Final = "histogram."
"""Keys of `PodCounters.unlabeled`, and what a histogram's key begins with, that no metric's name can be."""
_UNREAD: Final = "a pod can't be read: "


@dataclass(frozen=True)
class PodCounters:
    """Absolute, monotonic counters of one pod at one scrape. None = the signal was absent.

    `in_flight` alone goes up and down: the requests that the pod is answering at that moment.
    `latency`: histogram key -> {bound in seconds: cumulative count}, with `inf` for all requests;
    an empty mapping is a histogram that has seen no request yet. `counters`: counter key -> value.
    `missing`: counter key -> the name of a family that the pod does not expose. `predictions`: class of answers ->
    count, or why they can't be counted.
    `slices` are the same counters of parts of the traffic. Of a part, `unlabeled` has what can't be told apart by its
    label: `REQUESTS`, `ERRORS`, `HISTOGRAM` and a key, or a counter's key -> the name of a family without the label.
    `problem`: why nothing of the page was read, a sentence; then nothing else is known.
    """

    requests: float | None = None
    errors: float | None = None
    latency: Mapping[str, Mapping[float, float]] = field(default_factory=dict)
    absent: frozenset[Signal] = frozenset()
    in_flight: float | None = None
    counters: Mapping[str, float] = field(default_factory=dict)
    missing: Mapping[str, str] = field(default_factory=dict)
    predictions: Mapping[str, float] | str | None = None
    slices: Mapping[Slice, PodCounters] = field(default_factory=dict)
    unlabeled: Mapping[str, str] = field(default_factory=dict)
    problem: str = ""


def count_pod(text: str, rules: MetricRules) -> PodCounters:
    """The counters of one scrape."""
    try:
        return count_page(scanned(text, rules), rules)
    except ExcessError as error:
        return unreadable(str(error))


def unreadable(problem: str) -> PodCounters:
    """A pod that answered with what is not read: every signal is absent, and the sentence says why."""
    return PodCounters(absent=frozenset({Signal.ERRORS, Signal.LATENCY}), problem=f"{_UNREAD}{problem}")


def excess(problems: Iterable[str]) -> str:
    """The first problem that is a page's having too much, which stays the same from look to look; empty if none is."""
    return next((problem for problem in problems if problem.startswith(_UNREAD)), "")


def count_page(page: Page, rules: MetricRules) -> PodCounters:
    """The counters of one page. One without a single sample leaves every signal absent."""
    series, lazy = page.series, rules.lazy and page.sampled
    return replace(_counted(page, series, rules, lazy=lazy), slices=dict(_slices(page, rules, lazy=lazy)))


def _counted(page: Page, series: Series, rules: MetricRules, *, lazy: bool) -> PodCounters:
    """`series` are those of the page, or of a slice of it."""
    requests = _total(series, rules.requests, lazy=lazy)
    errors = _total(series, rules.errors, lazy=lazy)
    found: dict[str, dict[float, float] | None] = {}
    for rule in rules.latency:
        buckets = _buckets(series, rule, lazy=_may_be_empty(page, rule, lazy=lazy))
        found[rule.key] = _together(found.get(rule.key, {}), buckets)
    latency = {key: buckets for key, buckets in found.items() if buckets is not None}
    absent = {Signal.ERRORS} if requests is None or errors is None else set()
    counters, missing = _counters(page, series, rules.counters)
    return PodCounters(
        requests=requests,
        errors=errors,
        latency=latency,
        absent=frozenset(absent | ({Signal.LATENCY} if len(latency) < max(1, len(found)) else set())),
        in_flight=_level(series, rules.in_flight),
        counters=counters,
        missing=missing,
        predictions=_by_class(page, series, rules.predictions) if rules.predictions else None,
    )


def _slices(page: Page, rules: MetricRules, *, lazy: bool) -> Iterator[tuple[Slice, PodCounters]]:
    """Apply the rules to the series that have each value: a family that is there without one has counted zero."""
    series = page.series
    own = replace(rules, in_flight=(), predictions=None)
    unlabeled = {label: dict(_unlabeled(series, rules, label)) for label in {part.label for part in rules.slices}}
    for part in rules.slices:
        rows = {name: [row for row in all_ if row[0].get(part.label) == part.value] for name, all_ in series.items()}
        yield part, replace(_counted(page, rows, own, lazy=lazy), unlabeled=unlabeled[part.label])


def _unlabeled(series: Series, rules: MetricRules, label: str) -> Iterator[tuple[str, str]]:
    """(key, name) of what has counted, and none of whose series has the label: zero of a slice would say nothing."""
    sources = [
        (REQUESTS, rules.requests),
        (ERRORS, rules.errors),
        *((HISTOGRAM + rule.key, (Selector(f"{rule.name}_bucket", rule.labels),)) for rule in rules.latency),
        *((rule.key, rule.selectors) for rule in rules.counters),
    ]
    for key, selectors in sources:
        for selector in selectors:
            rows = [labels for labels, _ in series.get(selector.name, ()) if matches(labels, selector.labels)]
            if rows and not any(label in labels for labels in rows):
                yield key, selector.name.removesuffix("_bucket")


def _total(series: Series, selectors: tuple[Selector, ...], *, lazy: bool) -> float | None:
    """The sum of all selected series; a family that is there but has no such series yet counts as zero."""
    if not selectors or not (lazy or any(s.name in series for s in selectors)):
        return None
    return sum(_picked(series, selectors), start=0.0)


def _counters(page: Page, series: Series, rules: Iterable[CounterRule]) -> tuple[dict[str, float], dict[str, str]]:
    """Key -> value, and key -> the first family that is not there."""
    found, missing = dict[str, float](), dict[str, str]()
    for rule in rules:
        missed = (s.name for s in rule.selectors if not _there(page, series, s, sampled=rule.sampled))
        absent = next(missed, None)
        if absent is not None:
            missing[rule.key] = absent
        else:
            found[rule.key] = sum(_picked(series, rule.selectors), start=0.0)
    return found, missing


def _there(page: Page, series: Series, selector: Selector, *, sampled: bool) -> bool:
    if sampled:
        return any(matches(labels, selector.labels) for labels, _ in series.get(selector.name, ()))
    return selector.name in series or announced(page, selector.name)


def _by_class(page: Page, series: Series, rule: PredictionRule) -> Mapping[str, float] | str:
    """A family without a series has counted nothing yet, if it is announced."""
    name, family = rule.selector.name, rule.family
    if name not in series and not announced(page, family):
        return f"the pod exposes no metric {family}"
    rows = series.get(name, ())
    return rule.classes.counted((labels, value) for labels, value in rows if matches(labels, rule.selector.labels))


def _may_be_empty(page: Page, rule: HistogramRule, *, lazy: bool) -> bool:
    return lazy if rule.lazy else announced(page, rule.name)


def _picked(series: Series, selectors: tuple[Selector, ...]) -> Iterator[float]:
    return (value for s in selectors for labels, value in series.get(s.name, ()) if matches(labels, s.labels))


def _together(one: Mapping[float, float] | None, other: Mapping[float, float] | None) -> dict[float, float] | None:
    """Histograms of the same bounds that time different requests, added up; absent if one of them is."""
    if one is None or other is None:
        return None
    return {bound: one.get(bound, 0.0) + other.get(bound, 0.0) for bound in {**one, **other}}


def _level(series: Series, selectors: tuple[Selector, ...]) -> float | None:
    """The sum of all selected gauges; None if there is none, or one of them is no possible number of requests."""
    picked = tuple(_picked(series, selectors))
    return sum(picked) if picked and all(0 <= value <= LARGEST_COUNT for value in picked) else None


def _buckets(series: Series, rule: HistogramRule, *, lazy: bool) -> dict[float, float] | None:
    """Bound (in seconds if it is of time) -> cumulative count over all selected series; None if it is absent."""
    rows = series.get(f"{rule.name}_bucket")
    if rows is None:
        return {} if lazy else None
    found: dict[float, float] = {}
    for labels, value in rows:
        if matches(labels, rule.labels) and NUMBER.fullmatch(labels.get("le", "")):
            bound = float(labels["le"]) * (SECONDS[rule.unit] if rule.unit else 1.0)
            found[bound] = found.get(bound, 0.0) + value
    return found
