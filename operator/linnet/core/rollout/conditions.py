"""The conditions of a Deployment: what a person reads first.

Nothing here changes with every scrape: verdicts are named, counts are in the evidence and in the records.
"""

from linnet.api.kinds.deployment import CheckVerdict, DeploymentStatus, RolloutStatus
from linnet.api.parts.base import format_duration
from linnet.api.parts.conditions import Condition, Reason, condition
from linnet.core.analysis.checks import together
from linnet.core.analysis.pod_health.silence import NO_SILENCE
from linnet.core.analysis.verdict import Verdict
from linnet.core.rollout.context import World
from linnet.core.rollout.hooks import calls as hooks
from linnet.core.rollout.judging import pod_health as rollout_health
from linnet.core.rollout.judging.look import Judged
from linnet.core.rollout.target import Refusal, Wanted
from linnet.core.rollout.traffic import gateway

_HOLDING = {
    Verdict.INSUFFICIENT_DATA: Reason.INSUFFICIENT_DATA,
    Verdict.INCONCLUSIVE: Reason.INCONCLUSIVE,
    Verdict.ERROR: Reason.METRICS_ERROR,
}


def conditions(
    world: World, target: Wanted | Refusal, refused: Refusal | None, stopped: Refusal | None
) -> list[Condition]:
    """Available, Progressing and Ready, which sums up; a spec that can't be followed is told before anything else."""
    ready = _ready(world, target, refused)
    if stopped is not None:
        ready = condition("Ready", False, stopped.reason, f"{stopped.message}.{_serves(world)}")
    return [_available(world), _progressing(world), ready]


def verdicts(judged: Judged) -> list[CheckVerdict] | None:
    told = ((j.check, j.verdict.value, j.cause[:512] or None) for j in judged.judgements)
    return [CheckVerdict(name=name, verdict=verdict, message=cause) for name, verdict, cause in told] or None


def _available(world: World) -> Condition:
    rollout, stable = world.status.rollout, world.status.stable
    pods = world.ready(stable) + (world.ready(rollout.to) if rollout and rollout.from_ else 0)
    if pods > 0 or (stable is not None and world.replicas == 0):
        return condition("Available", True, Reason.AVAILABLE, "pods are ready to answer")
    trouble = rollout_health.trouble(world.observed.pods)
    return condition("Available", False, Reason.NO_PODS_READY, trouble or "no pod is ready yet")


def _progressing(world: World) -> Condition:
    rollout = world.status.rollout
    if rollout is None:
        return condition("Progressing", False, Reason.AS_DESIRED, "no rollout is under way")
    return condition("Progressing", True, *_phase(world, rollout))


def _phase(world: World, rollout: RolloutStatus) -> tuple[Reason, str]:
    version = f"version {rollout.to.version}"
    match rollout.phase:
        case "Starting":
            trouble = rollout_health.trouble(world.pods(rollout.to))
            if (waits := _hooks(world)) and not trouble and not world.paused:
                return Reason.WAITING_FOR_HOOK, f"{version}: its pods are ready, and get no requests yet; it {waits}"
            return Reason.STARTING, f"{version}: {trouble or 'its pods are starting'}"
        case "Stepping":
            return _stepping(world, rollout)
        case "Promoting":
            return Reason.PROMOTING, f"{version} is promoted: its remaining pods are starting"
        case "Baking":
            return Reason.BAKING, f"{version} serves; {_former(world)}. {_verdicts(rollout)}"
        case "Finishing":
            return Reason.PROMOTING, f"{version} serves alone; the former version's pods are ending"
        case "RollingBack":
            return Reason.ROLLING_BACK, f"{version}: {rollout.reason}: {rollout.message}"


def _former(world: World) -> str:
    if world.policy is None or world.policy.holdback_percent > 0:
        return "the former version stays as comparator"
    warm = world.policy.type == "BlueGreen"
    return "the former version stays warm, without traffic" if warm else "there is no comparator"


def _stepping(world: World, rollout: RolloutStatus) -> tuple[Reason, str]:
    steps = len(world.policy.steps) if world.policy else 0
    where = f"version {rollout.to.version}, step {(rollout.step or 0) + 1} of {steps}, weight {rollout.weight} %"
    if said := gateway.problem(world):
        return Reason.ROUTE_NOT_ACCEPTED, f"{where}: {said}"
    if (rollout.step or 0) >= steps:
        where = f"version {rollout.to.version}, every step is done, weight {rollout.weight} %"
    if world.paused:
        return Reason.PAUSED, f"{where}: paused by {'spec.paused' if world.spec.paused else 'a request'}"
    step = world.policy.steps[rollout.step or 0] if world.policy and (rollout.step or 0) < steps else None
    if step is not None and step.pause is not None:
        return Reason.PAUSED, _waits(world, rollout, where)
    if waits := _hooks(world):
        return Reason.WAITING_FOR_HOOK, f"{where}: it {waits}. {_verdicts(rollout)}".strip()
    return _reason_of(rollout), f"{where}. {_verdicts(rollout)}".strip()


