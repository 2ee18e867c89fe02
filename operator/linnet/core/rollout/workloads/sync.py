"""What the cluster lacks of the routing, in the order in which it must be done: pods, traffic, then fewer pods."""

from collections.abc import Iterator, Mapping

from linnet.api.kinds.deployment import RevisionStatus, RolloutStatus
from linnet.api.labels import REVISION
from linnet.core.plan import Action, Apply, Delete, Patch
from linnet.core.policy import defaults
from linnet.core.rollout.context import ANALYSIS, World
from linnet.core.rollout.traffic import router, routing
from linnet.core.rollout.traffic.routing import Routing
from linnet.core.rollout.workloads import autoscaling, network_policy
from linnet.core.serving import revision as serving
from linnet.core.serving.pods import Image

CONDEMNED_GRACE_SECONDS = 1
"""A failed canary's pods are deleted with no time to drain: kept-alive connections would stay with it."""


def actions(world: World) -> Iterator[Action]:
    """What the cluster lacks of the routing, in the order in which it must be done."""
    wanted = routing.routing(world)
    yield from missing(world)
    yield from _services(world, wanted)
    if wanted.split is not None:
        yield from router.of(world).actions(world, wanted.split, keep=wanted.keep)
    yield from _shrink(world, wanted)
    yield from _condemned(world)
    yield from _budget(world)
    yield from autoscaling.actions(world)
    yield from network_policy.actions(world)
    yield from _forgotten(world)


def missing(world: World) -> Iterator[Action]:
    """The pods that the routing wants and the cluster lacks."""
    yield from _grow(world, routing.routing(world))


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
    yield Apply(serving.workload(world.owner, revision, version.spec, world.spec, image, count))


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
    present = stable or (rollout.to if rollout else None)
    version = world.version(present.version) if present else None
    if present is None or version is None:
        return
    selectors: dict[str, Mapping[str, str]] = {r: {REVISION: r} for r in _revisions(world)}
    if wanted.split is not None and not wanted.keep:
        selectors[world.name] = router.of(world).selector(world, wanted.split)
    selectors[f"{world.name}-stable"] = {REVISION: present.name}
    newest = _newcomer(rollout) or present
    selectors |= {alias: {REVISION: newest.name} for alias in _aliases(world)}
    for name, selector in selectors.items():
        if world.selector(name) != selector:
            yield Apply(serving.service(world.owner, name, selector, version.spec))


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
    if rollout is None or rollout.phase != "RollingBack" or rollout.by != ANALYSIS or not router.of(world).by_pods:
        return
    if not world.pinned(rollout.from_):
        return
    for pod in world.pods(rollout.to):
        if pod.meta.deleting and (pod.meta.grace or 0) > CONDEMNED_GRACE_SECONDS:
            yield Delete("v1", "Pod", pod.meta.name, pod.meta.uid, grace_seconds=CONDEMNED_GRACE_SECONDS)


def _budget(world: World) -> Iterator[Action]:
    mine = [o for o in world.observed.others if o[:2] == ("PodDisruptionBudget", world.name)]
    if world.replicas > 1 and not mine:
        yield Apply(serving.disruption_budget(world.owner))


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
