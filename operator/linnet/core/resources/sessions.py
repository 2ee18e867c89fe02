"""Session persistence of a route's rule (GEP-1619), in one form for what is asked, written and seen: it is compared.

Rules that lead to the same pods must not share a session, so that the rule for everybody, the one for a cohort, and
those of the other kind of route have names of their own. The names are always written: an implementation's own would
follow the rule's place in the list, which moves when a cohort begins.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

from linnet.api.parts.traffic import SessionPersistence
from linnet.core.plan import Manifest

FIELD: Final = "sessionPersistence"
_COHORT: Final = "-cohort"
_ENDINGS: Final = {"HTTPRoute": "", "GRPCRoute": "-grpc"}


@dataclass(frozen=True)
class Session:
    """How clients are kept; times as the Gateway API writes them, such as 1h30m. `lifetime`: Session or Permanent."""

    name: str
    type: str = "Cookie"
    absolute: str | None = None
    idle: str | None = None
    lifetime: str | None = None

    def of_cohort(self) -> "Session":
        return replace(self, name=f"{self.name}{_COHORT}")


def of_spec(given: SessionPersistence, deployment: str, kind: str) -> Session:
    """The session of the rule for everybody, in this kind of route."""
    return Session(
        name=f"{given.session_name or f'linnet-{deployment}'}{_ENDINGS[kind]}",
        type=given.type or "Cookie",
        absolute=given.absolute_timeout,
        idle=given.idle_timeout,
        lifetime=(given.cookie_config.lifetime_type or "Session") if given.cookie_config else None,
    )


def manifest(session: Session) -> Manifest:
    """The rule's `sessionPersistence`."""
    times = {"absoluteTimeout": session.absolute, "idleTimeout": session.idle}
    cookie = {"cookieConfig": {"lifetimeType": session.lifetime}} if session.lifetime else {}
    return {"sessionName": session.name, "type": session.type, **{k: v for k, v in times.items() if v}, **cookie}


def of_rule(given: Mapping[str, Any] | None) -> Session | None:
    """The session of a rule as the API server has it; None if it keeps none."""
    if not given:
        return None
    return Session(
        name=given.get("sessionName", ""),
        type=given.get("type", "Cookie"),
        absolute=given.get("absoluteTimeout"),
        idle=given.get("idleTimeout"),
        lifetime=(given.get("cookieConfig") or {}).get("lifetimeType"),
    )


def feature(kind: str, type_: str) -> str:
    """The name by which a GatewayClass says that it keeps sessions.

    >>> feature("HTTPRoute", "Cookie")
    'HTTPRouteSessionPersistenceCookie'
    """
    return f"{kind}SessionPersistence{type_}"


FEATURES: Final = frozenset(feature(kind, type_) for kind in _ENDINGS for type_ in ("Cookie", "Header"))
