"""The rollout, phase by phase: when it goes on, when it goes back, and how it ends.

Only Fail rolls back and only Pass goes on, besides a person, a deadline, and an explicit onInsufficientData. Each
transition returns a new Context; routing follows what was written down.
"""

from datetime import datetime, timedelta
from typing import Final, assert_never

from linnet.api.kinds.deployment import LastRollout, Phase, RolloutStatus
from linnet.api.parts.base import format_duration
from linnet.api.parts.conditions import timestamp
from linnet.core.analysis.checks import family
from linnet.core.analysis.pod_health import judge as pod_health
from linnet.core.analysis.verdict import Judgement, Verdict
from linnet.core.plan import Emit
from linnet.core.rollout import steps
from linnet.core.rollout.context import ANALYSIS, OUTAGE, SPEC, Context, UnderWay
from linnet.core.rollout.hooks import calls, gates
from linnet.core.rollout.judging.look import Verdicts
from linnet.core.rollout.records import Transition, abort, finish, promote, record, roll_back
from linnet.core.rollout.target import Target, newer_target, quarantine_of
from linnet.core.rollout.traffic import router, routing

DECIDED: Final[frozenset[Phase]] = frozenset({"Finishing", "RollingBack"})
"""Phases in which nothing is left to be judged: they come to their end by the pods alone."""


def begin(context: Context, target: Target) -> Transition:
    """A new rollout of the target; no traffic moves before this is written down."""
    begun = context.with_status(queued=None).with_new_rollout(_first_status(context, target))
    if begun.rules_missing:
        return Transition(context)
    named = context.spec.policy.name if context.spec.policy else None
    begun = begun.with_rollout(policy=named, policy_hash=begun.rules.hash, rules=begun.rules.frozen)
    message = f"Version {target.revision.version} starts as {target.revision.name}"
    recorded = record(begun, "Started", ANALYSIS, "RolloutStarted", message, Verdicts())
    return Transition(begun.context, (*recorded, Emit("Normal", "RolloutStarted", message)))


def _first_status(context: Context, target: Target) -> RolloutStatus:
    time, stable = timestamp(context.now), context.status.stable
    short = target.revision.name.removeprefix(f"{context.name}-")
    return RolloutStatus(
        id=f"{short}-{time.replace('-', '').replace(':', '')}",
        phase="Starting",
        from_=stable,
        to=target.revision,
        step=0,
        started_at=time,
        step_started_at=time,
        weight=0,
        effective_weight=0,
        replicas=context.replicas if context.spec.autoscaling is not None and stable is not None else None,
    )


def advance(under_way: UnderWay, verdicts: Verdicts, target: Target | None) -> Transition:
    """One look at the rollout: what ends it early comes first, then the phase's own question."""
    context, rollout = under_way.context, under_way.rollout
    early = _without_version(under_way, verdicts, target) or _ended_early(under_way, verdicts, target)
    if early is not None:
        return early
    phase = rollout.known_phase
    match phase:
        case None:
            return Transition(context)
        case "Starting":
            return _starting(under_way)
        case "Stepping":
            return Transition(context) if context.paused else steps.run_step(under_way, verdicts)
        case "Promoting":
            return _promoting(under_way, verdicts)
        case "Baking":
            return Transition(context) if context.paused else _baking(under_way, verdicts)
        case "Finishing":
            return _finishing(under_way)
        case "RollingBack":
            return _rolling_back(under_way)
        case _:
            assert_never(phase)


def _without_version(under_way: UnderWay, verdicts: Verdicts, target: Target | None) -> Transition | None:
    """A rollout whose ModelVersion was deleted goes back without blame; a first version waits for another.

    One that can't be read now may be there: nothing moves meanwhile but by a person.
    """
    if under_way.version is not None or under_way.rollout.phase in DECIDED:
        return None
    if under_way.version_unread:
        return Transition(under_way.context)
    if under_way.rollout.from_ is None:
        return _replace_first(under_way, target) or Transition(under_way.context)
    message = "its ModelVersion was deleted, so that nothing can be judged or recorded of it"
    return abort(under_way, SPEC, "VersionGone", message, verdicts)


