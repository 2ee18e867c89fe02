"""Observed worlds, built fluently: `model().source("s3://bucket/2").version(1, ready=True).observed()`."""

import copy
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from asking import request, waiting
from linnet.api.kinds.model import ModelSpec, ModelStatus
from linnet.api.kinds.model_version import ModelVersionStatus
from linnet.core.observed import ModelObserved, ModelVersionObserved
from linnet.core.plan import Create, Delete, Plan
from linnet.core.registry import versions
from linnet.core.registry.model import plan as plan_model
from linnet.core.requests.waiting import Request
from linnet.core.resources import objects
from linnet.core.resources.objects import Meta, Parent
from linnet.core.serving.runtimes import freeze
from simulator import CATALOGUE, DIGESTS, PLATFORM

NOW = datetime(2026, 1, 1, 12, tzinfo=UTC)
Json = dict[str, Any]


@dataclass
class ModelWorld:
    """A Model and its versions; `step()` plans once and does what the plan says."""

    spec: Json = field(default_factory=lambda: {"format": {"name": "sklearn"}, "source": {"uri": "s3://models/1"}})
    status: Json = field(default_factory=dict)
    versions: dict[int, Json] = field(default_factory=dict)
    serving: frozenset[int] = frozenset()
    policies: dict[str, Json] = field(default_factory=dict)
    """The statuses of the RetrainPolicies."""
    generation: int = 1

    def source(self, uri: str, **fields: Any) -> "ModelWorld":
        self.spec = {**self.spec, "source": {"uri": uri, **fields}}
        self.generation += 1
        return self

    def set(self, **fields: Any) -> "ModelWorld":
        self.spec = {**self.spec, **fields}
        self.generation += 1
        return self

    def validated(self, number: int, digest: str | None = None) -> "ModelWorld":
        ready = {"type": "Ready", "status": "True", "reason": "Validated", "message": "loaded"}
        self.versions[number]["status"] = {"digest": digest or DIGESTS[number], "conditions": [ready]}
        return self

    def failed(self, number: int, reason: str, message: str) -> "ModelWorld":
        ready = {"type": "Ready", "status": "False", "reason": reason, "message": message}
        self.versions[number]["status"] = {"conditions": [ready]}
        return self

    def retrained(self, number: int) -> "ModelWorld":
        """A version that a RetrainPolicy made."""
        frozen = freeze("risk", ModelSpec.model_validate(self.spec), CATALOGUE)
        spec = {
            "model": {"name": "risk"},
            "version": number,
            "format": {"name": "sklearn"},
            "source": {"uri": f"s3://retrained/{number}", "digest": DIGESTS[number]},
            "runtime": frozen.wire(),
            "origin": {"type": "Retrain", "policy": "weekly", "job": "weekly-1"},
        }
        self.versions[number] = {"spec": spec, "status": {}, "owner": "uid"}
        run = {"job": "weekly-1", "trigger": "weekly", "outcome": "Succeeded", "version": number}
        self.policies["weekly"] = {"runs": [run, *self.policies.get("weekly", {}).get("runs", [])]}
        return self

    def written(self, number: int, **spec: Any) -> "ModelWorld":
        """A version that somebody wrote by hand; `spec` are the fields that differ from what Linnet would make."""
        frozen = freeze("risk", ModelSpec.model_validate(self.spec), CATALOGUE)
        whole = {
            "model": {"name": "risk"},
            "version": number,
            "format": {"name": "sklearn"},
            "source": self.spec["source"],
            "runtime": frozen.wire(),
            "origin": {"type": "Import"},
            **spec,
        }
        self.versions[number] = {"spec": whole, "status": {}}
        return self

    def observed(self) -> ModelObserved:
        return ModelObserved(
            model=Parent("risk", "ml", "uid", self.generation, {}, False, self.spec, self.status),
            versions=tuple(version_parent(n, v) for n, v in self.versions.items()),
            platform=PLATFORM,
            serving=self.serving,
            policies=tuple(Parent(n, "ml", n, 1, {}, False, {}, s) for n, s in self.policies.items()),
        )

    def step(self) -> Plan[ModelStatus]:
        plan = plan_model(self.observed(), NOW)
        for action in plan.actions:
            if isinstance(action, Create):
                number = action.manifest["spec"]["version"]
                assert number not in self.versions
                self.versions[number] = {"spec": copy.deepcopy(action.manifest["spec"]), "status": {}, "owner": "uid"}
            elif isinstance(action, Delete):
                del self.versions[int(action.name.rsplit("-v", 1)[1])]
        assert plan.status is not None
        self.status = plan.status.wire()
        return plan


def version_parent(number: int, data: Json) -> Parent:
    name = versions.version_name("risk", number)
    return Parent(name, "ml", f"uid-{number}", 1, {}, False, data["spec"], data["status"], owner=data.get("owner"))


@dataclass
class VersionWorld:
    """A ModelVersion under validation, with its Job and pod."""

    spec: Json
    status: Json = field(default_factory=dict)
    asked: tuple[Request, ...] = ()
    jobs: list[Json] = field(default_factory=list)
    pods: list[Json] = field(default_factory=list)
    proven: bool = True
    accounts: dict[str, str] = field(default_factory=dict)
    """ServiceAccounts that pods may run as, and what each may be used for."""
    deployments: list[Json] = field(default_factory=list)
    """Specs of Deployments that follow the Model; the first is the oldest."""
    names: list[str] = field(default_factory=list)
    """The Deployments' names, where they matter."""
    refused_by: dict[str, list[str]] = field(default_factory=dict)
    """By Deployment, the quarantines that its status keeps."""
    denied: bool = False
    """Whether the NetworkPolicy is there that denies egress."""

    def ask(self, text: str) -> "VersionWorld":
        self.asked = (request(text, NOW),)
        return self

    def observed(self) -> ModelVersionObserved:
        return ModelVersionObserved(
            version=Parent("risk-v1", "ml", "uid-1", 1, {}, False, self.spec, self.status),
            jobs=tuple(objects.job(j) for j in self.jobs),
            pods=tuple(objects.pod(p) for p in self.pods),
            platform=PLATFORM,
            requests=waiting(*self.asked, proven=self.proven),
            allowed_service_accounts=self.accounts,
            egress_policy=Meta("risk-v1-loaded", "uid-policy", {}, {}, "uid-1", NOW, False) if self.denied else None,
            deployments=tuple(self._follower(n, spec) for n, spec in enumerate(self.deployments)),
            refused_by=tuple(
                Parent(name, "ml", f"uid-{name}", 1, {}, False, {}, {"quarantine": lines})
                for name, lines in self.refused_by.items()
            ),
        )

    def _follower(self, number: int, spec: Json) -> Parent:
        name = self.names[number] if self.names else f"risk-{number}"
        whole = {"model": {"name": "risk"}, **spec}
        created = NOW - timedelta(days=1) + timedelta(seconds=number)
        return Parent(name, "ml", f"uid-{number}", 1, {}, False, whole, {}, created=created)

    def become(self, status: ModelVersionStatus | None) -> "VersionWorld":
        assert status is not None
        self.status = status.wire()
        return self
