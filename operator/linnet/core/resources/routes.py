"""HTTPRoute and GRPCRoute: as Linnet writes them, and as they stand, in one form that can be compared.

Both backends are always written together: a weight is a share of the sum, and one written alone would move it twice.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Literal

from linnet.core.plan import Manifest
from linnet.core.resources import sessions
from linnet.core.resources.objects import Meta, meta
from linnet.core.resources.sessions import Session
from linnet.foreign.text import printable

API_VERSION: Final = "gateway.networking.k8s.io/v1"
RouteKind = Literal["HTTPRoute", "GRPCRoute"]
KINDS: Final[Mapping[str, RouteKind]] = {"HTTP": "HTTPRoute", "GRPC": "GRPCRoute"}
"""Protocol → kind of route."""


@dataclass(frozen=True)
class Rule:
    """Requests with all these headers (name, value) go to `backends` (Service, weight), and copies to `mirror`."""

    backends: tuple[tuple[str, int], ...]
    headers: tuple[tuple[str, str], ...] = ()
    mirror: tuple[str, int] | None = None
    """Service and percent."""
    session: Session | None = None

    def reaches(self) -> Iterator[str]:
        """The Services that get requests by this rule."""
        yield from (name for name, weight in self.backends if weight)
        if self.mirror is not None:
            yield self.mirror[0]


@dataclass(frozen=True)
class Attachment:
    """A Gateway to which a route is attached, or its listeners of one name or port. `namespace`: None for its own."""

    gateway: str
    namespace: str | None = None
    section: str | None = None
    port: int | None = None

    def manifest(self) -> Manifest:
        """The entry of `parentRefs`."""
        said = {"name": self.gateway, "namespace": self.namespace, "sectionName": self.section, "port": self.port}
        return {key: value for key, value in said.items() if value is not None}


def attachment(ref: Mapping[str, Any], own: str) -> Attachment:
    """The entry of a route in the namespace `own`; a controller may write that namespace down."""
    namespace = ref.get("namespace")
    elsewhere = None if namespace in {None, "", own} else namespace
    return Attachment(ref.get("name", ""), elsewhere, ref.get("sectionName"), ref.get("port"))


@dataclass(frozen=True)
class Route:
    """What a route says."""

    kind: RouteKind
    parents: tuple[Attachment, ...]
    hostnames: tuple[str, ...]
    rules: tuple[Rule, ...]
    labels: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class RouteView:
    """A route in the cluster. `problem`: why a Gateway does not, or not yet, go by what it says."""

    meta: Meta
    route: Route
    problem: str | None

    def says(self, wanted: Route) -> bool:
        """Whether it says what is wanted; further labels are others' business."""
        mine = {k: self.route.labels.get(k) for k in wanted.labels}
        return (self.route.kind, self.route.parents, self.route.hostnames, self.route.rules, mine) == (
            wanted.kind, wanted.parents, wanted.hostnames, wanted.rules, dict(wanted.labels),
        )  # fmt: skip

    def only(self, service: str) -> bool:
        """Whether every request, and every copy of one, goes to this Service."""
        return {name for rule in self.route.rules for name in rule.reaches()} == {service}


def spec(route: Route, port: int) -> Manifest:
    """The route's `spec`; the Services are asked at `port`."""
    hostnames = {"hostnames": list(route.hostnames)} if route.hostnames else {}
    return {
        "parentRefs": [parent.manifest() for parent in route.parents],
        **hostnames,
        "rules": [_rule(route.kind, rule, port) for rule in route.rules],
    }


def _rule(kind: RouteKind, rule: Rule, port: int) -> Manifest:
    found: Manifest = {"backendRefs": [{"name": n, "port": port, "weight": w} for n, w in rule.backends]}
    if rule.headers:
        path = {"path": {"type": "PathPrefix", "value": "/"}} if kind == "HTTPRoute" else {}
        headers = [{"type": "Exact", "name": name, "value": value} for name, value in rule.headers]
        found["matches"] = [{**path, "headers": headers}]
    if rule.mirror is not None:
        name, percent = rule.mirror
        mirror = {"backendRef": {"name": name, "port": port}, "percent": percent}
        found["filters"] = [{"type": "RequestMirror", "requestMirror": mirror}]
    if rule.session is not None:
        found[sessions.FIELD] = sessions.manifest(rule.session)
    return found


def view(kind: RouteKind, obj: Mapping[str, Any]) -> RouteView:
    """A route as the API server has it, whatever it defaulted."""
    given, seen = obj.get("spec") or {}, obj.get("status") or {}
    known, own = meta(obj), str((obj.get("metadata") or {}).get("namespace") or "")
    route = Route(
        kind=kind,
        parents=tuple(attachment(p, own) for p in given.get("parentRefs") or ()),
        hostnames=tuple(given.get("hostnames") or ()),
        rules=tuple(_seen_rule(rule) for rule in given.get("rules") or ()),
        labels=known.labels,
    )
    generation = int((obj.get("metadata") or {}).get("generation", 1))
    return RouteView(known, route, _problem(route, seen.get("parents") or (), generation, own))


def _seen_rule(rule: Mapping[str, Any]) -> Rule:
    headers = [h for match in rule.get("matches") or () for h in match.get("headers") or ()]
    mirrors = [f["requestMirror"] for f in rule.get("filters") or () if f.get("requestMirror")]
    return Rule(
        backends=tuple((b.get("name", ""), b.get("weight", 1)) for b in rule.get("backendRefs") or ()),
        headers=tuple((h.get("name", ""), h.get("value", "")) for h in headers),
        mirror=(mirrors[0]["backendRef"].get("name", ""), mirrors[0].get("percent", 100)) if mirrors else None,
        session=sessions.of_rule(rule.get(sessions.FIELD)),
    )


def _problem(route: Route, parents: Any, generation: int, own: str) -> str | None:
    """The first parent's reason, in words a person can act on."""
    taken_up = [(attachment(p.get("parentRef") or {}, own), p.get("conditions") or ()) for p in parents]
    for parent in route.parents:
        mine = [conditions for ref, conditions in taken_up if ref == parent]
        name, namespace = parent.gateway, parent.namespace or own
        if not mine:
            look = f"kubectl get gateway {name} -n {namespace}"
            return f"no controller has taken the route up for Gateway {name}: is there one? {look}"
        for conditions in mine:
            if said := _refused(name, conditions, generation):
                return said
    return None


def _refused(gateway: str, conditions: Any, generation: int) -> str | None:
    found = {c.get("type"): c for c in conditions}
    for type_ in ("Accepted", "ResolvedRefs"):
        said = found.get(type_)
        if said is None or said.get("observedGeneration", generation) < generation:
            return f"Gateway {gateway} has not taken up its last change yet"
        if said.get("status") != "True":
            words = f"{printable(said.get('reason'), 64)}: {printable(said.get('message'), 512)}"
            return f"Gateway {gateway} does not take it: {words}"
    return None