def _ended_early(under_way: UnderWay, verdicts: Verdicts, target: Target | None) -> Transition | None:
    """A Fail is rolled back here, and a quarantine; a spec that wants the former revision back aborts.

    That holds in every phase, paused or not.
    """
    rollout = under_way.rollout
    if rollout.phase in DECIDED:
        return None
    if rollout.from_ is None:
        return _replace_first(under_way, target)
    if (failed := verdicts.failed) is not None:
        return roll_back(under_way, ANALYSIS, _blame(rollout, verdicts, failed), failed.message, verdicts)
    if (entry := quarantine_of(under_way.context, rollout.to)) is not None:
        return roll_back(under_way, entry.deployment or "a person", "Quarantined", entry.message, verdicts)
    if target is not None and target.revision.name == rollout.from_.name:
        message = f"the spec asks for version {target.revision.version} again"
        return abort(under_way, SPEC, "Reverted", message, verdicts)
    return _supersede(under_way, target, verdicts)


def _supersede(under_way: UnderWay, target: Target | None, verdicts: Verdicts) -> Transition | None:
    """Under Supersede a newer version ends this one, without blame. What a person has paused waits for that person."""
    newer = newer_target(under_way, target)
    if newer is None or under_way.rules.on_new_version != "Supersede" or under_way.context.paused:
        return None
    message = f"version {newer.revision.version} takes its place ({newer.revision.name})"
    return abort(under_way, SPEC, "Superseded", message, verdicts)


def _blame(rollout: RolloutStatus, verdicts: Verdicts, failed: Judgement) -> str:
    """The check that failed; Outage if the version answers nothing and the former one is not warm any more.

    What fails all of one slice may answer the others.
    """
    counts, whole = failed.counts, family(failed.check) == failed.check
    total = whole and counts.canary_n > 0 and counts.canary_bad == counts.canary_n
    silent = any(j.reason == pod_health.UNANSWERED for j in verdicts.judgements)
    return OUTAGE if (total or silent) and rollout.phase == "Baking" else failed.check


def _replace_first(under_way: UnderWay, target: Target | None) -> Transition | None:
    """Before anything serves, a newer spec replaces what was starting: nobody is served by waiting for it."""
    to = under_way.rollout.to
    if target is None or target.revision.name == to.name:
        return None
    message = f"{to.name} never served and is replaced by {target.revision.name}"
    return Transition(under_way.context.with_status(rollout=None), (Emit("Normal", "Superseded", message),))


def _starting(under_way: UnderWay) -> Transition:
    """It goes on when the pods of the first stage are ready, and its PreRollout hooks have confirmed."""
    context, rollout = under_way.context, under_way.rollout
    first = rollout.from_ is None
    if not _has_ready(under_way, context.replicas if first else routing.first_replicas(under_way)):
        return Transition(context)
    if first:
        return _complete_first(under_way)
    if context.paused:
        return Transition(context)
    return gates.once_confirmed(under_way, "PreRollout", Verdicts(), _begin_steps)


def _has_ready(under_way: UnderWay, pods: int) -> bool:
    """Whether the new version has so many pods, all of them ready."""
    found = under_way.context.workload(under_way.rollout.to)
    return pods <= 0 or (found is not None and found.replicas >= pods and found.ready >= pods)


def _begin_steps(under_way: UnderWay) -> Transition:
    """The new pods are ready and may get requests; where the Deployment has none, there is nothing to judge."""
    if under_way.context.replicas == 0:
        return gates.once_confirmed(under_way, "ConfirmPromotion", Verdicts(), _promote_without_pods)
    time = timestamp(under_way.context.now)
    moved = under_way.with_rollout(phase="Stepping", step=0, step_started_at=time, ready_at=time)
    return steps.enter_step(moved, Verdicts())


def _promote_without_pods(under_way: UnderWay) -> Transition:
    message = "no pods serve, so there is nothing to judge"
    return promote(under_way, ANALYSIS, "ScaledToZero", message, Verdicts())


def _complete_first(under_way: UnderWay) -> Transition:
    """Nobody was there to compare the first version with: it is complete once it is ready, on no judgement."""
    ended = complete(under_way)
    message = f"Version {under_way.rollout.to.version} is the first"
    recorded = record(under_way, "Completed", ANALYSIS, "FirstVersion", message, Verdicts())
    return Transition(ended.context, (*recorded, *ended.actions))


