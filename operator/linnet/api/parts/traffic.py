"""How requests reach the pods: behind a Service, or by routes of the Gateway API."""

from typing import Annotated, Final, Literal

from pydantic import Field, ValidationInfo, field_validator

from linnet.api.parts.base import (
    AS_SET,
    Name,
    Port,
    StringMap,
    Token,
    Wire,
    rules,
)

TrafficType = Literal["Replicas", "Gateway"]

SessionTime = Annotated[str, Field(min_length=2, max_length=32, pattern=r"^([0-9]{1,5}(h|m|s|ms)){1,4}$")]
"""A duration as the Gateway API writes it; a string, so that it is written down as it was given."""
SessionName = Annotated[str, Field(min_length=1, max_length=100, pattern=r"^[A-Za-z0-9._-]+$")]
_PERMANENT: Final = "a Permanent cookie needs absoluteTimeout: write one, or lifetimeType: Session"
_COOKIE: Final = "cookieConfig goes with type Cookie: leave it out, or write type: Cookie"


class ParentRef(Wire):
    """A Gateway, or one of its listeners."""

    name: Name
    """The Gateway's name."""
    namespace: Name | None = None
    """The Gateway's namespace, whose listener must admit routes of this one (allowedRoutes); this one if left out."""
    section_name: Annotated[str, Field(min_length=1, max_length=253)] | None = None
    """The name of one of the Gateway's listeners; all of them if left out."""
    port: Port | None = None
    """The port of the Gateway's listeners; all of them if left out."""

    @property
    def gateway(self) -> str:
        """The Gateway, as `name` or `namespace/name`."""
        return f"{self.namespace}/{self.name}" if self.namespace else self.name


def _same(field: str) -> str:
    """That the entries p and q say the same in this field, in CEL. What is put together would cost too much."""
    return f"has(p.{field}) == has(q.{field}) && (!has(p.{field}) || p.{field} == q.{field})"


_OF_ONE_GATEWAY: Final = f"p.name == q.name && {_same('__namespace__')}"
_UNIQUE: Final = f"self.parentRefs.exists_one(q, {_OF_ONE_GATEWAY} && {_same('sectionName')} && {_same('port')})"
_ALIKE: Final = (
    f"self.parentRefs.all(q, !({_OF_ONE_GATEWAY}) || "
    "(has(p.sectionName) == has(q.sectionName) && has(p.port) == has(q.port)))"
)


def _first(holds: str, *listener: str) -> str:
    """The first entry for which that does not hold, in words of CEL. A port as a string would cost too much."""
    words = ["(has(p.__namespace__) ? p.__namespace__ + '/' : '')", "p.name", *listener]
    return f"self.parentRefs.map(p, !{holds}, {' + '.join(words)})[0]"


_SECTION: Final = "(has(p.sectionName) ? ' sectionName ' + p.sectionName : '')"
_PORT: Final = "(has(p.port) ? ' with its port' : '')"
_TWICE: Final = "is there twice: leave one of them out"
_ONE_FOR_ALL: Final = "is named more than once: name a sectionName each time, or a port, or one entry for all listeners"


class CookieConfig(Wire):
    """How long a session's cookie lives."""

    lifetime_type: Literal["Session", "Permanent"] | None = None
    """The cookie's life. Session (if left out): gone with the browser. Permanent: until absoluteTimeout."""


