"""What `kubectl linnet simulate` forecasts, and how wrong the judge may be."""

import json
import math
import re

import pytest
import yaml

from cli.typing_at import Object, Person
from control_plane import REPO
from linnet.cli import quantities
from samples import changed, deployment


@pytest.mark.rollouts
def test_the_default_policy_keeps_its_promises(person: Person) -> None:
    """Alpha and detect of docs/explanation/analysis.md, simulated with the code that judges."""
    said = person.types("simulate", "--rate", "10/s", "--runs", "30", "-o", "json")
    (found,) = json.loads(said.out)["the default policy for errors"]
    assert (found["requestsUntilFail"], found["requestsUntilPass"]) == ("198", "417")
    assert (found["timeUntilFail"], found["timeUntilPass"]) == ("3.3 minutes", "6.9 minutes")
    assert found["falseRollbacks"] <= 3
    assert found["falsePasses"] <= 9
    assert found["runs"] == 30


def test_little_traffic_is_told_with_the_way_out(person: Person) -> None:
    """Before a rollout takes days."""
    out = person.types("simulate", "--rate", "1/m", "--runs", "2").out
    assert "good versions rolled back (stable against itself): 0 of 2" in out
    assert "versions at 4.81 % that passed: 0 of 2" in out
    assert "33 hours; a good one may pass after 417, 2.9 days" in out
    assert "too little traffic for this policy" in out
    assert "it would be 54 minutes and 97 minutes: docs/examples/low-traffic.yaml" in out


def test_a_file_has_its_own_policy_share_and_deadline(person: Person) -> None:
    """The recipe for little traffic is not told to be too slow for itself."""
    file = str(REPO / "docs/examples/low-traffic.yaml")
    out = person.types("simulate", "--rate", "1/m", "--runs", "2", file).out
    assert out.startswith("tumor-risk: 60 requests each hour, 50 % of them to the canary")
    assert "too little" not in out


GATEWAY = {"traffic": {"type": "Gateway", "parentRefs": [{"name": "public"}]}}


@pytest.mark.parametrize(
    ("fields", "weight", "share"),
    [
        ({"replicas": 4, **GATEWAY}, 5, 5),
        ({"replicas": 4}, 5, 20),
        ({"autoscaling": {"min": 9, "max": 20, "metrics": [{"type": "CPU", "target": 70}]}}, 25, 25),
    ],
)
def test_the_canarys_share_is_what_the_traffic_makes_of_a_weight(
    person: Person, fields: Object, weight: int, share: int
) -> None:
    """With a gateway 5 % is 5 %; of pods, 4 are 20 % at least; an autoscaler begins with its fewest."""
    checks = [{"name": "errors", "signal": "Errors", "maxRatioToStable": "1"}]
    spec = {"model": {"name": "x"}, "analysis": {"checks": checks}, "strategy": {"steps": [{"setWeight": weight}]}}
    file = person.folder / "some.yaml"
    file.write_text(yaml.safe_dump(changed(deployment(), "spec", {**spec, **fields})))
    out = person.types("simulate", "--rate", "10/s", "--runs", "1", str(file)).out
    assert f" {share} % of them to the canary" in out


def test_what_is_not_simulated_is_named(person: Person) -> None:
    """A query's value is no count of requests."""
    file = str(REPO / "docs/examples/prometheus.yaml")
    for words in (("simulate", "--runs", "1"), ("lint",)):
        out = person.types(*words, "--rate", "10/s", file).out
        assert "slo: no forecast: query http-success gives a value of the platform's Prometheus" in out
        assert "it fails after 3 answers in succession that are not at least 0.99" in out
        assert "errors: a canary at" in out


def test_of_slices_one_is_played(person: Person) -> None:
    """By the requests of an average one, and it says so."""
    by = {"label": "country", "values": ["de", "fr"]}
    check = {"name": "errors", "signal": "Errors", "max": "0.05", "slice": by}
    file = person.folder / "some.yaml"
    file.write_text(yaml.safe_dump(changed(deployment(), "spec.analysis.checks", [check])))
    out = person.types("simulate", "--rate", "10/s", "--runs", "2", str(file)).out
    assert "good versions rolled back for one value (stable against itself): 0 of 2" in out
    assert re.search(r"versions at 20\.8 % for one value that passed: 0 of 2", out)
    assert "Each value is taken for 50 % of the requests" in out


def test_a_file_without_a_policy_is_refused(person: Person) -> None:
    """With what it takes."""
    said = person.types("simulate", "--rate", "1/s", str(REPO / "docs/examples/on-call.yaml"))
    assert said.code == 1
    assert "it takes a Deployment (mld)" in said.err


@pytest.mark.parametrize("words", ["", "--rate fast", "--rate 0/s", "--rate 1/s --bad 2", "--rate 1/s --share x"])
def test_wrong_usage_is_told_with_an_example(person: Person, words: str) -> None:
    """Exit code 2."""
    said = person.types("simulate", *words.split())
    assert said.code == 2
    assert said.err


@pytest.mark.parametrize(("text", "value"), [("10/s", 10), ("1/m", 1 / 60), ("1.5/h", 1.5 / 3600), ("864/d", 0.01)])
def test_rates_are_requests_a_second(text: str, value: float) -> None:
    """Whatever the unit."""
    assert quantities.rate(text) == pytest.approx(value)


def test_times_have_two_digits() -> None:
    """A forecast is no stopwatch."""
    seconds = (42.3, 119, 120, 7199, 7200, 36_000, 200_000, math.inf)
    words = ["42 seconds", "119 seconds", "2.0 minutes", "120 minutes", "2.0 hours", "10 hours", "2.3 days", "never"]
    assert [quantities.time(s) for s in seconds] == words
