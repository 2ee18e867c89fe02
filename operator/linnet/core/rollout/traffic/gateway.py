"""Traffic split by a gateway: the weights of an HTTPRoute's, or a GRPCRoute's, two backends, written in one request.

`<name>` selects one revision at any time, so that callers inside the cluster who pass the gateway by are no evidence.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from linnet.api.kinds.deployment import RevisionStatus
from linnet.api.labels import DEPLOYMENT, MODEL, REVISION
from linnet.api.names import GROUP
from linnet.api.parts.traffic import Traffic
from linnet.core.plan import Action, Apply, Delete
from linnet.core.resources import routes, sessions
from linnet.core.resources.metadata import metadata
from linnet.core.resources.routes import Route, RouteKind, RouteView, Rule
from linnet.core.resources.sessions import Session
from linnet.core.rollout.context import Context, UnderWay
from linnet.core.rollout.traffic import gateway_features
from linnet.core.rollout.traffic.replicas import canary_replicas_by_gateway
from linnet.core.rollout.traffic.split import Split, Stage
from linnet.core.serving.revision import GRPC_PORT, HTTP_PORT

ALL: Final = 100
_PORTS: Final = {"HTTPRoute": HTTP_PORT, "GRPCRoute": GRPC_PORT}


@dataclass(frozen=True)
class Gateway:
    """`spec.traffic.type: Gateway`."""

    by_pods: bool = False

    def canary_replicas(self, full: int, stage: Stage) -> int:
        return canary_replicas_by_gateway(full, stage)

    def effective_weight(self, full: int, weight: int) -> int:
        del full
        return weight

    def segment(self, under_way: UnderWay) -> str:
        """The shares that the routes give the canary at this moment."""
        canary, present = under_way.rollout.to.name, _present(under_way.context)
        shares = {_share(rule, canary) for found in present for rule in found.route.rules}
        return "g" + "+".join(sorted(shares))

    def alone(self, context: Context, revision: RevisionStatus | None) -> bool:
        found = _present(context)
        return bool(
            revision is not None and context.pinned(revision) and found and all(r.only(revision.name) for r in found)
        )

    def holds(self, context: Context, split: Split) -> bool:
        wanted, found = _wanted(context, split), {r.route.kind: r for r in _present(context)}
        return all(r.kind in found and found[r.kind].says(r) and found[r.kind].problem is None for r in wanted)

    def selector(self, context: Context, split: Split) -> Mapping[str, str]:
        del context
        return {REVISION: split.main.name}

    def actions(self, context: Context, split: Split, *, keep: bool) -> Iterator[Action]:
        found = {r.route.kind: r for r in _present(context)}
        wanted = {r.kind: r for r in _wanted(context, split)}
        alone = {r.kind: r for r in _wanted(context, Split(split.main))}
        for kind, route in wanted.items():
            if kind not in found:
                yield _written(context, alone[kind] if keep else route)
            elif not keep and not found[kind].says(route):
                yield _written(context, route)
        for kind, view in found.items():
            if kind not in wanted and not view.meta.deleting:
                yield Delete(routes.API_VERSION, kind, view.meta.name, view.meta.uid)


GATEWAY: Final = Gateway()


def problem(context: Context) -> str | None:
    """Why a Gateway does not carry out what the routes say, with the field's path; None if all do, or none is there."""
    problems = (f"{r.route.kind} {context.name}: {r.problem}" for r in _present(context) if r.problem is not None)
    first = next(problems, None)
    return f"spec.traffic.parentRefs: {first}" if first else None


def _present(context: Context) -> list[RouteView]:
    """The routes: also one that hangs in deletion says where requests go, until it is gone and made anew."""
    return [r for r in context.observed.routes if r.meta.name == context.name]


def _wanted(context: Context, split: Split) -> list[Route]:
    """One route for each protocol, all with the same rules."""
    traffic = context.spec.traffic or Traffic()
    return [
        Route(
            kind=kind,
            parents=_attachments(traffic, context.observed.deployment.namespace),
            hostnames=tuple(traffic.hostnames or ()),
            rules=tuple(_rules(split, _session(context, traffic, kind))),
            labels={k: v for k, v in (traffic.labels or {}).items() if not k.startswith(f"{GROUP}/")},
        )
        for kind in gateway_features.kinds(traffic)
    ]


def _attachments(traffic: Traffic, own: str) -> tuple[routes.Attachment, ...]:
    """Each of its entries once: one may name the Deployment's own namespace, and another leave it out."""
    given = (routes.attachment(ref.wire(), own) for ref in traffic.parent_refs or ())
    return tuple(dict.fromkeys(given))


def _session(context: Context, traffic: Traffic, kind: RouteKind) -> Session | None:
    """The session that the spec asks for; where it can't be kept, what the route has already stays."""
    if traffic.session_persistence is None:
        return None
    if gateway_features.session_obstacle(traffic, context.observed) is None:
        return sessions.of_spec(traffic.session_persistence, context.name, kind)
    present = next((r.route.rules for r in _present(context) if r.route.kind == kind), ())
    return present[-1].session if present else None


def _rules(split: Split, session: Session | None) -> Iterator[Rule]:
    """The rule of the cohort comes first, since it is the more specific one; then that of everybody."""
    other = split.other
    if other is None:
        yield Rule(((split.main.name, 100),), session=session)
        return
    if split.headers:
        of_cohort = session.of_cohort() if session else None
        yield Rule(((other.name, 100),), headers=tuple((h.name, h.exact) for h in split.headers), session=of_cohort)
    weights = ((split.main.name, 100 - split.weight), (other.name, split.weight))
    yield Rule(weights, mirror=(other.name, split.mirror) if split.mirror else None, session=session)


def _share(rule: Rule, canary: str) -> str:
    weight = dict(rule.backends).get(canary, 0)
    return f"{'h' if rule.headers else ''}{weight}" + (f"m{rule.mirror[1]}" if rule.mirror else "")


def _written(context: Context, route: Route) -> Apply:
    labels = {**route.labels, DEPLOYMENT: context.name, MODEL: context.spec.model.name}
    return Apply(
        {
            "apiVersion": routes.API_VERSION,
            "kind": route.kind,
            "metadata": metadata(context.owner, context.name, labels),
            "spec": routes.spec(route, _PORTS[route.kind]),
        }
    )
