"""One replica leads, by a Lease: the others stand by, and the process ends when its lease is lost.

kopf's peering elects nobody: replicas of equal priority pause each other, and it needs a resource of its own. The
client's own lock lets a broken connection end the election, waits for minutes on a half-open one, and keeps the lease
when the process ends in good order. A rolling update must hand over in a second, not in fifteen.
"""

import asyncio
import json
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, TypeVar

import aiohttp
from kubernetes.aio.client import V1Lease, V1ObjectMeta
from kubernetes.aio.client.api_client import ApiClient
from kubernetes.aio.client.exceptions import ApiException
from kubernetes.aio.leaderelection.electionconfig import Config
from kubernetes.aio.leaderelection.leaderelection import LeaderElection
from kubernetes.aio.leaderelection.resourcelock.leaselock import LeaseLock

from linnet.adapters.cluster.errors import LeadershipLostError, from_api
from linnet.foreign.text import printable

_log = logging.getLogger(__name__)
T = TypeVar("T")


@dataclass(frozen=True)
class LeaseTerms:
    """How long a lease holds, how long a leader tries to renew it, and how often either side looks, all in seconds."""

    name: str
    namespace: str
    identity: str
    holds: int
    renew: float
    retry: float


class Lease:
    """Call `await acquire()`, then `await hold()` until the lease is lost; `release()` hands over."""

    def __init__(self, client: ApiClient, terms: LeaseTerms, clock: Callable[[], float]) -> None:
        self._terms = terms
        self._clock = clock
        self._lock = _Lock(client, terms, self._renewed)
        self._renewed_at = float("-inf")
        seconds = (terms.holds, terms.renew, terms.retry)
        self._election = LeaderElection(
            Config(self._lock, *seconds, onstarted_leading=_nothing, onstopped_leading=_nothing)
        )

    async def acquire(self) -> None:
        """Return when this process leads."""
        await self._election.acquire()
        _log.info("this replica leads", extra={"fields": {"lease": self._terms.name, "holder": self._terms.identity}})

    async def hold(self) -> None:
        """Renew the lease until that has failed for too long; then raise LeadershipLostError."""
        await self._election.renew_loop()
        raise LeadershipLostError(f"the lease {self._terms.name} could not be renewed within {self._terms.renew:g} s")

    def writable(self) -> None:
        """Raise LeadershipLostError once another replica may lead, as after this process was stopped for a while."""
        if self._clock() - self._renewed_at > self._terms.holds:
            raise LeadershipLostError(f"the lease {self._terms.name} was last renewed too long ago")

    async def release(self) -> None:
        """Give the lease back, so that the standby need not wait for it to expire."""
        await self._lock.give_back()

    def _renewed(self) -> None:
        self._renewed_at = self._clock()


class _Lock(LeaseLock):  # type: ignore[misc]
    """The client's Lease has a time limit here, and an unreachable API server is an answer like any other."""

    def __init__(self, client: ApiClient, terms: LeaseTerms, renewed: Callable[[], None]) -> None:
        super().__init__(terms.name, terms.namespace, terms.identity, client)
        self._limit = max(1.0, terms.retry)
        self._on_renewed = renewed

    async def get(self, name: str, namespace: str) -> Any:
        answer = await self._within(super().get(name, namespace))
        if answer is not None:
            return answer
        return False, ApiException(status=0, reason="the API server can't be reached", body=json.dumps({"code": 0}))

    async def create(self, name: str, namespace: str, election_record: Any) -> bool:
        """Create the Lease. The client's own passes `pretty=True`, which its generated call refuses (37.0.2)."""
        body = V1Lease(metadata=V1ObjectMeta(name=name), spec=self.update_lease(election_record))
        made = await self._within(self.api_instance.create_namespaced_lease(namespace, body))
        return self._noted(made is not None)

    async def update(self, name: str, namespace: str, updated_record: Any) -> bool:
        """The client's own logs a traceback where another replica wrote between the reading and this: a lost race."""
        self.lease_reference.spec = self.update_lease(updated_record, self.lease_reference.spec)
        written = await self._within(self.api_instance.replace_namespaced_lease(name, namespace, self.lease_reference))
        return self._noted(written is not None)

    async def give_back(self) -> None:
        found, record = await self.get(self.name, self.namespace)
        if not found or record.holder_identity != self.identity:
            return
        lease = self.lease_reference
        lease.spec.holder_identity = None
        lease.spec.lease_duration_seconds = 1
        await self._within(self.api_instance.replace_namespaced_lease(self.name, self.namespace, lease))

    def _noted(self, written: bool | None) -> bool:
        if written:
            self._on_renewed()
        return bool(written)

    async def _within(self, call: Awaitable[T]) -> T | None:
        """Return the answer of the call; None where nobody answered in time."""
        try:
            async with asyncio.timeout(self._limit):
                return await call
        except ApiException as error:
            _log.warning("the lease could not be read or written: %s", from_api(error))
        except (TimeoutError, OSError, aiohttp.ClientError) as error:
            _log.warning("the lease could not be read or written: %s", printable(error) or type(error).__name__)
        return None


async def _nothing() -> None:
    """The election's callbacks are not used: its two halves are awaited one after the other."""
