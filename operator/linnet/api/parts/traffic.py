"""How requests reach the pods: behind a Service, or by routes of the Gateway API."""

from typing import Annotated, Final, Literal

from pydantic import Field, ValidationInfo, field_validator

from linnet.api.parts.base import (
    AS_SET,
    Name,
    StringMap,
    Token,
    Wire,
    keyed_by,
    rules,
)

TrafficType = Literal["Replicas", "Gateway"]

SessionTime = Annotated[str, Field(min_length=2, max_length=32, pattern=r"^([0-9]{1,5}(h|m|s|ms)){1,4}$")]
"""A duration as the Gateway API writes it; a string, so that it is written down as it was given."""
SessionName = Annotated[str, Field(min_length=1, max_length=100, pattern=r"^[A-Za-z0-9._-]+$")]
_PERMANENT: Final = "a Permanent cookie needs absoluteTimeout: write one, or lifetimeType: Session"
_COOKIE: Final = "cookieConfig goes with type Cookie: leave it out, or write type: Cookie"


class ParentRef(Wire):
    """A Gateway in this namespace."""

    name: Name
    """The Gateway's name."""
    section_name: Name | None = None
    """The name of one of the Gateway's listeners."""


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
    """A session ends this long after it began."""
    idle_timeout: SessionTime | None = None
    """A session ends after so long without a request."""
    cookie_config: CookieConfig | None = None
    """How long a session's cookie lives; goes with type Cookie."""

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
    """Replicas (the default) splits by pods behind one Service; Gateway by an HTTPRoute's weights."""
    protocols: (
        Annotated[list[Literal["HTTP", "GRPC"]], Field(min_length=1, max_length=2, json_schema_extra=AS_SET)] | None
    ) = None
    """The protocols that clients speak; HTTP if left out."""
    parent_refs: Annotated[list[ParentRef], Field(max_length=8, json_schema_extra=keyed_by("name"))] | None = None
    """The Gateways to attach to."""
    hostnames: Annotated[list[Token], Field(max_length=16, json_schema_extra=AS_SET)] | None = None
    """The route's host names."""
    labels: StringMap | None = None
    """Labels for the route, where the gateway selects by them."""
    session_persistence: SessionPersistence | None = None
    """Clients stay with the pod, and so with the version, that they first met; without it each request is split anew.
    Only where routes have the field (experimental channel) and every Gateway is known to keep sessions."""
