"""What the steps of a retraining look share: everything seen, parsed once, and the record as each step leaves it."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final

from linnet.api.conditions import Reason
from linnet.api.model import ModelSpec, ModelStatus
from linnet.api.requests import LastRequest
from linnet.api.retrainpolicy import RetrainPolicySpec, RetrainPolicyStatus, Run
from linnet.api.runtime import FrozenRuntime
from linnet.core import retrain_spec, unsupported, versions
from linnet.core.children import JobView, Pod
from linnet.core.observed import Parent, RetrainObserved
from linnet.core.parse import Invalid, parse_spec, parse_status
from linnet.core.plan import Action
from linnet.core.podparts import Owner
from linnet.core.retrain_spec import Obstacle
from linnet.core.runs import Ledger, ledger
from linnet.core.runtimes import UnknownRuntimeError, freeze
from linnet.core.versions import Version

_AGAIN: Final = timedelta(seconds=5)


@dataclass(frozen=True)
class Target:
    """The Model that gets the versions, with the runtime that a version of now would freeze."""

    parent: Parent
    spec: ModelSpec
    frozen: FrozenRuntime
    known: tuple[Version, ...]
    next_number: int

    @property
    def owner(self) -> Owner:
        return Owner("Model", self.parent.name, self.parent.namespace, self.parent.uid)


@dataclass(frozen=True)
class Desk:
    """`spec` and `target` are None where they don't parse; `obstacle` says why no run may start."""

    observed: RetrainObserved
    now: datetime
    former: RetrainPolicyStatus
    spec: RetrainPolicySpec | None
    target: Target | None
    obstacle: Obstacle | None
    ledger: Ledger
    answer: LastRequest | None
    actions: tuple[Action, ...] = ()
    again: timedelta | None = None

    @property
    def owner(self) -> Owner:
        policy = self.observed.policy
        return Owner("RetrainPolicy", policy.name, policy.namespace, policy.uid)

    @property
    def jobs(self) -> tuple[JobView, ...]:
        """Oldest first."""
        return tuple(sorted(self.observed.jobs, key=lambda j: (created(j, self.now), j.meta.name)))

    def job(self, name: str) -> JobView | None:
        return next((j for j in self.observed.jobs if j.meta.name == name), None)

    def pods(self, job: JobView) -> tuple[Pod, ...]:
        """Newest first."""
        mine = (p for p in self.observed.pods if p.meta.owner == job.meta.uid)
        return tuple(sorted(mine, key=lambda p: (p.meta.created or self.now, p.meta.name), reverse=True))

    def does(self, *actions: Action) -> "Desk":
        return replace(self, actions=(*self.actions, *actions))

    def notes(self, changed: Ledger) -> "Desk":
        return replace(self, ledger=changed)

    def changes(self, run: Run, **update: object) -> "Desk":
        return self.notes(self.ledger.changed(run.model_copy(update=update)))

    def waits(self) -> "Desk":
        """Look again soon: something that must come was not seen yet."""
        return replace(self, again=_AGAIN)


def created(job: JobView, now: datetime) -> datetime:
    return job.meta.created or now


def opened(observed: RetrainObserved, now: datetime) -> Desk:
    """The desk before the first step."""
    former = parse_status(RetrainPolicyStatus, observed.policy.status)
    spec = parse_spec(RetrainPolicySpec, observed.policy.spec)
    target = _target(observed)
    obstacle = next(_obstacles(spec, target, observed), None)
    return Desk(
        observed,
        now,
        former,
        spec=None if isinstance(spec, Invalid) else spec,
        target=target if isinstance(target, Target) else None,
        obstacle=obstacle,
        ledger=ledger(former),
        answer=former.last_request,
    )


def _obstacles(
    spec: RetrainPolicySpec | Invalid, target: Target | Obstacle, observed: RetrainObserved
) -> Iterator[Obstacle]:
    """What must be mended first, in the order in which it is worth reading."""
    if isinstance(spec, Invalid):
        yield Obstacle(Reason.INVALID_SPEC, spec.message)
    else:
        yield from retrain_spec.obstacles(spec, observed.allowed_service_accounts)
    if isinstance(target, Obstacle):
        yield target


def _target(observed: RetrainObserved) -> Target | Obstacle:
    model = observed.model
    if model is None or model.deleting:
        return Obstacle(Reason.MODEL_NOT_FOUND, "spec.model.name: there is no such Model in this namespace")
    spec = parse_spec(ModelSpec, model.spec)
    if isinstance(spec, Invalid):
        return Obstacle(Reason.INVALID_SPEC, f"Model {model.name}: {spec.message}")
    if message := next(unsupported.in_model(spec), None):
        return Obstacle(Reason.NOT_YET_SUPPORTED, f"Model {model.name}: {message}")
    try:
        frozen = freeze(model.name, spec, observed.platform.catalogue)
    except UnknownRuntimeError as error:
        return Obstacle(Reason.UNKNOWN_RUNTIME, f"Model {model.name}: {error}")
    known = versions.parse(observed.versions)
    number = versions.next_number(parse_status(ModelStatus, model.status), known)
    return Target(model, spec, frozen, known, number)
