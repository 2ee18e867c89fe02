"""Where traffic goes and how many pods each revision has, for the phase that was written down.

Order matters and is the same everywhere: readiness, then the Service, then scaling down. `arranging` does it.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from linnet.api.kinds.deployment import RevisionStatus, RolloutStatus
from linnet.api.labels import DEPLOYMENT
from linnet.core.rollout.context import ANALYSIS, DEADLINE, HOOK, OUTAGE, SPEC, World
from linnet.core.rollout.traffic import in_place, router, split
from linnet.core.rollout.traffic.replicas import holdback_replicas
from linnet.core.rollout.traffic.split import Split


@dataclass(frozen=True)
class Routing:
    """Pods of each revision, and who gets requests; with `keep` whoever gets them now goes on."""

    replicas: Mapping[str, int]
    split: Split | None = None
    keep: bool = False


def routing(world: World) -> Routing:
    """What the phase asks for."""
    rollout, stable, full = world.status.rollout, world.status.stable, world.replicas
    if rollout is None:
        return Routing({stable.name: full}, Split(stable)) if stable else Routing({}, keep=True)
    new, old = rollout.to, rollout.from_
    if old is None:
        return Routing({new.name: full}, Split(new))
    if world.policy is not None and world.policy.in_place:
        return _in_place(world, rollout, old)
    match rollout.phase:
        case "Starting":
            return Routing({old.name: full, new.name: first_replicas(world)}, Split(old))
        case "Stepping":
            return _stepping(world, rollout, old)
        case "Promoting":
            shared = not _switches(world)
            return Routing({old.name: full, new.name: full}, Split(old, new, shared=shared), keep=_stays(world))
        case "Baking":
            return _baking(world, rollout, old)
        case "Finishing":
            kept = 0 if _is_alone(world, new) else world.size(old)
            return Routing({new.name: full, old.name: kept}, Split(new))
        case "RollingBack":
            return _back(world, rollout, old)


def stage_replicas(world: World) -> int:
    """Canary pods of the step under way."""
    rollout, policy = world.status.rollout, world.policy
    at = split.at(policy.steps, rollout.step or 0) if rollout and policy else split.Stage()
    return _canary_replicas(world, at) if at.reaches_canary else first_replicas(world)


def first_replicas(world: World) -> int:
    """Canary pods of the stage in which requests first reach it; all of them where no traffic is shared before."""
    policy = world.policy
    if policy is None:
        return 1
    if policy.type != "Canary":
        return world.replicas
    return _canary_replicas(world, split.first(policy.steps))


def _canary_replicas(world: World, at: split.Stage) -> int:
    if world.policy is not None and world.policy.in_place:
        return in_place.canary_replicas(world.replicas, at)
    return router.of(world).canary_replicas(world.replicas, at)


def _switches(world: World) -> bool:
    """Whether traffic moves in one patch: no version shares it with another before that."""
    return world.policy is not None and world.policy.type != "Canary"


def _stays(world: World) -> bool:
    """A gateway's weights stay while the remaining pods of a canary start."""
    return world.gateway and not _switches(world)


def _stepping(world: World, rollout: RolloutStatus, old: RevisionStatus) -> Routing:
    """A gateway's weights wait for the pods that they need; where pods are the weights, nothing waits."""
    new, pods = rollout.to, stage_replicas(world)
    late = world.gateway and world.ready(new) < pods
    return Routing({old.name: world.replicas, new.name: pods}, _of_stage(world, rollout, old), keep=late)


def _of_stage(world: World, rollout: RolloutStatus, old: RevisionStatus) -> Split:
    at = split.at(world.policy.steps if world.policy else (), rollout.step or 0)
    if not at.reaches_canary:
        return Split(old)
    return Split(old, rollout.to, at.weight, at.mirror, at.headers, shared=at.weight > 0)


def _baking(world: World, rollout: RolloutStatus, old: RevisionStatus) -> Routing:
    """The former version keeps the pods of its holdback and shares traffic with them, once the others are gone.

    Without a holdback a BlueGreen keeps it whole, without traffic: then a rollback is one patch.
    """
    full, policy = world.replicas, world.policy
    percent = policy.holdback_percent if policy else 0
    held = holdback_replicas(full, percent)
    warm = policy is not None and policy.type == "BlueGreen" and not held
    found = world.workload(old)
    shared = DEPLOYMENT in world.selector(world.name) or found is None or found.current <= held
    split = Split(rollout.to, old, percent, shared=shared) if held else Split(rollout.to)
    kept = held if router.of(world).holds(world, split) else max(held, world.size(old))
    return Routing({rollout.to.name: full, old.name: full if warm else kept}, split)


def _back(world: World, rollout: RolloutStatus, old: RevisionStatus) -> Routing:
    """Immediate where the former version has its pods; else they come first, unless the new one answers nothing."""
    full = world.replicas
    present = world.size(rollout.to)
    if _is_alone(world, old):
        return Routing({old.name: full, rollout.to.name: present if _lingers(world, rollout) else 0}, Split(old))
    warm = world.ready(old) >= _enough(world, rollout) or (rollout.reason == OUTAGE and world.ready(old) > 0)
    return Routing({old.name: full, rollout.to.name: present}, Split(old), keep=not warm)


def _in_place(world: World, rollout: RolloutStatus, old: RevisionStatus) -> Routing:
    """The same phases, within the pods that there are."""
    new, full = rollout.to, world.replicas
    match rollout.phase:
        case "Starting":
            pods = first_replicas(world)
            return Routing(in_place.limited(world, new, old, {new.name: pods, old.name: full - pods}), Split(old))
        case "Stepping":
            pods = stage_replicas(world)
            moved = in_place.limited(world, new, old, {new.name: pods, old.name: full - pods})
            late = world.gateway and world.ready(new) < pods
            return Routing(moved, _of_stage(world, rollout, old), keep=late)
        case "Promoting":
            moved = in_place.limited(world, new, old, {new.name: full, old.name: 0})
            share = in_place.weight(world, new, old, moved[old.name])
            return Routing(moved, Split(old) if _switches(world) else Split(old, new, share, shared=True))
        case "Baking" | "Finishing":
            return Routing({new.name: full, old.name: 0}, Split(new))
        case "RollingBack":
            alone = _is_alone(world, old)
            goals = {old.name: full, new.name: 0}
            moved = in_place.limited(world, old, new, goals, drained=alone or rollout.reason == OUTAGE)
            warm = alone or world.ready(old) >= (1 if rollout.reason == OUTAGE else in_place.enough(full))
            return Routing(moved, Split(old), keep=not warm)


def _lingers(world: World, rollout: RolloutStatus) -> bool:
    """What a person has aborted keeps its pods for a while: nothing is known against it, and it may be looked at."""
    by_person = rollout.decision == "Aborted" and rollout.by not in {ANALYSIS, DEADLINE, HOOK, SPEC}
    return by_person and world.policy is not None and world.since(rollout.step_started_at) < world.policy.abort_delay


def _enough(world: World, rollout: RolloutStatus) -> int:
    """Pods with which the former version takes every request back.

    Before the promotion an autoscaler has never shrunk it, so that nothing is waited for; the rest starts meanwhile.
    """
    scaled, promoted = world.spec.autoscaling, world.status.stable == rollout.to
    return world.replicas if scaled is None or promoted else min(scaled.min, world.replicas)


def _is_alone(world: World, revision: RevisionStatus) -> bool:
    """Whether it gets every request, and nobody who sends them has yet to hear of it."""
    way = router.of(world)
    return way.alone(world, revision) and way.holds(world, Split(revision))
