"""What the steps of a retraining look share: everything seen, parsed once, and the record as each step leaves it."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final

from linnet.api.kinds.model import ModelSpec, ModelStatus
from linnet.api.kinds.retrain_policy import RetrainPolicySpec, RetrainPolicyStatus, Run
from linnet.api.parts.conditions import Reason
from linnet.api.parts.requests import AnsweredRequest
from linnet.api.parts.runtime import FrozenRuntime
from linnet.core.observed import RetrainObserved
from linnet.core.parse import Invalid, parse_spec, parse_status
from linnet.core.plan import Action
from linnet.core.policy import unsupported
from linnet.core.registry import versions
from linnet.core.registry.versions import Version
from linnet.core.resources.metadata import Owner
from linnet.core.resources.objects import JobView, Parent, Pod
from linnet.core.retraining import history, preflight
from linnet.core.retraining.executors import executor
from linnet.core.retraining.executors.executor import Executor
from linnet.core.retraining.history import History
from linnet.core.retraining.preflight import Obstacle
from linnet.core.serving.pods import Image
from linnet.core.serving.runtimes import UnknownRuntimeError, freeze

_AGAIN: Final = timedelta(seconds=5)


@dataclass(frozen=True)
class TargetModel:
    """The Model that gets the versions, with the runtime that a version of now would freeze."""

    parent: Parent
    spec: ModelSpec
    frozen: FrozenRuntime
    known: tuple[Version, ...]
    next_number: int | None
    """None: there is none left."""

    @property
    def owner(self) -> Owner:
        return Owner("Model", self.parent.name, self.parent.namespace, self.parent.uid)


@dataclass(frozen=True)
class RetrainContext:
    """A RetrainPolicy at one look, as each step leaves it.

    `spec` and `target` are None where they don't parse; `obstacle` says why no run may start.
    """

    observed: RetrainObserved
    now: datetime
    former: RetrainPolicyStatus
    spec: RetrainPolicySpec | None
    target: TargetModel | None
    obstacle: Obstacle | None
    history: History
    requests: tuple[AnsweredRequest, ...]
    """What the policy remembers of the requests that it was asked."""
    actions: tuple[Action, ...] = ()
    again: timedelta | None = None

    @property
    def owner(self) -> Owner:
        policy = self.observed.policy
        return Owner("RetrainPolicy", policy.name, policy.namespace, policy.uid)

    @property
    def image(self) -> Image:
        """Linnet's own image."""
        return Image(self.observed.platform.image, self.observed.platform.image_pull_policy)

    @property
    def executor(self) -> Executor:
        """What carries the policy's runs out."""
        return executor.of(self.spec)

    @property
    def jobs(self) -> tuple[JobView, ...]:
        """The policy's Jobs, oldest first."""
        return tuple(sorted(self.observed.jobs, key=lambda j: (created(j, self.now), j.meta.name)))

    def job(self, name: str) -> JobView | None:
        return next((j for j in self.observed.jobs if j.meta.name == name), None)

    def pods(self, job: JobView) -> tuple[Pod, ...]:
        """The Job's pods, newest first."""
        mine = (p for p in self.observed.pods if p.meta.owner == job.meta.uid)
        return tuple(sorted(mine, key=lambda p: (p.meta.created or self.now, p.meta.name), reverse=True))

    def with_actions(self, *actions: Action) -> "RetrainContext":
        return replace(self, actions=(*self.actions, *actions))

    def with_history(self, changed: History) -> "RetrainContext":
        return replace(self, history=changed)

    def with_run(self, run: Run, **update: object) -> "RetrainContext":
        return self.with_history(self.history.with_run(run.model_copy(update=update)))

    def looking_again(self) -> "RetrainContext":
        """The context of a look that is repeated soon: something that must come was not seen yet."""
        return replace(self, again=_AGAIN)


def created(job: JobView, now: datetime) -> datetime:
    return job.meta.created or now


def first_context(observed: RetrainObserved, now: datetime) -> RetrainContext:
    """The context before the first step of a look."""
    former = parse_status(RetrainPolicyStatus, observed.policy.status)
    spec = parse_spec(RetrainPolicySpec, observed.policy.spec)
    target = _target(observed)
    obstacle = next(_obstacles(spec, target, observed), None)
    return RetrainContext(
        observed,
        now,
        former,
        spec=None if isinstance(spec, Invalid) else spec,
        target=target if isinstance(target, TargetModel) else None,
        obstacle=obstacle,
        history=history.of_status(former, now),
        requests=tuple(former.requests or ()),
    )


def _obstacles(
    spec: RetrainPolicySpec | Invalid, target: TargetModel | Obstacle, observed: RetrainObserved
) -> Iterator[Obstacle]:
    """Everything that must be mended first, in the order in which it is worth reading."""
    if isinstance(spec, Invalid):
        yield Obstacle(Reason.INVALID_SPEC, spec.message)
    else:
        yield from preflight.obstacles(spec, observed.allowed_service_accounts)
    if isinstance(target, Obstacle):
        yield target


def _target(observed: RetrainObserved) -> TargetModel | Obstacle:
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
    return TargetModel(model, spec, frozen, known, number)