class SessionPersistence(Wire):
    """Clients that come back reach the pod that they had, and so its version; the Gateway API's fields (GEP-1619)."""

    model_config = {
        "json_schema_extra": rules(
            (
                "!has(self.cookieConfig) || !has(self.cookieConfig.lifetimeType) || "
                "self.cookieConfig.lifetimeType != 'Permanent' || has(self.absoluteTimeout)",
                _PERMANENT,
                ".cookieConfig",
            ),
            ("!has(self.cookieConfig) || !has(self.type) || self.type == 'Cookie'", _COOKIE, ".cookieConfig"),
        )
    }

    type: Literal["Cookie", "Header"] | None = None
    """By what a client is known again; Cookie if left out."""
    session_name: SessionName | None = None
    """The name of the cookie or the header; `linnet-<name>` if left out. A cohort's and a GRPCRoute's get an ending of
    their own, since rules must not share a session."""
    absolute_timeout: SessionTime | None = None
    """A session ends this long after it began; as the gateway has it if left out."""
    idle_timeout: SessionTime | None = None
    """A session ends after so long without a request; as the gateway has it if left out."""
    cookie_config: CookieConfig | None = None
    """How long a session's cookie lives; goes with type Cookie; gone with the browser if left out."""

    @field_validator("cookie_config")
    @classmethod
    def _a_cookie_fits(cls, given: CookieConfig | None, others: ValidationInfo) -> CookieConfig | None:
        if given is not None and others.data.get("type") == "Header":
            raise ValueError(_COOKIE)
        if given is not None and given.lifetime_type == "Permanent" and others.data.get("absolute_timeout") is None:
            raise ValueError(_PERMANENT)
        return given


class Traffic(Wire):
    """How requests reach the pods."""

    model_config = {
        "json_schema_extra": rules(
            (
                "!has(self.type) || self.type != 'Gateway' || (has(self.parentRefs) && self.parentRefs.size() > 0)",
                "type Gateway needs parentRefs",
            ),
            (
                "(has(self.type) && self.type == 'Gateway') || (!has(self.parentRefs) && !has(self.hostnames))",
                "parentRefs and hostnames go with type Gateway",
            ),
            (
                f"!has(self.parentRefs) || self.parentRefs.all(p, {_UNIQUE})",
                f"an entry of parentRefs {_TWICE}",
                ".parentRefs",
                f"'Gateway ' + {_first(_UNIQUE, _SECTION, _PORT)} + ' {_TWICE}'",
            ),
            (
                f"!has(self.parentRefs) || self.parentRefs.all(p, {_ALIKE})",
                f"a Gateway {_ONE_FOR_ALL}",
                ".parentRefs",
                f"'Gateway ' + {_first(_ALIKE)} + ' {_ONE_FOR_ALL}'",
            ),
            (
                "!has(self.labels) || self.labels.all(k, !k.startsWith('linnet.dev/'))",
                "labels of linnet.dev/ are the operator's own: choose another prefix",
                ".labels",
            ),
            (
                "!has(self.sessionPersistence) || (has(self.type) && self.type == 'Gateway')",
                "sessionPersistence goes with type Gateway: a Service can't tell one client from another",
                ".sessionPersistence",
            ),
        )
    }

    type: TrafficType | None = None
    """Replicas (if left out) splits by pods behind one Service; Gateway by an HTTPRoute's weights."""
    protocols: (
        Annotated[list[Literal["HTTP", "GRPC"]], Field(min_length=1, max_length=2, json_schema_extra=AS_SET)] | None
    ) = None
    """The protocols that clients speak; HTTP if left out."""
    parent_refs: Annotated[list[ParentRef], Field(max_length=8)] | None = None
    """The Gateways to attach to, or their listeners; as a whole they are one applier's, as in an HTTPRoute; left out
    with type Replicas."""
    hostnames: Annotated[list[Token], Field(max_length=16, json_schema_extra=AS_SET)] | None = None
    """The route's host names; those of the listeners if left out."""
    labels: StringMap | None = None
    """Labels for the route, where the gateway selects by them; none if left out."""
    session_persistence: SessionPersistence | None = None
    """Clients stay with the pod, and so with the version, that they first met; if left out each request is split anew.
    Only where routes have the field (experimental channel) and every Gateway is known to keep sessions."""

    @field_validator("parent_refs")
    @classmethod
    def _each_listener_once(cls, given: list[ParentRef] | None) -> list[ParentRef] | None:
        for index, ref in enumerate(given or ()):
            before = [other for other in (given or ())[:index] if other.gateway == ref.gateway]
            if ref in before:
                raise ValueError(f"Gateway {ref.gateway} {_TWICE}")
            if any(_names(ref) != _names(other) for other in before):
                raise ValueError(f"Gateway {ref.gateway} {_ONE_FOR_ALL}")
        return given


def _names(ref: ParentRef) -> tuple[bool, bool]:
    """By what an entry tells listeners apart."""
    return ref.section_name is not None, ref.port is not None
