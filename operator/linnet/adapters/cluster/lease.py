"""One replica leads, by a Lease, for a term: the others stand by, and who loses the lease stands by again.

kopf's peering elects nobody: replicas of equal priority pause each other, and it needs a resource of its own. The
client's own lock lets a broken connection end the election, waits for minutes on a half-open one, keeps the lease when
the process ends in good order, and raises for what it can't read. A rolling update must hand over in a second, not in
fifteen. The client measures by a clock that somebody may set: here a lease's age is taken from one that nobody can.
"""

import asyncio
import json
import logging
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, Final, TypeVar

from kubernetes.aio.client.api_client import ApiClient
from kubernetes.aio.client.exceptions import ApiException
from kubernetes.aio.leaderelection.electionconfig import Config
from kubernetes.aio.leaderelection.leaderelection import LeaderElection
from kubernetes.aio.leaderelection.leaderelectionrecord import LeaderElectionRecord
from kubernetes.aio.leaderelection.resourcelock.baselock import BaseLock

from linnet.adapters.clock import now
from linnet.adapters.cluster import resources
from linnet.adapters.cluster.errors import KubeError, LeadershipLostError, NotFoundError
from linnet.adapters.cluster.kube import Kube
from linnet.core.plan import Manifest
from linnet.foreign.text import printable

_log = logging.getLogger(__name__)
T = TypeVar("T")
_LEASE: Final = {"apiVersion": resources.LEASE.api_version, "kind": resources.LEASE.kind}
_FIELDS: Final = ("holderIdentity", "leaseDurationSeconds", "acquireTime", "renewTime")
"""What says who holds it, in the order of the client's record."""
_MICRO_TIME: Final = "%Y-%m-%dT%H:%M:%S.%fZ"


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
        self._lock = _Lock(Kube(client), terms, clock)
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


class _Lock(BaseLock):  # type: ignore[misc]
    """The lease as JSON: whatever times or fields somebody wrote there, and whatever a proxy answers, ends no election.

    `holder` is who had the lease when it was last read, empty if nobody; `trouble` why the last call failed.
    """

    def __init__(self, kube: Kube, terms: LeaseTerms, clock: Callable[[], float]) -> None:
        super().__init__(terms.name, terms.namespace, terms.identity)
        self._kube = kube
        self._limit = max(1.0, terms.retry)
        self._holds = terms.holds
        self._clock = clock
        self._lease: Manifest = {}
        self._record: dict[str, str] = {}
        self._changed_at = float("-inf")
        self.renewed_at = float("-inf")
        self.holder = ""
        self.trouble = ""

    def expired(self) -> bool:
        """Whether the holder has not renewed the lease for as long as it holds."""
        return self._clock() - self._changed_at > self._holds

    async def get(self, name: str, namespace: str) -> Any:
        try:
            found = await self._within(self._kube.get(resources.LEASE, namespace, name))
        except NotFoundError:
            self._seen({})
            return False, _unread(HTTPStatus.NOT_FOUND)
        if found is None or not self._is_lease(found):
            return False, _unread(0)
        self._seen(found)
        return True, LeaderElectionRecord(*(self._record.get(field) for field in _FIELDS))

    async def create(self, name: str, namespace: str, election_record: LeaderElectionRecord) -> bool:  # noqa: ARG002
        body = {**_LEASE, "metadata": {"name": name, "namespace": namespace}, "spec": self._mine()}
        return await self._written(self._kube.create(resources.LEASE, body))

    async def update(self, name: str, namespace: str, updated_record: LeaderElectionRecord) -> bool:  # noqa: ARG002
        """Write the Lease, unless its holder has some time left: a clock that was set forward makes it seem expired."""
        if self.holder not in {"", self.identity} and not self.expired():
            return False
        return await self._written(self._put({**_part(self._lease, "spec"), **self._mine()}))

    async def give_back(self) -> None:
        found, record = await self.get(self.name, self.namespace)
        if not found or record.holder_identity != self.identity:
            return
        spec = {**_part(self._lease, "spec"), "leaseDurationSeconds": 1}
        spec.pop("holderIdentity")
        with suppress(NotFoundError):
            await self._within(self._put(spec))

    def _put(self, spec: Manifest) -> Awaitable[Manifest]:
        """Write the lease as it was read, but for this: a conflict if somebody has written it since."""
        metadata = {**_part(self._lease, "metadata"), "name": self.name, "namespace": self.namespace}
        return self._kube.replace(resources.LEASE, {**_LEASE, "metadata": metadata, "spec": spec})

    def _is_lease(self, found: Manifest) -> bool:
        """Whether it can be written against: else it is some other page, or a write would take a living holder's."""
        return bool(_part(found, "metadata").get("resourceVersion")) or self._failed("the answer is no Lease")

    def _mine(self) -> Manifest:
        """The fields by which this replica holds it; if it does already, since when it did."""
        renewed = now().strftime(_MICRO_TIME)
        since = self._record.get("acquireTime", renewed) if self.holder == self.identity else renewed
        return {
            "holderIdentity": self.identity,
            "leaseDurationSeconds": self._holds,
            "acquireTime": since,
            "renewTime": renewed,
        }

    def _seen(self, lease: Manifest) -> None:
        """Note who holds it, and since when the record has been the same."""
        spec = _part(lease, "spec")
        known = {field: str(spec[field]) for field in _FIELDS if spec.get(field)}
        if known != self._record:
            self._record, self._changed_at = known, self._clock()
        self._lease = lease
        self.holder, self.trouble = known.get("holderIdentity", ""), ""

    async def _written(self, call: Awaitable[Manifest]) -> bool:
        """Say whether it was written. Its age counts from before the call: others may have seen it earlier than we."""
        began = self._clock()
        try:
            answer = await self._within(call)
        except NotFoundError as error:
            return self._failed(str(error))
        if answer is None:
            return False
        self.renewed_at, self.holder = began, self.identity
        return True

    async def _within(self, call: Awaitable[T]) -> T | None:
        """Return the answer of the call; None where nobody answered in time, and one line where that is new."""
        try:
            async with asyncio.timeout(self._limit):
                return await call
        except NotFoundError:
            raise
        except KubeError as error:
            self._failed(str(error))
        except TimeoutError:
            self._failed(f"no answer within {self._limit:g} s")
        return None

    def _failed(self, why: str) -> bool:
        level = logging.DEBUG if self.trouble else logging.INFO
        self.trouble = why
        _log.log(level, "the lease could not be read or written: %s", why)
        return False


def _part(lease: Manifest, name: str) -> Manifest:
    found = lease.get(name)
    return dict(found) if isinstance(found, dict) else {}


def _unread(status: int) -> ApiException:
    """Return what the election takes for an answer: the lease is not there, or it can't be read now."""
    return ApiException(status=status, reason="it can't be read", body=json.dumps({"code": int(status)}))


async def _nothing() -> None:
    """The election's callbacks are not used: its one step is awaited again and again."""
