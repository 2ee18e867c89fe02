"""The kinds that are reconciled stand in one table: how each is observed, what decides, what its status is.

What makes the operator look at an object again is in `feed.py`.
"""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from pydantic import BaseModel

from linnet.adapters.cache.gatherer import Gatherer
from linnet.api.kinds.deployment import DeploymentStatus
from linnet.api.kinds.model import ModelStatus
from linnet.api.kinds.model_version import ModelVersionStatus
from linnet.api.kinds.request import RequestStatus
from linnet.api.kinds.retrain_policy import RetrainPolicyStatus
from linnet.core.plan import Action, Create, Delete, Patch, Plan
from linnet.core.registry import model, model_version
from linnet.core.requests import lifecycle
from linnet.core.resources.objects import Parent
from linnet.core.retraining import reconcile as retraining
from linnet.core.rollout import reconcile as rollout


@dataclass(frozen=True)
class Kind:
    """`observe` gathers what `plan` decides on; `status` says which fields of the status are Linnet's.

    What is in `first` is done before the status says so: it is a lock, or the status counts it as done.
    `until_gone`: an object whose deletion hangs is looked at all the same.
    """

    observe: Callable[[Parent], Awaitable[Any]]
    plan: Callable[[Any, datetime], Plan[Any]]
    status: type[BaseModel]
    first: tuple[type[Action], ...] = (Create,)
    until_gone: bool = False


def table(gatherer: Gatherer) -> Mapping[str, Kind]:
    """Return the kinds by name. A RolloutPolicy is none of them: it is read by the Deployments that name it."""
    return {
        "Model": Kind(gatherer.model, model.plan, ModelStatus),
        "ModelVersion": Kind(gatherer.version, model_version.plan, ModelVersionStatus),
        "Deployment": Kind(gatherer.deployment, rollout.plan, DeploymentStatus, until_gone=True),
        "RetrainPolicy": Kind(gatherer.policy, retraining.plan, RetrainPolicyStatus, (Create, Patch, Delete)),
        "Request": Kind(gatherer.request, lifecycle.plan, RequestStatus),
    }
