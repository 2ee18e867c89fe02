"""The HorizontalPodAutoscaler of the revision that serves; the canary follows that revision's size.

One autoscaler a track would count the other's pods as missing, and one over both would take a canary's quiet for a
reason to shrink (argo-rollouts #2857, #3849; flagger #869, #1600).
"""

from collections.abc import Iterator
from typing import Final

from linnet.api.kinds.deployment import Autoscaling, MetricTarget, RevisionStatus, RolloutStatus
from linnet.api.labels import DEPLOYMENT
from linnet.core.plan import Action, Apply, Delete, Manifest
from linnet.core.resources.metadata import Owner, metadata
from linnet.core.rollout.context import Context

API_VERSION: Final = "autoscaling/v2"
KIND: Final = "HorizontalPodAutoscaler"


def actions(context: Context) -> Iterator[Action]:
    """Make the autoscaler, put it right, or take it away."""
    found = next((a for a in context.observed.autoscalers if a.meta.name == context.name and not a.meta.deleting), None)
    wanted, target = context.spec.autoscaling, _target(context)
    if wanted is None or target is None:
        if found is not None:
            yield Delete(API_VERSION, KIND, found.meta.name, found.meta.uid)
        return
    made = manifest(context.owner, target, wanted, least(wanted, context.status.rollout))
    if context.workload(target) is not None and (found is None or found.spec != made["spec"]):
        yield Apply(made)


def least(wanted: Autoscaling, rollout: RolloutStatus | None) -> int:
    """The autoscaler's minimum: during a rollout not below the pods that served when it began."""
    held = rollout.replicas if rollout is not None and rollout.replicas is not None else 0
    return min(wanted.max_replicas, max(wanted.min_replicas, held))


def _target(context: Context) -> RevisionStatus | None:
    """The revision that serves most requests: the former one until the promotion, or again at a rollback."""
    rollout = context.status.rollout
    if rollout is None:
        return context.status.stable
    if rollout.from_ is None or rollout.phase in {"Baking", "Finishing"}:
        return rollout.to
    return rollout.from_


def manifest(owner: Owner, target: RevisionStatus, wanted: Autoscaling, minimum: int) -> Manifest:
    """The autoscaler of one revision's apps/v1 Deployment."""
    return {
        "apiVersion": API_VERSION,
        "kind": KIND,
        "metadata": metadata(owner, owner.name, {DEPLOYMENT: owner.name}),
        "spec": {
            "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": target.name},
            "minReplicas": minimum,
            "maxReplicas": wanted.max_replicas,
            "metrics": [_metric(m) for m in wanted.metrics],
        },
    }


def _metric(metric: MetricTarget) -> Manifest:
    average = {"type": "AverageValue", "averageValue": str(metric.target)}
    match metric.type:
        case "CPU" | "Memory":
            target = {"type": "Utilization", "averageUtilization": metric.target}
            return {"type": "Resource", "resource": {"name": metric.type.lower(), "target": target}}
        case "Pods":
            return {"type": "Pods", "pods": {"metric": {"name": metric.name}, "target": average}}
        case "External":
            return {"type": "External", "external": {"metric": {"name": metric.name}, "target": average}}
