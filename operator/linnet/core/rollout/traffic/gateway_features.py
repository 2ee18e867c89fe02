"""What traffic and steps ask of a gateway that not every gateway can do, and whether this one is known to.

A gateway that does not know a part of a route need not say so on the route: one leaves it aside, another answers every
request of the rule with an error. So Linnet asks a gateway for nothing that its class does not name.
"""

from collections.abc import Iterator, Sequence
from typing import Final

from linnet.api.kinds.deployment import DeploymentSpec
from linnet.api.parts.strategy import Mirror, Step
from linnet.api.parts.traffic import Traffic
from linnet.core.observed import DeploymentObserved
from linnet.core.parse import Invalid, parse_spec
from linnet.core.policy import effective
from linnet.core.resources import sessions
from linnet.core.resources.routes import KINDS, RouteKind

_ALL: Final = 100
_SOURCE: Final = "(status.supportedFeatures of the GatewayClass)"
_WAY_OUT: Final = "or leave sessionPersistence out: each request is split anew then"


def kinds(traffic: Traffic) -> list[RouteKind]:
    """The kinds of its routes: one for each protocol."""
    return [KINDS[protocol] for protocol in traffic.protocols or ["HTTP"]]


def missing_kinds(traffic: Traffic | None, served: frozenset[str]) -> list[str]:
    """The kinds of route that the spec needs and the cluster does not serve."""
    if traffic is None or traffic.type != "Gateway":
        return []
    return [kind for kind in kinds(traffic) if kind not in served]


def gateways_in_question(observed: DeploymentObserved) -> frozenset[str]:
    """The Gateways, by what they are named, on whose features something depends: copies of requests, or a session."""
    if not _by_gateway(observed):
        return frozenset()
    spec = parse_spec(DeploymentSpec, observed.deployment.spec)
    if isinstance(spec, Invalid) or spec.traffic is None:
        return frozenset()
    strategy = effective.effective(spec, observed.policy).spec.strategy
    mirrors = any(step.mirror for step in (strategy.steps if strategy else None) or ())
    depends = mirrors or spec.traffic.session_persistence is not None
    return frozenset(p.gateway for p in spec.traffic.parent_refs or ()) if depends else frozenset()


def wants_sessions(observed: DeploymentObserved) -> bool:
    """Whether the spec has sessionPersistence, so that the kinds of route which have it must be known."""
    return _by_gateway(observed) and observed.deployment.spec["traffic"].get(sessions.FIELD) is not None


def _by_gateway(observed: DeploymentObserved) -> bool:
    """Whether traffic type is Gateway, read from the JSON: most Deployments go on no further."""
    return bool((observed.deployment.spec.get("traffic") or {}).get("type") == "Gateway")


def session_obstacle(traffic: Traffic | None, observed: DeploymentObserved) -> str | None:
    """Why no session can be kept, with the field's path; None if none is asked for, or all of them would be kept."""
    if traffic is None or traffic.session_persistence is None:
        return None
    return next((f"spec.traffic.{sessions.FIELD}: {why}" for why in _obstacles(traffic, observed)), None)


def _obstacles(traffic: Traffic, observed: DeploymentObserved) -> Iterator[str]:
    there = observed.session_kinds
    if there is None:
        yield f"the schema of routes can't be read (/openapi/v3): let the operator's account read it, {_WAY_OUT}"
        return
    for kind in kinds(traffic):
        if kind not in there:
            yield (
                f"{kind} has no spec.rules[].{sessions.FIELD} in this cluster: install the definitions of the Gateway "
                f"API's experimental channel (v1.1 or later), {_WAY_OUT}"
            )
    given = traffic.session_persistence
    type_ = (given.type if given else None) or "Cookie"
    needed = {sessions.feature(kind, type_) for kind in kinds(traffic)}
    if missing := _missing_feature(traffic, observed, needed):
        yield (
            f"{missing}, and a gateway that keeps no sessions may leave the field aside without a word: use another "
            f"gateway, have the platform name its controller (Helm value gateways.{sessions.FIELD}), {_WAY_OUT}"
        )


def mirror_obstacle(traffic: Traffic, observed: DeploymentObserved, steps: Sequence[Step]) -> str | None:
    """Why copies can't be asked for, with the field's path; None if every Gateway says that it makes them."""
    for index, step in enumerate(steps):
        if step.mirror is None:
            continue
        if missing := _missing_feature(
            traffic, observed, {_mirror_feature(kind, step.mirror) for kind in kinds(traffic)}
        ):
            return (
                f"spec.strategy.canary.steps[{index}].mirror: {missing}, and a gateway that can't make copies may "
                "answer every request with an error: leave mirror out, or use another gateway"
            )
    return None


def _missing_feature(traffic: Traffic, observed: DeploymentObserved, needed: set[str]) -> str | None:
    """The first Gateway whose class does not say that it can do all of this."""
    for parent in traffic.parent_refs or ():
        known = observed.gateway_features.get(parent.gateway)
        if known is None or not needed <= known:
            why = "can't be asked" if known is None else f"does not name {' and '.join(sorted(needed - known))}"
            return f"the class of Gateway {parent.gateway} {why} {_SOURCE}"
    return None


def _mirror_feature(kind: RouteKind, mirror: Mirror) -> str:
    """The Gateway API's name of what copies take; a share of them is a feature of its own."""
    return f"{kind}Request{'Percentage' if mirror.percent < _ALL else ''}Mirror"
