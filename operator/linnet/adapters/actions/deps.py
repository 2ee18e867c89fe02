"""What actions and statuses are written with."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from linnet.adapters.actions.children import Children, Gone, Seen
from linnet.adapters.cache.cache import Cache
from linnet.adapters.cache.evidence import EvidenceStore
from linnet.adapters.cluster.kube import Kube
from linnet.adapters.telemetry.journal import Journal
from linnet.core.plan import Emit, Log, Notify, Ref
from linnet.core.resources.objects import Parent


@dataclass(frozen=True)
class ActionDeps:
    """An action needs these. `writable` raises LeadershipLostError once the lease is stale."""

    kube: Kube
    cache: Cache
    children: Children
    journal: Journal
    seen: Seen
    gone: Gone
    now: Callable[[], datetime]
    writable: Callable[[], None]
    evidence: EvidenceStore
    tell: Callable[[Ref, Parent, Emit | Log | Notify], None]
    """Sends it to an endpoint of the platform's, if one wants it. Returns at once."""
