"""The endpoints that the platform lets rollouts ask and tell, by name: a file of the operator's, no object."""

from datetime import timedelta
from typing import Annotated, Self

from pydantic import Field, model_validator

from linnet.api.parts.base import Duration, Name, Wire
from linnet.api.parts.prometheus import Address

EventReason = Annotated[str, Field(min_length=1, max_length=64, pattern=r"^[A-Za-z]+$")]


class Endpoint(Wire):
    """One receiver of CloudEvents."""

    name: Name
    """The name by which hooks name the endpoint."""
    url: Address
    """The receiver's URL, without user, password or query."""
    token_file: str | None = None
    """A file with a bearer token, read anew for each call."""
    ca_file: str | None = None
    """Certificates that vouch for the receiver."""
    timeout: Duration = timedelta(seconds=10)
    """How long one call may take."""
    retries: Annotated[int, Field(ge=0, le=20)] = 5
    """How often an event is sent again; a question is asked until it is answered."""
    namespaces: Annotated[list[Name], Field(max_length=256)] | None = None
    """The namespaces whose hooks may name the endpoint; all of them if left out."""

    @model_validator(mode="after")
    def _sound(self) -> Self:
        if not timedelta(seconds=1) <= self.timeout <= timedelta(seconds=30):
            raise ValueError("timeout: from 1s to 30s")
        return self


class Notifications(Wire):
    """Events that are sent without being asked for."""

    endpoint: Name
    """One of the endpoints: each decision is sent to it."""
    reasons: Annotated[list[EventReason], Field(max_length=64)] = []
    """Kubernetes Events that are sent to it, too, by their reasons."""


class Hooks(Wire):
    """Whom the platform lets rollouts ask and tell. docs/how-to/hooks.md gives the file."""

    endpoints: Annotated[list[Endpoint], Field(min_length=1, max_length=50)]
    """The receivers that hooks may name."""
    events: Notifications | None = None
    """What is sent without being asked; nothing if left out."""

    @model_validator(mode="after")
    def _known(self) -> Self:
        names = [e.name for e in self.endpoints]
        twice = next((n for n in names if names.count(n) > 1), None)
        if twice is not None:
            raise ValueError(f"endpoints: {twice} is there twice")
        if self.events is not None and self.events.endpoint not in names:
            there = ", ".join(names)
            raise ValueError(f"events.endpoint: there is no endpoint {self.events.endpoint}: there are {there}")
        return self

    def of(self, namespace: str) -> Self:
        """What objects of this namespace may name."""
        allowed = [e for e in self.endpoints if e.namespaces is None or namespace in e.namespaces]
        return self.model_copy(update={"endpoints": allowed})

    @property
    def by_name(self) -> dict[str, Endpoint]:
        """The endpoints by the names that hooks use."""
        return {e.name: e for e in self.endpoints}
