"""How a version is tried before it serves: with the pods' settings of a Deployment that will serve it.

A server that needs a GPU does not load without one. Where every Deployment replaces its pods in place there is none to
spare: then the artifact is fetched and its digest taken, and the canary's own readiness shows that it loads.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace

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


def place(observed: ModelVersionObserved, *, contract: bool) -> Place:
    """The place that the first Deployment, by name, which follows the Model gives; a contract is always answered."""
    found = [*_followers(observed)]
    if not found:
        return Place()
    first = found[0]
    in_place = all(d.strategy is not None and d.strategy.capacity == "InPlace" for d in found)
    return Place(
        settings=(first.pod or ServingPodSettings()).model_copy(update={"service_account_name": None}),
        arguments=tuple(first.runtime.args) if first.runtime else (),
        loads=contract or not in_place,
        limits=_longest([defaults.deadlines(d.deadlines) for d in found]),
    )


def _longest(limits: Sequence[Limits]) -> Limits:
    return replace(limits[0], fetch=max(each.fetch for each in limits), ready=max(each.ready for each in limits))


def _followers(observed: ModelVersionObserved) -> Iterator[DeploymentSpec]:
    for parent in sorted(observed.deployments, key=lambda d: d.name):
        spec = parse_spec(DeploymentSpec, parent.spec)
        if not isinstance(spec, Invalid):
            policy = observed.policies.get(spec.policy.name) if spec.policy else None
            yield effective.effective(spec, policy).spec
