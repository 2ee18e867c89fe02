"""From routing to objects in the cluster, in the order in which it must be done: pods, traffic, then fewer pods."""

from collections.abc import Iterator, Mapping

from linnet.api.kinds.deployment import RevisionStatus, RolloutStatus
from linnet.api.labels import REVISION
from linnet.core.plan import Action, Apply, Delete, Patch
from linnet.core.policy import defaults
from linnet.core.registry.versions import Version
from linnet.core.rollout.context import ANALYSIS, Context
from linnet.core.rollout.traffic import router, routing
from linnet.core.rollout.traffic.routing import Routing
from linnet.core.rollout.workloads import autoscaling
from linnet.core.serving import isolation
from linnet.core.serving import revision as serving
from linnet.core.serving.pods import Image

FAILED_GRACE_SECONDS = 1
"""A failed canary's pods are deleted with no time to drain: kept-alive connections would stay with them."""


def actions(context: Context) -> Iterator[Action]:
    """Everything in which the cluster differs from the routing, in order; empty if nothing differs."""
    wanted = routing.of(context)
    traffic = (*_services(context, wanted), *_routes(context, wanted))
    yield from missing_pods(context)
    yield from traffic
    if not any(_moves_requests(context, action) for action in traffic):
        yield from _shrink(context, wanted)
    yield from _deleted_at_once(context)
    yield from _budget(context)
    yield from autoscaling.actions(context)
    yield from _isolation(context)
    yield from _beyond_history(context)


def _routes(context: Context, wanted: Routing) -> Iterator[Action]:
    if wanted.split is not None:
        yield from router.of(context).actions(context, wanted.split, keep=wanted.keep)


def _moves_requests(context: Context, action: Action) -> bool:
    """Whether clients are sent elsewhere by it: until that is seen to be done, no revision loses pods.

    On the way back one that is stuck is not waited for: the pods that failed lose their requests with their lives.
    """
    name = action.manifest["metadata"]["name"] if isinstance(action, Apply) else None
    patched = action.name if isinstance(action, Patch) and action.kind == "Service" else None
    return context.name in {name, patched} and not routing.is_stuck(context)


def missing(context: Context) -> tuple[str, ...]:
    """What is not there yet, by kind and name: as long as something is missing, not all is as desired."""
    observed = context.observed
    present = {("Deployment", w.meta.name) for w in observed.workloads}
    present |= {("Service", s.meta.name) for s in observed.services}
    present |= {(autoscaling.KIND, a.meta.name) for a in observed.autoscalers}
    present |= {(r.route.kind, r.meta.name) for r in observed.routes} | {other[:2] for other in observed.others}
    made = (a.manifest for a in actions(context) if isinstance(a, Apply))
    wanted = ((str(m["kind"]), str(m["metadata"]["name"])) for m in made)
    return tuple(f"{kind} {name}" for kind, name in wanted if (kind, name) not in present)


def missing_pods(context: Context) -> Iterator[Action]:
    """The pods that the routing wants and the cluster lacks."""
    yield from _grow(context, routing.of(context))


def _revisions(context: Context) -> dict[str, RevisionStatus]:
    rollout = context.status.rollout
    known = (context.status.stable, rollout.from_ if rollout else None, rollout.to if rollout else None)
    return {r.name: r for r in known if r is not None}


def _grow(context: Context, wanted: Routing) -> Iterator[Action]:
    """What is being deleted holds its name, and is made anew when it is gone."""
    present = {w.meta.name: w for w in context.observed.workloads}
    for name, count in wanted.replicas.items():
        if name not in present:
            yield from _workload(context, _revisions(context)[name], count)
        elif present[name].replicas < count and not present[name].meta.deleting:
            yield _scale(context, name, count)


def _workload(context: Context, revision: RevisionStatus, count: int) -> Iterator[Action]:
    version = context.artifact_of(revision)
    if version is None or count == 0:
        return
    platform = context.observed.platform
    image = Image(platform.image, platform.image_pull_policy)
    credentials = version.spec.source.credentials
    account = (credentials.service_account_name if credentials else None) or ""
    prefix = context.observed.allowed_service_accounts.get(account, "")
    if prefix is None:  # what it may be used for is frozen with the pods: they wait until that can be read
        return
    yield Apply(
        serving.workload(
            context.owner, revision, version.served, context.spec, image, count, prefix, isolated=platform.deny_egress
        )
    )


def _scale(context: Context, name: str, count: int) -> Action:
    found = next(w for w in context.observed.workloads if w.meta.name == name)
    return Patch("apps/v1", "Deployment", name, found.meta.uid, {"spec": {"replicas": count}})


def _shrink(context: Context, wanted: Routing) -> Iterator[Action]:
    """Scale down what has more pods than the routing wants; a revision that is no part of it keeps none."""
    for found in context.observed.workloads:
        count = wanted.replicas.get(found.meta.name, 0)
        if found.replicas > count and not found.meta.deleting:
            yield _scale(context, found.meta.name, count)


