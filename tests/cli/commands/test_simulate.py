"""What `kubectl linnet simulate` forecasts, and how wrong the judge may be."""

import json
import math
import re

import pytest
import yaml

from cli.person import Object, Person
from control_plane import REPO
from linnet.cli.views import units
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
        ({"autoscaling": {"minReplicas": 9, "maxReplicas": 20, "metrics": [{"type": "CPU", "target": 70}]}}, 25, 25),
    ],
)
def test_the_canarys_share_is_what_the_traffic_makes_of_a_weight(
    person: Person, fields: Object, weight: int, share: int
) -> None:
    """With a gateway 5 % is 5 %; of pods, 4 are 20 % at least; an autoscaler begins with its fewest."""
    checks = [{"name": "errors", "signal": "Errors", "maxRatioToStable": "1"}]
    spec = {
        "model": {"name": "x"},
        "analysis": {"defaultChecks": False, "checks": checks},
        "strategy": {"canary": {"steps": [{"setWeight": weight}]}},
    }
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


def test_of_slices_one_is_simulated(person: Person) -> None:
    """By the requests of an average one, and it says so."""
    by = {"label": "country", "values": ["de", "fr"]}
    check = {"name": "errors", "signal": "Errors", "max": "0.05", "slice": by}
    file = person.folder / "some.yaml"
    file.write_text(yaml.safe_dump(changed(deployment(), "spec.analysis.checks", [check])))
    out = person.types("simulate", "--rate", "10/s", "--runs", "2", str(file)).out
    assert "good versions rolled back for one value (stable against itself): 0 of 2" in out
    assert re.search(r"versions at 20\.8 % for one value that passed: 0 of 2", out)
    assert "Each value is taken for 50 % of the requests" in out


COUNTED = {"counter": {"name": "answers_total", "label": "answer", "classes": ["fraud", "fine"]}}


def comparing(person: Person, *, bound: str = "0.05", model: bool = True) -> str:
    """A file with a Deployment whose answers are compared, and its Model or not."""
    runtime = {"name": "bentoml", "image": "x", "metrics": {"predictions": COUNTED}}
    of_model = {"format": {"name": "bento"}, "source": {"uri": "s3://models/1"}, "runtime": runtime}
    checks = [{"name": "answers", "signal": "Predictions", "maxDivergence": bound}]
    spec = {"model": {"name": "tumor-risk"}, "replicas": 4, "analysis": {"defaultChecks": False, "checks": checks}}
    made = [changed(deployment(), "spec", spec)]
    made += [changed(deployment(), "spec", of_model) | {"kind": "Model"}] if model else []
    file = person.folder / "comparing.yaml"
    file.write_text(yaml.safe_dump_all(made))
    return str(file)


def test_answers_are_simulated(person: Person) -> None:
    """A canary that answers alike, and two that don't, with what was assumed in a sentence."""
    out = person.types("simulate", comparing(person), "--rate", "10/s", "--runs", "2").out
    told, assumed, *rates = out.splitlines()[1:6]
    assert told.startswith("answers: a canary that answers as stable does passes after ")
    assert "; one that diverges by 0.1 bits is rolled back after " in told
    assert "; one that diverges by 0.25 bits is rolled back after " in told
    assert assumed.startswith("  assumed: answers independent of each other, 3 classes in even shares; of one that")
    assert assumed.endswith("% instead of 33.3 % are (other)")
    assert [line.partition(":")[0] for line in rates] == [
        "  good versions rolled back (stable against itself)",
        "  versions at 0.1 bits that passed",
        "  versions at 0.25 bits that passed",
    ]


