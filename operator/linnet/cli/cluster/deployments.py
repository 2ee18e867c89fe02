"""Deployments with their versions and pods, read from the cluster together."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from linnet.api.labels import COMPONENT, DEPLOYMENT, VERSION
from linnet.api.names import API_VERSION
from linnet.cli.cluster.kubectl import Asked, Kubectl
from linnet.cli.cluster.objects import Object, labels, name, status


@dataclass(frozen=True)
class Family:
    """One Deployment, the versions of its Model, and its serving pods."""

    deployment: Object
    versions: Sequence[Object]
    pods: Sequence[Object]

    @property
    def status(self) -> Mapping[str, Any]:
        return status(self.deployment)

    @property
    def rollout(self) -> Mapping[str, Any]:
        """Empty at rest."""
        return self.status.get("rollout") or {}

    @property
    def policy(self) -> tuple[str, str]:
        """The RolloutPolicy by which its rollouts go, and the hash of what it said when the one under way began."""
        named = self.rollout.get("policy") or (self.deployment["spec"].get("policy") or {}).get("name") or ""
        return named, (self.rollout.get("policyHash") or "") if self.rollout.get("policy") else ""

    def of(self, version: int) -> list[Object]:
        return [p for p in self.pods if labels(p).get(VERSION) == str(version)]


def families(deployments: Iterable[Object], versions: Iterable[Object], pods: Iterable[Object]) -> list[Family]:
    """Of each Deployment, by name."""
    by_model, by_deployment = defaultdict[str, list[Object]](list), defaultdict[str, list[Object]](list)
    for version in sorted(versions, key=lambda v: int(v["spec"]["version"])):
        by_model[version["spec"]["model"]["name"]].append(version)
    for pod in sorted((p for p in pods if labels(p).get(COMPONENT) == "serving"), key=name):
        by_deployment[labels(pod).get(DEPLOYMENT, "")].append(pod)
    return [
        Family(d, by_model.get(d["spec"]["model"]["name"], []), by_deployment.get(name(d), []))
        for d in sorted(deployments, key=name)
    ]


def seen(kubectl: Kubectl, name: str | None) -> list[Family]:
    """The Deployment of that name, or all. CommandError with kubectl's words where there is none."""
    labels = f"{COMPONENT}=serving" + (f",{DEPLOYMENT}={name}" if name else "")
    deployments, versions, pods = kubectl.read(
        Asked(f"apis/{API_VERSION}", "deployments", name or ""),
        Asked(f"apis/{API_VERSION}", "modelversions"),
        Asked("api/v1", "pods", labels=labels),
    )
    return families([deployments] if name else deployments["items"], versions["items"], pods["items"])
