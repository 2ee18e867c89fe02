"""What a reconcile wants done: a list of actions, a status, and when to look again. Values only; adapters act."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Generic, Literal, TypeVar

if TYPE_CHECKING:  # the command line reads evidence, and with it this module, on a bare Python without pydantic
    from linnet.api.kinds.model_version import Decision, Quarantine
    from linnet.api.kinds.request import RequestStatus

Manifest = dict[str, Any]
"""A Kubernetes object as JSON."""
S = TypeVar("S")


@dataclass(frozen=True)
class Ref:
    """One object of ours: the key of the work queue."""

    kind: str
    namespace: str
    name: str

    def __str__(self) -> str:
        return f"{self.kind}/{self.namespace}/{self.name}"


@dataclass(frozen=True)
class Apply:
    """Server-side apply: create the object, or make it as the manifest says."""

    manifest: Manifest


@dataclass(frozen=True)
class Create:
    """Create, and fail with a conflict if the name is taken: the lock for version numbers and runs."""

    manifest: Manifest


@dataclass(frozen=True)
class Patch:
    """JSON merge-patch of an object that stands; `uid` guards against a namesake.

    An `optional` one that is refused is told in the log: no judgement, and no rollback, waits for it.
    """

    api_version: str
    kind: str
    name: str
    uid: str
    body: Manifest
    optional: bool = False


@dataclass(frozen=True)
class Delete:
    """Delete one object, guarded by its uid. `grace_seconds` None leaves the object's own."""

    api_version: str
    kind: str
    name: str
    uid: str
    grace_seconds: int | None = None
    propagation: Literal["Background", "Foreground"] = "Background"


@dataclass(frozen=True)
class Record:
    """Write a decision (and what follows for quarantine) on a ModelVersion's status, once by its id."""

    version: str
    decision: "Decision"
    quarantine: "Quarantine | None" = None
    release: bool = False


@dataclass(frozen=True)
class AnswerRequest:
    """Write the answer into a Request's status: after the status of the object that was asked, which remembers it."""

    name: str
    uid: str
    status: "RequestStatus"


@dataclass(frozen=True)
class SaveEvidence:
    """Write the evidence ConfigMap whole; the only part of a rollout's memory that is not status."""

    manifest: Manifest


@dataclass(frozen=True)
class Emit:
    """A Kubernetes Event on the object: one for each transition."""

    type: Literal["Normal", "Warning"]
    reason: str
    message: str


@dataclass(frozen=True)
class Log:
    """One JSON line in the log; `docs/reference/log.md` gives the schema of each event."""

    event: str
    fields: Mapping[str, Any]


@dataclass(frozen=True)
class Notify:
    """Send a CloudEvent to an endpoint of the platform's, some time soon; nothing waits for it."""

    endpoint: str
    event: Mapping[str, Any]


Action = Apply | Create | Patch | Delete | Record | AnswerRequest | SaveEvidence | Emit | Log | Notify


@dataclass(frozen=True)
class Plan(Generic[S]):
    """What a reconcile leads to: the status, which is left as it is where it is None, and then actions in order.

    `requeue_after` None: nothing but an event or the resync makes another look necessary.
    """

    status: S | None
    actions: tuple[Action, ...] = ()
    requeue_after: timedelta | None = None
    urgent: bool = False
    """The actions lead traffic back to what is proven: they are done even if the status can't be written."""
    evidence: Mapping[str, str] | None = None
    """The evidence after this look: the operator remembers it until the next one; None leaves it."""
    gauges: Mapping[str, float] = field(default_factory=dict)
    """Numbers for /metrics, by name, labeled with the object."""
