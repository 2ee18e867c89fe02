"""The steps of a canary, one after the other: set the weight, wait for a person, wait for the checks."""

from datetime import timedelta

from linnet.api.parts.base import format_duration
from linnet.api.parts.conditions import timestamp
from linnet.api.parts.strategy import Analyze, Pause
from linnet.core.analysis.verdict import Verdict
from linnet.core.plan import Emit
from linnet.core.policy.rules import Rules
from linnet.core.rollout.context import ANALYSIS, DEADLINE, UnderWay
from linnet.core.rollout.hooks import gates
from linnet.core.rollout.judging.look import Verdicts
from linnet.core.rollout.records import Transition, abort, promote
from linnet.core.rollout.traffic import router, routing


def enter_step(under_way: UnderWay, verdicts: Verdicts, by: str = ANALYSIS) -> Transition:
    """Set the weight of the step that was just entered; past the last step the version is promoted."""
    context, steps, index = under_way.context, under_way.rules.steps, under_way.rollout.step or 0
    if index >= len(steps):
        left_by = by if by != ANALYSIS else None
        return _promote_past_last(under_way.with_rollout(by=left_by), verdicts)
    weight = steps[index].set_weight
    if weight is None:
        return Transition(context)
    way = router.of(context)
    effective = way.effective_weight(context.replicas, weight)
    by_pods = f" ({effective} % by pods)" if way.by_pods else ""
    message = f"Version {under_way.rollout.to.version}: weight {weight} %{by_pods}"
    weighted = under_way.with_rollout(weight=weight, effective_weight=effective)
    return Transition(weighted.context, (Emit("Normal", "WeightSet", message),))


def _promote_past_last(under_way: UnderWay, verdicts: Verdicts) -> Transition:
    """Promote once every hook has confirmed, in the name of whoever left the last step."""
    by = under_way.rollout.by or ANALYSIS
    reason, message = _why_past_last(under_way.rules)
    return gates.once_confirmed(
        under_way, "ConfirmPromotion", verdicts, lambda at: promote(at, by, reason, message, verdicts)
    )


def _why_past_last(rules: Rules) -> tuple[str, str]:
    """Reason and sentence of a promotion past the last step."""
    if rules.steps:
        return "StepsCompleted", "every step was completed"
    return "PodsReady", "its pods are ready, and no step comes before its bake"


def next_step(under_way: UnderWay, verdicts: Verdicts, by: str = ANALYSIS) -> Transition:
    """On to the next step; a promotion past the last step is recorded with `verdicts` and `by`, who left it."""
    step, time = (under_way.rollout.step or 0) + 1, timestamp(under_way.context.now)
    return enter_step(under_way.with_rollout(step=step, step_started_at=time, paused=None), verdicts, by)


def run_step(under_way: UnderWay, verdicts: Verdicts) -> Transition:
    """One look at the step under way: on to the next one if it is done, and no change until then."""
    steps, index = under_way.rules.steps, under_way.rollout.step or 0
    if index >= len(steps):
        return _promote_past_last(under_way, verdicts)
    step, elapsed = steps[index], under_way.context.since(under_way.rollout.step_started_at)
    if step.pause is not None:
        return _pause(under_way, step.pause, elapsed, verdicts)
    if step.analyze is not None:
        return _analyze(under_way, step.analyze, elapsed, verdicts)
    return next_step(under_way, verdicts) if _weight_reached(under_way) else Transition(under_way.context)


def _weight_reached(under_way: UnderWay) -> bool:
    """Whether the canary has the pods of this step, and gets the requests of it."""
    context = under_way.context
    split = routing.of_rollout(under_way).split
    pods, found = routing.stage_replicas(under_way), context.workload(under_way.rollout.to)
    ready = found is not None and found.replicas >= pods and found.ready >= pods
    return ready and split is not None and router.of(context).holds(context, split)


def _pause(under_way: UnderWay, pause: Pause, elapsed: timedelta, verdicts: Verdicts) -> Transition:
    limit = pause.max_time
    if limit is None or elapsed < limit:
        return Transition(under_way.context)
    match pause.on_expiry:
        case "RollBack":
            message = f"nobody resumed within {format_duration(limit)}"
            return abort(under_way, DEADLINE, "PauseExpired", message, verdicts)
        case "Hold":
            return Transition(under_way.context)
        case _:
            return next_step(under_way, verdicts)


def _analyze(under_way: UnderWay, analyze: Analyze, elapsed: timedelta, verdicts: Verdicts) -> Transition:
    rules = under_way.rules
    names = frozenset(analyze.checks) if analyze.checks is not None else None
    verdict = verdicts.overall(names)
    if verdict == Verdict.PASS and elapsed >= analyze.for_ and verdicts.folded:
        return next_step(under_way, verdicts)
    if elapsed < max(rules.limits.evidence, analyze.for_):
        return Transition(under_way.context)
    message = f"no verdict within deadlines.evidence ({format_duration(rules.limits.evidence)}): {verdict}"
    if rules.on_insufficient_data == "RollBack":
        return abort(under_way, DEADLINE, str(verdict), message, verdicts)
    if rules.on_insufficient_data == "Promote" and verdict == Verdict.INSUFFICIENT_DATA:
        return next_step(under_way, verdicts)
    return Transition(under_way.context)
