"""Tables that repeat what the code says: each is compared with it, in both directions."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from prometheus_client import Metric

from docs.pages import REPO, code, page, rows
from linnet import settings
from linnet.adapters.telemetry.metrics import Metrics
from linnet.api.generate import reference
from linnet.api.kinds.deployment import CheckVerdict, DeploymentSpec, Phase, RevisionStatus, RolloutStatus
from linnet.api.kinds.model import ModelSpec
from linnet.api.kinds.model_version import CheckResult, Decision
from linnet.api.kinds.retrain_policy import RetrainPolicySpec, Run
from linnet.api.names import Verb
from linnet.api.parts.base import format_duration
from linnet.api.parts.conditions import Reason
from linnet.api.parts.requests import MEMORY, AnsweredRequest
from linnet.api.parts.runtime import Histogram, LabelMatch, RuntimeMetrics
from linnet.api.parts.strategy import Hook, HookPoint
from linnet.core import webhooks
from linnet.core.policy import unsupported
from linnet.core.registry import model_version
from linnet.core.resources.objects import Parent
from linnet.core.retraining import preflight
from linnet.core.retraining.triggers import request
from linnet.core.rollout.requests.verbs import ALLOWED
from linnet.core.rollout.traffic import replicas
from linnet.core.serving.runtimes import CatalogueEntry, SupportedFormat

OPERATOR = REPO / "operator" / "linnet"
DECIDING = {
    path: ast.parse(path.read_text())
    for folder in ("core", "handlers")
    for path in sorted((OPERATOR / folder).rglob("*.py"))
}
PHASES: list[str | None] = [None, *Phase.__args__]  # type: ignore[attr-defined]


def calls(name: str) -> Iterator[ast.Call]:
    """Every call of `name(…)` where decisions are made."""
    for tree in DECIDING.values():
        for node in ast.walk(tree):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == name:
                yield node


def literals(node: ast.expr) -> set[str]:
    """String constants in an expression, f-strings by their fixed beginning."""
    return {n.value for n in ast.walk(node) if isinstance(n, ast.Constant) and isinstance(n.value, str)}


def named(call: ast.Call) -> set[str]:
    """The variable that a call `env.…("NAME", default)` reads."""
    is_read = isinstance(call.func, ast.Attribute) and ast.unparse(call.func).startswith("env.")
    return literals(call.args[0]) if is_read and call.args else set()


def fields(type_: Any) -> set[str]:
    """The names of a type's fields as they stand in YAML."""
    return {f.alias or name for name, f in type_.model_fields.items()}


class TestConditions:
    """docs/reference/conditions.md"""

    table = page("docs/reference/conditions.md").table("Reasons")

    def test_every_reason_is_explained_once(self) -> None:
        """The table and the enumeration name the same words."""
        assert sorted(code(row[0])[0] for row in self.table) == sorted(Reason)

    def test_every_explanation_says_what_to_do(self) -> None:
        """No cell is empty, and the kinds are ours."""
        for row in self.table:
            assert all(row), row
            assert set(code(row[1])) <= {"mdl", "mv", "mld", "rp"}

    def test_every_condition_has_a_known_reason(self) -> None:
        """Whatever is passed to `condition(…)` as a word stands in the enumeration."""
        for call in calls("condition"):
            if len(call.args) > 2:
                assert literals(call.args[2]) <= set(Reason), ast.unparse(call)

    def test_every_reason_is_said_somewhere(self) -> None:
        """A word that no condition carries would be looked for in vain."""
        used = {m for path in DECIDING for m in re.findall(r"\bReason\.([A-Z_]+)", path.read_text())}
        assert [r.value for r in Reason if r.name not in used] == []


class TestEvents:
    """docs/reference/events.md"""

    table = [row for row in page("docs/reference/events.md").table() if code(row[0])]

    def test_every_event_is_in_the_table(self) -> None:
        """Those that the code emits by a word of its own; conditions' reasons are in their own table."""
        emitted = {(word, type_) for call in calls("Emit") for word, type_ in self.emitted(call)}
        emitted |= {(name, "Warning" if name in {"TrainingFailed", "ClaimRefused"} else "Normal") for name in runs()}
        listed = {(code(row[0])[0], row[1]) for row in self.table}
        assert listed == emitted

    def emitted(self, call: ast.Call) -> Iterator[tuple[str, str]]:
        kinds, reason = literals(call.args[0]), call.args[1]
        if isinstance(reason, ast.JoinedStr):
            yield from (("RequestAccepted", "Normal"), ("RequestRefused", "Normal"))
        elif isinstance(reason, ast.Constant):
            yield from ((str(reason.value), kind) for kind in kinds)


