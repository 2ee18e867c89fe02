"""The conditions of a Deployment and their wording: what a person reads first.

Nothing here changes with every scrape: verdicts are named, counts are in the evidence and in the records. A refusal
brings its own words from where it is found: `target`, `reconcile`, `policy`.
"""

from linnet.api.kinds.deployment import CheckVerdict, DeploymentStatus, RolloutStatus
from linnet.api.parts.base import format_duration
from linnet.api.parts.conditions import MESSAGE, Condition, Reason, condition
from linnet.core.analysis.checks import together
from linnet.core.analysis.pod_health.silence import NO_SILENCE
from linnet.core.analysis.verdict import Verdict
from linnet.core.requests import commands
from linnet.core.resources import deletion
from linnet.core.rollout.context import Context, UnderWay
from linnet.core.rollout.hooks import calls
from linnet.core.rollout.judging import pod_health
from linnet.core.rollout.judging.look import Verdicts
from linnet.core.rollout.target import Refusal, Target
from linnet.core.rollout.traffic import gateway
from linnet.core.rollout.workloads import sync
from linnet.foreign.text import printable

_HOLDING = {
    Verdict.INSUFFICIENT_DATA: Reason.INSUFFICIENT_DATA,
    Verdict.INCONCLUSIVE: Reason.INCONCLUSIVE,
    Verdict.ERROR: Reason.METRICS_ERROR,
}


def conditions(
    context: Context, target: Target | Refusal, refused: Refusal | None, stopped: Refusal | None
) -> list[Condition]:
    """Available, Progressing and Ready, which sums up; a spec that can't be followed is told before anything else."""
    ready = _ready(context, target, refused)
    if stopped is not None:
        ready = condition("Ready", False, stopped.reason, f"{stopped.message}.{_serves(context)}")
    said = [_available(context), *(_with_hanging(context, c) for c in (_progressing(context), ready))]
    return [*said, *_unprotected(context)]


def _with_hanging(context: Context, said: Condition) -> Condition:
    """What hangs in deletion is named, with the way out: it may be what is waited for, and nobody else tells of it."""
    found = deletion.hanging(context.observed.pods, context.observed.ending, context.now)
    if not found:
        return said
    message = f"{said.message.rstrip('.')}. {deletion.told(found, context.owner.namespace)}"
    return said.model_copy(update={"message": printable(message, MESSAGE)})


def check_verdicts(verdicts: Verdicts) -> list[CheckVerdict] | None:
    """The verdict on each check, as status has it; None if nothing was judged."""
    causes = ((j.check, j.verdict.value, printable(j.cause, 512) or None) for j in verdicts.judgements)
    return [CheckVerdict(name=name, verdict=verdict, message=cause) for name, verdict, cause in causes] or None


def _unprotected(context: Context) -> list[Condition]:
    """What the cluster does not protect: told as long as it is so, and stopping nothing."""
    missing = context.observed.unprotected
    return [condition("Protected", False, Reason.POLICY_MISSING, "; ".join(missing))] if missing else []


def _available(context: Context) -> Condition:
    rollout, stable = context.status.rollout, context.status.stable
    pods = context.ready(stable) + (context.ready(rollout.to) if rollout and rollout.from_ else 0)
    if pods > 0 or (stable is not None and context.replicas == 0):
        return condition("Available", True, Reason.AVAILABLE, "pods are ready to answer")
    trouble = pod_health.trouble(tuple(p for p in context.observed.pods if p.lives(context.now)))
    return condition("Available", False, Reason.NO_PODS_READY, trouble or "no pod is ready yet")


def _progressing(context: Context) -> Condition:
    if context.under_way is None:
        return condition("Progressing", False, Reason.AS_DESIRED, "no rollout is under way")
    return condition("Progressing", True, *_phase(context.under_way))


