"""Where traffic goes and how many pods each revision has, for the phase that was written down.

Order matters and is the same everywhere: readiness, then the Service, then scaling down.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from linnet.api.deployment import RevisionStatus, RolloutStatus
from linnet.api.labels import DEPLOYMENT, REVISION
from linnet.core import autoscaling, defaults, isolation, manifests, stage, traffic
from linnet.core.capacity import holdback_replicas
from linnet.core.manifests import Image
from linnet.core.plan import Action, Apply, Delete, Patch
from linnet.core.split import Split
from linnet.core.turns import ANALYSIS, OUTAGE
from linnet.core.world import World

CONDEMNED_GRACE_SECONDS = 1
"""A failed canary's pods are deleted with no time to drain: kept-alive connections would stay with it."""


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
            kept = 0 if _is_alone(world, new) else world_replicas(world, old)
            return Routing({new.name: full, old.name: kept}, Split(new))
        case "RollingBack":
            return _back(world, rollout, old)


def first_replicas(world: World) -> int:
    """Canary pods of the stage in which requests first reach it; all of them where no traffic is shared before."""
    policy = world.policy
    if policy is None:
        return 1
    if policy.type != "Canary":
        return world.replicas
    return traffic.of(world).canary_replicas(world.replicas, stage.first(policy.steps))


def _switches(world: World) -> bool:
    """Whether traffic moves in one patch: no version shares it with another before that."""
    return world.policy is not None and world.policy.type != "Canary"


def _stays(world: World) -> bool:
    """A gateway's weights stay while the remaining pods of a canary start."""
    return world.gateway and not _switches(world)


def _stepping(world: World, rollout: RolloutStatus, old: RevisionStatus) -> Routing:
    """A gateway's weights wait for the pods that they need; where pods are the weights, nothing waits."""
    way, new, steps = traffic.of(world), rollout.to, world.policy.steps if world.policy else ()
    at = stage.at(steps, rollout.step or 0)
    pods = way.canary_replicas(world.replicas, at) if at.reaches_canary else first_replicas(world)
    split = Split(old, new, at.weight, at.mirror, at.headers, shared=at.weight > 0) if at.reaches_canary else Split(old)
    late = not way.by_pods and world.ready(new) < pods
    return Routing({old.name: world.replicas, new.name: pods}, split, keep=late)


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
    kept = held if traffic.of(world).holds(world, split) else max(held, world_replicas(world, old))
    return Routing({rollout.to.name: full, old.name: full if warm else kept}, split)


def _back(world: World, rollout: RolloutStatus, old: RevisionStatus) -> Routing:
    """Immediate where the former version has its pods; else they come first, unless the new one answers nothing."""
    full = world.replicas
    if _is_alone(world, old):
        return Routing({old.name: full, rollout.to.name: 0}, Split(old))
    present = world_replicas(world, rollout.to)
    warm = world.ready(old) >= _enough(world, rollout) or (rollout.reason == OUTAGE and world.ready(old) > 0)
    return Routing({old.name: full, rollout.to.name: present}, Split(old), keep=not warm)


def _enough(world: World, rollout: RolloutStatus) -> int:
    """Pods with which the former version takes every request back.

    Before the promotion an autoscaler has never shrunk it, so that nothing is waited for; the rest starts meanwhile.
    """
    scaled, promoted = world.spec.autoscaling, world.status.stable == rollout.to
    return world.replicas if scaled is None or promoted else min(scaled.min, world.replicas)


def _is_alone(world: World, revision: RevisionStatus) -> bool:
    """Whether it gets every request, and nobody who sends them has yet to hear of it."""
    way = traffic.of(world)
    return way.alone(world, revision) and way.holds(world, Split(revision))


def world_replicas(world: World, revision: RevisionStatus) -> int:
    found = world.workload(revision)
    return found.replicas if found else 0


def actions(world: World) -> Iterator[Action]:
    """What the cluster lacks of the routing, in the order in which it must be done."""
    wanted = routing(world)
    yield from missing(world)
    yield from _services(world, wanted)
    if wanted.split is not None:
        yield from traffic.of(world).actions(world, wanted.split, keep=wanted.keep)
    yield from _shrink(world, wanted)
    yield from _condemned(world)
    yield from _budget(world)
    yield from autoscaling.actions(world)
    yield from isolation.actions(world)
    yield from _forgotten(world)


def missing(world: World) -> Iterator[Action]:
    """The pods that the routing wants and the cluster lacks."""
    yield from _grow(world, routing(world))


def _revisions(world: World) -> dict[str, RevisionStatus]:
    rollout = world.status.rollout
    known = (world.status.stable, rollout.from_ if rollout else None, rollout.to if rollout else None)
    return {r.name: r for r in known if r is not None}


