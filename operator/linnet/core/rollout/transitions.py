"""What a rollout can be decided to do: promote, go back with blame or without, stay. Each is recorded and told.

A decision is a new World with what must be told of it; what follows from it for traffic is in `routing`.
"""

from dataclasses import dataclass

from linnet.api.kinds.deployment import LastRollout, RolloutStatus
from linnet.api.kinds.model_version import Decision, DecisionKind, Quarantine
from linnet.api.parts.base import REASON_SIZE
from linnet.api.parts.conditions import timestamp
from linnet.core.analysis.checks import Signal
from linnet.core.plan import Action, Emit, Record
from linnet.core.registry.decisions import logged, results
from linnet.core.rollout.context import ANALYSIS, World
from linnet.core.rollout.hooks import calls as hooks
from linnet.core.rollout.judging.look import Judged


@dataclass(frozen=True)
class Turn:
    """The world after a transition, and what must be told or recorded of it."""

    world: World
    actions: tuple[Action, ...] = ()


def promote(world: World, by: str, reason: str, message: str, judged: Judged) -> Turn:
    """Decide for the new version; its pods come next, the switch after them."""
    rollout = world.status.rollout
    assert rollout is not None
    moved = _decided(world, rollout, "Promoting", "Promoted", by, reason, message)
    told = f"Version {rollout.to.version} is promoted: {message}"
    return Turn(
        moved,
        (*record(moved, "Promoted", by, reason, told, judged), Emit("Normal", "PromotionDecided", told)),
    )


def roll_back(world: World, by: str, reason: str, message: str, judged: Judged) -> Turn:
    """Decide against it: it is quarantined, its pods will be deleted at once."""
    rollout = world.status.rollout
    assert rollout is not None
    moved = _decided(world, rollout, "RollingBack", "RolledBack", by, reason, message)
    told = f"Version {rollout.to.version} is rolled back ({reason}): {message}"
    recorded = record(moved, "RolledBack", by, reason, message, judged, quarantine=True)
    return Turn(moved, (*recorded, Emit("Warning", "RolledBack", told)))


def abort(world: World, by: str, reason: str, message: str, judged: Judged) -> Turn:
    """Go back without blame: no quarantine, and the pods may finish what they do."""
    rollout = world.status.rollout
    assert rollout is not None
    moved = _decided(world, rollout, "RollingBack", "Aborted", by, reason, message)
    told = f"Version {rollout.to.version} is aborted ({reason}): {message}"
    return Turn(
        moved,
        (*record(moved, "Aborted", by, reason, message, judged), Emit("Warning", "Aborted", told)),
    )


def _decided(
    world: World, rollout: RolloutStatus, phase: str, decision: str, by: str, reason: str, message: str
) -> World:
    serving = _serving(world, rollout) if phase == "RollingBack" else rollout.replicas
    return world.with_rollout(
        rollout,
        phase=phase,
        replicas=serving,
        decision=decision,
        by=by[:256],
        reason=reason[:REASON_SIZE],
        message=message[:1024],
        step_started_at=timestamp(world.now),
        paused=None,
    )


def _serving(world: World, rollout: RolloutStatus) -> int | None:
    """Pods of both versions: whoever goes back carries the load of both, which an autoscaler has spread over them."""
    if world.spec.autoscaling is None or not rollout.weight:
        return rollout.replicas
    both = world.size(rollout.from_) + world.size(rollout.to)
    return min(world.spec.autoscaling.max, max(rollout.replicas or 0, both))


def finish(world: World, by: str, reason: str, message: str, judged: Judged) -> Turn:
    """Decide that it stays: the former version's pods go next, and no evidence brings them back."""
    rollout = world.status.rollout
    assert rollout is not None
    moved = world.with_rollout(rollout, phase="Finishing", step_started_at=timestamp(world.now), paused=None)
    told = f"Version {rollout.to.version} stays: {message}"
    return Turn(moved, record(moved, "Completed", by, reason, told, judged))


def complete(world: World, rollout: RolloutStatus) -> Turn:
    message = f"Version {rollout.to.version} is stable"
    ended = world.with_status(
        stable=rollout.to,
        former=rollout.from_ or world.status.former,
        rollout=None,
        held=None,
        last_rollout=last_rollout(world, rollout, "Promoted", message),
    )
    told = hooks.after(world, rollout, "Promoted", message)
    return Turn(ended, (Emit("Normal", "RolloutCompleted", message), *told))


def last_rollout(world: World, rollout: RolloutStatus, outcome: str, message: str) -> LastRollout:
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


def record(
    world: World, kind: DecisionKind, by: str, reason: str, message: str, judged: Judged, *, quarantine: bool = False
) -> tuple[Action, ...]:
    """The record and the log line of a decision about the rollout under way."""
    rollout = world.status.rollout
    version = world.version(rollout.to.version) if rollout else None
    if rollout is None:
        return ()
    decision = Decision(
        id=f"{rollout.id}-{kind}"[:64],
        deployment=world.name,
        revision=rollout.to.name,
        decision=kind,
        by=by[:256],
        reason=reason[:REASON_SIZE],
        message=message[:1024],
        policy=rollout.policy,
        policy_hash=rollout.policy_hash,
        checks=results(judged.judgements) or None,
        time=timestamp(world.now),
    )
    entry = _quarantine(world, rollout, reason, message) if quarantine else None
    log = logged(decision, rollout.to.digest, judged.judgements, rollout=rollout.id)
    kept = version is not None and kind not in {"Started", "Completed"}
    return (Record(version.name, decision, entry), log) if version and kept else (log,)


def _quarantine(world: World, rollout: RolloutStatus, reason: str, message: str) -> Quarantine:
    """By digest for errors, answers, a person's word, or the artifact itself; with the template for all others."""
    policy = world.policy
    signals = {c.name: c.signal for c in policy.judged.checks} if policy else {}
    answers = policy.judged.resemblance if policy else None
    of_artifact = signals.get(reason) == Signal.ERRORS or (answers is not None and answers.name == reason)
    by_digest = of_artifact or reason in {"Rollback", "Quarantined", "Outage"}
    return Quarantine(
        template=None if by_digest else rollout.to.template,
        deployment=world.name,
        revision=rollout.to.name,
        reason=reason[:REASON_SIZE],
        message=message[:1024],
        time=timestamp(world.now),
    )
