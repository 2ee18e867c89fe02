"""What the platform configured, from the values that its chart is installed with: the named queries."""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from linnet.cli.console import FailedError

if TYPE_CHECKING:
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
