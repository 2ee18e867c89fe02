"""Compares policies with what the platform configured in its chart's values: queries and endpoints."""

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from linnet.cli.console import FailedError
from linnet.cli.lint.manifests import documents

if TYPE_CHECKING:
    from linnet.api.parts.hooks import Hooks
    from linnet.api.parts.prometheus import PrometheusServer
    from linnet.core.policy.rules import Rules

T = TypeVar("T")
_CHART_ONLY = ("tokenSecret", "caSecret")
"""Values of the chart alone: what the operator reads is a file that is mounted."""


def prometheus(values: Path) -> "PrometheusServer | None":
    """The Prometheus server of the values, None if they have none. FailedError names what can't be used."""
    from linnet.api.parts.prometheus import PrometheusServer
    from linnet.core.analysis.prometheus import query_template

    def parse(values: Mapping[str, Any]) -> PrometheusServer | None:
        return PrometheusServer.model_validate(_without_chart_only(values)) if values.get("url") else None

    server = _read(values, "prometheus", parse)
    for name, template in server.queries.items() if server else ():
        if problem := query_template.problem(template):
            raise FailedError(f"--values {values}: prometheus.queries.{name}: {problem}")
    return server


def endpoints(values: Path) -> "Hooks | None":
    """The endpoints that hooks may name, None if the values have none. FailedError names what can't be used."""
    from linnet.api.parts.hooks import Hooks

    def parse(values: Mapping[str, Any]) -> Hooks | None:
        found, events = [_without_chart_only(e) for e in values.get("endpoints") or ()], values.get("events") or {}
        sent = events if events.get("endpoint") else None
        return Hooks.model_validate({"endpoints": found, "events": sent}) if found else None

    return _read(values, "hooks", parse)


def _without_chart_only(values: Mapping[str, Any]) -> dict[str, Any]:
    return {k: v for k, v in values.items() if k not in _CHART_ONLY}


def _read(values: Path, key: str, parse: Callable[[Mapping[str, Any]], T | None]) -> T | None:
    from pydantic import ValidationError

    (found,) = documents(str(values)) or [{}]
    try:
        return parse((found or {}).get(key) or {})
    except (ValidationError, AttributeError, TypeError) as error:
        raise FailedError(f"--values {values}: {' '.join(str(error).split())}") from error


def hook_problems(policy: "Rules", values: Path | None) -> Iterator[tuple[str, bool]]:
    """Yields (sentence, refused or not) about the endpoints that hooks name."""
    from linnet.core.rollout.hooks.calls import unreachable

    if policy.hooks and values is None:
        names = ", ".join(sorted({h.endpoint for h in policy.hooks}))
        yield f"whether the platform has the endpoints that hooks name ({names}) is not known: give --values", False
    elif policy.hooks and values is not None:
        known = endpoints(values)
        if found := unreachable(policy, known.by_name if known is not None else None):
            yield found, True


def query_problems(policy: "Rules", values: Path | None) -> Iterator[tuple[str, bool]]:
    """Yields (sentence, refused or not) about the checks that ask a named query."""
    from linnet.core.policy.preflight import unanswerable

    if policy.thresholds and values is None:
        names = ", ".join(sorted({t.query for t in policy.thresholds}))
        yield f"whether the platform has the queries that are asked ({names}) is not known: give --values", False
    elif policy.thresholds and values is not None:
        server = prometheus(values)
        if found := unanswerable(policy, server.queries if server is not None else None):
            yield found[1], True
