"""People's requests can be believed if the API server refuses a forged one, and that is tried here.

Whoever may create Requests may write any name in them. Only the ValidatingAdmissionPolicy makes `spec.user` true, and a
platform may have removed the policy, bound it to other namespaces, or installed it after somebody had forged a request.
"""

import logging
import re
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from typing import Final

from linnet.adapters.cluster import resources
from linnet.adapters.cluster.errors import ForbiddenError, InvalidError, KubeError, NotFoundError
from linnet.adapters.cluster.kube import Kube
from linnet.adapters.cluster.live import in_time
from linnet.adapters.cluster.resources import Resource
from linnet.api.names import API_VERSION
from linnet.api.parts.conditions import time_or_none
from linnet.core.plan import Manifest
from linnet.core.requests.waiting import Proof

KEPT_SECONDS: Final = 5.0
"""A proof is good for the looks of one moment: who takes the policy away for a minute should gain nothing by it."""
IN_FORCE_AFTER: Final = timedelta(seconds=2)
"""The API server goes by a new policy only after a moment."""
_log = logging.getLogger(__name__)
FORGED_USER: Final = "forged by linnet"
ABSENT: Final = "no admission policy proves who asked: install it (Helm value admission.enabled=true), then ask again"
DENIED: Final = re.compile(r"ValidatingAdmissionPolicy '([^']+)' with binding '([^']+)' denied request: spec\.user: ")
"""The policy's own words about a forgery, which name the policy and its binding."""


class RequestPolicy:
    """It asks at most once in five seconds for each namespace. `clock` is a monotonic time in seconds."""

    def __init__(self, kube: Kube, clock: Callable[[], float]) -> None:
        self._kube = kube
        self._clock = clock
        self._proofs: dict[str, tuple[float, Proof]] = {}

    async def proof(self, namespace: str) -> Proof:
        """Say since when requests of the namespace are proven.

        While the API server can't say, what was proven last stands for what goes back or stops, and nothing else.
        """
        at, known = self._proofs.get(namespace, (-KEPT_SECONDS, Proof()))
        if self._clock() - at < KEPT_SECONDS:
            return known
        try:
            found = await in_time(self._proof(namespace))
        except KubeError as error:
            _log.warning("whether requests are proven in %s was not read: %s", namespace, error)
            return Proof(known.since, lapsed=True)
        self._proofs[namespace] = self._clock(), found
        return found

    async def _proof(self, namespace: str) -> Proof:
        denied = await self._denied(namespace)
        if denied is None:
            return Proof(problem=ABSENT)
        try:
            changes = [
                time
                for resource, name in zip(
                    (resources.ADMISSION_POLICY, resources.ADMISSION_BINDING), denied.groups(), strict=True
                )
                for time in _changes(await self._read(resource, name))
            ]
        except (ForbiddenError, NotFoundError) as error:
            return Proof(problem=f"the age of the admission policy is not known: {error}")
        known = [time for time in changes if time is not None]
        if len(known) < len(changes):
            return Proof(problem="the age of the admission policy is not known: a time of its metadata can't be read")
        return Proof(since=max(known) + IN_FORCE_AFTER)

    async def _denied(self, namespace: str) -> re.Match[str] | None:
        """The policy's own words about a forgery, which name the policy and its binding."""
        try:
            await self._kube.create(resources.REQUEST, forged(namespace), dry_run=True)
        except (ForbiddenError, InvalidError) as error:
            return DENIED.search(str(error))
        return None

    async def _read(self, resource: Resource, name: str) -> Manifest:
        return await self._kube.get(resource, "", name)


def _changes(policy: Manifest) -> Iterator[datetime | None]:
    """When it was made, and when each of those who wrote it last changed it: not its status; None: unreadable."""
    meta = policy["metadata"]
    yield time_or_none(meta.get("creationTimestamp"))
    for entry in meta.get("managedFields") or ():
        if entry.get("time") and not entry.get("subresource"):
            yield time_or_none(entry["time"])


def forged(namespace: str) -> Manifest:
    """Return a Request in another's name. It is never stored: the call is a dry run."""
    return {
        "apiVersion": API_VERSION,
        "kind": "Request",
        "metadata": {"name": "linnet-probe", "namespace": namespace},
        "spec": {
            "target": {"kind": "Deployment", "name": "linnet-probe"},
            "verb": "release",
            "user": FORGED_USER,
        },
    }