def _phase(under_way: UnderWay) -> tuple[Reason, str]:
    rollout, version = under_way.rollout, f"version {under_way.rollout.to.version}"
    match rollout.known_phase:
        case None:
            return Reason.UNKNOWN_PHASE, f"{version}: {unknown_phase(under_way.context, rollout)}"
        case "Starting":
            return _starting(under_way)
        case "Stepping":
            return _stepping(under_way)
        case "Promoting":
            return Reason.PROMOTING, f"{version} is promoted: its remaining pods are starting"
        case "Baking":
            return Reason.BAKING, f"{version} serves; {_comparator(under_way)}. {_verdicts(rollout)}"
        case "Finishing":
            return Reason.PROMOTING, f"{version} serves alone; the former version's pods are ending"
        case "RollingBack":
            return Reason.ROLLING_BACK, f"{version}: {rollout.reason}: {rollout.message}"


def _starting(under_way: UnderWay) -> tuple[Reason, str]:
    context, version = under_way.context, f"version {under_way.rollout.to.version}"
    if trouble := pod_health.trouble(context.living(under_way.rollout.to)):
        return Reason.STARTING, f"{version}: {trouble}"
    if context.paused and under_way.rollout.from_ is not None:
        return Reason.PAUSED, f"{version}: its pods start, and get no requests: {_paused_by(context)}"
    if waits := _hooks(under_way):
        return Reason.WAITING_FOR_HOOK, f"{version}: its pods are ready, and get no requests yet; it {waits}"
    return Reason.STARTING, f"{version}: its pods are starting"


def _paused_by(context: Context) -> str:
    """Who paused it, and the way on."""
    if context.spec.paused:
        return "paused by spec.paused: set it to false"
    return f"paused by a request: {commands.linnet('resume', context.name, context.owner.namespace)}"


def unknown_phase(context: Context, rollout: RolloutStatus) -> str:
    """Why nothing is done, and what a person may do."""
    decided = f", decision {rollout.decision}" if rollout.decision else ""
    return (
        f"a later release of Linnet wrote phase {rollout.phase}{decided}, which this one does not know: everything "
        "stays as it is until that release runs again, or somebody requests abort or rollback: "
        f"{commands.of_version('abort', context.name, context.owner.namespace, rollout.to.version)}"
    )


def _comparator(under_way: UnderWay) -> str:
    if under_way.rules.holdback_percent > 0:
        return "the former version stays as comparator"
    warm = under_way.rules.type == "BlueGreen"
    return "the former version stays warm, without traffic" if warm else "there is no comparator"


def _stepping(under_way: UnderWay) -> tuple[Reason, str]:
    context, rollout, steps = under_way.context, under_way.rollout, under_way.rules.steps
    index, version = rollout.step or 0, f"version {rollout.to.version}"
    where = f"{version}, step {index + 1} of {len(steps)}, weight {rollout.weight} %"
    if problem := gateway.problem(context):
        return Reason.ROUTE_NOT_ACCEPTED, f"{where}: {problem}"
    if index >= len(steps):
        where = f"{version}, every step is done, weight {rollout.weight} %"
    if context.paused:
        return Reason.PAUSED, f"{where}: {_paused_by(context)}"
    if index < len(steps) and steps[index].pause is not None:
        return Reason.PAUSED, _waits_for_person(under_way, where)
    if waits := _hooks(under_way):
        return Reason.WAITING_FOR_HOOK, f"{where}: it {waits}. {_verdicts(rollout)}".strip()
    return _reason_of(rollout), f"{where}. {_verdicts(rollout)}".strip()


def _hooks(under_way: UnderWay) -> str:
    return calls.waiting_message(under_way, under_way.waiting_hooks)


def _waits_for_person(under_way: UnderWay, where: str) -> str:
    """What a person is asked for, with the command to type."""
    name, version, request = under_way.context.name, under_way.rollout.to.version, "resume"
    if under_way.rules.type == "BlueGreen":
        where = f"version {version} stands behind {name}-preview, without live traffic"
        request = "promote"
    command = commands.of_version(request, name, under_way.context.owner.namespace, version)
    return f"{where}: waits for a person: {command}"


