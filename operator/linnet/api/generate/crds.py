"""Makes the CustomResourceDefinitions from the types: `python -m linnet.api.generate.crds [--check] DIR`."""

import argparse
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from pydantic import BaseModel

from linnet.api.generate.schema import structural
from linnet.api.kinds import deployment, model_version, request
from linnet.api.kinds.deployment import DeploymentSpec, DeploymentStatus
from linnet.api.kinds.model import ModelSpec, ModelStatus
from linnet.api.kinds.model_version import ModelVersionSpec, ModelVersionStatus
from linnet.api.kinds.request import RequestSpec, RequestStatus
from linnet.api.kinds.retrain_policy import RetrainPolicySpec, RetrainPolicyStatus
from linnet.api.kinds.rollout_policy import RolloutPolicySpec
from linnet.api.names import GROUP, VERSION
from linnet.api.parts.base import Rule, rules

Column = tuple[str, str, str, int]
"""A printer column: name, type, JSON path, priority (1: only with `-o wide`)."""
_READY = '.status.conditions[?(@.type=="Ready")].'

_STATE: tuple[Column, ...] = (
    ("Ready", "string", f"{_READY}status", 0),
    ("Reason", "string", f"{_READY}reason", 0),
)

_AGE: Column = ("Age", "date", ".metadata.creationTimestamp", 0)
_LAST: tuple[Column, ...] = (("Message", "string", f"{_READY}message", 1), _AGE)


@dataclass(frozen=True)
class Kind:
    """A kind and how it is shown. `name_limit`: characters that keep its children's names valid; None: it has none.

    A kind without a `status` is only read: it has no children, and is not reconciled.
    """

    name: str
    plural: str
    short: str
    spec: type[BaseModel]
    status: type[BaseModel] | None
    columns: tuple[Column, ...]
    name_limit: int | None
    description: str
    rules: tuple[Rule, ...] = ()
    scale: bool = False
    selectable: tuple[str, ...] = ()


KINDS = (
    Kind(
        "Model",
        "models",
        "mdl",
        ModelSpec,
        ModelStatus,
        (
            ("Version", "integer", ".status.current", 0),
            ("Format", "string", ".spec.format.name", 0),
            *_STATE,
            ("URI", "string", ".spec.source.uri", 1),
            *_LAST,
        ),
        50,
        "Model is a trained model and where its artifact lies. Each artifact that it has had is a ModelVersion.",
    ),
    Kind(
        "ModelVersion",
        "modelversions",
        "mv",
        ModelVersionSpec,
        ModelVersionStatus,
        (
            ("Model", "string", ".spec.model.name", 0),
            ("Version", "integer", ".spec.version", 0),
            ("Origin", "string", ".spec.origin.type", 0),
            *_STATE,
            ("Digest", "string", ".status.digest", 1),
            ("Quarantine", "string", ".status.quarantine[*].reason", 0),
            *_LAST,
        ),
        60,
        "ModelVersion is an immutable record of one artifact: its digest, lineage, metrics and decisions.",
        model_version.RULES,
        selectable=(".spec.model.name",),
    ),
    Kind(
        "Deployment",
        "deployments",
        "mld",
        DeploymentSpec,
        DeploymentStatus,
        (
            ("Model", "string", ".spec.model.name", 0),
            ("Version", "integer", ".status.stable.version", 0),
            ("Canary", "integer", ".status.rollout.to.version", 0),
            ("Phase", "string", ".status.rollout.phase", 0),
            ("Weight", "integer", ".status.rollout.effectiveWeight", 0),
            *_STATE,
            ("Pods", "integer", ".status.readyReplicas", 1),
            ("Policy", "string", ".spec.policy.name", 1),
            *_LAST,
        ),
        40,
        "Deployment serves a Model in this place and brings its new versions to traffic by a canary. "
        "Type mld, since `kubectl get deployment` means apps/v1.",
        deployment.RULES,
        scale=True,
        selectable=(".spec.model.name", ".spec.policy.name"),
    ),
    Kind(
        "RolloutPolicy",
        "rolloutpolicies",
        "rop",
        RolloutPolicySpec,
        None,
        (
            ("Interval", "string", ".spec.analysis.interval", 0),
            ("Bake", "string", ".spec.strategy.bake.time", 0),
            _AGE,
        ),
        63,
        "RolloutPolicy is a strategy, an analysis and deadlines that many Deployments name instead of repeating them. "
        "A rollout keeps to what it said when the rollout started.",
    ),
    Kind(
        "RetrainPolicy",
        "retrainpolicies",
        "rp",
        RetrainPolicySpec,
        RetrainPolicyStatus,
        (
            ("Model", "string", ".spec.model.name", 0),
            ("Schedule", "string", ".spec.triggers[*].schedule.cron", 0),
            ("Last-Run", "date", ".status.lastRunTime", 0),
            ("Version", "integer", ".status.lastVersion", 0),
            *_STATE,
            *_LAST,
        ),
        40,
        "RetrainPolicy says when a Model is trained again, and with which Job.",
        selectable=(".spec.model.name",),
    ),
    Kind(
        "Request",
        "requests",
        "req",
        RequestSpec,
        RequestStatus,
        (
            ("Kind", "string", ".spec.target.kind", 0),
            ("Target", "string", ".spec.target.name", 0),
            ("Verb", "string", ".spec.verb", 0),
            ("User", "string", ".spec.user", 0),
            ("Outcome", "string", ".status.outcome", 0),
            ("Reason", "string", ".spec.reason", 1),
            ("Message", "string", ".status.message", 1),
            _AGE,
        ),
        None,
        "Request is what a person asks of an object now, such as to abort a rollout. It can't be changed, and is "
        "answered in its status.",
        request.RULES,
        selectable=(".spec.target.name",),
    ),
)


