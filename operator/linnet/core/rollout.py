"""The rollout, phase by phase. Each transition returns a new World; routing follows what was written down.

Only Fail rolls back and only Pass goes on, besides a person, a deadline, and an explicit onInsufficientData.
"""

from dataclasses import dataclass
from datetime import timedelta
from typing import Final, assert_never

from linnet.api.base import format_duration
from linnet.api.conditions import timestamp
from linnet.api.deployment import LastRollout, RolloutStatus
from linnet.api.strategy import Step
from linnet.core import decisions, podhealth
from linnet.core.capacity import canary_replicas, effective_weight
from linnet.core.checks import Judgement, Verdict
from linnet.core.judging import Judged
from linnet.core.plan import Action, Emit
from linnet.core.policy import Rules
from linnet.core.target import Wanted, newcomer, quarantine_of
from linnet.core.world import World

ANALYSIS: Final = "analysis"
DEADLINE: Final = "deadline"
OUTAGE: Final = "Outage"


@dataclass(frozen=True)
class Turn:
    """The world after a transition, and what must be told or recorded of it."""

    world: World
    actions: tuple[Action, ...] = ()


def begin(world: World, target: Wanted) -> Turn:
    """A new rollout of the wanted revision; no traffic moves before this is written down."""
    time = timestamp(world.now)
    short = target.revision.name.removeprefix(f"{world.name}-")
    rollout = RolloutStatus(
        id=f"{short}-{time.replace('-', '').replace(':', '')}",
        phase="Starting",
        from_=world.status.stable,
        to=target.revision,
        step=0,
        started_at=time,
        step_started_at=time,
        weight=0,
        effective_weight=0,
    )
    begun = world.with_status(rollout=rollout, queued=None)
    policy = begun.policy
    if policy is None:
        return Turn(world)
    named = world.spec.policy.name if world.spec.policy else None
    begun = begun.with_rollout(rollout, policy=named, policy_hash=policy.hash)
    message = f"Version {target.revision.version} starts as {target.revision.name}"
    return Turn(
        begun,
        (
            *decisions.recorded(begun, "Started", ANALYSIS, "RolloutStarted", message, Judged()),
            Emit("Normal", "RolloutStarted", message),
        ),
    )


def advance(world: World, judged: Judged, target: Wanted | None) -> Turn:
    """One look at the rollout under way: what went wrong first, then the phase's own question."""
    rollout, policy = world.status.rollout, world.policy
    if rollout is None or policy is None:
        return Turn(world)
    if (ended := _interrupted(world, rollout, judged, target)) is not None:
        return ended
    match rollout.phase:
        case "Starting":
            return _starting(world, rollout, policy)
        case "Stepping":
            return Turn(world) if world.paused else _stepping(world, rollout, policy, judged)
        case "Promoting":
            return _promoting(world, rollout, policy, judged)
        case "Baking":
            return Turn(world) if world.paused else _baking(world, rollout, policy, judged)
        case "Finishing":
            return _finishing(world, rollout)
        case "RollingBack":
            return _rolling_back(world, rollout)
        case _:
            assert_never(rollout.phase)


def _interrupted(world: World, rollout: RolloutStatus, judged: Judged, target: Wanted | None) -> Turn | None:
    """A failed check, a quarantine, or a spec that wants the former revision back: in every phase, paused or not."""
    if rollout.phase in {"RollingBack", "Finishing"}:
        return None
    if rollout.from_ is None:
        return _superseded(world, rollout, target)
    if (failed := judged.failed) is not None:
        return roll_back(world, ANALYSIS, _blame(rollout, judged, failed), failed.message, judged)
    if (entry := quarantine_of(world, rollout.to)) is not None:
        return roll_back(world, entry.deployment or "a person", "Quarantined", entry.message, judged)
    if target is not None and target.revision.name == rollout.from_.name:
        return abort(world, "spec", "Reverted", f"the spec asks for version {target.revision.version} again", judged)
    return _overtaken(world, target, judged)


def _overtaken(world: World, target: Wanted | None, judged: Judged) -> Turn | None:
    """Under Supersede a newer version ends this one, without blame. What a person has paused waits for that person."""
    newer = newcomer(world, target)
    supersedes = world.policy is not None and world.policy.on_new_version == "Supersede"
    if newer is None or not supersedes or world.paused:
        return None
    message = f"version {newer.revision.version} takes its place ({newer.revision.name})"
    return abort(world, "spec", "Superseded", message, judged)


def _blame(rollout: RolloutStatus, judged: Judged, failed: Judgement) -> str:
    """The check that failed; Outage if the version answers nothing and the former one is not warm any more."""
    counts = failed.counts
    total = counts.canary_n > 0 and counts.canary_bad == counts.canary_n
    silent = any(j.reason == podhealth.UNANSWERED for j in judged.judgements)
    return OUTAGE if (total or silent) and rollout.phase == "Baking" else failed.check


