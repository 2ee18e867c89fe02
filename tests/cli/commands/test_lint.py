"""What `kubectl linnet lint` says of manifests, without a cluster."""

import json
from importlib import util
from pathlib import Path
from typing import Any, Final

import pytest
import yaml

from cli.person import Object, Person
from control_plane import REPO, Said
from samples import changed, deployment, model, model_version, retrain_policy, rollout_policy

EXAMPLES = sorted(str(p) for p in (REPO / "docs/examples").rglob("*.yaml") if "kustomize" not in str(p))
REQUESTS = "spec.pod.resources.requests"
CUSTOM = {"name": "custom", "image": "server:1", "ports": {"http": 80}, "readyPath": "/"}


def lint(person: Person, *objects: Object, more: tuple[str, ...] = ()) -> Said:
    file = person.folder / "all.yaml"
    file.write_text(yaml.safe_dump_all(objects))
    return person.types("lint", str(file), *more)


@pytest.mark.slow
def test_every_example_is_fine(person: Person) -> None:
    """Those of the documentation, all at once."""
    said = person.types("lint", *EXAMPLES)
    assert said.code == 0, said.out
    assert said.out.endswith("none would be refused\n")


@pytest.mark.parametrize(
    ("item", "path", "value", "sentence"),
    [
        (deployment(), "spec.replicaz", 2, "spec.replicaz: there is no such field"),
        (deployment(), "spec.deadlines", {"ready": "soon"}, "spec.deadlines.ready: 'soon' is not a duration"),
        (deployment(), "spec.traffic", {"type": "Gateway"}, "spec.traffic: type Gateway needs parentRefs"),
        (model(), "spec.format.name", "floppy", "spec.format.name: no runtime of the catalogue loads 'floppy'"),
        (model(), "spec.source.uri", "gs://bucket/1", "spec.source.uri: the scheme gs is not supported yet"),
        (retrain_policy(), "spec.triggers", [{"name": "x"}], "spec.triggers[0]: exactly one of schedule, metric"),
        (rollout_policy(), "spec.strategie", {}, "spec.strategie: there is no such field"),
        (rollout_policy(), "spec.analysis.alpha", "1", "spec.analysis.alpha: alpha lies between 0 and 1"),
        (model_version(), "spec.version", "one", "spec.version: "),
        (deployment(), "kind", "Deploiment", "there is no Deploiment in linnet.dev/v1alpha1"),
        (deployment(), "apiVersion", "linnet.dev/v9", "there is no Deployment in linnet.dev/v9"),
        (deployment(), "spec", None, "spec: "),
        (
            deployment(),
            f"{REQUESTS}.cpu",
            0.5,
            "cpu: 0.5 is neither an integer nor a string: write it in quotes, such as '0.5'",
        ),
        (deployment(), f"{REQUESTS}.cpu", True, f"{REQUESTS}.cpu: true is neither an integer nor a string"),
        (deployment(), "spec.pod.storage.size", 10, "must be of type string, not int: write '10', in quotes"),
    ],
)
def test_what_would_be_refused_is_named_with_its_path(
    person: Person, item: Object, path: str, value: Any, sentence: str
) -> None:
    """Before anything is applied; a program sees it by the exit code."""
    said = lint(person, changed(item, path, value))
    assert said.code == 1
    assert sentence in said.out
    assert "1 objects of linnet.dev; 1 would be refused" in said.out


@pytest.mark.parametrize(
    ("path", "value"),
    [(f"{REQUESTS}.cpu", 1), (f"{REQUESTS}.cpu", 1.0), (f"{REQUESTS}.cpu", "0.5"), ("spec.replicas", 2.0)],
)
def test_a_number_that_kubectl_sends_as_the_api_server_takes_it_is_fine(person: Person, path: str, value: Any) -> None:
    """Kubectl writes 2.0 as 2."""
    said = lint(person, changed(deployment(), path, value))
    assert said.code == 0, said.out


def test_all_wrong_fields_are_named(person: Person) -> None:
    """Not one after the other."""
    wrong = changed(changed(deployment(), "spec.first", 1), "spec.second", 2)
    out = lint(person, wrong).out
    assert "spec.first" in out
    assert "spec.second" in out


def test_a_signal_that_the_runtime_does_not_expose_is_refused(person: Person) -> None:
    """As the rollout would be, later."""
    served = changed(model(), "spec.runtime", CUSTOM)
    check = {"name": "errors", "signal": "Errors", "max": "0.01"}
    said = lint(person, served, changed(deployment(), "spec.analysis.checks", [check]))
    assert said.code == 1
    assert "spec.analysis.checks[0].signal: runtime custom exposes no Errors" in said.out