def _reason_of(rollout: RolloutStatus) -> Reason:
    """The verdict that holds it, worst first."""
    found = {c.verdict for c in rollout.checks or ()}
    return next((reason for verdict, reason in reversed(_HOLDING.items()) if verdict in found), Reason.PROGRESSING)


def _verdicts(rollout: RolloutStatus) -> str:
    groups = together((c.name, (c.verdict, c.message)) for c in rollout.checks or ())
    return ", ".join(f"{name}: {verdict}{f' ({why})' if why else ''}" for name, (verdict, why) in groups)


def _ready(context: Context, target: Target | Refusal, refused: Refusal | None) -> Condition:
    if context.under_way is not None:
        return _ready_under_way(context.under_way)
    found = target if isinstance(target, Refusal) else refused
    if found is not None and not found.ahead:
        message = f"{_last_words(context.status, found)}{found.message}.{_serves(context)}"
        return condition("Ready", False if found.failed else None, found.reason, message)
    if problem := gateway.problem(context):
        return condition("Ready", False, Reason.ROUTE_NOT_ACCEPTED, f"{problem}.{_serves(context)}")
    stable = context.status.stable
    if stable is None or context.ready(stable) < context.replicas:
        trouble = pod_health.trouble(context.living(stable)) if stable else None
        return condition("Ready", False, Reason.NO_PODS_READY, trouble or "its pods are starting")
    if lacking := sync.missing(context):
        return condition("Ready", None, Reason.PROGRESSING, f"version {stable.version}: {lacking[0]} is being made")
    ahead = f". The next version can't be started: {found.message}" if found is not None else ""
    return condition("Ready", True, Reason.AS_DESIRED, f"version {stable.version} serves{ahead}")


def _ready_under_way(under_way: UnderWay) -> Condition:
    reason, message = _phase(under_way)
    if under_way.rollout.known_phase in {None, "RollingBack"}:
        return condition("Ready", False, reason, message)
    late = _first_is_late(under_way) or _hook_is_late(under_way)
    return late or condition("Ready", None, reason, f"{message}{_next_version(under_way.context.status)}")


def _next_version(status: DeploymentStatus) -> str:
    """What became of a newer version that came in mid-rollout."""
    if status.rejected is not None:
        return f". Version {status.rejected.version} is rejected: strategy.onNewVersion; afterwards, request retry"
    return f". Version {status.queued.version} is next" if status.queued is not None else ""


def _serves(context: Context) -> str:
    stable = context.status.stable
    return f" Version {stable.version} serves." if stable else " Nothing serves yet."


def _last_words(status: DeploymentStatus, found: Refusal) -> str:
    last = status.last_rollout
    if last is None or last.outcome == "Promoted" or found.reason not in {Reason.QUARANTINED, Reason.ABORTED}:
        return ""
    return f"rolled back ({last.reason}); "


def _first_is_late(under_way: UnderWay) -> Condition | None:
    """A first version that does not start has nothing to be rolled back to: it says why, and goes on trying."""
    if under_way.rollout.from_ is not None or under_way.rules_missing:
        return None
    health = pod_health.judge(under_way, NO_SILENCE)
    if health.verdict != Verdict.FAIL:
        return None
    return condition("Ready", False, Reason.READY_DEADLINE_EXCEEDED, health.message)


def _hook_is_late(under_way: UnderWay) -> Condition | None:
    """Somebody must act: it goes on waiting, is neither promoted nor taken back, and says so."""
    context, late = under_way.context, () if under_way.context.paused else calls.overdue(under_way)
    if not late:
        return None
    starting = under_way.rollout.phase == "Starting"
    way = f"mend it, or request {'abort' if starting else 'promote-full or abort'} of {context.name}"
    limit = f"longer than deadlines.hook ({format_duration(under_way.rules.limits.hook)})"
    message = f"{calls.waiting_message(under_way, late)}. That is {limit}: {way}"
    return condition("Ready", False, Reason.HOOK_DEADLINE_EXCEEDED, message)
