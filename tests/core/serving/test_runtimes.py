"""The packaged runtimes read what the real servers expose; each text in `data` says where it is from."""

import math
from pathlib import Path

import pytest

from linnet.api.kinds.model import ModelSpec
from linnet.api.parts.runtime import FrozenRuntime
from linnet.core.analysis.checks import Signal
from linnet.core.analysis.metrics.counters import PodCounters, count_pod
from linnet.core.policy import defaults
from linnet.core.policy import metrics as policy_metrics
from linnet.core.policy.metrics import metric_rules
from linnet.core.serving.runtimes import CatalogueEntry, UnknownRuntimeError, catalogue, freeze
from linnet.runtimes import packaged

DATA = Path(__file__).parent / "data"
PACKAGED = catalogue(packaged())
WITH_METRICS = sorted(name for name, entry in PACKAGED.entries.items() if entry.metrics)


def frozen(name: str) -> FrozenRuntime:
    """The runtime of a Model `tumor-risk` that asks for it by name."""
    image = None if PACKAGED.entries[name].image else "registry.example/tumor-risk:1"
    spec = {"format": {"name": "any"}, "source": {"uri": "s3://mucket/1"}, "runtime": {"name": name, "image": image}}
    return freeze("tumor-risk", ModelSpec.model_validate(spec), PACKAGED)


def read(name: str) -> PodCounters:
    return count_pod((DATA / f"{name}.txt").read_text(), metric_rules(frozen(name).metrics))


@pytest.mark.parametrize(
    ("name", "requests", "errors", "in_flight"),
    [
        ("bentoml", 7, 2, 0),
        ("kserve", 7, None, None),
        ("mlserver", 5043, 17, 3),
        ("ray-serve", 7, 2, None),
        ("tfserving", 210, 6, None),
        ("tgi", 120, 5, None),
        ("torchserve", 6, 2, None),
        ("triton", 167, 4, None),
        ("vllm", 100, 2, 3),
    ],
)
def test_inference_is_counted(name: str, requests: int, errors: int | None, in_flight: int | None) -> None:
    """All requests, failed ones too; probes, other models and what a client did wrong are no errors."""
    seen = read(name)
    assert (seen.requests, seen.errors, seen.in_flight) == (requests, errors, in_flight)


@pytest.mark.parametrize(
    ("name", "threshold", "slower", "of"),
    [
        ("bentoml", 1.0, 1, 7),
        ("kserve", 1.0, 1, 7),
        ("mlserver", 0.25, 6, 5035),
        ("ray-serve", 1.0, 1, 7),
        ("tfserving", 0.708235, 5, 200),
        ("tgi", 1.122274, 51, 111),
        ("vllm", 2.0, 7, 95),
    ],
)
def test_slow_answers_are_counted(name: str, threshold: float, slower: int, of: int) -> None:
    """In seconds, whatever the server's unit; a threshold has whole microseconds."""
    buckets = read(name).latency[policy_metrics.LATENCY]
    within = next(count for bound, count in buckets.items() if abs(bound - threshold) < 1e-6)
    assert (buckets[math.inf] - within, buckets[math.inf]) == (slower, of)


@pytest.mark.parametrize("name", WITH_METRICS)
def test_bounds_are_those_of_the_server(name: str) -> None:
    """A threshold that is taken for a bucket is one, in the server's own text."""
    runtime = frozen(name)
    said = defaults.bucket_bounds(runtime)
    found = sorted(b for b in read(name).latency.get(policy_metrics.LATENCY, {}) if math.isfinite(b)) if said else []
    if name == "mlserver":
        found = [b.total_seconds() for b in said]  # its text here is an excerpt, with one bucket
    assert [b.total_seconds() for b in said] == pytest.approx(found, abs=1e-6)


@pytest.mark.parametrize(
    ("name", "missing"),
    [("kserve", {Signal.ERRORS}), ("torchserve", {Signal.LATENCY}), ("triton", {Signal.LATENCY}), ("mlserver", set())],
)
def test_what_a_server_does_not_expose_is_refused(name: str, missing: set[Signal]) -> None:
    """Nothing is made up: a check of it is an UnsupportedSignal."""
    asked = {Signal.ERRORS, Signal.LATENCY, Signal.METRIC}
    assert asked - metric_rules(frozen(name).metrics).signals() == missing


def test_mlflow_exposes_nothing() -> None:
    """It says so by having no metrics."""
    assert frozen("mlflow").metrics is None


def test_a_server_without_an_image_for_all_asks_for_one() -> None:
    """With the field's path."""
    spec = ModelSpec.model_validate({"format": {"name": "bento"}, "source": {"uri": "s3://mucket/1"}})
    with pytest.raises(UnknownRuntimeError, match=r"spec\.runtime\.image: bentoml has no image for all models"):
        freeze("tumor-risk", spec, PACKAGED)


@pytest.mark.parametrize(
    ("format_", "name"),
    [("sklearn", "mlserver"), ("mlflow", "mlserver"), ("huggingface", "vllm"), ("tensorflow", "tfserving")],
)
def test_each_format_has_one_server_by_default(format_: str, name: str) -> None:
    """Where two load it, the one with the higher priority, so that new entries change no Model."""
    spec = ModelSpec.model_validate({"format": {"name": format_}, "source": {"uri": "s3://mucket/1"}})
    assert freeze("m", spec, PACKAGED).name == name


def test_metrics_of_the_catalogue_name_requests() -> None:
    """A file that forgets them is refused when the operator starts."""
    entry = {"name": "x", "formats": [], "ports": {"http": 80}, "protocol": "http", "readyPath": "/", "metrics": {}}
    with pytest.raises(ValueError, match="metrics name requests"):
        CatalogueEntry.model_validate(entry)