def test_a_threshold_between_two_buckets_is_refused(person: Person) -> None:
    """With the bounds that there are."""
    check = {"name": "slow", "signal": "Latency", "threshold": "123ms", "maxShareSlower": "0.05"}
    said = lint(person, model(), changed(deployment(), "spec.analysis.checks", [check]))
    assert "spec.analysis.checks[0].threshold: 0.123s is no bucket of mlserver: " in said.out


NAMING = changed(deployment(), "spec.policy.name", "gentle")


@pytest.mark.parametrize(
    ("path", "value", "sentence"),
    [
        (
            "spec.strategy.canary.steps",
            [{"setWeight": 60}],
            "policy.spec.strategy.canary.steps[0].setWeight: with traffic type",
        ),
        (
            "spec.analysis.checks",
            [{"name": "slow", "signal": "Latency", "threshold": "123ms", "maxShareSlower": "0.05"}],
            "policy.spec.analysis.checks[0].threshold: 0.123s is no bucket of mlserver",
        ),
        (
            "spec.strategy.canary.steps",
            [{"analyze": {"for": "1m", "checks": ["slow"]}}],
            "policy.spec.strategy.canary.steps[0].analyze.checks[0]: no check is named slow: "
            "the checks are errors, latency",
        ),
    ],
)
def test_a_policy_is_read_with_the_deployments_that_name_it(
    person: Person, path: str, value: Any, sentence: str
) -> None:
    """What each of the two alone can't show is told of the Deployment, with the policy's name."""
    said = lint(person, model(), NAMING, changed(rollout_policy(), path, value))
    assert said.code == 1
    assert sentence in said.out
    assert "(RolloutPolicy gentle)" in said.out
    assert ": Deployment tumor-risk: " in said.out


def test_without_the_policy_it_says_what_it_did_not_look_at(person: Person) -> None:
    """And forecasts nothing by defaults that don't hold."""
    said = lint(person, model(), NAMING, more=("--rate", "10/s"))
    assert said.code == 0
    assert "the RolloutPolicy gentle is not among the files, or can't be read: what it says was not" in said.out
    assert "requests each second" not in said.out


def test_a_forecast_is_by_the_policy(person: Person) -> None:
    """At its first weight."""
    steps = [{"setWeight": 50}, {"analyze": {"for": "1m"}}]
    policy = changed(rollout_policy(), "spec.strategy.canary.steps", steps)
    said = lint(person, model(), changed(NAMING, "spec.replicas", 4), policy, more=("--rate", "10/s"))
    assert "10 requests each second, 50 % of them to the canary" in said.out


def test_signals_of_the_models_own_are_known_by_its_runtime(person: Person) -> None:
    """Feedback only where the Model says where it is counted; its costs are told in its own words."""
    check = {"name": "truth", "signal": "Feedback", "maxRatioToStable": "1"}
    asking = changed(deployment(), "spec.analysis.checks", [check])
    said = lint(person, model(), asking)
    assert "spec.analysis.checks[0].signal: runtime mlserver exposes no Feedback" in said.out
    feedback = {"correct": [{"name": "right_total"}], "total": [{"name": "known_total"}]}
    counting = changed(model(), "spec.runtime", {"name": "mlserver", "metrics": {"feedback": feedback}})
    said = lint(person, counting, asking, more=("--rate", "10/s"))
    assert said.code == 0
    assert "canary answers of known truth" in said.out
    assert "if every truth becomes known, and after its delay" in said.out


def test_predictions_are_known_by_the_models_runtime_and_cost_answers(person: Person) -> None:
    """Refused where nothing says how answers are counted; else with what a verdict takes."""
    asking = changed(
        deployment(), "spec.analysis.checks", [{"name": "p", "signal": "Predictions", "maxDivergence": "0.02"}]
    )
    said = lint(person, model(), asking)
    assert "spec.analysis.checks[0].signal: runtime mlserver names no Predictions" in said.out
    counted = {"counter": {"name": "answers_total", "label": "class", "classes": ["fraud", "fine"]}}
    counting = changed(model(), "spec.runtime", {"name": "mlserver", "metrics": {"predictions": counted}})
    said = lint(person, counting, asking, more=("--rate", "10/s"))
    assert said.code == 0
    assert "p: a canary whose answers diverge by 0.04 bits is rolled back after" in said.out
    assert "one that answers as stable does may pass after" in said.out


