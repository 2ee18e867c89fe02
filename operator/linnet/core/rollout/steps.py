"""The steps of a canary, one after the other: set the weight, wait for a person, wait for the checks."""

from datetime import timedelta

from linnet.api.kinds.deployment import RolloutStatus
from linnet.api.parts.base import format_duration
from linnet.api.parts.conditions import timestamp
from linnet.api.parts.strategy import Step
from linnet.core.analysis.verdict import Verdict
from linnet.core.plan import Emit
from linnet.core.policy.rules import Rules
from linnet.core.rollout.context import ANALYSIS, DEADLINE, World
from linnet.core.rollout.hooks import gates
from linnet.core.rollout.judging.look import Judged
from linnet.core.rollout.traffic import router, routing
from linnet.core.rollout.transitions import Turn, abort, promote


def entered(world: World, policy: Rules, judged: Judged, by: str = ANALYSIS) -> Turn:
    """The step that was just entered, with its weight; past the last step the version is promoted."""
    rollout = world.status.rollout
    assert rollout is not None
    index = rollout.step or 0
    if index >= len(policy.steps):
        left_by = by if by != ANALYSIS else None
        return _promoting(world.with_rollout(rollout, by=left_by), policy, judged)
    weight = policy.steps[index].set_weight
    if weight is None:
        return Turn(world)
    way = router.of(world)
    effective = way.effective_weight(world.replicas, weight)
    message = f"Version {rollout.to.version}: weight {weight} %{f' ({effective} % by pods)' if way.by_pods else ''}"
    moved = world.with_rollout(rollout, weight=weight, effective_weight=effective)
    return Turn(moved, (Emit("Normal", "WeightSet", message),))


def _promoting(world: World, policy: Rules, judged: Judged) -> Turn:
    """Past the last step, once every hook has confirmed; whoever left that step promotes it."""
    rollout = world.status.rollout
    assert rollout is not None
    by = rollout.by or ANALYSIS
    return gates.through(world, "ConfirmPromotion", judged, lambda w: promote(w, by, *_why(policy), judged))


def _why(policy: Rules) -> tuple[str, str]:
    """Reason and sentence of a promotion past the last step."""
    if policy.steps:
        return "StepsCompleted", "every step was completed"
    return "PodsReady", "its pods are ready, and no step comes before its bake"


def next_step(world: World, judged: Judged, by: str = ANALYSIS) -> Turn:
    """On to the next step; a promotion past the last step is recorded with `judged` and `by`, who left it."""
    rollout, policy = world.status.rollout, world.policy
    assert rollout is not None
    assert policy is not None
    step = (rollout.step or 0) + 1
    moved = world.with_rollout(rollout, step=step, step_started_at=timestamp(world.now), paused=None)
    return entered(moved, policy, judged, by)


def stepping(world: World, rollout: RolloutStatus, policy: Rules, judged: Judged) -> Turn:
    index = rollout.step or 0
    if index >= len(policy.steps):
        return _promoting(world, policy, judged)
    step, elapsed = policy.steps[index], world.since(rollout.step_started_at)
    if step.pause is not None:
        return _pausing(world, step, elapsed, judged)
    if step.analyse is not None:
        return _analysing(world, policy, step, elapsed, judged)
    return next_step(world, judged) if _reached(world, rollout) else Turn(world)


def _reached(world: World, rollout: RolloutStatus) -> bool:
    """Whether the canary has the pods of this step, and gets the requests of it."""
    wanted = routing.routing(world)
    pods, found = routing.stage_replicas(world), world.workload(rollout.to)
    there = found is not None and found.replicas >= pods and found.ready >= pods
    return there and wanted.split is not None and router.of(world).holds(world, wanted.split)


def _pausing(world: World, step: Step, elapsed: timedelta, judged: Judged) -> Turn:
    assert step.pause is not None
    limit = step.pause.max_time
    if limit is None or elapsed < limit:
        return Turn(world)
    match step.pause.on_expiry:
        case "RollBack":
            message = f"nobody resumed within {format_duration(limit)}"
            return abort(world, DEADLINE, "PauseExpired", message, judged)
        case "Hold":
            return Turn(world)
        case _:
            return next_step(world, judged)


def _analysing(world: World, policy: Rules, step: Step, elapsed: timedelta, judged: Judged) -> Turn:
    assert step.analyse is not None
    names = frozenset(step.analyse.checks) if step.analyse.checks is not None else None
    verdict = judged.verdict(names)
    if verdict == Verdict.PASS and elapsed >= step.analyse.for_ and judged.folded:
        return next_step(world, judged)
    if elapsed < max(policy.limits.evidence, step.analyse.for_):
        return Turn(world)
    message = f"no verdict within deadlines.evidence ({format_duration(policy.limits.evidence)}): {verdict}"
    if policy.on_insufficient_data == "RollBack":
        return abort(world, DEADLINE, str(verdict), message, judged)
    if policy.on_insufficient_data == "Promote" and verdict == Verdict.INSUFFICIENT_DATA:
        return next_step(world, judged)
    return Turn(world)
