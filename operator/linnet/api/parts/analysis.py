"""What is measured of a canary, and how sure the judgement must be."""

from typing import Annotated, Final, Literal

from pydantic import Field

from linnet.api.parts.base import (
    AS_SET,
    Duration,
    Name,
    Quantity,
    Rule,
    Token,
    Wire,
    keyed_by,
    rules,
)
from linnet.api.parts.runtime import LabelMatch

MOST_CHECKS: Final = 16


def share(name: str, example: str) -> Rule:
    """The rule that a quantity lies strictly between 0 and 1. What is no quantity is refused by its own rule."""
    valid = f"!has(self.{name}) || !isQuantity(self.{name})"
    inside = f"quantity(self.{name}).isGreaterThan(quantity('0')) && quantity(self.{name}).isLessThan(quantity('1'))"
    return f"{valid} || ({inside})", f"{name} lies between 0 and 1, {example}", f".{name}"


def above(name: str, bound: str, what: str) -> Rule:
    """The rule that a quantity is greater than the bound. What is no quantity is refused by its own rule."""
    valid = f"!has(self.{name}) || !isQuantity(self.{name})"
    return f"{valid} || quantity(self.{name}).isGreaterThan(quantity('{bound}'))", f"{name} is {what}", f".{name}"


class MetricRef(Wire):
    """A counter or histogram that the pods expose."""

    model_config = {
        "json_schema_extra": rules(
            (
                "!has(self.match) || !has(self.above)",
                "match does not go with above: a histogram's labels are the runtime's",
                ".match",
            )
        )
    }

    name: Token
    """The metric's name. For Metric a counter of bad requests, which counts at most one for each request, unless above
    is given; for a histogram without its _bucket, as the runtime names it."""
    match: Annotated[list[LabelMatch], Field(min_length=1, max_length=8)] | None = None
    """Conditions on labels of the counter; all must hold; every series of that name if left out."""
    above: Quantity | None = None
    """For Metric: what a histogram observed above this, a bucket's bound in its own unit, counts as bad; left out for a
    counter."""


class QueryRef(Wire):
    """A query that the platform named."""

    name: Name
    """The query's name in the platform's values."""


class Slice(Wire):
    """Values of one label, each of which is judged apart."""

    model_config = {
        "json_schema_extra": rules(
            ("self.label != 'le'", "le is the label of a histogram's buckets: slice by another", ".label"),
        )
    }

    label: Annotated[str, Field(min_length=1, max_length=63, pattern=r"^[a-zA-Z_][a-zA-Z0-9_]*$")]
    """A label of the series that the check counts, such as country."""
    values: Annotated[
        list[Annotated[str, Field(min_length=1, max_length=63, pattern=r"^[^\x00-\x1f\x7f\[\]]+$")]],
        Field(min_length=1, max_length=8, json_schema_extra=AS_SET),
    ]
    """The label's values that are judged, such as de; series with other values don't count."""


