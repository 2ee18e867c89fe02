"""The platform's Prometheus-compatible server and its named queries: a file of the operator's, no object."""

import re
from datetime import timedelta
from typing import Annotated, Final, Self

from pydantic import Field, StringConstraints, model_validator

from linnet.api.parts.base import Duration, Name, Wire

_RESERVED: Final = re.compile(
    r"authorization|proxy-.*|cookie|host|content-.*|transfer-encoding|connection", re.IGNORECASE
)

Address = Annotated[str, Field(max_length=512, pattern=r"^https?://[^/@?#\s]+(/[^@?#\s]*)?$")]
"""A URL without user, password or query."""
HeaderName = Annotated[str, Field(min_length=1, max_length=64, pattern=r"^[A-Za-z0-9-]+$")]
HeaderValue = Annotated[str, StringConstraints(strip_whitespace=True, max_length=256, pattern=r"^[ -~]*$")]
"""Printable ASCII; spaces around it are no part of a header's value (RFC 9110, 5.5)."""
Template = Annotated[str, Field(min_length=1, max_length=2000)]
"""PromQL with placeholders; `core/analysis/prometheus/query_template.py` knows them."""


class PrometheusServer(Wire):
    """The server that the operator asks, and its named queries. docs/how-to/prometheus.md gives the file."""

    url: Address
    """The server's URL, without user, password or query; the API is below `/api/v1` of it."""
    headers: Annotated[dict[HeaderName, HeaderValue], Field(max_length=8)] = {}
    """Headers that are sent with each query, such as a tenant's; nothing secret."""
    token_file: str | None = None
    """A file with a bearer token, read anew for each query."""
    ca_file: str | None = None
    """Certificates that vouch for the server."""
    timeout: Duration = timedelta(seconds=10)
    """How long one query may take."""
    scrape_interval: Duration = timedelta(seconds=30)
    """How often the server has a new value: nobody is asked more often."""
    queries: Annotated[dict[Name, Template], Field(max_length=100)] = {}
    """The named queries, in PromQL."""
    query_namespaces: Annotated[dict[Name, Annotated[list[Name], Field(max_length=256)]], Field(max_length=100)] = {}
    """For a query that not everybody may name: the namespaces whose checks may."""

    def of(self, namespace: str) -> Self:
        """What objects of this namespace may name."""
        given = self.query_namespaces
        allowed = {n: q for n, q in self.queries.items() if n not in given or namespace in given[n]}
        return self.model_copy(update={"queries": allowed})

    @model_validator(mode="after")
    def _sound(self) -> Self:
        reserved = next(filter(_RESERVED.fullmatch, self.headers), None)
        if reserved is not None:
            raise ValueError(f"headers: {reserved} can't be set: a token comes from a Secret, by tokenFile")
        if not timedelta(seconds=1) <= self.timeout <= timedelta(seconds=30):
            raise ValueError("timeout: from 1s to 30s")
        if not timedelta(seconds=1) <= self.scrape_interval <= timedelta(minutes=5):
            raise ValueError("scrapeInterval: from 1s to 5m")
        unknown = next((n for n in self.query_namespaces if n not in self.queries), None)
        if unknown is not None:
            raise ValueError(f"queryNamespaces: there is no query {unknown}")
        return self