def crd(kind: Kind) -> dict[str, Any]:
    """The CustomResourceDefinition of one kind."""
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"{kind.plural}.{GROUP}"},
        "spec": {
            "group": GROUP,
            "scope": "Namespaced",
            "names": {
                "kind": kind.name,
                "listKind": f"{kind.name}List",
                "plural": kind.plural,
                "singular": kind.name.lower(),
                "shortNames": [kind.short],
                "categories": ["linnet"],
            },
            "versions": [_version(kind)],
        },
    }


def _version(kind: Kind) -> dict[str, Any]:
    subresources: dict[str, Any] = {"status": {}} if kind.status else {}
    if kind.scale:
        subresources["scale"] = {
            "specReplicasPath": ".spec.replicas",
            "statusReplicasPath": ".status.replicas",
            "labelSelectorPath": ".status.selector",
        }
    version: dict[str, Any] = {
        "name": VERSION,
        "served": True,
        "storage": True,
        **({"subresources": subresources} if subresources else {}),
        "additionalPrinterColumns": [
            {"name": n, "type": t, "jsonPath": p, **({"priority": q} if q else {})} for n, t, p, q in kind.columns
        ],
        "schema": {"openAPIV3Schema": _object_schema(kind)},
    }
    if kind.selectable:
        version["selectableFields"] = [{"jsonPath": path} for path in kind.selectable]
    return version


def object_rules(kind: Kind) -> list[dict[str, Any]]:
    """The CEL rules of the whole object: its name, and what concerns both spec and status."""
    if kind.name_limit is None:
        return list(rules(*kind.rules)["x-kubernetes-validations"])
    if kind.status is None:
        return list(rules(_name_rule(kind))["x-kubernetes-validations"])
    limit = (
        f"self.metadata.name.size() <= {kind.name_limit}",
        f"a {kind.name}'s name has at most {kind.name_limit} characters, so that its children's names stay valid",
        ".metadata.name",
    )
    label = (
        "self.metadata.name.matches('^[a-z]([-a-z0-9]*[a-z0-9])?$')",
        f"a {kind.name}'s name is a DNS label that starts with a letter, since its children are named after it: "
        "lowercase letters, digits and -",
        ".metadata.name",
    )
    return list(rules(limit, label, *kind.rules)["x-kubernetes-validations"])


def _name_rule(kind: Kind) -> Rule:
    return (
        f"self.metadata.name.matches('^[a-z0-9]([-a-z0-9]*[a-z0-9])?$') && self.metadata.name.size() <= "
        f"{kind.name_limit}",
        f"a {kind.name}'s name is a DNS label, or no Deployment could name it: at most {kind.name_limit} lowercase "
        "letters, digits and -",
        ".metadata.name",
    )


def _object_schema(kind: Kind) -> dict[str, Any]:
    return {
        "type": "object",
        "description": kind.description,
        "required": ["spec"],
        "properties": {
            "apiVersion": {"type": "string"},
            "kind": {"type": "string"},
            "metadata": {"type": "object", "properties": {"name": {"type": "string"}}},
            "spec": structural(kind.spec),
            **({"status": structural(kind.status)} if kind.status else {}),
        },
        "x-kubernetes-validations": object_rules(kind),
    }


def render(kind: Kind) -> str:
    """The kind's file in YAML, without anchors."""
    header = "# Generated by `make generate` from operator/linnet/api; do not edit.\n"
    return header + yaml.dump(crd(kind), sort_keys=False, width=120, Dumper=_NoAliases)


class _NoAliases(yaml.SafeDumper):
    def ignore_aliases(self, data: Any) -> bool:  # noqa: ARG002
        return True


def main(argv: list[str] | None = None) -> int:
    """Writes the files, or with --check names the stale ones and returns 1."""
    parser = argparse.ArgumentParser(prog="python -m linnet.api.generate.crds", description=__doc__)
    parser.add_argument("--check", action="store_true", help="change nothing; fail if a file is stale")
    parser.add_argument("dir", type=Path)
    options = parser.parse_args(argv)
    files = {options.dir / f"{kind.plural}.yaml": render(kind) for kind in KINDS}
    stale = [path for path, text in files.items() if not path.exists() or path.read_text() != text]
    if options.check:
        for path in stale:
            sys.stderr.write(f"{path} is stale: run `make generate`\n")
        return 1 if stale else 0
    for path in stale:
        path.write_text(files[path])
    return 0


if __name__ == "__main__":
    sys.exit(main())