def runs() -> set[str]:
    from linnet.core.retraining.reconcile import _EVENTS

    return set(_EVENTS.values())


class TestLog:
    """docs/reference/log.md"""

    log = page("docs/reference/log.md")
    types = {
        "decision": fields(Decision) | {"rollout", "digest"},
        "request": (fields(AnsweredRequest) - MEMORY) | {"target", "reason"},
        "retrain_run": fields(Run) | {"policy", "model"},
    }

    def listed(self, event: str) -> set[str]:
        return {code(row[0])[0] for row in self.log.table(f"`{event}`")}

    def test_every_event_has_its_section(self) -> None:
        """Each `Log(…)` of the code is described, and nothing else is."""
        logged = {word for call in calls("Log") for word in literals(call.args[0])}
        assert logged == {h.strip("`") for h in re.findall(r"^## (`\w+`)$", self.log.text, re.MULTILINE)}

    @pytest.mark.parametrize("event", types)
    def test_fields_of_typed_events(self, event: str) -> None:
        """As the types have them."""
        assert self.listed(event) == self.types[event]

    def test_fields_of_other_events(self) -> None:
        """As the code spells them."""
        spelled = {call.args[0].value: call.args[1] for call in calls("Log") if isinstance(call.args[0], ast.Constant)}
        assert isinstance(verdict := spelled["verdict"], ast.Dict)
        assert self.listed("verdict") == {k.value for k in verdict.keys if isinstance(k, ast.Constant)}
        assert self.listed("validated") == {"version", "digest"}

    def test_fields_of_a_check_in_a_decision(self) -> None:
        """The counts that a replay needs."""
        [row] = [row for row in self.log.table("`decision`") if row[0] == "`checks`"]
        assert set(code(row[1])) == fields(CheckResult)


class TestCloudEvents:
    """docs/reference/cloudevents.md"""

    page = page("docs/reference/cloudevents.md")
    rollout = RolloutStatus(
        id="r",
        phase="Stepping",
        from_=RevisionStatus(name="risk-v1", version=1),
        to=RevisionStatus(name="risk-v2", version=2),
        started_at="2026-01-01T00:00:00Z",
        weight=10,
        effective_weight=20,
        policy="gentle",
        policy_hash="0",
        checks=[CheckVerdict(name="errors", verdict="Pass")],
    )
    parent = Parent("risk", "ml", "uid", 1, {}, False, {"model": {"name": "risk"}}, {})
    hook = Hook(name="approved", at="ConfirmPromotion", endpoint="desk")
    event = webhooks.of_hook(parent, rollout, hook, "2026-01-01T00:00:00Z")

    def test_attributes(self) -> None:
        """As the code sends them, in its order or not."""
        assert {code(row[0])[0] for row in self.page.table()} == set(self.event)

    def test_data_of_a_hook(self) -> None:
        """Every field, and no other."""
        listed = {code(row[0])[0] for row in self.page.table("Data of a hook")}
        assert listed | {"namespace", "name"} == set(self.event["data"])

    def test_types_of_hooks(self) -> None:
        """One for each point."""
        listed = {code(row[0])[0] for row in self.page.table("Types")}
        assert {f"dev.linnet.rollout.{at.lower()}" for at in HookPoint.__args__} <= listed  # type: ignore[attr-defined]


