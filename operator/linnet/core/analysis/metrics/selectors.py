"""What is looked for in a pod's metrics: which series of a runtime, and of the checks, make up which count."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final, assert_never

from linnet.core.analysis.checks import Signal, Slice
from linnet.core.analysis.metrics.classes import Buckets, Labels


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
    """A rule is one condition on one label; regular expressions are anchored at both ends, as in PromQL."""

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
    """A histogram has a base name (without `_bucket`); `key` is what `CountCheck.histogram` names, of one or more.

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
    """Counters that are added up; `key` is what `CountCheck.counter` names. If one of them is missing, none is read.

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

    @property
    def family(self) -> str:
        """The name that its TYPE line has."""
        name = self.selector.name
        return name.removesuffix("_bucket") if isinstance(self.classes, Buckets) else name


@dataclass(frozen=True)
class MetricRules:
    """Where a runtime's signals are found; empty = the runtime does not expose that signal.

    `lazy`: the server exposes a family only after its first event, so that a good scrape without
    the family means zero. Where it is false, a missing family is an absent signal. `in_flight` are gauges.
    `slices` are counted once more, each apart.
    """

    requests: tuple[Selector, ...] = ()
    errors: tuple[Selector, ...] = ()
    latency: tuple[HistogramRule, ...] = ()
    lazy: bool = True
    in_flight: tuple[Selector, ...] = ()
    counters: tuple[CounterRule, ...] = ()
    predictions: PredictionRule | None = None
    slices: tuple[Slice, ...] = ()

    def signals(self) -> frozenset[Signal]:
        """The signals that this runtime can answer at all (for `UnsupportedSignal`)."""
        answers = {
            Signal.ERRORS: self.requests and self.errors,
            Signal.LATENCY: self.latency,
            Signal.METRIC: self.requests,
            Signal.FEEDBACK: [rule for rule in self.counters if rule.key in {CORRECT, TOTAL}],
        }
        return frozenset(signal for signal, found in answers.items() if found)


def matches(labels: Mapping[str, str], rules: tuple[LabelRule, ...]) -> bool:
    """Say whether a series with these labels meets all conditions."""
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
