"""A manifest in the spellings of before is refused with those of today."""

from typing import Any

import pytest

from linnet.cli.commands.lint import _problems
from linnet.cli.lint.manifests import Manifest
from samples import changed, deployment, model, retrain_policy


@pytest.mark.parametrize(
    ("path", "value", "place", "words"),
    [
        ("strategy", {"type": "BlueGreen"}, "strategy.type", "strategy.blueGreen"),
        ("strategy", {"steps": [{"setWeight": 10}]}, "strategy.steps", "write strategy.canary.steps"),
        ("strategy", {"autoPromote": True}, "strategy.autoPromote", "write strategy.blueGreen.autoPromote"),
        (
            "strategy",
            {"canary": {"steps": [{"analyse": {"for": "1m"}}]}},
            "strategy.canary.steps[0].analyse",
            "write analyze",
        ),
        ("autoscaling", {"min": 1, "max": 2}, "autoscaling.min", "write minReplicas"),
        ("autoscaling", {"min": 1, "max": 2}, "autoscaling.max", "write maxReplicas"),
        ("pod", {"imagePullSecrets": ["registry"]}, "pod.imagePullSecrets[0]", "write {name: …}"),
    ],
)
def test_a_former_spelling_is_refused_with_the_one_of_today(path: str, value: Any, place: str, words: str) -> None:
    """The sentence begins with the field, as any other."""
    item = changed(deployment(), f"spec.{path}", value)
    said = list(_problems(Manifest("file", "Deployment", "tumor-risk", item)))
    assert any(s.startswith(f"spec.{place}: ") and words in s for s in said), said


@pytest.mark.parametrize(
    ("item", "path", "value", "words"),
    [
        (model(), "runtime.metrics.latency.histogram", {"name": "x"}, "write histograms"),
        (model(), "runtime.metrics.latency.also", [{"name": "x"}], "write histograms"),
        (retrain_policy(), "training.job.pod.env", [{"name": "A"}], "write training.job.env"),
        (retrain_policy(), "training.job.pod.topologySpread", [{"topologyKey": "zone"}], "leave it out"),
    ],
)
def test_a_field_that_went_is_refused_with_where_to_write_it(item: Any, path: str, value: Any, words: str) -> None:
    """Of the other kinds, too."""
    wrong = changed(item, f"spec.{path}", value)
    said = list(_problems(Manifest("file", wrong["kind"], "tumor-risk", wrong)))
    assert any(s.startswith(f"spec.{path}: ") and words in s for s in said), said
