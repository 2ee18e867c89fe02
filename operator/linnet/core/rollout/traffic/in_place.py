"""Rollouts without spare capacity (`capacity: InPlace`): both versions together never have more pods than one has.

Whoever gives up pods goes first, one at a time, and the other one grows into the room that ended pods have left: a
GPU is free only when the pod that held it is gone.
"""

from collections.abc import Mapping

from linnet.api.kinds.deployment import RevisionStatus
from linnet.core.rollout.context import World
from linnet.core.rollout.traffic.split import Stage


def canary_replicas(full: int, stage: Stage) -> int:
    """Canary pods out of `full`; stable keeps at least one.

    4 at 25 % → 1; 4 at 50 % → 2; 2 at 10 % → 1.
    """
    share = max(stage.weight, stage.mirror or 0)
    return max(1, min(full - 1, stage.replicas or round(full * share / 100)))


def enough(full: int) -> int:
    """Pods with which the former version takes every request back: half. Waiting for more helps the failing one."""
    return (full + 1) // 2


def limited(
    world: World, grows: RevisionStatus, gives: RevisionStatus, goals: Mapping[str, int], *, drained: bool = False
) -> dict[str, int]:
    """The pods of both on the way to their goals. `drained`: what gives gets no requests, so it need not go slowly.

    4 pods, goal 1 of the new: old 3 new 0, and when its pod is gone old 3 new 1. From 2 and 2 to 4 and 0: old 1 new 2,
    old 1 new 3, and when that is ready old 0 new 3, old 0 new 4.
    """
    full, present = world.replicas, {r.name: world.size(r) for r in (grows, gives)}
    slowly = 0 if drained else min(present[gives.name], full - world.ready(grows) - 1)
    kept = max(goals[gives.name], slowly)
    room = full - max(kept, len(world.pods(gives)))
    grown = max(min(goals[grows.name], room), min(present[grows.name], goals[grows.name]))
    return {gives.name: kept, grows.name: max(0, grown)}


def weight(world: World, new: RevisionStatus, old: RevisionStatus, kept: int) -> int:
    """The share of a gateway's requests that the new version's ready pods make, of those that stay ready."""
    ready = world.ready(new)
    return round(100 * ready / max(1, ready + min(kept, world.ready(old))))