def _superseded(world: World, rollout: RolloutStatus, target: Wanted | None) -> Turn | None:
    """Before anything serves, a newer spec replaces what was starting: nobody is served by waiting for it."""
    if target is None or target.revision.name == rollout.to.name:
        return None
    message = f"{rollout.to.name} never served and is replaced by {target.revision.name}"
    return Turn(world.with_status(rollout=None), (Emit("Normal", "Superseded", message),))


def _starting(world: World, rollout: RolloutStatus, policy: Rules) -> Turn:
    found = world.workload(rollout.to)
    wanted = world.replicas if rollout.from_ is None else first_replicas(world, policy)
    if wanted > 0 and (found is None or found.replicas < wanted or found.ready < wanted):
        return Turn(world)
    if rollout.from_ is None:
        return _first(world, rollout)
    if world.paused:
        return Turn(world)
    if world.replicas == 0:
        return promote(world, ANALYSIS, "ScaledToZero", "no pods serve, so there is nothing to judge", Judged())
    time = timestamp(world.now)
    moved = world.with_rollout(rollout, phase="Stepping", step=0, step_started_at=time, ready_at=time)
    return _entered(moved, policy, Judged())


def _first(world: World, rollout: RolloutStatus) -> Turn:
    """Nobody was there to compare the first version with: it is complete once it is ready, on no judgement."""
    ended = _complete(world, rollout)
    message = f"Version {rollout.to.version} is the first"
    told = decisions.recorded(world, "Completed", ANALYSIS, "FirstVersion", message, Judged())
    return Turn(ended.world, (*told, *ended.actions))


def first_replicas(world: World, policy: Rules) -> int:
    """Canary pods of the first weight in the steps; all of them where no traffic is shared before the switch."""
    if policy.type != "Canary":
        return world.replicas
    weight = next((s.set_weight for s in policy.steps if s.set_weight), 1)
    return canary_replicas(world.replicas, weight)


def _entered(world: World, policy: Rules, judged: Judged, by: str = ANALYSIS) -> Turn:
    """The step that was just entered, with its weight; past the last step the version is promoted."""
    rollout = world.status.rollout
    assert rollout is not None
    index = rollout.step or 0
    if index >= len(policy.steps):
        return promote(world, by, *_why(policy), judged)
    weight = policy.steps[index].set_weight
    if weight is None:
        return Turn(world)
    effective = effective_weight(world.replicas, weight)
    message = f"Version {rollout.to.version}: weight {weight} % ({effective} % by pods)"
    moved = world.with_rollout(rollout, weight=weight, effective_weight=effective)
    return Turn(moved, (Emit("Normal", "WeightSet", message),))


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
    return _entered(moved, policy, judged, by)


def _stepping(world: World, rollout: RolloutStatus, policy: Rules, judged: Judged) -> Turn:
    index = rollout.step or 0
    if index >= len(policy.steps):
        return promote(world, ANALYSIS, *_why(policy), judged)
    step, elapsed = policy.steps[index], world.since(rollout.step_started_at)
    if step.set_weight is not None:
        return next_step(world, judged) if _weight_reached(world, rollout, step) else Turn(world)
    if step.pause is not None:
        return _pausing(world, step, elapsed, judged)
    if step.analyse is not None:
        return _analysing(world, policy, step, elapsed, judged)
    return next_step(world, judged)


def _weight_reached(world: World, rollout: RolloutStatus, step: Step) -> bool:
    wanted = canary_replicas(world.replicas, step.set_weight or 0)
    found = world.workload(rollout.to)
    return found is not None and found.replicas >= wanted and found.ready >= wanted


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


def _promoting(world: World, rollout: RolloutStatus, policy: Rules, judged: Judged) -> Turn:
    """The new version gets all of its pods before the former one gives up any (flagger #1202, argo #2050)."""
    found = world.workload(rollout.to)
    if found is None or found.replicas < world.replicas or found.ready < world.replicas:
        return Turn(world)
    time = timestamp(world.now)
    moved = world.with_rollout(rollout, phase="Baking", step_started_at=time, weight=100, effective_weight=100)
    moved = moved.with_status(stable=rollout.to, former=rollout.from_)
    told = Emit("Normal", "Promoted", f"Version {rollout.to.version} serves")
    if policy.bake > timedelta(0):
        return Turn(moved, (told,))
    ended = finish(moved, rollout.by or ANALYSIS, "NoBake", "strategy.bake.time is 0", judged)
    return Turn(ended.world, (told, *ended.actions))


