"""The requests that wait for an object's answer, and what is known of whether they can be believed.

Thousands may wait. A look sees some of them, and of the others when the oldest and the newest were made.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from linnet.api.kinds.request import RequestSpec
from linnet.api.names import Verb
from linnet.core.parse import Invalid, parse_spec
from linnet.core.resources.objects import Parent
from linnet.foreign.text import printable

Asks = tuple[str, str]
"""What is asked: a verb, and the version that it is about (`v7`, a digest, or `-` for whatever is under way)."""


@dataclass(frozen=True)
class Request:
    """A request as it was admitted. `sequence` tells apart what was created in one second."""

    name: str
    uid: str
    verb: Verb
    user: str
    created: datetime
    version: int | None = None
    digest: str | None = None
    reason: str = ""
    sequence: int = 0

    @property
    def target(self) -> str:
        """The version that it is about: `v7`, a digest, or `-` for whatever is under way."""
        return about(self.version, self.digest)

    @property
    def asks(self) -> Asks:
        return str(self.verb), self.target

    @property
    def order(self) -> tuple[datetime, int, str]:
        return self.created, self.sequence, self.name

    def sentence(self, what: str) -> str:
        """A decision's message: who did it, and why if they said so."""
        return f"{self.user} {what}: {self.reason}" if self.reason else f"{self.user} {what}"


@dataclass(frozen=True)
class Proof:
    """Requests created after `since` were proven at admission; None: none was, for the reason `problem`.

    Without either it is not known at this look: what waits goes on waiting.
    """

    since: datetime | None = None
    problem: str = ""
    lapsed: bool = False
    """It is of an earlier moment, and can't be renewed now: good for what goes back or stops, and nothing else."""


@dataclass(frozen=True)
class Requests:
    """What waits for one object's answer, oldest first: as much of it as one look considers."""

    waiting: tuple[Request, ...] = ()
    proof: Proof = Proof()
    newest: Mapping[Asks, datetime] = field(default_factory=dict)
    """When the newest of all was made that asks this, where more wait than are seen."""
    oldest: datetime | None = None
    """When the oldest of all that wait was made, where more wait than are seen."""

    def until(self, request: Request) -> datetime:
        """When the newest was made that asks the same."""
        same = (r.created for r in self.waiting if r.asks == request.asks)
        return max(request.created, self.newest.get(request.asks, request.created), *same)

    @property
    def since(self) -> datetime | None:
        """When the oldest was made; None if nothing waits."""
        seen = [r.created for r in self.waiting]
        return min([*seen, self.oldest] if self.oldest is not None else seen, default=None)


def read(parents: Iterable[Parent]) -> tuple[Request, ...]:
    """The requests among these objects that nobody has answered, oldest first."""
    found = (_read(p) for p in parents if not p.deleting and not is_answered(p.status))
    return tuple(sorted((r for r in found if r is not None), key=lambda r: r.order))


def about(version: int | None, digest: str | None) -> str:
    """The version that a request is about, in one word."""
    return digest or ("-" if version is None else f"v{version}")


def is_answered(status: Mapping[str, Any]) -> bool:
    return bool(status.get("outcome"))


def _read(parent: Parent) -> Request | None:
    spec = parse_spec(RequestSpec, parent.spec)
    if isinstance(spec, Invalid) or parent.created is None:
        return None
    return Request(
        name=parent.name,
        uid=parent.uid,
        verb=spec.verb,
        user=printable(spec.user, 256),
        created=parent.created,
        version=spec.version,
        digest=spec.digest,
        reason=printable(spec.reason or "", 512),
        sequence=int(parent.resource_version) if parent.resource_version.isdigit() else 0,
    )
