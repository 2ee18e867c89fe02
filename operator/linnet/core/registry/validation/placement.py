"""How a version is tried before it serves: with the pods' settings of a Deployment that will serve it.

A server that needs a GPU does not load without one. Where every Deployment replaces its pods in place there is none to
spare: then the artifact is fetched and its digest taken, and the canary's own readiness shows that it loads.
"""

import hashlib
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Final

from linnet.api.kinds.deployment import DeploymentSpec
from linnet.api.parts.pod import ServingPodSettings
from linnet.core.observed import ModelVersionObserved
from linnet.core.parse import Invalid, parse_spec
from linnet.core.policy import defaults, effective
from linnet.core.policy.defaults import Limits


@dataclass(frozen=True)
class Place:
    """Where and how a version is tried. `loads`: the server is started, and answers the contract if there is one.

    `limits`: how long that may take; the most patient Deployment counts, since a version is tried once for all.
    `allowed_prefix`: the URIs that the version's account may be used for. `isolated`: the server is started once egress
    is denied.
    """

    settings: ServingPodSettings = field(default_factory=ServingPodSettings)
    arguments: tuple[str, ...] = ()
    loads: bool = True
    limits: Limits = field(default_factory=lambda: defaults.deadlines(None))
    allowed_prefix: str = ""
    isolated: bool = True
    deployment: str = ""
    """The first of the Deployments that give this place; empty where none follows the Model."""
    others_limit: timedelta = timedelta(0)
    """How long it would take by the other Deployments' deadlines, or the default ones."""

    @property
    def id(self) -> str:
        """What tells it from other places."""
        said = json.dumps([self.settings.wire(), self.arguments], sort_keys=True)
        return hashlib.sha256(said.encode()).hexdigest()[:16]


def places(observed: ModelVersionObserved, *, contract: bool) -> tuple[Place, ...]:
    """The places that the Deployments which follow the Model give, the oldest's first; a contract is always answered.

    Age is what nobody can choose afterwards, as they can a name.
    """
    found = [*_followers(observed)]
    if not found:
        return (Place(),)
    specs = [spec for _, spec in found]
    in_place = all(d.strategy is not None and d.strategy.capacity == "InPlace" for d in specs)
    limits = [defaults.deadlines(d.deadlines) for d in specs]
    made = [
        Place(
            settings=(spec.pod or ServingPodSettings()).model_copy(update={"service_account_name": None}),
            arguments=tuple(spec.runtime.args) if spec.runtime else (),
            loads=contract or not in_place,
            limits=_longest(limits),
            deployment=name,
            others_limit=_total(_longest([defaults.deadlines(None), *limits[:n], *limits[n + 1 :]])),
        )
        for n, (name, spec) in enumerate(found)
    ]
    return tuple({each.id: each for each in reversed(made)}.values())[::-1]


def _longest(limits: Sequence[Limits]) -> Limits:
    return replace(limits[0], fetch=max(each.fetch for each in limits), ready=max(each.ready for each in limits))


def _total(limits: Limits) -> timedelta:
    return limits.fetch + limits.ready


def _followers(observed: ModelVersionObserved) -> Iterator[tuple[str, DeploymentSpec]]:
    for parent in sorted(observed.deployments, key=lambda d: (d.created or _UNKNOWN, d.name)):
        spec = parse_spec(DeploymentSpec, parent.spec)
        if not isinstance(spec, Invalid):
            policy = observed.policies.get(spec.policy.name) if spec.policy else None
            yield parent.name, effective.effective(spec, policy).spec


_UNKNOWN: Final = datetime.max.replace(tzinfo=UTC)