def test_slices_are_forecast_by_requests_of_their_own(person: Person) -> None:
    """How rare a value is nobody knows before: it says what it took for granted."""
    by = {"label": "country", "values": ["de", "fr", "at", "ch"]}
    check = {"name": "errors", "signal": "Errors", "maxRatioToStable": "1", "slice": by}
    said = lint(person, model(), changed(deployment(), "spec.analysis.checks", [check]), more=("--rate", "10/s"))
    assert said.code == 0
    assert said.out.count("errors: a canary at") == 1
    assert "canary requests with one value of country, " in said.out
    assert "with each of the 4 values, " in said.out
    assert "Each value is taken for 25 % of the requests: a rarer one takes as much longer" in said.out


def test_a_histogram_that_no_runtime_names_is_refused(person: Person) -> None:
    """With those that there are; the first token of vLLM is known, with its bounds."""
    check = {"name": "ttft", "signal": "Latency", "metric": {"name": "vllm:time_to_first_token_seconds"}}
    asking = changed(deployment(), "spec.analysis.checks", [{**check, "threshold": "500ms", "maxShareSlower": "0.1"}])
    said = lint(person, model(), asking)
    assert "checks[0].metric.name: runtime mlserver names no histogram vllm:time_to_first_token_seconds" in said.out
    assert lint(person, changed(model(), "spec.runtime", {"name": "vllm"}), asking).code == 0


def test_a_platforms_own_runtime_is_known_if_given(person: Person, tmp_path: Path) -> None:
    """The catalogue that the operator was given by Helm values."""
    entry = {**CUSTOM, "name": "floppies", "protocol": "http", "formats": [{"name": "floppy"}]}
    (tmp_path / "runtimes").mkdir()
    (tmp_path / "runtimes" / "own.yaml").write_text(yaml.safe_dump(entry))
    item = changed(model(), "spec.format.name", "floppy")
    assert lint(person, item).code == 1
    assert lint(person, item, more=("--runtimes", str(tmp_path / "runtimes"))).code == 0


SLO = {"name": "slo", "signal": "Prometheus", "query": {"name": "http-success"}, "min": "0.99"}
SERVED = {"prometheus": {"url": "http://p:9090", "tokenSecret": {"name": "t"}, "queries": {"other": "up"}}}


@pytest.mark.parametrize(
    ("values", "code", "sentence"),
    [
        (None, 0, "whether the platform has the queries that are asked (http-success) is not known: give --values"),
        ({}, 1, "spec.analysis.checks[0].query.name: http-success can't be asked: the platform has no Prometheus"),
        (SERVED, 1, "spec.analysis.checks[0].query.name: the platform has no query http-success: it has other"),
        (changed(SERVED, "prometheus.queries", {"http-success": "up"}), 0, "none would be refused"),
    ],
)
def test_a_query_is_looked_up_in_the_platforms_values(
    person: Person, values: Any, code: int, sentence: str, tmp_path: Path
) -> None:
    """Without them it says that it can't know."""
    (tmp_path / "values.yaml").write_text(yaml.safe_dump(values))
    more = ("--values", str(tmp_path / "values.yaml")) if values is not None else ()
    said = lint(person, model(), changed(deployment(), "spec.analysis.checks", [SLO]), more=more)
    assert said.code == code
    assert sentence in said.out


def test_a_wrong_placeholder_in_the_values_is_named(person: Person, tmp_path: Path) -> None:
    """Before the operator refuses to start with it."""
    (tmp_path / "values.yaml").write_text(yaml.safe_dump(changed(SERVED, "prometheus.queries.other", "up{{pod}}")))
    checked = changed(deployment(), "spec.analysis.checks", [SLO])
    said = lint(person, model(), checked, more=("--values", str(tmp_path / "values.yaml")))
    assert said.code == 1
    assert "prometheus.queries.other: {{pod}} is no placeholder" in said.err


HOOK = {"name": "approved", "at": "ConfirmPromotion", "endpoint": "desk"}
CALLED = {"hooks": {"endpoints": [{"name": "calendar", "url": "http://c", "tokenSecret": {"name": "t"}}]}}


