"""Fields that the API has and this release does not: refused with their path, never ignored."""

from collections.abc import Iterator

from linnet.api.kinds.deployment import DeploymentSpec
from linnet.api.kinds.model import Artifact, ModelSpec, Source
from linnet.api.kinds.rollout_policy import RolloutPolicySpec
from linnet.api.parts.uri import RESERVED, SUPPORTED, one_of, scheme_of

Blocks = DeploymentSpec | RolloutPolicySpec


def in_source(source: Artifact, path: str) -> Iterator[str]:
    if isinstance(source, Source) and source.mlflow is not None:
        yield f"{path}.mlflow: following an MLflow alias is not supported yet; name a uri"
    if source.uri is not None and (scheme := scheme_of(source.uri)) in RESERVED:
        yield f"{path}.uri: the scheme {scheme} is not supported yet; use {one_of(SUPPORTED)}"


def in_model(spec: ModelSpec) -> Iterator[str]:
    yield from in_source(spec.source, "spec.source")
    if spec.gate is not None and spec.gate.metrics is not None:
        yield "spec.gate.metrics: metric gates are not supported yet; leave them out"
    if spec.gate is not None and spec.gate.approval is not None:
        yield "spec.gate.approval: approvals are not supported yet; leave them out"


def in_deployment(spec: DeploymentSpec) -> Iterator[str]:
    if spec.pod is not None and spec.pod.storage is not None and spec.pod.storage.cache == "Node":
        yield "spec.pod.storage.cache: Node is not supported yet; use None"
    yield from in_blocks(spec)


def in_blocks(spec: Blocks) -> Iterator[str]:
    yield from _in_analysis(spec)


def _in_analysis(spec: Blocks) -> Iterator[str]:
    for index, check in enumerate(spec.analysis.checks or () if spec.analysis else ()):
        path = f"spec.analysis.checks[{index}]"
        if check.signal == "Latency" and check.max is not None:
            yield f"{path}.max: for signal Latency write maxShareSlower"
        if check.name == "pod-health":
            yield f"{path}.name: pod-health is the name of the built-in check; choose another"
