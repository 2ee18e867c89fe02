"""The policies of the Deployments in manifests, resolved as the operator resolves them."""

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
from linnet.core.policy import effective as shared_policy
from linnet.core.policy import rules as policy
from linnet.core.policy.rules import Rules
from linnet.core.rollout.traffic import router
from linnet.core.rollout.traffic.gateway import ALL
from linnet.core.rollout.traffic.router import TrafficRouter
from linnet.core.rollout.traffic.split import Stage
from linnet.core.serving.runtimes import Catalogue, UnknownRuntimeError, freeze


@dataclass(frozen=True)
class Judged:
    """A Deployment's policy with the runtime of its Model; `missing` says why that is not known.

    `unruled` says why its RolloutPolicy is not known: `spec` has only the Deployment's own blocks then.
    """

    manifest: Manifest
    spec: DeploymentSpec
    policy: Rules
    runtime: FrozenRuntime
    missing: str = ""
    unruled: str = ""

    @property
    def replicas(self) -> int:
        """Pods that serve, with an autoscaler the fewest."""
        least = self.spec.autoscaling.min if self.spec.autoscaling else self.spec.replicas
        return max(1, least or 1)

    @property
    def canaries(self) -> int:
        return self._traffic.canary_replicas(self.replicas, Stage(weight=self._weight))

    @property
    def share(self) -> float:
        """The canary's, at the first weight that brings it a part of the traffic."""
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
        return sum((s.analyse.for_ for s in self.policy.steps if s.analyse), self.policy.bake)


UNKNOWN: Final = FrozenRuntime(name="unknown", image="unknown", ports=RuntimePorts(http=80), ready_path="/")
"""Where the Model is not at hand: checks that the Deployment names itself don't depend on it."""


def without_runtime(manifests: Sequence[Manifest], known: Catalogue) -> Iterator[tuple[Manifest, str]]:
    """Models that no server of the catalogue loads, and why."""
    for manifest in manifests:
        spec = parse_spec(ModelSpec, manifest.spec or {}) if manifest.kind == "Model" else None
        if isinstance(spec, ModelSpec):
            try:
                freeze(manifest.name, spec, known)
            except UnknownRuntimeError as error:
                yield manifest, str(error)


def judged(manifests: Sequence[Manifest], known: Catalogue) -> list[Judged]:
    """One for each Deployment of ours that can be read."""
    found = []
    for manifest in manifests:
        spec = parse_spec(DeploymentSpec, manifest.spec or {}) if manifest.kind == "Deployment" else None
        if isinstance(spec, DeploymentSpec):
            found.append(_judged(manifest, spec, manifests, known))
    return found


def _judged(manifest: Manifest, spec: DeploymentSpec, among: Sequence[Manifest], known: Catalogue) -> Judged:
    runtime = _runtime(manifest.named("Model", spec.model.name, among), spec.model.name, known)
    missing = runtime if isinstance(runtime, str) else ""
    served = UNKNOWN if isinstance(runtime, str) else runtime
    given = _rollout_policy(manifest, spec, among)
    whole = spec if isinstance(given, str) else shared_policy.merged(spec, given)
    resolved = policy.resolve(policy.source_of(whole), served)
    assert resolved is not None, "it was parsed from the same spec"
    return Judged(manifest, whole, resolved, served, missing, given if isinstance(given, str) else "")


def _rollout_policy(manifest: Manifest, spec: DeploymentSpec, among: Sequence[Manifest]) -> RolloutPolicySpec | str:
    """The RolloutPolicy that it names, an empty one if it names none; a sentence where it is not known."""
    if spec.policy is None:
        return RolloutPolicySpec()
    name = spec.policy.name
    found = manifest.named("RolloutPolicy", name, among)
    given = parse_spec(RolloutPolicySpec, found.spec or {}) if found is not None else None
    unknown = f"the RolloutPolicy {name} is not among the files, or can't be read"
    return given if isinstance(given, RolloutPolicySpec) else unknown


def _runtime(model: Manifest | None, name: str, known: Catalogue) -> FrozenRuntime | str:
    """The runtime of the Model; a sentence where it is not known."""
    spec = parse_spec(ModelSpec, model.spec or {}) if model is not None else None
    if not isinstance(spec, ModelSpec):
        return f"the Model {name} is not among the files, or can't be read"
    try:
        return freeze(name, spec, known)
    except UnknownRuntimeError:
        return f"the Model {name} has no runtime"
