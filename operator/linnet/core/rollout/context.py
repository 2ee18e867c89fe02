"""What one look at a Deployment knows: its spec, its status, its revisions with their pods, and the rollout, if any.

`Context` is the Deployment, whether or not a rollout is under way. `UnderWay` is a rollout that is there: what makes
sense within a rollout takes that, and has no "if there is none".
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import cached_property
from typing import Any, Final

from linnet.api.kinds.deployment import (
    Autoscaling,
    DeploymentSpec,
    DeploymentStatus,
    HookStatus,
    RevisionStatus,
    RolloutStatus,
)
from linnet.api.labels import MODEL, REVISION, TEMPLATE, VERSION
from linnet.api.parts.conditions import past_or_none
from linnet.api.parts.traffic import Traffic
from linnet.core.observed import DeploymentObserved
from linnet.core.parse import Invalid, parse_spec
from linnet.core.policy import effective, rules
from linnet.core.policy.rules import Rules
from linnet.core.registry import versions
from linnet.core.registry.versions import Version
from linnet.core.resources.metadata import Owner
from linnet.core.resources.objects import Pod, Workload

_NEW: Final = timedelta(minutes=1)
"""A Deployment is new so long: its first revision may have pods before anything is written down."""
ANALYSIS: Final = "analysis"
DEADLINE: Final = "deadline"
HOOK: Final = "hook"
SPEC: Final = "spec"
"""Who decided, if no person did: the value of `by` in a decision."""
OUTAGE: Final = "Outage"
"""The reason of a rollback that can't wait for pods: the new version answers nothing."""


@dataclass(frozen=True)
class Context:
    """A Deployment at one look. `status` is what was written down; a transition returns a new Context."""

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
        """The number of pods that should serve: what the spec says, or what the autoscaler has made of it."""
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
        return min(bounds.max_replicas, max([bounds.min_replicas, held, *found]))

    @property
    def gateway(self) -> bool:
        """Whether a gateway splits the traffic."""
        return self.spec.traffic is not None and self.spec.traffic.type == "Gateway"

    @property
    def paused(self) -> bool:
        rollout = self.status.rollout
        return bool(self.spec.paused) or bool(rollout and rollout.paused)

    @cached_property
    def known(self) -> Sequence[Version]:
        """The versions of every Model that its spec or a revision of it names."""
        return versions.parse(self.observed.versions)

    @property
    def versions(self) -> Sequence[Version]:
        """The versions of the Model that the spec names."""
        return tuple(v for v in self.known if v.spec.model.name == self.spec.model.name)

    def version(self, number: int) -> Version | None:
        """The version of this number that the spec means."""
        return next((v for v in self.versions if v.number == number), None)

    def version_of(self, revision: RevisionStatus | None) -> Version | None:
        """The version that a revision is of, whatever Model the spec names by now; None if it was deleted.

        A number that was given to another artifact since is another version's.
        """
        if revision is None:
            return None
        model = revision.model or self.spec.model.name
        mine = (v for v in self.known if (v.spec.model.name, v.number) == (model, revision.version))
        return next((v for v in mine if None in {v.digest, revision.digest} or v.digest == revision.digest), None)

    def artifact_of(self, revision: RevisionStatus | None) -> Version | None:
        """The version that a revision is of, or else the newest of the same artifact: a Model that was deleted and made
        again has it under another number.
        """
        if revision is None or (found := self.version_of(revision)) is not None:
            return self.version_of(revision)
        same = [v for v in self.known if revision.digest is not None and v.digest == revision.digest]
        return same[-1] if same else found

    def workload(self, revision: RevisionStatus | None) -> Workload | None:
        name = revision.name if revision else None
        return next((w for w in self.observed.workloads if w.meta.name == name and not w.meta.deleting), None)

    def size(self, revision: RevisionStatus | None) -> int:
        """The number of pods that the revision was told to have."""
        found = self.workload(revision)
        return found.replicas if found else 0

    def ready(self, revision: RevisionStatus | None) -> int:
        """The number of its pods that answer, also where its apps/v1 Deployment was taken from us, or hangs in
        deletion, and they go on.
        """
        found = self.workload(revision)
        if found is None and revision is not None and self._goes_on_without(revision):
            return sum(p.ready and not p.meta.deleting for p in self.pods(revision))
        return found.ready if found else 0

    def is_stuck(self, revision: RevisionStatus | None) -> bool:
        """Whether its apps/v1 Deployment hangs in deletion: Kubernetes gives it no pods any more, and takes none."""
        name = revision.name if revision else None
        return any(w.meta.name == name and w.meta.hangs(self.now) for w in self.observed.workloads)

    def _goes_on_without(self, revision: RevisionStatus) -> bool:
        refused = ("Deployment", revision.name) in self.observed.refused
        return refused or any(w.meta.name == revision.name for w in self.observed.workloads)

    def pods(self, revision: RevisionStatus | None) -> tuple[Pod, ...]:
        name = revision.name if revision else None
        return tuple(p for p in self.observed.pods if p.meta.labels.get(REVISION) == name)

    def living(self, revision: RevisionStatus | None) -> tuple[Pod, ...]:
        """The pods of it that may serve: a pod that hangs in deletion holds up nothing but itself."""
        return tuple(p for p in self.pods(revision) if p.lives(self.now))

    def gone(self, revision: RevisionStatus | None) -> bool:
        """Whether it has no pods and will get none."""
        found = self.workload(revision)
        return not self.living(revision) and (found is None or (found.replicas == 0 and found.current == 0))

    def selector(self, service: str) -> dict[str, str]:
        """The labels that the Service selects by; empty if it is not there."""
        return next((dict(s.selector) for s in self.observed.services if s.meta.name == service), {})

    def pinned(self, revision: RevisionStatus | None) -> bool:
        """Whether `<name>` selects this revision alone."""
        return revision is not None and self.selector(self.name).get(REVISION) == revision.name

    def since(self, time: str | None) -> timedelta:
        """How long ago that was; nothing for a time that is still to come, or is none."""
        since = past_or_none(time, self.now)
        return self.now - since if since is not None else timedelta(0)

    @cached_property
    def under_way(self) -> "UnderWay | None":
        """The rollout, if there is one: nothing else decides whether there is."""
        rollout = self.status.rollout
        return UnderWay(self, rollout, _rules(self, rollout)) if rollout is not None else None

    def with_new_rollout(self, rollout: RolloutStatus) -> "UnderWay":
        """The rollout that begins with this status."""
        context = self.with_status(rollout=rollout)
        return UnderWay(context, rollout, _rules(context, rollout))

    def with_status(self, **changes: object) -> "Context":
        made = replace(self, status=self.status.model_copy(update=changes))
        vars(made)["known"] = self.known  # parsed once: what was observed does not change
        return made