def _services(context: Context, wanted: Routing) -> Iterator[Action]:
    rollout, stable = context.status.rollout, context.status.stable
    present = stable or (rollout.to if rollout else None)
    if present is None:
        return
    selectors: dict[str, Mapping[str, str]] = {}
    if wanted.split is not None and not wanted.keep:
        selectors[context.name] = router.of(context).selector(context, wanted.split)
    selectors |= {r: {REVISION: r} for r in _revisions(context)}
    selectors[f"{context.name}-stable"] = {REVISION: present.name}
    newest = _canary(rollout) or present
    selectors |= {alias: {REVISION: newest.name} for alias in _aliases(context)}
    if wanted.diverted is not None and rollout is not None:
        selectors[wanted.diverted] = {REVISION: present.name}
    for name, selector in selectors.items():
        if context.selector(name) != selector:
            yield from _selecting(context, name, selector, context.artifact_of(present))


def _selecting(
    context: Context, name: str, selector: Mapping[str, str], version: Version | None
) -> Iterator[Patch | Apply]:
    """Make the Service, or put it right. Where nobody knows the server's ports any more, whom it selects is changed."""
    found = next((s for s in context.observed.services if s.meta.name == name), None)
    if found is not None and (version is None or context.observed.deployment.deleting):
        dropped = {key: None for key in found.selector if key not in selector}
        body = {"spec": {"selector": {**dropped, **selector}}}
        yield Patch("v1", "Service", name, found.meta.uid, body)
    elif version is not None:
        yield Apply(serving.service(context.owner, name, selector, version.spec))


def _canary(rollout: RolloutStatus | None) -> RevisionStatus | None:
    """The new revision of a rollout; a first version is no canary."""
    return rollout.to if rollout is not None and rollout.from_ is not None else None


def _aliases(context: Context) -> Iterator[str]:
    """The Services that select the new revision during a rollout, and stable after it."""
    canary = _canary(context.status.rollout)
    preview = context.under_way is not None and context.under_way.rules.type == "BlueGreen"
    for name, wanted in ((f"{context.name}-canary", not preview), (f"{context.name}-preview", preview)):
        if context.selector(name) or (wanted and canary is not None):
            yield name


def _deleted_at_once(context: Context) -> Iterator[Action]:
    """Delete a failed canary's pods at once, when traffic is back; a person's abort drains.

    Behind a gateway they may drain too: it holds the connections, and sends the next request where it should go.
    Their ReplicaSet deletes them first: a pod deleted before it has scaled down would be replaced.
    """
    rollout = context.status.rollout
    if rollout is None or rollout.phase != "RollingBack" or rollout.by != ANALYSIS or not router.of(context).by_pods:
        return
    if not context.pinned(rollout.from_):
        return
    for pod in context.pods(rollout.to):
        if pod.meta.deleting and (pod.meta.grace or 0) > FAILED_GRACE_SECONDS:
            yield Delete("v1", "Pod", pod.meta.name, pod.meta.uid, grace_seconds=FAILED_GRACE_SECONDS)


def _isolation(context: Context) -> Iterator[Action]:
    """Egress of pods that have their artifact is denied; a policy of that name that is another's denies nothing."""
    observed, owner = context.observed, context.owner
    denied = (isolation.KIND, isolation.policy_name(owner), owner.uid) in observed.others
    yield from isolation.actions(owner, observed.pods, deny=observed.platform.deny_egress, denied=denied)


def _budget(context: Context) -> Iterator[Action]:
    """One where more than one pod serves; an autoscaler that may make more keeps it."""
    mine, found = ("PodDisruptionBudget", context.name), context.observed.budget
    most = context.spec.autoscaling.max_replicas if context.spec.autoscaling is not None else context.replicas
    if context.replicas > 1 and not any(other[:2] == mine for other in context.observed.others):
        yield Apply(serving.disruption_budget(context.owner))
    elif most <= 1 and found is not None and not found.deleting:
        yield Delete("policy/v1", "PodDisruptionBudget", found.name, found.uid)


def _beyond_history(context: Context) -> Iterator[Action]:
    """Delete revisions beyond revisionHistory, oldest first, once they have no pods."""
    strategy = context.spec.strategy
    keep = (strategy.revision_history if strategy else None) or defaults.REVISION_HISTORY
    needed = {*_revisions(context), *([context.status.former.name] if context.status.former else [])}
    old = [w for w in context.observed.workloads if w.meta.name not in needed and w.current == 0 and w.replicas == 0]
    old.sort(key=lambda w: w.meta.created.timestamp() if w.meta.created else 0.0, reverse=True)
    services = {s.meta.name: s.meta.uid for s in context.observed.services}
    for found in old[keep:]:
        if not found.meta.deleting:
            yield Delete("apps/v1", "Deployment", found.meta.name, found.meta.uid)
        if found.meta.name in services:
            yield Delete("v1", "Service", found.meta.name, services[found.meta.name])
