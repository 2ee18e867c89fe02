"""Rollouts without spare capacity (`capacity: InPlace`): both versions together never have more pods than one has.

Whoever gives up pods goes first, one at a time, and the other one grows into the room that ended pods have left: a
GPU is free only when the pod that held it is gone.
"""

from collections.abc import Mapping

from linnet.api.kinds.deployment import RevisionStatus
from linnet.core.rollout.context import Context


def enough_to_go_back(full: int) -> int:
    """Half of the pods: with so many the former version takes every request back; to wait helps the failing one."""
    return (full + 1) // 2


def within_capacity(
    context: Context, grows: RevisionStatus, gives: RevisionStatus, goals: Mapping[str, int], *, drained: bool = False
) -> dict[str, int]:
    """The number of pods of each revision on the way to their goals. `drained`: what gives gets no requests any more.

    4 pods, goal 1 of the new: old 3 new 0, and when its pod is gone old 3 new 1. From 2 and 2 to 4 and 0: old 1 new 2,
    old 1 new 3, and when that is ready old 0 new 3, old 0 new 4.
    """
    full, present = context.replicas, {r.name: context.size(r) for r in (grows, gives)}
    slowly = 0 if drained else min(present[gives.name], full - context.ready(grows) - 1)
    kept = max(goals[gives.name], slowly)
    room = full - max(kept, len(context.living(gives)))
    grown = max(min(goals[grows.name], room), min(present[grows.name], goals[grows.name]))
    return {gives.name: kept, grows.name: max(0, grown)}


def weight(context: Context, new: RevisionStatus, old: RevisionStatus, kept: int) -> int:
    """The share of a gateway's requests that the new version's ready pods make, of those that stay ready."""
    ready = context.ready(new)
    return round(100 * ready / max(1, ready + min(kept, context.ready(old))))
