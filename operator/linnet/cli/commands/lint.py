"""`kubectl linnet lint`: what would be refused, and what a verdict would cost, before anything is applied."""

import argparse
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from linnet.api.names import API_VERSION, GROUP
from linnet.cli.commands.simulate import traffic_flags
from linnet.cli.console import FAILED, FORMATS, OK, Console
from linnet.cli.forecast.cost import Traffic, advice, answers_expected, expected, unclassed, uncounted
from linnet.cli.lint.manifests import Manifest, catalogue, needed, read

if TYPE_CHECKING:
    from linnet.cli.lint.policies import Judged


def add(commands: Any, _: argparse.ArgumentParser) -> None:
    about = "what would be refused of manifests, and with --rate how long verdicts would take; needs no cluster"
    parser = commands.add_parser("lint", help=about, description=about)
    parser.add_argument("files", metavar="FILE", nargs="+", help="YAML or JSON; - is standard input")
    parser.add_argument("--runtimes", type=Path, metavar="DIR", help="the platform's own runtimes, one YAML file each")
    values = (
        "the Helm values that the platform installs with, for the queries of its Prometheus and the endpoints of hooks"
    )
    parser.add_argument("--values", type=Path, metavar="FILE", help=values)
    traffic_flags(parser)
    parser.add_argument("-o", "--output", choices=FORMATS, help="what was found, for programs")
    parser.set_defaults(run=run)


def run(given: argparse.Namespace, console: Console) -> int:
    needed("pydantic", "cel_expr_python")
    ours = [m for m in read(given.files) if str(m.content.get("apiVersion", "")).startswith(f"{GROUP}/")]
    problems = [(manifest, sentence) for manifest in ours for sentence in _problems(manifest)]
    notes: list[tuple[Manifest, str]] = []
    for manifest, sentence, refused in _policies(ours, given):
        (problems if refused else notes).append((manifest, sentence))
    if given.output:
        console.show({"refused": _wire(problems), "notes": _wire(notes)}, given.output)
    else:
        _tell(console, len(ours), problems, notes)
    return FAILED if problems else OK


Found = Sequence[tuple[Manifest, str]]


def _wire(found: Found) -> list[dict[str, str]]:
    return [{"file": m.file, "kind": m.kind, "name": m.name, "message": sentence} for m, sentence in found]


def _tell(console: Console, objects: int, problems: Found, notes: Found) -> None:
    console.say(*(f"{m.place}: {console.paint(sentence, 'red')}" for m, sentence in problems))
    console.say(*(f"{m.place}: {sentence}" for m, sentence in notes))
    refused = len({m.place for m, _ in problems})
    console.say(f"{objects} objects of {GROUP}; {refused or 'none'} would be refused")


def _problems(manifest: Manifest) -> Iterator[str]:
    """What the API server or the operator would say of this object alone: sentences that begin with a path."""
    from linnet.api.generate.crds import KINDS
    from linnet.cli.lint.schema import refusals
    from linnet.core.parse import invalid_fields

    kind = next((k for k in KINDS if k.name == manifest.kind), None)
    if kind is None or manifest.content.get("apiVersion") != API_VERSION:
        known = ", ".join(k.name for k in KINDS)
        yield f"there is no {manifest.kind} in {manifest.content.get('apiVersion')}; {API_VERSION} has {known}"
        return
    wrong = [w.message for w in invalid_fields(kind.spec, manifest.spec, "spec")]
    wrong = wrong or list(refusals(kind, manifest.content))
    yield from wrong or _later(manifest)


def _later(manifest: Manifest) -> Iterator[str]:
    """Fields that the API has and this release does not, and what a RetrainPolicy must not say."""
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
            found = obstacles(RetrainPolicySpec.model_validate(manifest.spec), frozenset())
            yield from (o.message for o in found if o.reason != Reason.SERVICE_ACCOUNT_NOT_ALLOWED)


def _policies(ours: Sequence[Manifest], given: argparse.Namespace) -> Iterator[tuple[Manifest, str, bool]]:
    """(object, sentence, whether it would be refused): the runtime's signals, and with a rate the cost of verdicts."""
    from linnet.cli.lint.platform import asked, hooked
    from linnet.cli.lint.policies import judged, without_runtime
    from linnet.core.policy import effective as shared_policy
    from linnet.core.policy import preflight

    known = catalogue(given.runtimes)
    yield from ((manifest, sentence, True) for manifest, sentence in without_runtime(ours, known))
    for found in judged(ours, known):
        own = found.manifest.spec
        if found.unruled:
            yield found.manifest, f"{found.unruled}: what it says was not looked at", False
            continue
        if own.get("policy") and (misfit := next(shared_policy.misfits(found.spec), None)) is not None:
            yield found.manifest, shared_policy.located(misfit, own), True
            continue
        if found.missing:
            yield found.manifest, f"{found.missing}: its signals were not compared with the checks", False
        elif (trouble := preflight.trouble(found.policy, found.runtime)) is not None:
            yield found.manifest, shared_policy.located(trouble[1], own), True
            continue
        for sentence, refused in (*asked(found.policy, given.values), *hooked(found.policy, given.values)):
            yield found.manifest, shared_policy.located(sentence, own), refused
        if given.rate is not None:
            yield from ((found.manifest, sentence, False) for sentence in _costs(found, given))


def _costs(found: "Judged", given: argparse.Namespace) -> Iterator[str]:
    traffic = Traffic(given.rate, found.share, given.bad)
    costs = expected(found.policy.judged, traffic)
    yield traffic.told()
    yield from (cost.told() for cost in costs)
    answers = answers_expected(found.policy.judged, traffic)
    yield from [answers.told()] if answers else unclassed(found.policy.judged)
    yield from uncounted(found.policy.thresholds)
    yield from advice(costs, found.policy.limits.evidence.total_seconds(), answers)
