"""What the steps so far ask of traffic (`Stage`), and how it is split between two revisions (`Split`)."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from linnet.api.kinds.deployment import RevisionStatus
from linnet.api.parts.strategy import HeaderMatch, Step


@dataclass(frozen=True)
class Stage:
    """What a step asks of traffic, in percent of the requests. `replicas` None: as many pods as the weight needs.

    A cohort keeps its version until the promotion, as Argo Rollouts' header route does. Copies end with the next
    `setWeight`: the canary would answer some requests twice.
    """

    weight: int = 0
    mirror: int | None = None
    headers: tuple[HeaderMatch, ...] = ()
    replicas: int | None = None

    @property
    def reaches_canary(self) -> bool:
        """Whether any request goes to the canary."""
        return bool(self.weight or self.mirror or self.headers)

    def then(self, step: Step) -> "Stage":
        """The stage after one more step.

        >>> Stage(mirror=10).then(Step(set_weight=20))
        Stage(weight=20, mirror=None, headers=(), replicas=None)
        """
        if step.set_weight is not None:
            return replace(self, weight=step.set_weight, mirror=None)
        if step.mirror is not None:
            return replace(self, mirror=step.mirror.percent)
        if step.match_headers is not None:
            return replace(self, headers=tuple(step.match_headers))
        if step.set_replicas is not None:
            return replace(self, replicas=step.set_replicas or None)
        return self


@dataclass(frozen=True)
class Split:
    """Who gets what: `other` gets `weight` percent, copies of `mirror` percent and the cohort, `main` all the rest.

    `shared`: both serve, so that traffic which is split by pods goes to the pods of both.
    """

    main: RevisionStatus
    other: RevisionStatus | None = None
    weight: int = 0
    mirror: int | None = None
    headers: tuple[HeaderMatch, ...] = ()
    shared: bool = False


def at(steps: Sequence[Step], index: int) -> Stage:
    """The stage of the step `index`, from 0; past the last step it is the last one's."""
    stage = Stage()
    for step in steps[: index + 1]:
        stage = stage.then(step)
    return stage


def first(steps: Sequence[Step]) -> Stage:
    """The stage in which requests first reach the canary: its pods are there before that."""
    reaching = (i for i in range(len(steps)) if at(steps, i).reaches_canary)
    return at(steps, next(reaching, len(steps) - 1))
