"""The canary's pods as evidence: gathered here for `analysis.pod_health`, which says what follows from it."""

import math
from datetime import timedelta

from linnet.core.analysis.pod_health import judge as pod_health
from linnet.core.analysis.pod_health.basis import PodBasis
from linnet.core.analysis.pod_health.silence import Silence
from linnet.core.analysis.verdict import Judgement
from linnet.core.policy.rules import Rules
from linnet.core.resources.objects import STUCK, Pod
from linnet.core.rollout.context import Context, UnderWay
from linnet.core.serving.pods import FETCH
from linnet.core.serving.server import SERVER
from linnet.foreign.document import ForeignError, read_object
from linnet.foreign.text import last_words


def judge(under_way: UnderWay, silence: Silence) -> Judgement:
    """Fail, or Pass: pods have no third state, and what they lack in readiness a deadline ends."""
    return pod_health.decide(_pods(under_way, silence))


def _pods(under_way: UnderWay, silence: Silence) -> PodBasis:
    context, rollout, policy = under_way.context, under_way.rollout, under_way.rules
    canary, found = context.pods(rollout.to), context.workload(rollout.to)
    living = context.living(rollout.to)
    killed = [p.meta.name for p in canary if _killed_for_memory(p)]
    deadline, limit = _deadline(policy, living)
    return PodBasis(
        interval=policy.interval.total_seconds(),
        killed=len(killed),
        restarts=sum(restarts(p) for p in canary),
        stable_restarted=_stable_restarted(under_way),
        stall=stall if (stall := silence.stall).waits else None,
        ready=found.ready if found else 0,
        wanted=found.replicas if found else 0,
        waited=_waited(under_way),
        deadline=deadline,
        limit=limit.total_seconds(),
        victim=killed[0] if killed else "",
        last_words=_last_words(canary),
        trouble=trouble(living),
    )


def restarts(pod: Pod) -> int:
    server = pod.container(SERVER)
    return server.restarts if server else 0


def _killed_for_memory(pod: Pod) -> bool:
    server = pod.container(SERVER)
    return server is not None and "OOMKilled" in {server.last_terminated, server.terminated}


def _stable_restarted(under_way: UnderWay) -> bool:
    """Whether stable's pods restarted since the rollout began: then it is the node, not the version."""
    before = restarts_before(under_way) or {}
    pods = under_way.context.pods(under_way.rollout.from_)
    return any(restarts(p) > before[p.meta.uid] for p in pods if p.meta.uid in before)


def restarts_before(under_way: UnderWay) -> dict[str, int] | None:
    """How often stable's pods had restarted when the rollout began, by uid; None where that can't be read."""
    try:
        before = read_object(under_way.stored_evidence["restarts"])
    except (KeyError, ForeignError):
        return None
    return before if all(type(number) is int for number in before.values()) else None


def _deadline(policy: Rules, pods: tuple[Pod, ...]) -> tuple[str, timedelta]:
    """The deadline that holds now, by its name and length: pods that still fetch have their own."""
    fetching = any((c := p.container(FETCH)) is not None and c.exit_code is None for p in pods)
    return ("fetch", policy.limits.fetch) if fetching else ("ready", policy.limits.ready)


def _waited(under_way: UnderWay) -> float | None:
    """Seconds that the pods which are not ready have had; None in a phase that does not wait for them.

    A pause or a hook outlives pods: one that was lost, or that scaling adds, has its own time from its creation.
    """
    context, rollout = under_way.context, under_way.rollout
    if rollout.phase not in {"Starting", "Stepping", "Promoting"}:
        return None
    since = context.since(rollout.step_started_at or rollout.started_at).total_seconds()
    if not _outlives_pods(under_way):
        return since
    return min(since, max((_age(context, p) for p in context.living(rollout.to) if not p.ready), default=0.0))


def _outlives_pods(under_way: UnderWay) -> bool:
    """Whether what the rollout waits for may last longer than a pod lives: a hook, or a step other than a weight."""
    rollout, policy, index = under_way.rollout, under_way.rules, under_way.rollout.step or 0
    stepping = rollout.phase == "Stepping" and index < len(policy.steps)
    return bool(under_way.waiting_hooks) or (stepping and policy.steps[index].set_weight is None)


def _age(context: Context, pod: Pod) -> float:
    return math.inf if pod.meta.created is None else (context.now - pod.meta.created).total_seconds()


def trouble(pods: tuple[Pod, ...]) -> str | None:
    """The first pod's own reason for not being ready, in words a person can act on."""
    return next((said for pod in pods if not pod.ready and (said := _of_pod(pod))), None)


def _of_pod(pod: Pod) -> str | None:
    if pod.unschedulable is not None:
        return f"pod {pod.meta.name} can't be scheduled: {pod.unschedulable}"
    for container in (*pod.init_containers, *pod.containers):
        if container.waiting in STUCK or container.waiting == "CrashLoopBackOff":
            detail = last_words(container.message) or container.waiting_message
            return f"container {container.name} of pod {pod.meta.name}: {container.waiting}: {detail}"
        if container.last_terminated is not None:
            ended = f"ended with {container.last_terminated}: {last_words(container.message)}"
            return f"container {container.name} of pod {pod.meta.name} {ended}"
    return None


def _last_words(pods: tuple[Pod, ...]) -> str:
    servers = [c for p in pods if (c := p.container(SERVER)) is not None and c.message]
    return f"Last words: {last_words(servers[0].message)}" if servers else ""
