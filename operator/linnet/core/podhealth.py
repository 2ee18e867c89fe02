"""PodHealth: the canary's pods die, never become ready, or answer nothing, while stable's do well."""

import json
from datetime import timedelta
from typing import Final

from linnet.api.deployment import RevisionStatus
from linnet.core import hooks
from linnet.core.checks import Judgement, Verdict
from linnet.core.children import Pod
from linnet.core.policy import Rules
from linnet.core.server import SERVER
from linnet.core.silence import LEAST, Silence
from linnet.core.validation import FETCH
from linnet.core.validation_outcome import STUCK
from linnet.core.world import World

NAME: Final = "pod-health"
MAX_RESTARTS: Final = 2
"""So many restarts of the canary's servers fail it; one may be bad luck. Killed for memory fails at once."""
UNANSWERED: Final = "Unanswered"
SILENT_SECONDS: Final = 30.0
"""A silence lasts at least as long: clients mostly wait so long, and a pause for a lock or a collection is shorter."""
SILENT_INTERVALS: Final = 6
"""And at least so many intervals: where the metrics are read once a minute, 30 s are less than a look."""
SILENT_LOOKS: Final = 3
"""And at least so many looks, fewer than intervals where the operator was away: a single one may have been lucky."""
STABLE_ANSWERS: Final = 20
"""So many answers of stable in that time tell how long one takes, within about a quarter."""
SURPRISE: Final = 9.0
"""A canary like stable is so silent in at most one of 8,000 such cases, exp(-9): a rollout may see a hundred."""


def judge(world: World, policy: Rules, silence: Silence) -> Judgement:
    """Fail, or Pass: pods have no third state, and what they lack in readiness a deadline ends."""
    rollout = world.status.rollout
    assert rollout is not None
    canary, stable_suffers = world.pods(rollout.to), _stable_suffers(world, rollout.from_)
    killed = [p for p in canary if _killed_for_memory(p)]
    count = sum(restarts(p) for p in canary)
    if (killed or count >= MAX_RESTARTS) and not stable_suffers:
        what = f"{killed[0].meta.name} was killed for memory" if killed else f"its servers restarted {count} times"
        reason = "OOMKilled" if killed else "Restarts"
        return _fail(reason, f"the canary's pods are not sound: {what}, stable's were not. {_words(canary)}")
    if said := _unanswered(silence, policy):
        return _fail(UNANSWERED, said)
    if late := _late(world, policy):
        return _fail("NotReady", late)
    return Judgement(NAME, Verdict.PASS, "Sound", "the pods are sound")


def _unanswered(silence: Silence, policy: Rules) -> str | None:
    """The sentence for a canary that answers nothing while stable does; None where that is not sure."""
    interval = policy.interval.total_seconds()
    long = silence.lasted >= max(SILENT_SECONDS, SILENT_INTERVALS * interval)
    seen = silence.waiting >= LEAST and silence.looks >= SILENT_LOOKS and silence.stable_n >= STABLE_ANSWERS
    if not (long and seen) or silence.surprise(interval) < SURPRISE:
        return None
    return (
        f"the canary has answered none of at least {silence.waiting} requests, the first of which wait for "
        f"{silence.lasted:.0f} s, while stable answered {silence.stable_n:.0f}"
    )


def _fail(reason: str, message: str) -> Judgement:
    return Judgement(NAME, Verdict.FAIL, reason, message.strip())


def restarts(pod: Pod) -> int:
    server = pod.container(SERVER)
    return server.restarts if server else 0


def _killed_for_memory(pod: Pod) -> bool:
    server = pod.container(SERVER)
    return server is not None and "OOMKilled" in {server.last_terminated, server.terminated}


def _stable_suffers(world: World, stable: RevisionStatus | None) -> bool:
    """Whether stable's pods restarted since the rollout began: then it is the node, not the version."""
    try:
        before = json.loads((world.observed.evidence or {}).get("restarts", "{}")) if world.own_evidence else {}
    except ValueError:
        before = {}
    pods = world.pods(stable)
    return any(restarts(p) > before.get(p.meta.uid, 0) for p in pods if p.meta.uid in before)


def _late(world: World, policy: Rules) -> str | None:
    """The sentence for pods that are not ready in time; None while there is time."""
    rollout = world.status.rollout
    assert rollout is not None
    missing = _missing(world)
    if rollout.phase not in {"Starting", "Stepping", "Promoting"} or missing is None:
        return None
    pods = world.pods(rollout.to)
    fetching = any((c := p.container(FETCH)) is not None and c.exit_code is None for p in pods)
    limit, name = (policy.limits.fetch, "fetch") if fetching else (policy.limits.ready, "ready")
    if world.since(rollout.step_started_at or rollout.started_at) <= limit or not _overdue(world, policy, limit):
        return None
    return f"{missing} within deadlines.{name} ({_minutes(limit)}): {trouble(pods) or 'no reason is known'}"


def _overdue(world: World, policy: Rules, limit: timedelta) -> bool:
    """A pause or a hook outlives pods: one that was lost, or that scaling adds, has its own time from its creation."""
    rollout = world.status.rollout
    assert rollout is not None
    index = rollout.step or 0
    stepping = rollout.phase == "Stepping" and index < len(policy.steps)
    if not hooks.waiting(world) and not (stepping and policy.steps[index].set_weight is None):
        return True
    waiting = [p for p in world.pods(rollout.to) if not p.ready]
    return any(p.meta.created is None or world.now - p.meta.created > limit for p in waiting)


def _missing(world: World) -> str | None:
    rollout = world.status.rollout
    found = world.workload(rollout.to if rollout else None)
    if found is None:
        return None
    return None if found.ready >= found.replicas else f"{found.ready} of {found.replicas} pods became ready"


def _minutes(limit: timedelta) -> str:
    return f"{limit.total_seconds():g}s"


def trouble(pods: tuple[Pod, ...]) -> str | None:
    """The first pod's own reason for not being ready, in words a person can act on."""
    return next((said for pod in pods if not pod.ready and (said := _of_pod(pod))), None)


def _of_pod(pod: Pod) -> str | None:
    if pod.unschedulable is not None:
        return f"pod {pod.meta.name} can't be scheduled: {pod.unschedulable}"
    for container in (*pod.init_containers, *pod.containers):
        if container.waiting in STUCK or container.waiting == "CrashLoopBackOff":
            detail = container.message.strip()[-300:] or container.waiting_message
            return f"container {container.name} of pod {pod.meta.name}: {container.waiting}: {detail}"
        if container.last_terminated is not None:
            ended = f"ended with {container.last_terminated}: {container.message.strip()[-300:]}"
            return f"container {container.name} of pod {pod.meta.name} {ended}"
    return None


def _words(pods: tuple[Pod, ...]) -> str:
    servers = [c for p in pods if (c := p.container(SERVER)) is not None and c.message]
    return f"Last words: {servers[0].message.strip()[-300:]}" if servers else ""