@dataclass(frozen=True)
class UnderWay:
    """A rollout, its Deployment, and the rules that it goes by; `rollout` is `context.status.rollout`, always there."""

    context: Context
    rollout: RolloutStatus
    rules: Rules

    @property
    def version(self) -> Version | None:
        """The version on trial; None if its ModelVersion is gone."""
        return self.context.version_of(self.rollout.to)

    @property
    def version_unread(self) -> bool:
        """Whether its version can't be read now: it may be there."""
        return self.version is None and self.version_name in self.context.observed.unread

    @property
    def version_name(self) -> str:
        """The name of its ModelVersion."""
        return f"{self.rollout.to.model or self.context.spec.model.name}-v{self.rollout.to.version}"

    @property
    def rules_missing(self) -> bool:
        """Whether its rules can't be known, since its version is gone: nothing moves it then but a person."""
        return self.rules is rules.UNKNOWN

    @property
    def stored_evidence(self) -> Mapping[str, str]:
        """What this rollout has seen so far; empty at first: it must not inherit another one's (flagger #30)."""
        return _evidence_of(self.context, self.rollout)

    @property
    def waiting_hooks(self) -> tuple[HookStatus, ...]:
        """The hooks whose confirmation it waits for now; none once a decision has been made, or in an unknown phase."""
        if self.rollout.decision is not None or self.rollout.known_phase is None:
            return ()
        names = {h.name for h in self.rules.hooks}
        return tuple(
            h for h in self.rollout.hooks or () if h.answer not in {"Confirmed", "Refused"} and h.name in names
        )

    def with_rollout(self, **changes: object) -> "UnderWay":
        """Return the rollout, by the same rules, with other fields in its status."""
        rollout = self.rollout.model_copy(update=changes)
        return UnderWay(self.context.with_status(rollout=rollout), rollout, self.rules)


def _evidence_of(context: Context, rollout: RolloutStatus) -> Mapping[str, str]:
    evidence = context.observed.evidence or {}
    return evidence if evidence.get("rollout") == rollout.id else {}