def _baking(world: World, rollout: RolloutStatus, policy: Rules, judged: Judged) -> Turn:
    if world.since(rollout.step_started_at) < policy.bake:
        return Turn(world)
    return finish(world, ANALYSIS, "BakeCompleted", f"nothing failed in {format_duration(policy.bake)}", judged)


def finish(world: World, by: str, reason: str, message: str, judged: Judged) -> Turn:
    """Decide that it stays: the former version's pods go next, and no evidence brings them back."""
    rollout = world.status.rollout
    assert rollout is not None
    moved = world.with_rollout(rollout, phase="Finishing", step_started_at=timestamp(world.now), paused=None)
    told = f"Version {rollout.to.version} stays: {message}"
    return Turn(moved, decisions.recorded(moved, "Completed", by, reason, told, judged))


def _finishing(world: World, rollout: RolloutStatus) -> Turn:
    """It ends when the former version has no pods, and `<name>` selects the new one alone."""
    if not world.gone(rollout.from_) or not world.pinned(rollout.to):
        return Turn(world)
    return _complete(world, rollout)


def _complete(world: World, rollout: RolloutStatus) -> Turn:
    message = f"Version {rollout.to.version} is stable"
    ended = world.with_status(
        stable=rollout.to,
        former=rollout.from_ or world.status.former,
        rollout=None,
        held=None,
        last_rollout=_last(world, rollout, "Promoted", message),
    )
    return Turn(ended, (Emit("Normal", "RolloutCompleted", message),))


def _rolling_back(world: World, rollout: RolloutStatus) -> Turn:
    """It ends when the failed pods are gone; until then `<name>` stays pinned (argo #3078)."""
    if not world.gone(rollout.to) or not world.pinned(rollout.from_):
        return Turn(world)
    outcome = "Aborted" if rollout.decision == "Aborted" else "RolledBack"
    message = rollout.message or ""
    ended = world.with_status(
        stable=rollout.from_,
        former=None if world.status.former == rollout.from_ else world.status.former,
        rollout=None,
        held=rollout.to.name if outcome == "Aborted" and rollout.by != "spec" else world.status.held,
        last_rollout=_last(world, rollout, outcome, message),
    )
    version = rollout.from_.version if rollout.from_ else 0
    return Turn(ended, (Emit("Normal", "RollbackCompleted", f"Version {version} serves alone again"),))


def _last(world: World, rollout: RolloutStatus, outcome: str, message: str) -> LastRollout:
    return LastRollout.model_validate(
        {
            "id": rollout.id,
            "to": rollout.to,
            "outcome": outcome,
            "reason": rollout.reason or "",
            "message": message,
            "by": rollout.by or ANALYSIS,
            "time": timestamp(world.now),
        }
    )


def promote(world: World, by: str, reason: str, message: str, judged: Judged) -> Turn:
    """Decide for the new version; its pods come next, the switch after them."""
    rollout = world.status.rollout
    assert rollout is not None
    moved = _decided(world, rollout, "Promoting", "Promoted", by, reason, message)
    told = f"Version {rollout.to.version} is promoted: {message}"
    return Turn(
        moved,
        (*decisions.recorded(moved, "Promoted", by, reason, told, judged), Emit("Normal", "PromotionDecided", told)),
    )


def roll_back(world: World, by: str, reason: str, message: str, judged: Judged) -> Turn:
    """Decide against it: it is quarantined, its pods will be deleted at once."""
    rollout = world.status.rollout
    assert rollout is not None
    moved = _decided(world, rollout, "RollingBack", "RolledBack", by, reason, message)
    told = f"Version {rollout.to.version} is rolled back ({reason}): {message}"
    recorded = decisions.recorded(moved, "RolledBack", by, reason, message, judged, quarantine=True)
    return Turn(moved, (*recorded, Emit("Warning", "RolledBack", told)))


def abort(world: World, by: str, reason: str, message: str, judged: Judged) -> Turn:
    """Go back without blame: no quarantine, and the pods may finish what they do."""
    rollout = world.status.rollout
    assert rollout is not None
    moved = _decided(world, rollout, "RollingBack", "Aborted", by, reason, message)
    told = f"Version {rollout.to.version} is aborted ({reason}): {message}"
    return Turn(
        moved,
        (*decisions.recorded(moved, "Aborted", by, reason, message, judged), Emit("Warning", "Aborted", told)),
    )


def _decided(
    world: World, rollout: RolloutStatus, phase: str, decision: str, by: str, reason: str, message: str
) -> World:
    return world.with_rollout(
        rollout,
        phase=phase,
        decision=decision,
        by=by[:256],
        reason=reason[:64],
        message=message[:1024],
        step_started_at=timestamp(world.now),
        paused=None,
    )