def _grow(world: World, wanted: Routing) -> Iterator[Action]:
    present = {w.meta.name: w for w in world.observed.workloads if not w.meta.deleting}
    for name, count in wanted.replicas.items():
        if name not in present:
            yield from _made(world, _revisions(world)[name], count)
        elif present[name].replicas < count:
            yield _scale(world, name, count)


def _made(world: World, revision: RevisionStatus, count: int) -> Iterator[Action]:
    version = world.version(revision.version)
    if version is None or count == 0:
        return
    platform = world.observed.platform
    image = Image(platform.image, platform.image_pull_policy)
    yield Apply(manifests.workload(world.owner, revision, version.spec, world.spec, image, count))


def _scale(world: World, name: str, count: int) -> Action:
    found = next(w for w in world.observed.workloads if w.meta.name == name)
    return Patch("apps/v1", "Deployment", name, found.meta.uid, {"spec": {"replicas": count}})


def _shrink(world: World, wanted: Routing) -> Iterator[Action]:
    """Revisions that are not part of the routing keep no pods."""
    for found in world.observed.workloads:
        count = wanted.replicas.get(found.meta.name, 0)
        if found.replicas > count and not found.meta.deleting:
            yield _scale(world, found.meta.name, count)


def _services(world: World, wanted: Routing) -> Iterator[Action]:
    rollout, stable = world.status.rollout, world.status.stable
    serving = stable or (rollout.to if rollout else None)
    version = world.version(serving.version) if serving else None
    if serving is None or version is None:
        return
    selectors: dict[str, Mapping[str, str]] = {r: {REVISION: r} for r in _revisions(world)}
    if wanted.split is not None and not wanted.keep:
        selectors[world.name] = traffic.of(world).selector(world, wanted.split)
    selectors[f"{world.name}-stable"] = {REVISION: serving.name}
    newest = _newcomer(rollout) or serving
    selectors |= {alias: {REVISION: newest.name} for alias in _aliases(world)}
    for name, selector in selectors.items():
        if world.selector(name) != selector:
            yield Apply(manifests.service(world.owner, name, selector, version.spec))


def _newcomer(rollout: RolloutStatus | None) -> RevisionStatus | None:
    return rollout.to if rollout is not None and rollout.from_ is not None else None


def _aliases(world: World) -> Iterator[str]:
    """The Services that select the new revision during a rollout, and stable after it."""
    preview = world.policy is not None and world.policy.type == "BlueGreen"
    for name, wanted in ((f"{world.name}-canary", not preview), (f"{world.name}-preview", preview)):
        if world.selector(name) or (wanted and _newcomer(world.status.rollout) is not None):
            yield name


def _condemned(world: World) -> Iterator[Action]:
    """Once traffic is back, a failed canary's pods go at once; a person's abort drains.

    Behind a gateway they may drain too: it holds the connections, and sends the next request where it should go.
    Their ReplicaSet deletes them first: a pod deleted before it has scaled down would be replaced.
    """
    rollout = world.status.rollout
    if rollout is None or rollout.phase != "RollingBack" or rollout.by != ANALYSIS or not traffic.of(world).by_pods:
        return
    if not world.pinned(rollout.from_):
        return
    for pod in world.pods(rollout.to):
        if pod.meta.deleting and (pod.meta.grace or 0) > CONDEMNED_GRACE_SECONDS:
            yield Delete("v1", "Pod", pod.meta.name, pod.meta.uid, grace_seconds=CONDEMNED_GRACE_SECONDS)


def _budget(world: World) -> Iterator[Action]:
    mine = [o for o in world.observed.others if o[:2] == ("PodDisruptionBudget", world.name)]
    if world.replicas > 1 and not mine:
        yield Apply(manifests.disruption_budget(world.owner))


def _forgotten(world: World) -> Iterator[Action]:
    """Revisions beyond revisionHistory, oldest first, once they have no pods."""
    strategy = world.spec.strategy
    keep = (strategy.revision_history if strategy else None) or defaults.REVISION_HISTORY
    needed = {*_revisions(world), *([world.status.former.name] if world.status.former else [])}
    old = [w for w in world.observed.workloads if w.meta.name not in needed and w.current == 0 and w.replicas == 0]
    old.sort(key=lambda w: w.meta.created.timestamp() if w.meta.created else 0.0, reverse=True)
    services = {s.meta.name: s.meta.uid for s in world.observed.services}
    for found in old[keep:]:
        if not found.meta.deleting:
            yield Delete("apps/v1", "Deployment", found.meta.name, found.meta.uid)
        if found.meta.name in services:
            yield Delete("v1", "Service", found.meta.name, services[found.meta.name])
