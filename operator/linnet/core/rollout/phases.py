"""The rollout, phase by phase. Each transition returns a new World; routing follows what was written down.

Only Fail rolls back and only Pass goes on, besides a person, a deadline, and an explicit onInsufficientData.
"""

from datetime import timedelta
from typing import assert_never

from linnet.api.kinds.deployment import RolloutStatus
from linnet.api.parts.base import format_duration
from linnet.api.parts.conditions import timestamp
from linnet.core.analysis.checks import family
from linnet.core.analysis.pod_health import judge as pod_health
from linnet.core.analysis.verdict import Judgement
from linnet.core.plan import Emit
from linnet.core.policy.rules import Rules
from linnet.core.rollout import steps, transitions
from linnet.core.rollout.context import ANALYSIS, OUTAGE, SPEC, World
from linnet.core.rollout.hooks import calls as hooks
from linnet.core.rollout.hooks import gates
from linnet.core.rollout.judging.look import Judged
from linnet.core.rollout.target import Wanted, newcomer, quarantine_of
from linnet.core.rollout.traffic import router, routing
from linnet.core.rollout.transitions import Turn, abort, complete, finish, last_rollout, promote, roll_back


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
        replicas=world.replicas if world.spec.autoscaling is not None and world.status.stable is not None else None,
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
            *transitions.record(begun, "Started", ANALYSIS, "RolloutStarted", message, Judged()),
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
            return Turn(world) if world.paused else steps.stepping(world, rollout, policy, judged)
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
        return abort(world, SPEC, "Reverted", f"the spec asks for version {target.revision.version} again", judged)
    return _overtaken(world, target, judged)


def _overtaken(world: World, target: Wanted | None, judged: Judged) -> Turn | None:
    """Under Supersede a newer version ends this one, without blame. What a person has paused waits for that person."""
    newer = newcomer(world, target)
    supersedes = world.policy is not None and world.policy.on_new_version == "Supersede"
    if newer is None or not supersedes or world.paused:
        return None
    message = f"version {newer.revision.version} takes its place ({newer.revision.name})"
    return abort(world, SPEC, "Superseded", message, judged)


def _blame(rollout: RolloutStatus, judged: Judged, failed: Judgement) -> str:
    """The check that failed; Outage if the version answers nothing and the former one is not warm any more.

    What fails all of one slice may answer the others.
    """
    counts, whole = failed.counts, family(failed.check) == failed.check
    total = whole and counts.canary_n > 0 and counts.canary_bad == counts.canary_n
    silent = any(j.reason == pod_health.UNANSWERED for j in judged.judgements)
    return OUTAGE if (total or silent) and rollout.phase == "Baking" else failed.check


def _superseded(world: World, rollout: RolloutStatus, target: Wanted | None) -> Turn | None:
    """Before anything serves, a newer spec replaces what was starting: nobody is served by waiting for it."""
    if target is None or target.revision.name == rollout.to.name:
        return None
    message = f"{rollout.to.name} never served and is replaced by {target.revision.name}"
    return Turn(world.with_status(rollout=None), (Emit("Normal", "Superseded", message),))


def _starting(world: World, rollout: RolloutStatus, policy: Rules) -> Turn:
    found = world.workload(rollout.to)
    wanted = world.replicas if rollout.from_ is None else routing.first_replicas(world)
    if wanted > 0 and (found is None or found.replicas < wanted or found.ready < wanted):
        return Turn(world)
    if rollout.from_ is None:
        return _first(world, rollout)
    if world.paused:
        return Turn(world)
    return gates.through(world, "PreRollout", Judged(), lambda ready: _started(ready, policy))


def _started(world: World, policy: Rules) -> Turn:
    """Its pods are ready and may get requests; where none serve, there is nothing to judge."""
    rollout = world.status.rollout
    assert rollout is not None
    if world.replicas == 0:
        why = ("ScaledToZero", "no pods serve, so there is nothing to judge")
        return gates.through(world, "ConfirmPromotion", Judged(), lambda w: promote(w, ANALYSIS, *why, Judged()))
    time = timestamp(world.now)
    moved = world.with_rollout(rollout, phase="Stepping", step=0, step_started_at=time, ready_at=time)
    return steps.entered(moved, policy, Judged())


def _first(world: World, rollout: RolloutStatus) -> Turn:
    """Nobody was there to compare the first version with: it is complete once it is ready, on no judgement."""
    ended = complete(world, rollout)
    message = f"Version {rollout.to.version} is the first"
    told = transitions.record(world, "Completed", ANALYSIS, "FirstVersion", message, Judged())
    return Turn(ended.world, (*told, *ended.actions))


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


def _finishing(world: World, rollout: RolloutStatus) -> Turn:
    """It ends when the former version has no pods, and the new one gets every request."""
    if not world.gone(rollout.from_) or not router.of(world).alone(world, rollout.to):
        return Turn(world)
    return complete(world, rollout)


def _rolling_back(world: World, rollout: RolloutStatus) -> Turn:
    """It ends when the failed pods are gone; until then `<name>` stays pinned (argo #3078)."""
    if not world.gone(rollout.to) or not router.of(world).alone(world, rollout.from_):
        return Turn(world)
    outcome = "Aborted" if rollout.decision == "Aborted" else "RolledBack"
    message = rollout.message or ""
    ended = world.with_status(
        stable=rollout.from_,
        former=None if world.status.former == rollout.from_ else world.status.former,
        rollout=None,
        held=rollout.to.name if outcome == "Aborted" and rollout.by != SPEC else world.status.held,
        last_rollout=last_rollout(world, rollout, outcome, message),
    )
    version = rollout.from_.version if rollout.from_ else 0
    told = hooks.after(world, rollout, outcome, message)
    return Turn(ended, (Emit("Normal", "RollbackCompleted", f"Version {version} serves alone again"), *told))
