"""What the pods are asked for: the series of a runtime and those that the checks name, as rules for reading them."""

import re
from collections.abc import Iterable

from linnet.api.parts.analysis import Check
from linnet.api.parts.runtime import FrozenRuntime, Histogram, LabelMatch, Latency, Predictions, RuntimeMetrics, Series
from linnet.core.analysis.checks import Slice
from linnet.core.analysis.metrics.classes import Buckets, Labels
from linnet.core.analysis.metrics.selectors import (
    CORRECT,
    SECONDS,
    TOTAL,
    CounterRule,
    HistogramRule,
    LabelRule,
    MetricRules,
    Op,
    PredictionRule,
    Selector,
    Unit,
)

LATENCY = "latency"
"""The key of the server's own histogram, whatever its name is on each track."""


def metric_rules(metrics: RuntimeMetrics | None, checks: Iterable[Check] = ()) -> MetricRules:
    """The rules by which a pod's exposition is counted; empty if the runtime exposes nothing.

    Of further histograms those are read that one of the checks names, since some servers have dozens.
    """
    if metrics is None:
        return MetricRules()
    asked = tuple(checks)
    named = {check.metric.name for check in asked if check.metric is not None}
    own = _latency(metrics.latency) if metrics.latency else ()
    further = tuple(_histogram(h) for h in metrics.histograms or () if h.name in named)
    return MetricRules(
        requests=_selectors(metrics.requests),
        errors=_selectors(metrics.errors),
        latency=own + further,
        in_flight=_selectors(metrics.in_flight),
        counters=(*_feedback(metrics), *_counters(asked)),
        predictions=_predictions(metrics, asked),
        slices=tuple(dict.fromkeys(part for check in asked for part in slices(check))),
    )


def slices(check: Check) -> tuple[Slice, ...]:
    """The parts of the traffic that the check judges apart; none if it judges the whole."""
    return tuple(Slice(check.slice.label, value) for value in check.slice.values) if check.slice is not None else ()


def classes(of: Predictions) -> Buckets | Labels:
    """The classes that answers are counted by: buckets of a histogram, or values of a label."""
    if of.histogram is not None:
        return Buckets(tuple(sorted(float(bound) for bound in of.histogram.bounds)))
    assert of.counter is not None, "exactly one of them is there"
    return Labels(of.counter.label, tuple(of.counter.classes))


def _predictions(metrics: RuntimeMetrics, checks: Iterable[Check]) -> PredictionRule | None:
    """The rule for reading predictions; None where no check compares them."""
    of = metrics.predictions
    if of is None or all(check.signal != "Predictions" for check in checks):
        return None
    series = of.histogram or of.counter
    assert series is not None, "exactly one of them is there"
    name = f"{series.name}_bucket" if of.histogram is not None else series.name
    return PredictionRule(Selector(name, _label_rules(series)), classes(of))


def _counts_events(check: Check) -> bool:
    return check.signal == "Metric" and check.metric is not None and check.metric.above is None


def counter_key(check: Check) -> str:
    """The counter that the check names, in the words of PromQL; empty if it names none."""
    if check.metric is None or not _counts_events(check):
        return ""
    conditions = [_shown(match) for match in check.metric.match or ()]
    return check.metric.name + (f"{{{','.join(conditions)}}}" if conditions else "")


def histogram_key(check: Check, metrics: RuntimeMetrics | None) -> str:
    """The histogram that the check asks of; the server's own if it names none, or just that."""
    own = metrics.latency.histograms[0].name if metrics is not None and metrics.latency is not None else None
    return LATENCY if check.metric is None or check.metric.name == own else check.metric.name


def histogram(key: str, runtime: FrozenRuntime) -> Histogram | None:
    """What the runtime says of the histogram of that key."""
    metrics = runtime.metrics
    if metrics is None:
        return None
    if key == LATENCY and metrics.latency is not None:
        own, first = metrics.latency, metrics.latency.histograms[0]
        return Histogram(name=first.name, match=first.match, unit=own.unit, bounds=own.bounds)
    return next((h for h in metrics.histograms or () if h.name == key), None)


def scale(of: Histogram) -> float:
    """What its bounds are multiplied by: to seconds, if it measures time."""
    return SECONDS[Unit(of.unit)] if of.unit is not None else 1.0


def _shown(match: LabelMatch) -> str:
    if match.prefix is not None:
        return f'{match.label}=~"{match.prefix}.*"'
    op, values = ("=~", match.in_) if match.in_ is not None else ("!~", match.not_in)
    return f'{match.label}{op}"{"|".join(values or ())}"'


def _feedback(metrics: RuntimeMetrics) -> Iterable[CounterRule]:
    if metrics.feedback is not None:
        yield CounterRule(CORRECT, _selectors(metrics.feedback.correct), sampled=True)
        yield CounterRule(TOTAL, _selectors(metrics.feedback.total))


def _counters(checks: Iterable[Check]) -> Iterable[CounterRule]:
    for check in checks:
        if check.metric is not None and _counts_events(check):
            series = Series(name=check.metric.name, match=check.metric.match)
            yield CounterRule(counter_key(check), _selectors([series]))


def _latency(own: Latency) -> tuple[HistogramRule, ...]:
    return tuple(HistogramRule(each.name, _label_rules(each), Unit(own.unit)) for each in own.histograms)


def _histogram(of: Histogram) -> HistogramRule:
    return HistogramRule(of.name, _label_rules(of), Unit(of.unit) if of.unit else None, key=of.name, lazy=False)


def _selectors(series: Iterable[Series] | None) -> tuple[Selector, ...]:
    return tuple(Selector(s.name, _label_rules(s)) for s in series or ())


def _label_rules(series: Series) -> tuple[LabelRule, ...]:
    return tuple(rule for match in series.match or () for rule in _rules_of(match))


def _rules_of(match: LabelMatch) -> Iterable[LabelRule]:
    if match.prefix is not None:
        yield LabelRule(match.label, Op.PREFIX, match.prefix)
    elif match.in_ is not None:
        yield LabelRule(match.label, Op.REGEX, "|".join(re.escape(v) for v in match.in_))
    else:
        for value in match.not_in or ():
            yield LabelRule(match.label, Op.NOT_EQUAL, value)
