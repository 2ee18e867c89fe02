"""The model server: how a Model names one, and how a version freezes one."""

from typing import Annotated, Literal

from pydantic import Field

from linnet.api.parts.base import (
    AS_SET,
    Arguments,
    Duration,
    HttpPath,
    Image,
    Name,
    Port,
    Quantity,
    Token,
    Wire,
    keyed_by,
    rules,
)
from linnet.api.parts.pod import EnvVar

LabelValues = Annotated[list[Annotated[str, Field(max_length=253)]], Field(min_length=1, max_length=32)]


class LabelMatch(Wire):
    """A condition on one label of a series: exactly one of in, notIn, prefix."""

    model_config = {
        "json_schema_extra": rules(
            (
                "[has(self.__in__), has(self.notIn), has(self.prefix)].exists_one(x, x)",
                "exactly one of in, notIn, prefix",
            ),
        )
    }

    label: Token
    """The label's name, such as status_code."""
    in_: Annotated[LabelValues | None, Field(alias="in")] = None
    """The label has one of these values; left out where notIn or prefix is written."""
    not_in: LabelValues | None = None
    """The label has none of these values; left out where in or prefix is written."""
    prefix: Annotated[str, Field(min_length=1, max_length=253)] | None = None
    """The label's value starts with this; left out where in or notIn is written."""


class Series(Wire):
    """Which series of the server's metrics are counted."""

    name: Token
    """The metric's name, such as http_requests_total; for a histogram without its _bucket."""
    match: Annotated[list[LabelMatch], Field(max_length=8)] | None = None
    """Conditions on labels; all must hold; every series of that name if left out."""


SeriesList = Annotated[list[Series], Field(min_length=1, max_length=8)]


class Latency(Wire):
    """Where the server tells how long its answers took."""

    histograms: SeriesList
    """Prometheus histograms of one unit and the same bounds, such as one of HTTP requests and one of gRPC calls; they
    are added up. A check whose metric.name is the first one's means all of them."""
    unit: Literal["s", "ms", "us"] = "s"
    """The unit of the histogram's bucket bounds; s if left out."""
    bounds: Annotated[list[Quantity], Field(min_length=1, max_length=64)]
    """The bounds of the histogram's buckets, in that unit: a latency check's threshold must be one of them."""


class Histogram(Series):
    """A further histogram, which a check may name: the time to the first token, or a share of tokens."""

    unit: Literal["s", "ms", "us"] | None = None
    """The unit of the histogram's bucket bounds if it measures time, as signal Latency needs it; a plain number if left
    out."""
    bounds: Annotated[list[Quantity], Field(min_length=1, max_length=64)]
    """The bounds of the histogram's buckets, in that unit: a check's threshold, or metric.above, must be one of
    them."""


class Feedback(Wire):
    """Counters of answers whose truth became known later, such as a fraud that was reported."""

    correct: SeriesList
    """Counters of the answers that were right; their sum is used."""
    total: SeriesList
    """Counters of all answers whose truth is known; their sum is used."""


class ScoreHistogram(Series):
    """A histogram of scores that the model answers."""

    bounds: Annotated[list[Quantity], Field(min_length=1, max_length=15)]
    """The bounds of the buckets by which two versions are compared; the server may have more."""


class ClassCounter(Series):
    """A counter of answers, by a label."""

    label: Token
    """The label that says what the model answered."""
    classes: Annotated[
        list[Annotated[str, Field(min_length=1, max_length=63)]],
        Field(min_length=1, max_length=15, json_schema_extra=AS_SET),
    ]
    """The label's values that are told apart; all others are one class."""


class Predictions(Wire):
    """What the model answers, by class: each answer is counted once, by the version that gave it."""

    model_config = {
        "json_schema_extra": rules(
            ("has(self.histogram) != has(self.counter)", "exactly one of histogram and counter"),
        )
    }

    histogram: ScoreHistogram | None = None
    """A histogram of scores, such as a probability; left out where counter is written."""
    counter: ClassCounter | None = None
    """A counter of classes, such as a label; left out where histogram is written."""