def _promoting(under_way: UnderWay, verdicts: Verdicts) -> Transition:
    """The new version gets all of its pods before the former one gives up any (flagger #1202, argo #2050)."""
    context, rollout = under_way.context, under_way.rollout
    found = context.workload(rollout.to)
    if found is None or not _has_ready(under_way, context.replicas):
        return Transition(context)
    serving = context.with_status(stable=rollout.to, former=rollout.from_)
    moved = UnderWay(serving, rollout, under_way.rules).with_rollout(
        phase="Baking", step_started_at=timestamp(context.now), weight=100, effective_weight=100
    )
    promoted = Emit("Normal", "Promoted", f"Version {rollout.to.version} serves")
    if under_way.rules.bake > timedelta(0):
        return Transition(moved.context, (promoted,))
    ended = finish(moved, rollout.by or ANALYSIS, "NoBake", "strategy.bake.time is 0", verdicts)
    return Transition(ended.context, (promoted, *ended.actions))


def _baking(under_way: UnderWay, verdicts: Verdicts) -> Transition:
    bake = under_way.rules.bake
    if under_way.context.since(under_way.rollout.step_started_at) < bake:
        return Transition(under_way.context)
    return finish(under_way, ANALYSIS, "BakeCompleted", _nothing_failed(bake, verdicts), verdicts)


def _nothing_failed(bake: timedelta, verdicts: Verdicts) -> str:
    """What the bake has shown. What nobody could judge has not failed either, and is named."""
    unjudged = [
        f"{j.check} ({j.verdict})" for j in verdicts.judgements if j.verdict not in {Verdict.PASS, Verdict.FAIL}
    ]
    return f"nothing failed in {format_duration(bake)}" + (f"; not judged: {', '.join(unjudged)}" if unjudged else "")


def _finishing(under_way: UnderWay) -> Transition:
    """It ends when the former version has no pods, and the new one gets every request."""
    context, rollout = under_way.context, under_way.rollout
    if not context.gone(rollout.from_) or not router.of(context).alone(context, rollout.to):
        return Transition(context)
    return complete(under_way)


def complete(under_way: UnderWay) -> Transition:
    """The new version is stable, and the rollout is over."""
    context, rollout = under_way.context, under_way.rollout
    message = f"Version {rollout.to.version} is stable"
    ended = context.with_status(
        stable=rollout.to,
        former=rollout.from_ or context.status.former,
        rollout=None,
        held=None,
        last_rollout=_last_rollout(rollout, "Promoted", message, context.now),
    )
    notifications = calls.notifications(under_way, "Promoted", message)
    return Transition(ended, (Emit("Normal", "RolloutCompleted", message), *notifications))


def _rolling_back(under_way: UnderWay) -> Transition:
    """It ends when the failed pods are gone; until then `<name>` stays pinned (argo #3078).

    The weight that people see is that of requests: none, while pods that get none still end, or may be looked at.
    """
    context, rollout = under_way.context, under_way.rollout
    if not router.of(context).alone(context, rollout.from_):
        return Transition(context)
    if not context.gone(rollout.to):
        return Transition(under_way.with_rollout(effective_weight=0).context)
    outcome = "Aborted" if rollout.decision == "Aborted" else "RolledBack"
    message = rollout.message or ""
    ended = context.with_status(
        stable=rollout.from_,
        former=None if context.status.former == rollout.from_ else context.status.former,
        rollout=None,
        held=rollout.to.name if outcome == "Aborted" and rollout.by != SPEC else context.status.held,
        last_rollout=_last_rollout(rollout, outcome, message, context.now),
    )
    version = rollout.from_.version if rollout.from_ else 0
    completed = Emit("Normal", "RollbackCompleted", f"Version {version} serves alone again")
    return Transition(ended, (completed, *calls.notifications(under_way, outcome, message)))


def _last_rollout(rollout: RolloutStatus, outcome: str, message: str, now: datetime) -> LastRollout:
    return LastRollout.model_validate(
        {
            "id": rollout.id,
            "to": rollout.to,
            "outcome": outcome,
            "reason": rollout.reason or "",
            "message": message,
            "by": rollout.by or ANALYSIS,
            "time": timestamp(now),
        }
    )
