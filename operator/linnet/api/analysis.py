"""What is measured of a canary, and how sure the judgement must be."""

from typing import Annotated, Literal

from pydantic import Field

from linnet.api.base import Duration, Name, Quantity, Token, Wire, rules


class MetricRef(Wire):
    """A counter or histogram that the pods expose."""

    name: Token
    """Its name."""
    per: Literal["requests", "seconds"] | None = None
    """What a counter is divided by."""


class QueryRef(Wire):
    """A query that the platform named."""

    name: Name
    """Its name in the platform's values."""


class Check(Wire):
    """One question about the canary. Which bounds apply depends on the signal."""

    model_config = {
        "json_schema_extra": rules(
            (
                "self.signal != 'Errors' || has(self.maxRatioToStable) || has(self.max)",
                "signal Errors needs maxRatioToStable or max",
            ),
            (
                "self.signal != 'Latency' || has(self.maxShareSlower) || has(self.maxRatioToStable)",
                "signal Latency needs maxShareSlower or maxRatioToStable",
            ),
            ("self.signal != 'Latency' || has(self.threshold)", "signal Latency needs threshold"),
            ("self.signal == 'Latency' || !has(self.threshold)", "threshold goes with signal Latency"),
            (
                "self.signal == 'Latency' || !has(self.maxShareSlower)",
                "maxShareSlower goes with signal Latency",
            ),
            ("self.signal != 'Metric' || has(self.metric)", "signal Metric needs metric"),
            ("self.signal != 'Prometheus' || has(self.query)", "signal Prometheus needs query"),
            (
                "self.signal != 'Prometheus' || has(self.min) || has(self.max)",
                "signal Prometheus needs min or max",
            ),
        )
    }

    name: Name
    """Its name in messages and records."""
    signal: Literal["Errors", "Latency", "Metric", "Prometheus", "Predictions", "Feedback"]
    """What is measured."""
    max_ratio_to_stable: Quantity | None = None
    """The rate may be at most so many times stable's, measured at the same time."""
    min_excess: Quantity | None = None
    """A difference smaller than this never rolls back; 0.002 for Errors, 0.01 for Latency if left out."""
    max: Quantity | None = None
    """The rate may be at most this: a service level objective."""
    min: Quantity | None = None
    """For Prometheus: the least value."""
    threshold: Duration | None = None
    """For Latency: an answer slower than this counts; must be a bucket's bound of the runtime."""
    max_share_slower: Quantity | None = None
    """For Latency: the share of answers that may be slower than threshold."""
    metric: MetricRef | None = None
    """For Metric and Latency: another counter or histogram of the pods."""
    query: QueryRef | None = None
    """For Prometheus: a query that the platform named."""


class Detect(Wire):
    """What Pass promises to have been able to see."""

    ratio: Quantity | None = None
    """A rate so many times stable's; 5 if left out."""
    power: Quantity | None = None
    """With this probability; 0.9 if left out."""


class Analysis(Wire):
    """How the canary is judged."""

    interval: Duration | None = None
    """How often the pods are read; 5s if left out."""
    warm_up: Duration | None = None
    """Answers in the canary's first moments are not judged for latency; 30s if left out."""
    alpha: Quantity | None = None
    """The chance of rolling back a good version, over the whole rollout; 0.01 if left out."""
    detect: Detect | None = None
    """What Pass promises to have been able to see."""
    on_insufficient_data: Literal["Hold", "Promote", "RollBack"] | None = None
    """What happens at deadlines.evidence without a verdict; Hold if left out."""
    checks: (
        Annotated[
            list[Check],
            Field(
                min_length=1,
                max_length=16,
                json_schema_extra={"x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["name"]},
            ),
        ]
        | None
    ) = None
    """If left out: errors not more than stable's, and answers not slower than stable's."""