class TestMetrics:
    """docs/reference/metrics.md"""

    table = page("docs/reference/metrics.md").table()

    def test_every_metric_is_listed_with_its_labels(self) -> None:
        """The registry's own, and the gauges that plans set."""
        own = {self.shown(m) for m in Metrics().registry.collect()}
        gauges = {w for path in DECIDING for w in re.findall(r'"((?:linnet|retrain)_\w+)": float', path.read_text())}
        assert gauges
        listed = {(code(row[0])[0], row[1]) for row in self.table}
        assert listed == own | {(name, "gauge") for name in gauges}

    def shown(self, metric: Metric) -> tuple[str, str]:
        return (f"{metric.name}_total" if metric.type == "counter" else metric.name), metric.type

    def test_labels(self) -> None:
        """As the code declares them."""
        source = (OPERATOR / "adapters" / "telemetry" / "metrics.py").read_text()
        for row in self.table:
            name = code(row[0])[0]
            found = re.search(rf'"{name.removesuffix("_total")}",\s*"[^"]*",\s*\[([^\]]*)\]', source)
            if found:
                assert code(row[2]) == re.findall(r'"(\w+)"', found[1]), name


class TestSettings:
    """docs/reference/settings.md"""

    table = {code(row[0])[0]: row for row in page("docs/reference/settings.md").table()}

    def test_every_variable_is_listed(self) -> None:
        """The table and the only reader of the environment name the same ones."""
        source = ast.parse(Path(settings.__file__).read_text())
        [read] = [n for n in source.body if isinstance(n, ast.FunctionDef) and n.name == "read"]
        variables = {word for call in ast.walk(read) if isinstance(call, ast.Call) for word in named(call)}
        assert set(self.table) == variables

    def test_defaults(self) -> None:
        """An environment without them gives what the table says."""
        found = settings.read({"LINNET_LEADER_ELECTION": "false"})
        said = {name: (code(row[1]) or [""])[0] for name, row in self.table.items()}
        assert said["LINNET_IMAGE"] == found.image
        assert said["LINNET_IMAGE_PULL_POLICY"] == found.image_pull_policy
        assert said["LINNET_LEASE_NAME"] == found.lease_name
        assert said["LINNET_LOG_LEVEL"] == found.log_level
        assert float(said["LINNET_HTTP_PORT"]) == found.http_port
        assert float(said["LINNET_WORKERS"]) == found.workers
        assert said["LINNET_RESYNC"] == f"{found.resync.total_seconds() / 60:g}m"
        assert float(said["LINNET_REQUESTS_KEPT"]) == found.requests_kept
        assert said["LINNET_REQUESTS_AGE"] == format_duration(found.requests_age)
        assert said["LINNET_REQUIRE_DIGEST"] == str(found.require_digest).lower()
        assert said["LINNET_DENY_EGRESS"] == str(found.deny_egress).lower()
        assert float(said["LINNET_LEASE_SECONDS"]) == found.lease_seconds
        assert float(said["LINNET_LEASE_RENEW_SECONDS"]) == found.lease_renew_seconds
        assert float(said["LINNET_LEASE_RETRY_SECONDS"]) == found.lease_retry_seconds


class TestRuntimes:
    """docs/reference/runtimes.md"""

    reference = page("docs/reference/runtimes.md")

    @pytest.mark.parametrize(
        ("text", "type_"),
        [
            ("## The file", CatalogueEntry),
            ("Each entry of `formats`:", SupportedFormat),
            ("## Metrics", RuntimeMetrics),
            ("Each entry of `histograms`:", Histogram),
            ("All conditions in `match` must hold:", LabelMatch),
        ],
    )
    def test_every_field_is_listed(self, text: str, type_: Any) -> None:
        """As the type has them, in its order."""
        table = rows(self.reference.text.split(text, 1)[1])
        assert [code(row[0])[0] for row in table] == [f.alias or n for n, f in type_.model_fields.items()]

    def test_packaged_servers(self) -> None:
        """Each file of the package, with its formats."""
        import yaml

        packaged = [yaml.safe_load(p.read_text()) for p in sorted((OPERATOR / "runtimes").glob("*.yaml"))]
        listed = {code(row[0])[0]: code(row[1]) for row in self.reference.table("Packaged servers")}
        assert listed == {entry["name"]: [f["name"] for f in entry["formats"]] for entry in packaged}