@pytest.mark.parametrize(
    ("values", "code", "sentence"),
    [
        (None, 0, "whether the platform has the endpoints that hooks name (desk) is not known: give --values"),
        ({}, 1, "spec.strategy.hooks[0].endpoint: the platform has no endpoint desk: it has none"),
        (CALLED, 1, "spec.strategy.hooks[0].endpoint: the platform has no endpoint desk: it has calendar"),
        (changed(CALLED, "hooks.endpoints", [{"name": "desk", "url": "http://d"}]), 0, "none would be refused"),
    ],
)
def test_an_endpoint_is_looked_up_in_the_platforms_values(
    person: Person, values: Any, code: int, sentence: str, tmp_path: Path
) -> None:
    """Before a rollout waits to begin."""
    (tmp_path / "values.yaml").write_text(yaml.safe_dump(values))
    more = ("--values", str(tmp_path / "values.yaml")) if values is not None else ()
    said = lint(person, model(), changed(deployment(), "spec.strategy", {"canary": {}, "hooks": [HOOK]}), more=more)
    assert said.code == code
    assert sentence in said.out


def test_without_the_model_it_says_what_it_did_not_look_at(person: Person) -> None:
    """That is no error."""
    said = lint(person, deployment())
    assert said.code == 0
    assert "the Model tumor-risk is not among the files" in said.out


def test_with_a_rate_it_says_how_long_verdicts_take(person: Person) -> None:
    """At the weight that the pods make of the first step; too little traffic is said with the recipe."""
    busy = lint(person, model(), changed(deployment(), "spec.replicas", 4), more=("--rate", "10/s"))
    assert busy.code == 0
    assert "10 requests each second, 20 % of them to the canary" in busy.out
    assert "a good one may pass after 518, 4.3 minutes" in busy.out
    assert "too little traffic" not in busy.out
    quiet = lint(person, model(), deployment(), more=("--rate", "1/m"))
    assert "too little traffic" in quiet.out
    assert "docs/examples/low-traffic.yaml" in quiet.out


def test_others_objects_are_none_of_its_business(person: Person) -> None:
    """A file may hold a Secret, and apps/v1 has a Deployment, too."""
    apps = {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "x"}, "spec": {"nonsense": 1}}
    said = lint(person, apps, {"a": "document without a kind"}, {"kind": "List", "items": [model()]})
    assert (said.code, said.out) == (0, "1 objects of linnet.dev; none would be refused\n")


def test_programs_get_what_was_found(person: Person) -> None:
    """File, object and sentence."""
    found = json.loads(lint(person, changed(deployment(), "spec.no", 1), more=("-o", "json")).out)
    assert [(f["kind"], f["name"]) for f in found["refused"]] == [("Deployment", "tumor-risk")]
    assert found["notes"] == []


def test_without_the_library_of_cel_it_says_what_to_install(person: Person, monkeypatch: pytest.MonkeyPatch) -> None:
    """A verdict by half of the rules would be none."""
    found = util.find_spec
    monkeypatch.setattr(util, "find_spec", lambda name: None if name == "cel_expr_python" else found(name))
    said = lint(person, deployment())
    assert said.code == 1
    assert "needs cel-expr-python" in said.err
    assert "`pipx install 'linnet[lint]'`" in said.err


@pytest.mark.parametrize("text", ["{", "\x00"])
def test_a_file_that_is_no_yaml_is_named(person: Person, text: str) -> None:
    """So is one that is not there."""
    file = person.folder / "broken.yaml"
    file.write_text(text)
    said = person.types("lint", str(file))
    assert said.code == 1
    assert said.err.startswith(f"{file}: ")
    assert person.types("lint", "not-there.yaml").code == 1


BOMB: Final = "".join(f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]\n" for n in range(1, 13))


@pytest.mark.slow
@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("kind: Deployment\nspec: &a {x: *a}\n", "it is nested too deeply, or holds itself"),
        (f"kind: Deployment\nspec: {'[' * 3000}{']' * 3000}\n", "it is nested too deeply"),
        ("kind: Deployment\nspec: 2026-13-45\n", "month must be in 1..12"),
        (f"kind: Deployment\nspec: {'9' * 5000}\n", "digits"),
        (f"kind: Deployment\na0: &a0 [x]\n{BOMB}spec: *a12\n", "its aliases stand for more than 1000000 values"),
    ],
    ids=["itself", "deep", "no day", "a long number", "aliases"],
)
def test_a_file_that_no_api_server_would_take_is_told(person: Person, text: str, sentence: str) -> None:
    """Whoever checks what others propose sees a sentence, and not a traceback or nothing for ever."""
    (person.folder / "proposed.yaml").write_text(text)
    said = person.types("lint", str(person.folder / "proposed.yaml"))
    assert said.code == 1
    assert "proposed.yaml: " in said.out + said.err
    assert sentence in said.out + said.err
    assert "Traceback" not in said.out + said.err
