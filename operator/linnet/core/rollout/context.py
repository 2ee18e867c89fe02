"""One Deployment's world, parsed once and asked often: revisions, their pods, the rollout's frozen policy."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import cached_property
from typing import Any, Final

from linnet.api.kinds.deployment import Autoscaling, DeploymentSpec, DeploymentStatus, RevisionStatus, RolloutStatus
from linnet.api.labels import REVISION, TEMPLATE, VERSION
from linnet.api.parts.conditions import parse_time
from linnet.api.parts.traffic import Traffic
from linnet.core.observed import DeploymentObserved
from linnet.core.parse import Invalid, parse_spec
from linnet.core.policy import effective as shared_policy
from linnet.core.policy import rules as policy
from linnet.core.policy.rules import Rules
from linnet.core.registry import versions
from linnet.core.registry.versions import Version
from linnet.core.resources.metadata import Owner
from linnet.core.resources.objects import Pod, Workload


@dataclass(frozen=True)
class World:
    """`status` is what was written down; transitions return a new World."""

    observed: DeploymentObserved
    spec: DeploymentSpec
    status: DeploymentStatus
    now: datetime

    @property
    def name(self) -> str:
        return self.observed.deployment.name

    @property
    def owner(self) -> Owner:
        deployment = self.observed.deployment
        return Owner("Deployment", deployment.name, deployment.namespace, deployment.uid)

    @property
    def replicas(self) -> int:
        """Pods that should serve: what the spec says, or what the autoscaler has made of it."""
        if self.spec.autoscaling is not None:
            return self._scaled(self.spec.autoscaling)
        return 1 if self.spec.replicas is None else self.spec.replicas

    def _scaled(self, bounds: Autoscaling) -> int:
        """The size of the larger revision: stable until the promotion, then the new one.

        Going back it is the former one's, which may have to carry what both carried (status.rollout.replicas).
        """
        rollout = self.status.rollout
        both = (rollout.from_, rollout.to) if rollout else (self.status.stable,)
        sized = both[:1] if rollout and rollout.phase == "RollingBack" else both
        found = [w.replicas for revision in sized if (w := self.workload(revision)) is not None]
        held = rollout.replicas or 0 if rollout else 0
        return min(bounds.max, max([bounds.min, held, *found]))

    @property
    def gateway(self) -> bool:
        """Whether a gateway splits the traffic."""
        return self.spec.traffic is not None and self.spec.traffic.type == "Gateway"

    @property
    def paused(self) -> bool:
        rollout = self.status.rollout
        return bool(self.spec.paused) or bool(rollout and rollout.paused)

    @cached_property
    def versions(self) -> Sequence[Version]:
        return versions.parse(self.observed.versions)

    def version(self, number: int) -> Version | None:
        return next((v for v in self.versions if v.number == number), None)

    def workload(self, revision: RevisionStatus | None) -> Workload | None:
        name = revision.name if revision else None
        return next((w for w in self.observed.workloads if w.meta.name == name and not w.meta.deleting), None)

    def size(self, revision: RevisionStatus | None) -> int:
        """Pods that it was told to have."""
        found = self.workload(revision)
        return found.replicas if found else 0

    def ready(self, revision: RevisionStatus | None) -> int:
        found = self.workload(revision)
        return found.ready if found else 0

    def pods(self, revision: RevisionStatus | None) -> tuple[Pod, ...]:
        name = revision.name if revision else None
        return tuple(p for p in self.observed.pods if p.meta.labels.get(REVISION) == name)

    def gone(self, revision: RevisionStatus | None) -> bool:
        """Whether it has no pods and will get none."""
        found = self.workload(revision)
        return not self.pods(revision) and (found is None or (found.replicas == 0 and found.current == 0))

    def selector(self, service: str) -> dict[str, str]:
        """Whom the Service selects; empty if it is not there."""
        return next((dict(s.selector) for s in self.observed.services if s.meta.name == service), {})

    def pinned(self, revision: RevisionStatus | None) -> bool:
        """Whether `<name>` selects this revision alone."""
        return revision is not None and self.selector(self.name).get(REVISION) == revision.name

    def since(self, time: str | None) -> timedelta:
        return self.now - parse_time(time) if time else timedelta(0)

    @cached_property
    def policy(self) -> Rules | None:
        """The frozen policy of the rollout under way, or else what the spec says now; None without a version."""
        rollout = self.status.rollout
        wanted = self.version(rollout.to.version) if rollout else None
        if rollout is None or wanted is None:
            return None
        frozen = (self.observed.evidence or {}).get("policy") if self.own_evidence else None
        found = policy.resolve(frozen, wanted.spec.runtime) if frozen else None
        return found or policy.resolve(policy.source_of(self.spec), wanted.spec.runtime)

    @property
    def own_evidence(self) -> bool:
        """Whether the evidence is of this rollout: a new one must not inherit an old one's (flagger #30)."""
        rollout, evidence = self.status.rollout, self.observed.evidence
        return bool(rollout and evidence and evidence.get("rollout") == rollout.id)

    def with_status(self, **changes: object) -> "World":
        made = replace(self, status=self.status.model_copy(update=changes))
        vars(made)["versions"] = self.versions  # parsed once: what was observed does not change
        return made

    def with_rollout(self, rollout: RolloutStatus, **changes: object) -> "World":
        return self.with_status(rollout=rollout.model_copy(update=changes))


