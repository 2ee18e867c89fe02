"""Deployments with their versions and pods, which are read from the cluster together."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from linnet.api.labels import COMPONENT, DEPLOYMENT, VERSION
from linnet.api.names import API_VERSION
from linnet.cli.cluster.kubectl import Kubectl, Resource
from linnet.cli.cluster.objects import UNDECODED, Object, each, items, labels, name, status


@dataclass(frozen=True)
class DeploymentTree:
    """A Deployment with what belongs to it: the versions of its Model by number, and its serving pods by name."""

    deployment: Object
    versions: Sequence[Object]
    pods: Sequence[Object]
    unreadable: Sequence[str] = ()
    """Sentences on what belongs to it, or may, and can't be read."""

    @property
    def status(self) -> Mapping[str, Any]:
        return status(self.deployment)

    @property
    def rollout(self) -> Mapping[str, Any]:
        """The status of the rollout under way; empty at rest."""
        return self.status.get("rollout") or {}

    @property
    def policy(self) -> tuple[str, str]:
        """The RolloutPolicy by which its rollouts go, and the hash of what that said when the one under way began."""
        named = self.rollout.get("policy") or (self.deployment["spec"].get("policy") or {}).get("name") or ""
        return named, (self.rollout.get("policyHash") or "") if self.rollout.get("policy") else ""

    def pods_of(self, version: int) -> list[Object]:
        """The serving pods of the version with this number."""
        return [p for p in self.pods if labels(p).get(VERSION) == str(version)]


def deployment_trees(
    deployments: Iterable[Object], versions: Iterable[Object], pods: Iterable[Object]
) -> list[DeploymentTree]:
    """The tree of each Deployment, in the order of their names.

    What can't be read costs itself, and is named by a last tree, which is no Deployment's.
    """
    by_model, by_deployment = defaultdict[str, list[Object]](list), defaultdict[str, list[Object]](list)
    numbered, lost_versions = each("ModelVersion", versions, _numbered)
    for model, _, version in sorted(numbered, key=lambda row: row[:2]):
        by_model[model].append(version)
    serving, lost_pods = each("Pod", pods, _of_deployment)
    for owner, _, pod in sorted((row for row in serving if row is not None), key=lambda row: row[:2]):
        by_deployment[owner].append(pod)
    named, lost = each("Deployment", deployments, _named)
    trees = [
        DeploymentTree(d, by_model.get(model, []), by_deployment.get(own, []))
        for own, model, d in sorted(named, key=lambda row: row[:2])
    ]
    unreadable = (*lost, *lost_versions, *lost_pods)
    return [*trees, *([DeploymentTree(UNDECODED, (), (), unreadable)] if unreadable else [])]


def _numbered(version: Object) -> tuple[str, int, Object]:
    return str(version["spec"]["model"]["name"]), int(version["spec"]["version"]), version


def _of_deployment(pod: Object) -> tuple[str, str, Object] | None:
    """The Deployment that a pod serves, and its name; None for one that does not serve."""
    its = labels(pod)
    return (str(its.get(DEPLOYMENT, "")), name(pod), pod) if its.get(COMPONENT) == "serving" else None


def _named(deployment: Object) -> tuple[str, str, Object]:
    return name(deployment), str(deployment["spec"]["model"]["name"]), deployment


def read_deployments(kubectl: Kubectl, name: str | None) -> list[DeploymentTree]:
    """The trees of the Deployment of that name, or of all. CommandError with kubectl's words where there is none."""
    labels = f"{COMPONENT}=serving" + (f",{DEPLOYMENT}={name}" if name else "")
    deployments, versions, pods = kubectl.read(
        Resource(f"apis/{API_VERSION}", "deployments", name or ""),
        Resource(f"apis/{API_VERSION}", "modelversions"),
        Resource("api/v1", "pods", labels=labels),
    )
    trees = deployment_trees([deployments] if name else items(deployments), items(versions), items(pods))
    return [_one(trees)] if name else trees


def _one(trees: Sequence[DeploymentTree]) -> DeploymentTree:
    """The one Deployment that was asked for, with what of its versions and pods can't be read."""
    tree, lost = trees[0], trees[-1].unreadable
    model = (tree.deployment.get("spec") or {}).get("model") or {}
    its_versions = f"ModelVersion {model.get('name')}-v"
    mine = [s for s in lost if not s.startswith("ModelVersion ") or s.startswith(its_versions)]
    return replace(tree, unreadable=mine)
