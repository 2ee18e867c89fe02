"""One replica leads, by a Lease, for a term: the others stand by, and who loses the lease stands by again.

kopf's peering elects nobody: replicas of equal priority pause each other, and it needs a resource of its own. The
client's own lock lets a broken connection end the election, waits for minutes on a half-open one, and keeps the lease
when the process ends in good order. A rolling update must hand over in a second, not in fifteen. The client measures
by a clock that somebody may set: here a lease's age is taken from one that nobody can.
"""

import asyncio
import json
import logging
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass
from http import HTTPStatus
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


class Term:
    """One time of leading: what was begun in it writes nothing after its end, also where this replica leads again."""

    def __init__(self, held: Callable[[], bool] = lambda: True) -> None:
        """`held` says whether no other replica can lead yet."""
        self._held = held
        self._over = False

    def writable(self) -> None:
        """Raise LeadershipLostError once another replica may lead, as after this process was stopped for a while."""
        if self._over or not self._held():
            raise LeadershipLostError("the term of leadership is over")

    def end(self) -> None:
        self._over = True


class Lease:
    """Call `await acquire()`, then `await hold()` until the lease is lost; `release()` hands over."""

    def __init__(self, client: ApiClient, terms: LeaseTerms, clock: Callable[[], float]) -> None:
        self._terms = terms
        self._clock = clock
        self._lock = _Lock(client, terms, clock)
        seconds = (terms.holds, terms.renew, terms.retry)
        self._election = LeaderElection(
            Config(self._lock, *seconds, onstarted_leading=_nothing, onstopped_leading=_nothing)
        )

    async def acquire(self) -> Term:
        """Return a new term as soon as this process leads."""
        while True:
            if await self._renewed():
                leads = {"lease": self._terms.name, "holder": self._terms.identity}
                _log.info("this replica leads", extra={"fields": leads})
                return Term(lambda: self._age() <= self._terms.holds)
            await asyncio.sleep(self._terms.retry)

    async def hold(self) -> None:
        """Renew the lease until that has failed for too long or another replica has it; raise LeadershipLostError."""
        while (why := self._lost()) is None:
            await asyncio.sleep(self._terms.retry)
            with suppress(TimeoutError):
                async with asyncio.timeout(max(0.0, self._terms.renew - self._age())):
                    await self._renewed()
        raise LeadershipLostError(why)

    async def release(self) -> None:
        """Give the lease back, so that the standby need not wait for it to expire."""
        await self._lock.give_back()

    def _lost(self) -> str | None:
        name, holder = self._terms.name, self._lock.holder
        if holder not in {"", self._terms.identity}:
            return f"{printable(holder)} holds the lease {name}"
        if self._age() <= self._terms.renew:
            return None
        why = self._lock.trouble or "this process stood still"
        return f"the lease {name} was not renewed within {self._terms.renew:g} s ({why})"

    async def _renewed(self) -> bool:
        if self._lock.expired():
            self._election.observed_time_milliseconds = 0  # or a clock that was set back would keep it valid
        return bool(await self._election.try_acquire_or_renew())

    def _age(self) -> float:
        return self._clock() - self._lock.renewed_at


class _Lock(LeaseLock):  # type: ignore[misc]
    """The client's Lease has a time limit here, and an unreachable API server is an answer like any other.

    `holder` is who had the lease when it was last read, empty if nobody; `trouble` why the last call failed.
    """

    def __init__(self, client: ApiClient, terms: LeaseTerms, clock: Callable[[], float]) -> None:
        super().__init__(terms.name, terms.namespace, terms.identity, client)
        self._limit = max(1.0, terms.retry)
        self._holds = terms.holds
        self._clock = clock
        self._record: dict[str, Any] = {}
        self._changed_at = float("-inf")
        self.renewed_at = float("-inf")
        self.holder = ""
        self.trouble = ""

    def expired(self) -> bool:
        """Whether the holder has not renewed the lease for as long as it holds."""
        return self._clock() - self._changed_at > self._holds

    async def get(self, name: str, namespace: str) -> Any:
        answer = await self._within(super().get(name, namespace))
        if answer is None:
            return False, ApiException(status=0, reason="the API server can't be reached", body=json.dumps({"code": 0}))
        found, record = answer
        if found or record.status == HTTPStatus.NOT_FOUND:
            self._seen(record if found else None)
        else:
            self._failed(str(from_api(record)))
        return answer

    async def create(self, name: str, namespace: str, election_record: Any) -> bool:
        """Create the Lease. The client's own passes `pretty=True`, which its generated call refuses (37.0.2)."""
        body = V1Lease(metadata=V1ObjectMeta(name=name), spec=self.update_lease(election_record))
        return await self._written(self.api_instance.create_namespaced_lease(namespace, body))

    async def update(self, name: str, namespace: str, updated_record: Any) -> bool:
        """Write the Lease, unless its holder has some time left: a clock that was set forward makes it seem expired.

        The client's own logs a traceback where another replica wrote between the reading and this: a lost race.
        """
        if self.holder not in {"", self.identity} and not self.expired():
            return False
        self.lease_reference.spec = self.update_lease(updated_record, self.lease_reference.spec)
        return await self._written(self.api_instance.replace_namespaced_lease(name, namespace, self.lease_reference))

    async def give_back(self) -> None:
        found, record = await self.get(self.name, self.namespace)
        if not found or record.holder_identity != self.identity:
            return
        lease = self.lease_reference
        lease.spec.holder_identity = None
        lease.spec.lease_duration_seconds = 1
        await self._within(self.api_instance.replace_namespaced_lease(self.name, self.namespace, lease))

    def _seen(self, record: Any) -> None:
        """Note who holds it, and since when the record has been the same."""
        known = dict(vars(record)) if record is not None else {}
        if known != self._record:
            self._record, self._changed_at = known, self._clock()
        self.holder, self.trouble = known.get("holder_identity") or "", ""

    async def _written(self, call: Awaitable[Any]) -> bool:
        """Say whether it was written. Its age counts from before the call: others may have seen it earlier than we."""
        began = self._clock()
        if await self._within(call) is None:
            return False
        self.renewed_at, self.holder = began, self.identity
        return True

    async def _within(self, call: Awaitable[T]) -> T | None:
        """Return the answer of the call; None where nobody answered in time, and one line where that is new."""
        try:
            async with asyncio.timeout(self._limit):
                return await call
        except ApiException as error:
            self._failed(str(from_api(error)))
        except (TimeoutError, OSError, aiohttp.ClientError) as error:
            self._failed(printable(error) or type(error).__name__)
        return None

    def _failed(self, why: str) -> None:
        level = logging.DEBUG if self.trouble else logging.INFO
        self.trouble = why
        _log.log(level, "the lease could not be read or written: %s", why)


async def _nothing() -> None:
    """The election's callbacks are not used: its one step is awaited again and again."""