def standing(observed: DeploymentObserved, status: DeploymentStatus, now: datetime) -> World:
    """The world by what stands, whatever the spec says: the frozen policy, and as many pods as there are.

    A spec that can't be followed must not stop a rollout from being judged, rolled back or asked of.
    """
    given = observed.deployment.spec
    model = given.get("model")
    name = model.get("name") if isinstance(model, Mapping) else None
    rollout = status.rollout
    serving = (rollout.from_ if rollout else None) or status.stable
    present = next((w.replicas for w in observed.workloads if serving and w.meta.name == serving.name), 1)
    if rollout is not None and rollout.phase in {"Baking", "Finishing"}:
        present = next((w.replicas for w in observed.workloads if w.meta.name == rollout.to.name), present)
    frozen = parse_spec(DeploymentSpec, {"model": {"name": str(name or "unknown")}, "replicas": present})
    assert not isinstance(frozen, Invalid)
    scaled = _autoscaling(given) if observed.autoscalers else None
    kept = {
        "paused": given.get("paused") is True,
        "traffic": _traffic(given) if observed.routes else None,
        "autoscaling": scaled,
        "strategy": shared_policy.KEEP_ALL,
        "replicas": None if scaled is not None else present,
    }
    return World(observed, frozen.model_copy(update=kept), status, now)


def _autoscaling(given: Mapping[str, Any]) -> Autoscaling | None:
    found = parse_spec(Autoscaling, given.get("autoscaling") or {})
    return None if isinstance(found, Invalid) else found


def _traffic(given: Mapping[str, Any]) -> Traffic | None:
    found = parse_spec(Traffic, given.get("traffic") or {})
    return None if isinstance(found, Invalid) else found


def adopted(world: World) -> World:
    """If status was lost, what `<name>` selects is stable, and nothing is decided."""
    if world.status.stable is not None or world.status.rollout is not None:
        return world
    for service in (world.name, f"{world.name}-stable"):
        selected = world.selector(service).get(REVISION)
        found = next((w for w in world.observed.workloads if w.meta.name == selected), None)
        if found is not None and found.replicas > 0 and found.ready > 0:
            return world.with_status(stable=of_workload(world, found))
    return world


def of_workload(world: World, found: Workload) -> RevisionStatus | None:
    """The revision that an apps/v1 Deployment is, by its labels."""
    number = found.meta.labels.get(VERSION, "")
    if not number.isdigit():
        return None
    version = world.version(int(number))
    return RevisionStatus(
        name=found.meta.name,
        version=int(number),
        digest=version.digest if version else None,
        template=found.meta.labels.get(TEMPLATE, ""),
    )


ANALYSIS: Final = "analysis"
DEADLINE: Final = "deadline"
HOOK: Final = "hook"
SPEC: Final = "spec"
OUTAGE: Final = "Outage"
