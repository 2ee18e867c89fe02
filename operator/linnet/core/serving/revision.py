"""What a revision looks like in the cluster: its apps/v1 Deployment, Services, disruption budget."""

import hashlib
import json
from collections.abc import Mapping
from typing import Any, Final

from linnet.api.kinds.deployment import DeploymentSpec, RevisionStatus
from linnet.api.kinds.model_version import ModelVersionSpec
from linnet.api.labels import COMPONENT, DEPLOYMENT, MODEL, REVISION, TEMPLATE, VERSION
from linnet.api.parts.base import format_duration
from linnet.api.parts.pod import ServingPodSettings
from linnet.core.plan import Manifest
from linnet.core.policy import defaults
from linnet.core.resources.metadata import Owner, metadata
from linnet.core.serving import isolation
from linnet.core.serving.credentials import by_account, with_identity
from linnet.core.serving.pods import FETCH, Image, containers, fetch_container, pod_spec, spread, volumes
from linnet.core.serving.server import SERVER, probes, server_container

HTTP_PORT: Final = 80
GRPC_PORT: Final = 8081
H2C: Final = "kubernetes.io/h2c"
"""Tells a gateway to speak HTTP/2 without TLS to the pods (KEP-3726)."""
DRAIN_SECONDS: Final = 5
"""A stopping pod still answers so long: until every node's proxy has dropped it from the Service."""
_DRAINING: Final = {"preStop": {"sleep": {"seconds": DRAIN_SECONDS}}}


def template_hash(version: ModelVersionSpec, digest: str, spec: DeploymentSpec) -> str:
    """Eight hex digits over what a person chose of the pod template.

    Not over the rendered template: an upgrade of the operator must not make a new revision.
    """
    chosen = {
        "runtime": version.runtime.wire(),
        "source": version.source.wire(),
        "digest": digest,
        "args": spec.runtime.args if spec.runtime else [],
        "pod": spec.pod.wire() if spec.pod else {},
    }
    return hashlib.sha256(json.dumps(chosen, sort_keys=True).encode()).hexdigest()[:8]


def revision(name: str, version: ModelVersionSpec, digest: str, spec: DeploymentSpec) -> RevisionStatus:
    """The revision that this version and this spec make."""
    template = template_hash(version, digest, spec)
    return RevisionStatus(
        name=f"{name}-v{version.version}-{template}",
        model=version.model.name,
        version=version.version,
        digest=digest,
        template=template,
    )


def labels(owner: Owner, rev: RevisionStatus, model: str) -> dict[str, str]:
    return {
        DEPLOYMENT: owner.name,
        REVISION: rev.name,
        VERSION: str(rev.version),
        MODEL: model,
        TEMPLATE: rev.template,
        COMPONENT: "serving",
    }


def workload(
    owner: Owner,
    rev: RevisionStatus,
    version: ModelVersionSpec,
    spec: DeploymentSpec,
    image: Image,
    replicas: int,
    allowed_prefix: str = "",
    *,
    isolated: bool = True,
) -> Manifest:
    """The revision's apps/v1 Deployment; made once, afterwards only its replicas change.

    `allowed_prefix` is what the version's ServiceAccount may be used for, where it names one. `isolated`: the model is
    loaded once egress is denied.
    """
    own = labels(owner, rev, version.model.name)
    selector = {REVISION: rev.name}
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": metadata(owner, rev.name, own),
        "spec": {
            "replicas": replicas,
            "revisionHistoryLimit": 0,
            "selector": {"matchLabels": selector},
            "strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 1, "maxUnavailable": 0}},
            "template": with_identity(
                {"labels": metadata(owner, rev.name, own)["labels"]},
                _pod(rev, version, spec, image, selector, allowed_prefix, isolated=isolated),
                _users(version, spec),
            ),
        },
    }


def _users(version: ModelVersionSpec, spec: DeploymentSpec) -> set[str]:
    """The containers that act as the pod's account: the fetcher by its credentials, the server by `spec.pod`."""
    fetches, serves = by_account(version.source.credentials), spec.pod is not None and spec.pod.service_account_name
    return {name for name, acts in ((FETCH, fetches), (SERVER, serves)) if acts}


def _pod(
    rev: RevisionStatus,
    version: ModelVersionSpec,
    spec: DeploymentSpec,
    image: Image,
    selector: Mapping[str, str],
    allowed_prefix: str,
    *,
    isolated: bool,
) -> Manifest:
    settings = spec.pod or ServingPodSettings()
    limits = defaults.deadlines(spec.deadlines, version.runtime.startup)
    credentials = version.source.credentials
    account = credentials.service_account_name if credentials else None
    server = server_container(version.runtime, settings, spec.runtime.args if spec.runtime else [])
    deadline = format_duration(limits.fetch)
    fetch = fetch_container(
        version.source, rev.digest, settings, image.name, image.pull_policy, deadline, allowed_prefix
    )
    ready = int(limits.ready.total_seconds())
    grace = int((settings.grace_period or defaults.GRACE_PERIOD).total_seconds())
    return {
        **pod_spec(settings, account),
        **spread(settings, selector),
        "terminationGracePeriodSeconds": grace + DRAIN_SECONDS,
        **containers(
            [fetch, *([isolation.container(image)] if isolated else [])],
            [{**server, **probes(version.runtime, ready), "lifecycle": _DRAINING}],
        ),
        "volumes": [*volumes(settings, version.source), *([isolation.volume()] if isolated else [])],
    }


def service(owner: Owner, name: str, selector: Mapping[str, str], version: ModelVersionSpec) -> Manifest:
    """A Service on port 80 (HTTP) and, where the server speaks it, 8081 (gRPC)."""
    ports: list[dict[str, Any]] = [{"name": "http", "port": HTTP_PORT, "targetPort": "http", "protocol": "TCP"}]
    if version.runtime.ports.grpc is not None:
        ports.append({"name": "grpc", "port": GRPC_PORT, "targetPort": "grpc", "protocol": "TCP", "appProtocol": H2C})
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": metadata(owner, name, {DEPLOYMENT: owner.name, MODEL: version.model.name}),
        "spec": {"selector": dict(selector), "ports": ports},
    }


def disruption_budget(owner: Owner) -> Manifest:
    """At most one serving pod at a time may be evicted."""
    return {
        "apiVersion": "policy/v1",
        "kind": "PodDisruptionBudget",
        "metadata": metadata(owner, owner.name, {DEPLOYMENT: owner.name}),
        "spec": {"maxUnavailable": 1, "selector": {"matchLabels": {DEPLOYMENT: owner.name}}},
    }


def evidence(owner: Owner, data: Mapping[str, str]) -> Manifest:
    """The rollout's memory; Argo CD is told not to refresh for it."""
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": metadata(
            owner,
            f"{owner.name}-evidence",
            {DEPLOYMENT: owner.name},
            {"argocd.argoproj.io/ignore-resource-updates": "true"},
        ),
        "data": dict(data),
    }
