"""`kubectl linnet lint`: what would be refused, and what a verdict would cost, before anything is applied."""

import argparse
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from linnet.api.names import API_VERSION, GROUP
from linnet.cli.commands.simulate import traffic_options
from linnet.cli.console import FAILED, FORMATS, OK, Console
from linnet.cli.forecast.cost import Traffic, advice, forecast_checks, forecast_predictions, without_forecast
from linnet.cli.lint.manifests import Manifest, catalogue, needed, read
from linnet.foreign.text import clean

if TYPE_CHECKING:
    from linnet.cli.lint.policies import DeploymentPolicy

_ASKED_ONCE: Final = "a Request is asked once, when it is created: it has no place in Git, which would ask it again"
Findings = Sequence[tuple[Manifest, str]]
"""Objects with a sentence on each."""


def add(commands: Any, _: argparse.ArgumentParser) -> None:
    about = "what would be refused of manifests, and with --rate how long verdicts would take; needs no cluster"
    parser = commands.add_parser("lint", help=about, description=about)
    parser.add_argument("files", metavar="FILE", nargs="+", help="YAML or JSON; - is standard input")
    parser.add_argument("--runtimes", type=Path, metavar="DIR", help="the platform's own runtimes, one YAML file each")
    values = (
        "the Helm values that the platform installs with, for the queries of its Prometheus and the endpoints of hooks"
    )
    parser.add_argument("--values", type=Path, metavar="FILE", help=values)
    traffic_options(parser)
    parser.add_argument("-o", "--output", choices=FORMATS, help="what was found, for programs")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace, console: Console) -> int:
    needed("pydantic", "cel_expr_python")
    ours = [m for m in read(options.files) if _is_ours(m)]
    problems = [(manifest, clean(sentence)) for manifest in ours for sentence in _problems(manifest)]
    notes = [(manifest, _ASKED_ONCE) for manifest in ours if manifest.kind == "Request"]
    sound = [m for m in ours if all(m is not wrong for wrong, _ in problems)]
    for manifest, sentence, refused in _policies(sound, options):
        (problems if refused else notes).append((manifest, clean(sentence)))
    if options.output:
        console.show({"refused": _findings(problems), "notes": _findings(notes)}, options.output)
    else:
        _tell(console, len(ours), problems, notes)
    return FAILED if problems else OK


def _is_ours(manifest: Manifest) -> bool:
    """Whether it is of a kind of ours, or says not of which."""
    from linnet.api.generate.crds import KINDS

    version = manifest.content.get("apiVersion")
    return str(version).startswith(f"{GROUP}/") or (not version and manifest.kind in {k.name for k in KINDS})


def _findings(findings: Findings) -> list[dict[str, str]]:
    return [{"file": m.file, "kind": m.kind, "name": m.name, "message": sentence} for m, sentence in findings]


def _tell(console: Console, objects: int, problems: Findings, notes: Findings) -> None:
    console.say(*(f"{m.place}: {console.paint(sentence, 'red')}" for m, sentence in problems))
    console.say(*(f"{m.place}: {sentence}" for m, sentence in notes))
    refused = len({m.place for m, _ in problems})
    console.say(f"{objects} objects of {GROUP}; {refused or 'none'} would be refused")


def _problems(manifest: Manifest) -> Iterator[str]:
    """Sentences that API server or operator would say of this object alone; each begins with a field's path."""
    from linnet.api.generate.crds import KINDS
    from linnet.cli.lint import metadata
    from linnet.cli.lint.schema import refusals
    from linnet.cli.lint.spellings import written_today
    from linnet.core.parse import invalid_fields

    if not manifest.content.get("apiVersion"):
        yield f"apiVersion: is required: write {API_VERSION}"
        return
    kind = next((k for k in KINDS if k.name == manifest.kind), None)
    if kind is None or manifest.content.get("apiVersion") != API_VERSION:
        known = ", ".join(k.name for k in KINDS)
        yield f"there is no {manifest.kind} in {manifest.content.get('apiVersion')}; {API_VERSION} has {known}"
        return
    wrong = list(metadata.refusals(manifest.content.get("metadata")))
    wrong += [w.message + written_today(w.path) for w in invalid_fields(kind.spec, manifest.spec, "spec")]
    wrong = wrong or list(refusals(kind, manifest.content))
    yield from wrong or _unsupported(manifest)


def _unsupported(manifest: Manifest) -> Iterator[str]:
    """Sentences on fields that the API has and this release has not, and on what a RetrainPolicy must not say."""
    from linnet.api.kinds.deployment import DeploymentSpec
    from linnet.api.kinds.model import ModelSpec
    from linnet.api.kinds.retrain_policy import RetrainPolicySpec
    from linnet.api.kinds.rollout_policy import RolloutPolicySpec
    from linnet.api.parts.conditions import Reason
    from linnet.core.policy import unsupported
    from linnet.core.retraining.preflight import obstacles

    match manifest.kind:
        case "Model":
            yield from unsupported.in_model(ModelSpec.model_validate(manifest.spec))
        case "Deployment":
            yield from unsupported.in_deployment(DeploymentSpec.model_validate(manifest.spec))
        case "RolloutPolicy":
            yield from unsupported.in_blocks(RolloutPolicySpec.model_validate(manifest.spec))
        case "RetrainPolicy":
            found = obstacles(RetrainPolicySpec.model_validate(manifest.spec), {})
            yield from (o.message for o in found if o.reason != Reason.SERVICE_ACCOUNT_NOT_ALLOWED)


def _policies(ours: Sequence[Manifest], options: argparse.Namespace) -> Iterator[tuple[Manifest, str, bool]]:
    """Yields (object, sentence, refused or not) on the runtime's signals, and with a rate on the cost of verdicts."""
    from linnet.cli.lint.platform import hook_problems, query_problems
    from linnet.cli.lint.policies import deployment_policies, models_without_runtime
    from linnet.core.policy import effective, preflight

    known = catalogue(options.runtimes)
    yield from ((manifest, sentence, True) for manifest, sentence in models_without_runtime(ours, known))
    for found in deployment_policies(ours, known):
        own = found.manifest.spec
        if found.policy_problem:
            yield found.manifest, f"{found.policy_problem}: what it says was not looked at", False
            continue
        if own.get("policy") and (misfit := next(effective.misfits(found.spec), None)) is not None:
            yield found.manifest, effective.located(misfit, own), True
            continue
        if found.runtime_problem:
            yield found.manifest, f"{found.runtime_problem}: its signals were not compared with the checks", False
        elif (trouble := preflight.trouble(found.policy, found.runtime)) is not None:
            yield found.manifest, effective.located(trouble[1], own), True
            continue
        for sentence, refused in (
            *query_problems(found.policy, options.values),
            *hook_problems(found.policy, options.values),
        ):
            yield found.manifest, effective.located(sentence, own), refused
        if options.rate is not None:
            yield from ((found.manifest, sentence, False) for sentence in _costs(found, options))


def _costs(found: "DeploymentPolicy", options: argparse.Namespace) -> Iterator[str]:
    traffic = Traffic(options.rate, found.share, options.bad)
    costs = forecast_checks(found.policy.judged, traffic)
    yield traffic.sentence()
    yield from (cost.sentence() for cost in costs)
    answers = forecast_predictions(found.policy.judged, traffic)
    if answers is not None:
        yield answers.sentence()
    yield from without_forecast(found.policy.judged, found.policy.thresholds)
    yield from advice(costs, found.policy.limits.evidence.total_seconds(), answers)