class TestRequests:
    """docs/reference/requests.md"""

    reference = page("docs/reference/requests.md")

    def test_the_table_of_phases(self) -> None:
        """Request by request, phase by phase, as `ALLOWED` has it."""
        section = self.reference.section("What each does in which phase")
        said = {
            code(row[0])[0]: {p for p, cell in zip(PHASES, row[1:], strict=True) if cell == "yes"}
            for row in rows(section)
        }
        assert said == {str(verb): set(phases) for verb, phases in ALLOWED.items()}

    def test_every_request_is_explained(self) -> None:
        """The second table names each request of the first."""
        section = self.reference.section("What each does in which phase")
        explained = rows(section.split("| request | what it does |", 1)[1].join(["| request | what it does |", ""]))
        assert {code(row[0])[0] for row in explained} == {str(verb) for verb in ALLOWED}

    def test_other_kinds(self) -> None:
        """What a ModelVersion and a RetrainPolicy know."""
        said: dict[str, set[str]] = {"mv": set(), "rp": set()}
        for row in self.reference.table("Other kinds"):
            said[code(row[0])[0]].add(code(row[1])[0])
        assert said == {
            "mv": {str(v) for v in model_version._VERBS},
            "rp": {str(v) for v in request.VERBS},
        }

    def test_every_verb_is_named(self) -> None:
        """Also those that no kind obeys yet."""
        assert [v for v in Verb if f"`{v}`" not in self.reference.text] == []


EVERYTHING = {
    "model": {
        "source": {"mlflow": {"server": "main", "name": "risk", "alias": "champion"}},
        "format": {"name": "sklearn"},
        "gate": {"metrics": [{"name": "auc", "direction": "Higher", "min": "0.9"}], "approval": {"count": 1}},
    },
    "other": {"source": {"uri": "gs://models/risk"}, "format": {"name": "sklearn"}},
    "deployment": {
        "model": {"name": "risk"},
        "pod": {"storage": {"cache": "Node"}},
        "analysis": {
            "checks": [
                {"name": "l", "signal": "Latency", "threshold": "1s", "maxRatioToStable": "1", "max": "0.1"},
            ]
        },
    },
    "policy": {
        "model": {"name": "risk"},
        "triggers": [{"name": "bad", "metric": {"signal": "Errors", "above": "0.1", "for": "1m"}}],
        "training": {"job": {"image": "train:1", "pod": {"storage": {"cache": "Node"}}}},
        "pauseAfterRejections": 2,
        "budget": {"runs": 100, "per": "1h"},
    },
}
"""Specs that use every field whose feature comes later."""


def refusals() -> list[str]:
    """Every sentence that begins with the path of a field that is refused for now."""
    models = [ModelSpec.model_validate(EVERYTHING[name]) for name in ("model", "other")]
    places = [DeploymentSpec.model_validate(EVERYTHING[name]) for name in ("deployment",)]
    policy = RetrainPolicySpec.model_validate(EVERYTHING["policy"])
    return [
        *(message for model in models for message in unsupported.in_model(model)),
        *(message for place in places for message in unsupported.in_deployment(place)),
        *(o.message for o in preflight.obstacles(policy, {}) if o.reason == Reason.NOT_YET_SUPPORTED),
    ]


def test_what_is_not_yet_supported() -> None:
    """The README names every field that is refused for now."""
    section = page("README.md").section("What is not yet supported")
    paths = [re.sub(r"\[\d+\]", "", message.split(":", 1)[0]) for message in refusals()]
    assert [path for path in paths if path.rsplit(".", 1)[-1] not in section] == []
    assert {"spec.gate.approval", "spec.budget.runs"} <= set(paths)


def test_everything_that_is_refused_was_tried() -> None:
    """No sentence of the code is missing among those that the test above has seen."""
    said = " ".join(refusals())
    for module in (unsupported, preflight):
        assert module.__file__
        for node in ast.walk(ast.parse(Path(module.__file__).read_text())):
            if isinstance(node, ast.Yield) and node.value and any("supported" in text for text in literals(node.value)):
                last = [t for t in literals(node.value) if "supported" in t or t.startswith("spec")]
                assert all(part.split("{")[0] in said for part in last), ast.unparse(node)


def test_effective_weights() -> None:
    """The table of weights is what the code makes of them."""
    for row in page("docs/explanation/rollout.md").table("Weights"):
        stable, weight, canary, effective = map(int, row)
        assert replicas.canary_replicas(stable, weight) == canary
        assert replicas.effective_weight(stable, weight) == effective


def test_the_api_page_is_fresh() -> None:
    """It says what the types say."""
    assert reference.main(["--check", str(REPO / "docs/reference/api.md")]) == 0