class RuntimeMetrics(Wire):
    """Where a server tells of its requests. Health probes must not be among them."""

    path: HttpPath = "/metrics"
    """Path of the server's Prometheus metrics, on port metrics; /metrics if left out."""
    requests: SeriesList | None = None
    """Counters of all inference requests; their sum is used; the catalogue's if left out."""
    errors: SeriesList | None = None
    """Counters of the failed requests; if left out the signal Errors is refused."""
    latency: Latency | None = None
    """Histograms of how long answers took; if left out the signal Latency is refused."""
    in_flight: SeriesList | None = None
    """Gauges of the requests that are being answered; if left out nobody sees that a server answers nothing."""
    histograms: (
        Annotated[
            list[Histogram],
            Field(
                min_length=1,
                max_length=16,
                json_schema_extra=keyed_by("name"),
            ),
        ]
        | None
    ) = None
    """Further histograms, for checks that name one by metric.name; none if left out."""
    feedback: Feedback | None = None
    """Counters of answers whose truth became known; if left out the signal Feedback is refused."""
    predictions: Predictions | None = None
    """What the model answers, by class; if left out the signal Predictions is refused."""


class RuntimePorts(Wire):
    """Ports that the server listens on."""

    http: Port
    """The port of inference over HTTP; the Service's port 80."""
    grpc: Port | None = None
    """The port of inference over gRPC; the Service's port 8081; if left out the server speaks no gRPC."""
    metrics: Port | None = None
    """The port of Prometheus metrics; the HTTP port if left out."""


class Runtime(Wire):
    """The model server of a Model, chosen by the format if left out."""

    model_config = {
        "json_schema_extra": rules(
            (
                "self.name != 'custom' || (has(self.image) && has(self.ports) && has(self.readyPath))",
                "a custom runtime names image, ports and readyPath",
            ),
            (
                "self.name == 'custom' || (!has(self.ports) && !has(self.readyPath) && !has(self.livePath) "
                "&& !has(self.protocol))",
                "ports, paths and protocol are the catalogue's, unless the runtime's name is custom",
            ),
            (
                "self.name != 'custom' || !has(self.metrics) || has(self.metrics.requests)",
                "metrics of a custom runtime name requests",
                ".metrics",
            ),
            (
                "self.name == 'custom' || !has(self.metrics) || [has(self.metrics.path), has(self.metrics.requests), "
                "has(self.metrics.errors), has(self.metrics.latency), has(self.metrics.inFlight)].all(x, !x)",
                "a Model adds its own histograms, feedback and predictions to a runtime of the catalogue, "
                "whose other metrics stay",
                ".metrics",
            ),
        )
    }

    name: Name
    """A runtime of the platform's catalogue, such as mlserver, or custom."""
    image: Image | None = None
    """The server's image; the catalogue's if left out."""
    args: Arguments | None = None
    """The server's arguments; the catalogue's if left out. $(MODEL_NAME) and $(MODEL_DIR) are replaced."""
    env: Annotated[list[EnvVar], Field(max_length=64, json_schema_extra=keyed_by("name"))] | None = None
    """Environment variables that are added to the catalogue's; none if left out."""
    ports: RuntimePorts | None = None
    """For custom, which needs them: the ports that the server listens on; the catalogue's if left out."""
    protocol: Literal["v2", "v1", "openai", "http"] | None = None
    """For custom: the inference protocol that the server speaks; http if left out. For others the catalogue's."""
    ready_path: HttpPath | None = None
    """For custom, which needs it: the path that answers 200 on the HTTP port once the model is loaded; the catalogue's
    if left out."""
    live_path: HttpPath | None = None
    """For custom: the path that answers 200 on the HTTP port while the process is sound; if left out only readiness is
    asked."""
    metrics: RuntimeMetrics | None = None
    """For custom: where requests, errors and latencies are counted; if left out nothing but the pods' health is judged.
    For others: the Model's own histograms, feedback and predictions; the catalogue's alone if left out."""


class FrozenRuntime(Wire):
    """A runtime as it was resolved when the version was made; an upgrade of the catalogue does not change it."""

    name: Name
    """The catalogue's name, or custom."""
    image: Image
    """The server's image."""
    args: Arguments | None = None
    """The server's arguments, with every placeholder replaced; none if left out."""
    env: Annotated[list[EnvVar], Field(max_length=128, json_schema_extra=keyed_by("name"))] | None = None
    """The server's environment, with every placeholder replaced; none if left out."""
    ports: RuntimePorts
    """Ports that the server listens on."""
    protocol: Literal["v2", "v1", "openai", "http"] = "http"
    """The inference protocol that the server speaks; http if left out."""
    ready_path: HttpPath
    """The path that answers 200 once the model is loaded."""
    live_path: HttpPath | None = None
    """The path that answers 200 while the process is sound; if left out only readiness is asked."""
    startup: Duration | None = None
    """How long loading may take before a restart: it or deadlines.ready, the longer one; the latter if left out."""
    metrics: RuntimeMetrics | None = None
    """Where requests, errors and latencies are counted; if left out nothing but the pods' health is judged."""
