"""What the platform configured, from the values that its chart is installed with: queries and endpoints."""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from linnet.cli.console import FailedError

if TYPE_CHECKING:
    from linnet.api.hooks import Hooks
    from linnet.api.prometheus import PrometheusServer
    from linnet.core.policy import Rules

_OF_THE_CHART = ("tokenSecret", "caSecret")
"""Values of the chart alone: what the operator reads is a file that is mounted."""


def prometheus(values: Path) -> "PrometheusServer | None":
    """The server, None if the values have none. FailedError names what can't be used."""
    import yaml
    from pydantic import ValidationError

    from linnet.api.prometheus import PrometheusServer
    from linnet.core import queries

    try:
        given = (yaml.safe_load(values.read_text()) or {}).get("prometheus") or {}
        if not given.get("url"):
            return None
        server = PrometheusServer.model_validate({k: v for k, v in given.items() if k not in _OF_THE_CHART})
    except (OSError, UnicodeError, yaml.YAMLError, ValidationError, AttributeError) as error:
        raise FailedError(f"--values {values}: {' '.join(str(error).split())}") from error
    for name, template in server.queries.items():
        if said := queries.problem(template):
            raise FailedError(f"--values {values}: prometheus.queries.{name}: {said}")
    return server


def endpoints(values: Path) -> "Hooks | None":
    """Whom hooks may name, None if the values have nobody. FailedError names what can't be used."""
    import yaml
    from pydantic import ValidationError

    from linnet.api.hooks import Hooks

    try:
        given = (yaml.safe_load(values.read_text()) or {}).get("hooks") or {}
        named = [{k: v for k, v in e.items() if k not in _OF_THE_CHART} for e in given.get("endpoints") or ()]
        events = given.get("events") or {}
        return (
            Hooks.model_validate({"endpoints": named, "events": events if events.get("endpoint") else None})
            if named
            else None
        )
    except (OSError, UnicodeError, yaml.YAMLError, ValidationError, AttributeError) as error:
        raise FailedError(f"--values {values}: {' '.join(str(error).split())}") from error


def hooked(policy: "Rules", values: Path | None) -> Iterator[tuple[str, bool]]:
    """(sentence, whether it would be refused) about the endpoints that hooks name."""
    from linnet.core.hooks import unreachable

    if policy.hooks and values is None:
        names = ", ".join(sorted({h.endpoint for h in policy.hooks}))
        yield f"whether the platform has the endpoints that hooks name ({names}) is not known: give --values", False
    elif policy.hooks and values is not None:
        known = endpoints(values)
        if found := unreachable(policy, known.by_name if known is not None else None):
            yield found, True


def asked(policy: "Rules", values: Path | None) -> Iterator[tuple[str, bool]]:
    """(sentence, whether it would be refused) about the checks that ask a named query."""
    from linnet.core.policy import unanswerable

    if policy.thresholds and values is None:
        names = ", ".join(sorted({t.query for t in policy.thresholds}))
        yield f"whether the platform has the queries that are asked ({names}) is not known: give --values", False
    elif policy.thresholds and values is not None:
        server = prometheus(values)
        if found := unanswerable(policy, server.queries if server is not None else None):
            yield found[1], True