def _hooks(world: World) -> str:
    return hooks.told(world, hooks.waiting(world))


def _waits(world: World, rollout: RolloutStatus, where: str) -> str:
    """What a person is asked for, with the command to type."""
    request = "resume -"
    if world.policy is not None and world.policy.type == "BlueGreen":
        where = f"version {rollout.to.version} stands behind {world.name}-preview, without live traffic"
        request = f"promote v{rollout.to.version}"
    command = f"kubectl annotate --overwrite mld {world.name} 'linnet.dev/request={request} <new-id> <your-username>'"
    return f"{where}: waits for a person: {command}"


def _reason_of(rollout: RolloutStatus) -> Reason:
    """The verdict that holds it, worst first."""
    found = {c.verdict for c in rollout.checks or ()}
    return next((reason for verdict, reason in reversed(_HOLDING.items()) if verdict in found), Reason.PROGRESSING)


def _verdicts(rollout: RolloutStatus) -> str:
    told = together((c.name, (c.verdict, c.message)) for c in rollout.checks or ())
    return ", ".join(f"{name}: {verdict}{f' ({why})' if why else ''}" for name, (verdict, why) in told)


def _ready(world: World, target: Wanted | Refusal, refused: Refusal | None) -> Condition:
    rollout, stable = world.status.rollout, world.status.stable
    if rollout is not None and rollout.phase != "RollingBack":
        late = _first_is_late(world, rollout) or _hook_is_late(world)
        reason, message = _phase(world, rollout)
        return late or condition("Ready", None, reason, f"{message}{_meanwhile(world.status)}")
    if rollout is not None:
        return condition("Ready", False, *_phase(world, rollout))
    found = target if isinstance(target, Refusal) else refused
    if found is not None:
        last = _last_words(world.status, found)
        return condition(
            "Ready", False if found.failed else None, found.reason, f"{last}{found.message}.{_serves(world)}"
        )
    if said := gateway.problem(world):
        return condition("Ready", False, Reason.ROUTE_NOT_ACCEPTED, f"{said}.{_serves(world)}")
    if stable is None or world.ready(stable) < world.replicas:
        trouble = rollout_health.trouble(world.pods(stable)) if stable else None
        return condition("Ready", False, Reason.NO_PODS_READY, trouble or "its pods are starting")
    return condition("Ready", True, Reason.AS_DESIRED, f"version {stable.version} serves")


def _meanwhile(status: DeploymentStatus) -> str:
    """What became of a newer version that came in mid-rollout."""
    if status.rejected is not None:
        return f". Version {status.rejected.version} is rejected: strategy.onNewVersion; afterwards, request retry"
    return f". Version {status.queued.version} is next" if status.queued is not None else ""


def _serves(world: World) -> str:
    stable = world.status.stable
    return f" Version {stable.version} serves." if stable else " Nothing serves yet."


def _last_words(status: DeploymentStatus, found: Refusal) -> str:
    last = status.last_rollout
    told = last is not None and found.reason in {Reason.QUARANTINED, Reason.ABORTED} and last.outcome != "Promoted"
    return f"rolled back ({last.reason}); " if told and last is not None else ""


def _first_is_late(world: World, rollout: RolloutStatus) -> Condition | None:
    """A first version that does not start has nothing to be rolled back to: it says why, and goes on trying."""
    policy = world.policy
    if rollout.from_ is not None or policy is None:
        return None
    health = rollout_health.judge(world, policy, NO_SILENCE)
    if health.verdict != Verdict.FAIL:
        return None
    return condition("Ready", False, Reason.READY_DEADLINE_EXCEEDED, health.message)


def _hook_is_late(world: World) -> Condition | None:
    """Somebody must act: it goes on waiting, is neither promoted nor taken back, and says so."""
    policy, late = world.policy, () if world.paused else hooks.overdue(world)
    if policy is None or not late:
        return None
    way = f"mend it, or request promote-full or abort of {world.name}"
    if world.status.rollout is not None and world.status.rollout.phase == "Starting":
        way = f"mend it, or request abort of {world.name}"
    limit = f"longer than deadlines.hook ({format_duration(policy.limits.hook)})"
    message = f"{hooks.told(world, late)}. That is {limit}: {way}"
    return condition("Ready", False, Reason.HOOK_DEADLINE_EXCEEDED, message)