def _rules(context: Context, rollout: RolloutStatus) -> Rules:
    """The rules that were frozen when the rollout began, or else what the spec says now.

    Those of another release, which this one can't read, hold it where it is; it is still judged, and goes back. The way
    back of a version that was deleted needs them, too: by the server of the former version.
    """
    version = context.version_of(rollout.to) or context.artifact_of(rollout.from_)
    if version is None:
        return rules.UNKNOWN
    frozen = rules.restored(rollout.rules) if rollout.rules else None
    if frozen is not None:
        return frozen
    found = rules.resolve(rules.source_of(context.spec), version.spec.runtime)
    if found is None or not rollout.rules:
        return found or rules.UNKNOWN
    return rules.held(found, rollout.step or 0, rollout.weight or 0)


def context_without_spec(observed: DeploymentObserved, status: DeploymentStatus, now: datetime) -> Context:
    """The context by what is there, whatever the spec says: the frozen policy, and as many pods as there are.

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
        "strategy": effective.KEEP_ALL,
        "replicas": None if scaled is not None else present,
    }
    return Context(observed, frozen.model_copy(update=kept), status, now)


def _autoscaling(given: Mapping[str, Any]) -> Autoscaling | None:
    found = parse_spec(Autoscaling, given.get("autoscaling") or {})
    return None if isinstance(found, Invalid) else found


def _traffic(given: Mapping[str, Any]) -> Traffic | None:
    found = parse_spec(Traffic, given.get("traffic") or {})
    return None if isinstance(found, Invalid) else found


def with_stable_adopted(context: Context) -> Context:
    """If status was lost, what `<name>-stable` selects becomes stable, ready or not, and nothing is decided.

    Pods that are not ready are trouble of their node as likely as of their version, and the other revision is on trial.
    """
    if context.status.rollout is not None:
        return _with_both_sides(context, context.status.rollout)
    if context.status.stable is not None:
        return context
    present = [w for w in context.observed.workloads if w.replicas > 0 and not w.meta.deleting]
    found = _selected(context, present) or _largest(context, present)
    return context.with_status(stable=revision_of(context, found)) if found is not None else context


def _with_both_sides(context: Context, rollout: RolloutStatus) -> Context:
    """A rollout that lost the version which it comes from, or stable, has it back from the rest of the status.

    Without the former it would be that of a first version, which nothing judges.
    """
    status = context.status
    former = rollout.from_ or _other_than(context, rollout.to)
    stable = status.stable or (rollout.to if rollout.phase in {"Baking", "Finishing"} else former)
    if (former, stable) == (rollout.from_, status.stable):
        return context
    return context.with_status(rollout=rollout.model_copy(update={"from_": former}), stable=stable)


def _other_than(context: Context, new: RevisionStatus) -> RevisionStatus | None:
    """The revision that served before the new one; None if that is the first."""
    status, found = context.status, _selected(context, context.observed.workloads)
    known = (status.stable, status.former, revision_of(context, found) if found is not None else None)
    return next((r for r in known if r is not None and r.name != new.name), None)


def _selected(context: Context, present: Sequence[Workload]) -> Workload | None:
    """The revision that clients reach, or would if nothing were under way."""
    names = [context.selector(service).get(REVISION) for service in (f"{context.name}-stable", context.name)]
    return next((w for name in names for w in present if w.meta.name == name), None)


def _largest(context: Context, present: Sequence[Workload]) -> Workload | None:
    """Where the Services were lost, too, that of two revisions which has more pods: a canary has fewer."""
    old = [w for w in present if w.meta.created is not None and context.now - w.meta.created > _NEW]
    return max(old, key=lambda w: w.replicas, default=None)


def revision_of(context: Context, found: Workload) -> RevisionStatus | None:
    """The revision that an apps/v1 Deployment is, by its labels and by the artifact that its pods are told to fetch.

    The number may be another artifact's by now: a Model that was deleted and made again counts from the beginning.
    """
    number = found.meta.labels.get(VERSION, "")
    if not number.isdigit():
        return None
    made = RevisionStatus(
        name=found.meta.name,
        model=found.meta.labels.get(MODEL),
        version=int(number),
        template=found.meta.labels.get(TEMPLATE, ""),
        digest=found.digest,
    )
    version = context.version_of(made)
    return made.model_copy(update={"digest": version.digest if version else found.digest})
