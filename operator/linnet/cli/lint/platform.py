"""What the platform configured, from the values that its chart is installed with: queries and endpoints."""

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from linnet.cli.console import FailedError

if TYPE_CHECKING:
    from linnet.api.parts.hooks import Hooks
    from linnet.api.parts.prometheus import PrometheusServer
    from linnet.core.policy.rules import Rules


T = TypeVar("T")
_OF_THE_CHART = ("tokenSecret", "caSecret")
"""Values of the chart alone: what the operator reads is a file that is mounted."""


def prometheus(values: Path) -> "PrometheusServer | None":
    """The server, None if the values have none. FailedError names what can't be used."""
    from linnet.api.parts.prometheus import PrometheusServer
    from linnet.core.analysis.prometheus import query_template

    def made(given: Mapping[str, Any]) -> PrometheusServer | None:
        return PrometheusServer.model_validate(_own(given)) if given.get("url") else None

    server = _read(values, "prometheus", made)
    for name, template in server.queries.items() if server else ():
        if said := query_template.problem(template):
            raise FailedError(f"--values {values}: prometheus.queries.{name}: {said}")
    return server


def endpoints(values: Path) -> "Hooks | None":
    """Whom hooks may name, None if the values have nobody. FailedError names what can't be used."""
    from linnet.api.parts.hooks import Hooks

    def made(given: Mapping[str, Any]) -> Hooks | None:
        named, events = [_own(e) for e in given.get("endpoints") or ()], given.get("events") or {}
        told = events if events.get("endpoint") else None
        return Hooks.model_validate({"endpoints": named, "events": told}) if named else None

    return _read(values, "hooks", made)


def _own(given: Mapping[str, Any]) -> dict[str, Any]:
    return {k: v for k, v in given.items() if k not in _OF_THE_CHART}


def _read(values: Path, key: str, made: Callable[[Mapping[str, Any]], T | None]) -> T | None:
    import yaml
    from pydantic import ValidationError

    try:
        return made((yaml.safe_load(values.read_text()) or {}).get(key) or {})
    except (OSError, UnicodeError, yaml.YAMLError, ValidationError, AttributeError) as error:
        raise FailedError(f"--values {values}: {' '.join(str(error).split())}") from error


def hooked(policy: "Rules", values: Path | None) -> Iterator[tuple[str, bool]]:
    """(sentence, whether it would be refused) about the endpoints that hooks name."""
    from linnet.core.rollout.hooks.calls import unreachable

    if policy.hooks and values is None:
        names = ", ".join(sorted({h.endpoint for h in policy.hooks}))
        yield f"whether the platform has the endpoints that hooks name ({names}) is not known: give --values", False
    elif policy.hooks and values is not None:
        known = endpoints(values)
        if found := unreachable(policy, known.by_name if known is not None else None):
            yield found, True


def asked(policy: "Rules", values: Path | None) -> Iterator[tuple[str, bool]]:
    """(sentence, whether it would be refused) about the checks that ask a named query."""
    from linnet.core.policy.preflight import unanswerable

    if policy.thresholds and values is None:
        names = ", ".join(sorted({t.query for t in policy.thresholds}))
        yield f"whether the platform has the queries that are asked ({names}) is not known: give --values", False
    elif policy.thresholds and values is not None:
        server = prometheus(values)
        if found := unanswerable(policy, server.queries if server is not None else None):
            yield found[1], True
