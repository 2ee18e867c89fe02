"""Prometheus text to the few numbers that a judgement needs, by the rules of a runtime.

A pod exposes hundreds of series and is scraped every few seconds: lines are picked by one regular
expression over the names that the rules ask for, and only those are parsed.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from linnet.core.checks import Signal


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
    """A histogram by its base name (without `_bucket`); `key` is what `Check.histogram` names."""

    name: str
    labels: tuple[LabelRule, ...] = ()
    unit: Unit = Unit.SECONDS
    key: str = "latency"


@dataclass(frozen=True)
class MetricRules:
    """Where a runtime's signals are found; empty = the runtime does not expose that signal.

    `lazy`: the server exposes a family only after its first event, so that a good scrape without
    the family means zero. Where it is false, a missing family is an absent signal.
    """

    requests: tuple[Selector, ...] = ()
    errors: tuple[Selector, ...] = ()
    latency: tuple[HistogramRule, ...] = ()
    lazy: bool = True

    def signals(self) -> frozenset[Signal]:
        """The signals that this runtime can answer at all (for `UnsupportedSignal`)."""
        found = {Signal.ERRORS} if self.requests and self.errors else set()
        return frozenset(found | ({Signal.LATENCY} if self.latency else set()))


@dataclass(frozen=True)
class PodCounters:
    """Absolute, monotonic counters of one pod at one scrape. None = the signal was absent.

    `latency`: histogram key -> {bound in seconds: cumulative count}, with `inf` for all requests;
    an empty mapping is a histogram that has seen no request yet.
    """

    requests: float | None = None
    errors: float | None = None
    latency: Mapping[str, Mapping[float, float]] = field(default_factory=dict)
    absent: frozenset[Signal] = frozenset()


def count_pod(text: str, rules: MetricRules) -> PodCounters:
    """The counters of one scrape. A text without a single sample leaves every signal absent."""
    raise NotImplementedError
