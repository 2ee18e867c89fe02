"""Where traffic goes and how many pods each revision has, for the phase that was written down.

Order matters and is the same everywhere: readiness, then the Service, then scaling down. `workloads.sync` does it.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from linnet.api.kinds.deployment import Phase, RevisionStatus
from linnet.api.labels import DEPLOYMENT
from linnet.core.rollout.context import ANALYSIS, DEADLINE, HOOK, OUTAGE, SPEC, Context, UnderWay
from linnet.core.rollout.traffic import in_place, replicas, router, split
from linnet.core.rollout.traffic.replicas import holdback_replicas
from linnet.core.rollout.traffic.split import Split


@dataclass(frozen=True)
class Routing:
    """Pods of each revision, and who gets requests; with `keep` whoever gets them now goes on.

    `diverted`: a Service of a failed revision, behind a route that can't be written, which leads to the proven one.
    """

    replicas: Mapping[str, int]
    split: Split | None = None
    keep: bool = False
    diverted: str | None = None


def of(context: Context) -> Routing:
    """The routing of the rollout's phase; at rest every request goes to stable."""
    if context.under_way is not None:
        return of_rollout(context.under_way)
    stable = context.status.stable
    return Routing({stable.name: context.replicas}, Split(stable)) if stable else Routing({}, keep=True)


def of_rollout(under_way: UnderWay) -> Routing:
    """The routing of the phase that a rollout is in."""
    rollout, full = under_way.rollout, under_way.context.replicas
    new, old = rollout.to, rollout.from_
    if old is None:
        return Routing({new.name: full}, Split(new))
    if rollout.known_phase is None:
        return Routing({r.name: under_way.context.size(r) for r in (old, new)}, keep=True)
    if under_way.rules.in_place:
        return _in_place(under_way, old, rollout.known_phase)
    match rollout.known_phase:
        case "Starting":
            return Routing({old.name: full, new.name: first_replicas(under_way)}, Split(old))
        case "Stepping":
            return _stepping(under_way, old)
        case "Promoting":
            shared = not _switches(under_way)
            return Routing({old.name: full, new.name: full}, Split(old, new, shared=shared), keep=_stays(under_way))
        case "Baking":
            return _baking(under_way, old)
        case "Finishing":
            kept = 0 if _is_alone(under_way.context, new) else under_way.context.size(old)
            return Routing({new.name: full, old.name: kept}, Split(new))
        case "RollingBack":
            return _rolling_back(under_way, old)


def stage_replicas(under_way: UnderWay) -> int:
    """The number of canary pods that the step under way takes."""
    stage = split.at(under_way.rules.steps, under_way.rollout.step or 0)
    return _canary_replicas(under_way, stage) if stage.reaches_canary else first_replicas(under_way)


def first_replicas(under_way: UnderWay) -> int:
    """Canary pods of the stage in which requests first reach it; all of them where no traffic is shared before."""
    if under_way.rules.type != "Canary":
        return under_way.context.replicas
    return _canary_replicas(under_way, split.first(under_way.rules.steps))


def _canary_replicas(under_way: UnderWay, stage: split.Stage) -> int:
    context = under_way.context
    if under_way.rules.in_place:
        return replicas.canary_replicas_in_place(context.replicas, stage)
    return router.of(context).canary_replicas(context.replicas, stage)


def _switches(under_way: UnderWay) -> bool:
    """Whether traffic moves in one patch: no version shares it with another before that."""
    return under_way.rules.type != "Canary"


def _stays(under_way: UnderWay) -> bool:
    """A gateway's weights stay while the remaining pods of a canary start."""
    return under_way.context.gateway and not _switches(under_way)


def _stepping(under_way: UnderWay, old: RevisionStatus) -> Routing:
    """A gateway's weights wait for the pods that they need; where pods are the weights, nothing waits."""
    context, new, pods = under_way.context, under_way.rollout.to, stage_replicas(under_way)
    late = context.gateway and context.ready(new) < pods
    return Routing({old.name: context.replicas, new.name: pods}, _of_stage(under_way, old), keep=late)


def _of_stage(under_way: UnderWay, old: RevisionStatus) -> Split:
    stage = split.at(under_way.rules.steps, under_way.rollout.step or 0)
    if not stage.reaches_canary:
        return Split(old)
    new = under_way.rollout.to
    return Split(old, new, stage.weight, stage.mirror, stage.headers, shared=stage.weight > 0)


def _baking(under_way: UnderWay, old: RevisionStatus) -> Routing:
    """The former version keeps the pods of its holdback and shares traffic with them, once the others are gone.

    Without a holdback a BlueGreen keeps it whole, without traffic: then a rollback is one patch.
    """
    context, new = under_way.context, under_way.rollout.to
    full, percent = context.replicas, under_way.rules.holdback_percent
    held = holdback_replicas(full, percent)
    warm = under_way.rules.type == "BlueGreen" and not held
    found = context.workload(old)
    shared = DEPLOYMENT in context.selector(context.name) or found is None or found.current <= held
    split = Split(new, old, percent, shared=shared) if held else Split(new)
    kept = held if router.of(context).holds(context, split) else max(held, context.size(old))
    return Routing({new.name: full, old.name: full if warm else kept}, split)


