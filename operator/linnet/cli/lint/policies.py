"""Resolves the policies of the Deployments in manifests as the operator resolves them."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from linnet.api.kinds.deployment import DeploymentSpec
from linnet.api.kinds.model import ModelSpec
from linnet.api.kinds.rollout_policy import RolloutPolicySpec
from linnet.api.parts.runtime import FrozenRuntime, RuntimePorts
from linnet.cli.lint.manifests import Manifest
from linnet.core.parse import parse_spec
from linnet.core.policy.effective import merged
from linnet.core.policy.rules import Rules, resolve, source_of
from linnet.core.rollout.traffic import router
from linnet.core.rollout.traffic.gateway import ALL
from linnet.core.rollout.traffic.router import TrafficRouter
from linnet.core.rollout.traffic.split import Stage
from linnet.core.serving.runtimes import Catalogue, UnknownRuntimeError, freeze


@dataclass(frozen=True)
class DeploymentPolicy:
    """A Deployment's policy with the runtime of its Model; `runtime_problem` says why that is not known.

    `policy_problem` says why its RolloutPolicy is not known: `spec` has only the Deployment's own blocks then.
    """

    manifest: Manifest
    spec: DeploymentSpec
    policy: Rules
    runtime: FrozenRuntime
    runtime_problem: str = ""
    policy_problem: str = ""

    @property
    def replicas(self) -> int:
        """The number of pods that serve, with an autoscaler the fewest."""
        least = self.spec.autoscaling.min_replicas if self.spec.autoscaling else self.spec.replicas
        return max(1, least or 1)

    @property
    def canaries(self) -> int:
        return self._traffic.canary_replicas(self.replicas, Stage(weight=self._weight))

    @property
    def share(self) -> float:
        """The canary's share of the traffic, at the first weight that brings it a part."""
        return self._traffic.effective_weight(self.replicas, self._weight) / 100

    @property
    def _traffic(self) -> TrafficRouter:
        return router.for_spec(self.spec)

    @property
    def _weight(self) -> int:
        return next((w for s in self.policy.steps if 0 < (w := s.set_weight or 0) < ALL), 50)

    @property
    def time(self) -> timedelta:
        """The least that a whole rollout takes, bake included."""
        return sum((s.analyze.for_ for s in self.policy.steps if s.analyze), self.policy.bake)


UNKNOWN_RUNTIME: Final = FrozenRuntime(name="unknown", image="unknown", ports=RuntimePorts(http=80), ready_path="/")
"""Stands for the runtime of a Model that is not at hand: checks that a Deployment names don't depend on it."""


def models_without_runtime(manifests: Sequence[Manifest], known: Catalogue) -> Iterator[tuple[Manifest, str]]:
    """Yields the Models that no server of the catalogue loads, and why."""
    for manifest in manifests:
        spec = parse_spec(ModelSpec, manifest.spec or {}) if manifest.kind == "Model" else None
        if isinstance(spec, ModelSpec):
            try:
                freeze(manifest.name, spec, known)
            except UnknownRuntimeError as error:
                yield manifest, str(error)


def deployment_policies(manifests: Sequence[Manifest], known: Catalogue) -> list[DeploymentPolicy]:
    """The policy of each Deployment of ours that can be read."""
    found = []
    for manifest in manifests:
        spec = parse_spec(DeploymentSpec, manifest.spec or {}) if manifest.kind == "Deployment" else None
        if isinstance(spec, DeploymentSpec):
            found.append(_deployment_policy(manifest, spec, manifests, known))
    return found


def _deployment_policy(
    manifest: Manifest, spec: DeploymentSpec, among: Sequence[Manifest], known: Catalogue
) -> DeploymentPolicy:
    runtime = _runtime(manifest.named("Model", spec.model.name, among), spec.model.name, known)
    runtime_problem = runtime if isinstance(runtime, str) else ""
    served = UNKNOWN_RUNTIME if isinstance(runtime, str) else runtime
    shared = _rollout_policy(manifest, spec, among)
    whole = spec if isinstance(shared, str) else merged(spec, shared)
    resolved = resolve(source_of(whole), served)
    assert resolved is not None, "it was parsed from the same spec"
    return DeploymentPolicy(
        manifest, whole, resolved, served, runtime_problem, shared if isinstance(shared, str) else ""
    )


def _rollout_policy(manifest: Manifest, spec: DeploymentSpec, among: Sequence[Manifest]) -> RolloutPolicySpec | str:
    """The RolloutPolicy that the Deployment names, an empty one if none; a sentence where it is not known."""
    if spec.policy is None:
        return RolloutPolicySpec()
    name = spec.policy.name
    found = manifest.named("RolloutPolicy", name, among)
    shared = parse_spec(RolloutPolicySpec, found.spec or {}) if found is not None else None
    unknown = f"the RolloutPolicy {name} is not among the files, or can't be read"
    return shared if isinstance(shared, RolloutPolicySpec) else unknown


def _runtime(model: Manifest | None, name: str, known: Catalogue) -> FrozenRuntime | str:
    """The runtime of the Model; a sentence where it is not known."""
    spec = parse_spec(ModelSpec, model.spec or {}) if model is not None else None
    if not isinstance(spec, ModelSpec):
        return f"the Model {name} is not among the files, or can't be read"
    try:
        return freeze(name, spec, known)
    except UnknownRuntimeError:
        return f"the Model {name} has no runtime"