def test_classes_have_the_shares_that_are_given(person: Person) -> None:
    """The rarest is what a canary that diverges says too often; programs read all of it."""
    words = ("simulate", comparing(person), "--rate", "10/s", "--runs", "2", "-o", "json")
    (found,) = json.loads(person.types(*words, "--classes", "3%,90%,7%").out)["tumor-risk"]
    assert (found["check"], found["maxDivergence"]) == ("answers", 0.05)
    assert found["classes"] == {"fraud": 0.03, "fine": 0.9, "(other)": 0.07}
    assert (found["runs"], found["falseRollbacks"]) == (2, 0)
    assert found["answersUntilPass"]
    twice, five = found["divergent"]
    assert (twice["divergence"], five["divergence"]) == (0.1, 0.25)
    assert (twice["falsePasses"], five["falsePasses"]) == (0, 0)
    assert int(five["answersUntilFail"]) < int(twice["answersUntilFail"])
    assert five["timeUntilFail"]


def test_a_divergence_that_no_answers_have_is_not_simulated(person: Person) -> None:
    """Two classes of equal shares can't be five times 0.2 bits apart, and twice is hardly possible."""
    words = ("simulate", comparing(person, bound="0.2", model=False), "--rate", "10/s", "--runs", "1")
    out = person.types(*words, "--classes", "0.5,0.5").out
    assert "none can diverge by so much as twice the bound" in out
    assert "2 classes in even shares" in out
    assert "is rolled back after" not in out


def test_answers_of_unknown_classes_are_not_forecast(person: Person) -> None:
    """The Model says how many there are."""
    file = comparing(person, model=False)
    for words in (("simulate", "--runs", "1"), ("lint",)):
        said = person.types(*words, "--rate", "10/s", file)
        assert "answers: no forecast: by how many classes answers are counted says the Model" in said.out


def test_lint_forecasts_answers(person: Person) -> None:
    """And says what to do where there are too few."""
    out = person.types("lint", comparing(person), "--rate", "1/h").out
    assert "answers: a canary whose answers diverge by 0.1 bits is rolled back after " in out
    assert "one that answers as stable does may pass after " in out
    assert "too little traffic for this policy" in out
    assert "answers: a wider maxDivergence, or a setWeight nearer to 50, takes less" in out
    assert "docs/examples/low-traffic.yaml" not in out


@pytest.mark.parametrize(
    ("classes", "why"),
    [
        ("0.5,0.5", "--classes has 2 shares, and tumor-risk counts answers by 3: fraud, fine, (other)"),
        ("0.5,0.4,0.2", "each above 0, together 1"),
        ("1,0,0", "1"),
    ],
)
def test_classes_that_do_not_fit_are_wrong_usage(person: Person, classes: str, why: str) -> None:
    """Exit code 2, with the classes that there are."""
    said = person.types("simulate", comparing(person), "--rate", "10/s", "--classes", classes)
    assert said.code == 2
    assert why in said.err


def test_classes_of_a_policy_that_compares_no_answers_are_wrong_usage(person: Person) -> None:
    """They would change nothing."""
    said = person.types("simulate", "--rate", "10/s", "--classes", "0.5,0.5")
    assert said.code == 2
    assert "there is none" in said.err


@pytest.mark.rollouts
def test_a_check_of_answers_keeps_its_promises(person: Person) -> None:
    """Alpha, and twice the bound with the power of detect; the forecast of a Pass is near what comes out."""
    words = ("--rate", "10/s", "--share", "0.1", "--runs", "40", "-o", "json")
    (found,) = json.loads(person.types("simulate", comparing(person), *words).out)["tumor-risk"]
    assert found["falseRollbacks"] <= 3
    assert found["divergent"][0]["falsePasses"] <= 9
    lines = person.types("lint", comparing(person), "--rate", "10/s").out
    forecast = int(re.findall(r"may pass after (\d+)", lines)[0])
    assert int(found["answersUntilPass"]) == pytest.approx(forecast, rel=0.4)


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
    assert units.rate(text) == pytest.approx(value)


def test_times_have_two_digits() -> None:
    """A forecast is no stopwatch."""
    seconds = (42.3, 119, 120, 7199, 7200, 36_000, 200_000, math.inf)
    words = ["42 seconds", "119 seconds", "2.0 minutes", "120 minutes", "2.0 hours", "10 hours", "2.3 days", "never"]
    assert [units.time(s) for s in seconds] == words