class Check(Wire):
    """One question about the canary. Which bounds apply depends on the signal."""

    model_config = {
        "json_schema_extra": rules(
            (
                "self.signal != 'Errors' || has(self.maxRatioToStable) || has(self.max)",
                "signal Errors needs a bound: maxRatioToStable, max, or both",
            ),
            (
                "self.signal != 'Latency' || has(self.maxShareSlower) || has(self.maxRatioToStable)",
                "signal Latency needs a bound: maxShareSlower, maxRatioToStable, or both",
            ),
            (
                "self.signal in ['Errors', 'Latency', 'Predictions'] || has(self.maxRatioToStable) || has(self.min) "
                "|| has(self.max)",
                "a check needs a bound: maxRatioToStable, min or max",
            ),
            (
                "self.signal != 'Latency' || has(self.threshold)",
                "signal Latency needs threshold: from which duration on an answer counts as slow, such as 250ms",
                ".threshold",
            ),
            ("self.signal == 'Latency' || !has(self.threshold)", "threshold goes with signal Latency", ".threshold"),
            ("self.signal != 'Latency' || !has(self.max)", "for signal Latency write maxShareSlower", ".max"),
            ("self.name != 'pod-health'", "pod-health is the name of the built-in check: choose another", ".name"),
            (
                "self.signal == 'Latency' || !has(self.maxShareSlower)",
                "maxShareSlower goes with signal Latency",
                ".maxShareSlower",
            ),
            ("self.signal != 'Metric' || has(self.metric)", "signal Metric needs metric", ".metric"),
            (
                "self.signal in ['Metric', 'Latency'] || !has(self.metric)",
                "metric goes with signals Metric and Latency",
                ".metric",
            ),
            (
                "self.signal != 'Latency' || !has(self.metric) || (!has(self.metric.above) && !has(self.metric.match))",
                "signal Latency: threshold says what counts; above and match go with signal Metric",
                ".metric",
            ),
            (
                "!(self.signal in ['Metric', 'Feedback']) || has(self.maxRatioToStable) || has(self.max)",
                "signals Metric and Feedback need a bound: maxRatioToStable, max, or both",
            ),
            ("self.signal != 'Prometheus' || has(self.query)", "signal Prometheus needs query", ".query"),
            (
                "self.signal != 'Prometheus' || has(self.min) || has(self.max)",
                "signal Prometheus needs min or max",
            ),
            ("self.signal == 'Prometheus' || !has(self.query)", "query goes with signal Prometheus", ".query"),
            ("self.signal == 'Prometheus' || !has(self.min)", "min goes with signal Prometheus", ".min"),
            (
                "self.signal != 'Prometheus' || (!has(self.maxRatioToStable) && !has(self.minExcess))",
                "signal Prometheus has min and max; to compare, let the query divide by what {{stable}} has",
            ),
            (
                "self.signal != 'Predictions' || has(self.maxDivergence)",
                "signal Predictions needs maxDivergence: how far its answers may be from stable's, such as '0.02'",
                ".maxDivergence",
            ),
            (
                "self.signal == 'Predictions' || !has(self.maxDivergence)",
                "maxDivergence goes with signal Predictions",
                ".maxDivergence",
            ),
            (
                "self.signal != 'Predictions' || (!has(self.maxRatioToStable) && !has(self.minExcess) "
                "&& !has(self.max))",
                "signal Predictions has maxDivergence, and no other bound",
            ),
            share("maxDivergence", "such as '0.02'"),
            (
                "self.signal != 'Prometheus' || !has(self.slice)",
                "signal Prometheus has no slice: have the platform name a query for each value",
                ".slice",
            ),
            (
                "self.signal != 'Predictions' || !has(self.slice)",
                "signal Predictions compares all answers: slice a check of signal Metric that counts a class instead",
                ".slice",
            ),
            (
                "!has(self.min) || !has(self.max) || !isQuantity(self.min) || !isQuantity(self.max) || "
                "!quantity(self.min).isGreaterThan(quantity(self.max))",
                "min is not more than max",
                ".min",
            ),
        )
    }

    name: Name
    """The check's name in messages and records."""
    signal: Literal["Errors", "Latency", "Metric", "Prometheus", "Predictions", "Feedback"]
    """The signal that is measured."""
    max_ratio_to_stable: Quantity | None = None
    """The rate may be at most so many times stable's, measured at the same time; no such bound if left out."""
    min_excess: Quantity | None = None
    """A difference smaller than this never rolls back; 0.01 for Latency, 0.002 for the others if left out."""
    max: Quantity | None = None
    """The rate may be at most this: a service level objective. For Prometheus: the greatest value of the query. No such
    bound if left out."""
    min: Quantity | None = None
    """For Prometheus: the least value of the query; no such bound if left out."""
    threshold: Duration | None = None
    """For Latency: an answer slower than this counts; must be a bucket's bound of the runtime; left out with other
    signals."""
    max_share_slower: Quantity | None = None
    """For Latency: the share of answers that may be slower than threshold; no such bound if left out."""
    max_divergence: Quantity | None = None
    """For Predictions: how far answers may be from stable's: Jensen-Shannon divergence in bits, between 0 and 1; left
    out with other signals."""
    metric: MetricRef | None = None
    """For Metric: a counter or histogram of the pods. For Latency: another histogram than the server's own. If left
    out, the server's own."""
    query: QueryRef | None = None
    """For Prometheus: a query that the platform named; left out with other signals."""
    slice: Slice | None = None
    """Judge each of these values of a label apart: the version is rolled back if it is worse in one of them; if left
    out all requests are judged together."""


class Detect(Wire):
    """What Pass promises to have been able to see."""

    model_config = {
        "json_schema_extra": rules(
            above("ratio", "1", "a multiple of stable's rate above 1, such as '5'"), share("power", "such as '0.9'")
        )
    }

    ratio: Quantity | None = None
    """The multiple of stable's rate that would have been seen; 5 if left out."""
    power: Quantity | None = None
    """The probability with which it would have been seen; 0.9 if left out."""


class Analysis(Wire):
    """How the canary is judged."""

    model_config = {
        "json_schema_extra": rules(
            share("alpha", "such as '0.01'"),
            (
                "!has(self.checks) || self.checks.filter(c, c.signal == 'Predictions').size() <= 1",
                "at most one check of signal Predictions",
                ".checks",
            ),
            (
                "!has(self.checks) || self.checks.filter(c, has(c.slice)).map(c, c.slice.values.size()).sum() <= 32",
                "the checks have at most 32 values in their slices together: leave out the rarest",
                ".checks",
            ),
            (
                "!has(self.defaultChecks) || self.defaultChecks || has(self.checks)",
                "without the default checks nothing is asked: write checks, or leave defaultChecks out",
                ".defaultChecks",
            ),
        )
    }

    interval: Duration | None = None
    """How often the pods are read; 5s if left out."""
    warm_up: Duration | None = None
    """Answers in the canary's first moments are not judged for latency; 30s if left out."""
    alpha: Quantity | None = None
    """The chance of rolling back a good version, over the whole rollout; 0.01 if left out."""
    detect: Detect | None = None
    """What Pass promises to have been able to see; a rate five times stable's, with a probability of 0.9, if left
    out."""
    on_insufficient_data: Literal["Hold", "Promote", "RollBack"] | None = None
    """What happens at deadlines.evidence without a verdict; Hold if left out."""
    checks: (
        Annotated[
            list[Check],
            Field(
                min_length=1,
                max_length=MOST_CHECKS,
                json_schema_extra=keyed_by("name"),
            ),
        ]
        | None
    ) = None
    """Questions about the canary, beside the two that are asked by default, and alone if left out: `errors`, not more
    than stable's, and `latency`, answers not slower than stable's. A check of one of these names takes its place."""
    default_checks: bool | None = None
    """Whether `errors` and `latency` are asked where no check of that name is written; true if left out."""