def _rolling_back(under_way: UnderWay, old: RevisionStatus) -> Routing:
    """Traffic goes back at once where the former version has its pods; else they come first, unless in an outage."""
    context, rollout = under_way.context, under_way.rollout
    full, present = context.replicas, context.size(rollout.to)
    if _is_alone(context, old):
        return Routing({old.name: full, rollout.to.name: present if _lingers(under_way) else 0}, Split(old))
    hurries = rollout.reason == OUTAGE or context.is_stuck(old)  # it gets no more pods than it has
    warm = context.ready(old) >= _enough(under_way) or (hurries and context.ready(old) > 0)
    if warm and is_stuck(context):
        return _around(under_way, old)
    return Routing({old.name: full, rollout.to.name: present}, Split(old), keep=not warm)


def is_stuck(context: Context) -> bool:
    """Whether what leads back to the former version was refused at its last write."""
    rollout, refused = context.status.rollout, context.observed.refused
    if rollout is None or rollout.phase != "RollingBack":
        return False
    ways = {"HTTPRoute", "GRPCRoute"} if context.gateway else {"Service"}
    return any((kind, context.name) in refused for kind in ways)


def _around(under_way: UnderWay, old: RevisionStatus) -> Routing:
    """The failed pods lose their requests by what can still be written: they end, or their own Service leads elsewhere.

    Where `<name>` selects them alone, they stay until it can be written: nobody else would answer.
    """
    context, rollout = under_way.context, under_way.rollout
    full, present = context.replicas, context.size(rollout.to)
    if context.gateway:
        return Routing({old.name: full, rollout.to.name: present}, Split(old), diverted=rollout.to.name)
    shared = DEPLOYMENT in context.selector(context.name)
    return Routing({old.name: full, rollout.to.name: 0 if shared else present}, Split(old))


def _in_place(under_way: UnderWay, old: RevisionStatus, phase: Phase) -> Routing:
    """Route through the phases of `InPlace`, where both versions together never have more pods than one has."""
    context, rollout = under_way.context, under_way.rollout
    new, full = rollout.to, context.replicas
    match phase:
        case "Starting":
            pods = first_replicas(under_way)
            goals = {new.name: pods, old.name: full - pods}
            return Routing(in_place.within_capacity(context, new, old, goals), Split(old))
        case "Stepping":
            pods = stage_replicas(under_way)
            moved = in_place.within_capacity(context, new, old, {new.name: pods, old.name: full - pods})
            late = context.gateway and context.ready(new) < pods
            return Routing(moved, _of_stage(under_way, old), keep=late)
        case "Promoting":
            moved = in_place.within_capacity(context, new, old, {new.name: full, old.name: 0})
            share = in_place.weight(context, new, old, moved[old.name])
            return Routing(moved, Split(old) if _switches(under_way) else Split(old, new, share, shared=True))
        case "Baking" | "Finishing":
            return Routing({new.name: full, old.name: 0}, Split(new))
        case "RollingBack":
            return _rolling_back_in_place(under_way, old)


def _rolling_back_in_place(under_way: UnderWay, old: RevisionStatus) -> Routing:
    context, new, full = under_way.context, under_way.rollout.to, under_way.context.replicas
    alone, outage = _is_alone(context, old), under_way.rollout.reason == OUTAGE or context.is_stuck(old)
    goals = {old.name: full, new.name: 0}
    moved = in_place.within_capacity(context, old, new, goals, drained=alone or outage)
    warm = alone or context.ready(old) >= (1 if outage else in_place.enough_to_go_back(full))
    return Routing(moved, Split(old), keep=not warm)


def _lingers(under_way: UnderWay) -> bool:
    """What a person has aborted keeps its pods for a while: nothing is known against it, and it may be looked at."""
    rollout = under_way.rollout
    by_person = rollout.decision == "Aborted" and rollout.by not in {ANALYSIS, DEADLINE, HOOK, SPEC}
    return by_person and under_way.context.since(rollout.step_started_at) < under_way.rules.abort_delay


def _enough(under_way: UnderWay) -> int:
    """The number of pods with which the former version takes every request back.

    Before the promotion an autoscaler has never shrunk it, so that nothing is waited for; the rest starts meanwhile.
    """
    context = under_way.context
    scaled, promoted = context.spec.autoscaling, context.status.stable == under_way.rollout.to
    return context.replicas if scaled is None or promoted else min(scaled.min_replicas, context.replicas)


def _is_alone(context: Context, revision: RevisionStatus) -> bool:
    """Whether it gets every request, and nobody who sends them has yet to hear of it."""
    way = router.of(context)
    return way.alone(context, revision) and way.holds(context, Split(revision))
