"""What happened is told to people and programs: Kubernetes Events, JSON lines, and counters made from them.

kopf.event() would write core/v1 Events from kopf's own loop as fast as they come. These are of events.k8s.io, are
written only while nothing else waits, and are written before the leader hands over.
"""

import asyncio
import logging
from collections import OrderedDict
from collections.abc import Callable
from datetime import datetime
from typing import Any, Final

from linnet.adapters.cluster import resources
from linnet.adapters.cluster.errors import InvalidError, KubeError
from linnet.adapters.cluster.kube import Kube
from linnet.api.names import API_VERSION
from linnet.core.plan import Emit, Log, Manifest, Ref
from linnet.core.resources.objects import Parent
from linnet.foreign.text import clean

CONTROLLER: Final = "linnet.dev/operator"
MAX_WAITING: Final = 4096
BUSY_SECONDS: Final = 0.1
_NOTE: Final = 1024
"""The most bytes of a note that the API server takes."""
_log = logging.getLogger("linnet.journal")

Counted = Callable[[str, Any], None]
"""Called with the event's name and its fields."""


class Journal:
    """`instance` is this operator's name, such as its pod's."""

    def __init__(self, kube: Kube, instance: str, now: Callable[[], datetime], counted: Counted) -> None:
        self._kube = kube
        self._instance = instance
        self._now = now
        self._counted = counted
        self._decided: OrderedDict[tuple[Ref, str], None] = OrderedDict()
        """The decisions that this process has written a line of."""
        self._waiting: asyncio.Queue[Manifest] = asyncio.Queue(MAX_WAITING)

    def emit(self, ref: Ref, parent: Parent, action: Emit) -> None:
        """Write an Event on the object, soon; that it can't be written stops nothing."""
        try:
            self._waiting.put_nowait(self._event(ref, parent, action))
        except asyncio.QueueFull:
            _log.warning("an Event was not written: too many wait", extra={"fields": {"reason": action.reason}})

    async def write(self, busy: Callable[[], bool] = lambda: False) -> None:
        """Write the Events that wait, one by one, until cancelled: traffic never waits for them.

        While the operator is `busy` ten a second are written at most: what is told can wait, what is done can't.
        """
        while True:
            event = await self._waiting.get()
            if busy():
                await asyncio.sleep(BUSY_SECONDS)
            await self._write(event)
            self._waiting.task_done()

    async def flush(self) -> None:
        """Return when all that waited are written."""
        await self._waiting.join()

    async def _write(self, event: Manifest) -> None:
        """Write the Event; where its words are refused, then its reason alone."""
        try:
            await self._kube.create(resources.EVENT, event)
        except InvalidError:
            await self._write_reason({**event, "note": event["reason"]})
        except KubeError as error:
            _not_written(event, error)

    async def _write_reason(self, event: Manifest) -> None:
        try:
            await self._kube.create(resources.EVENT, event)
        except KubeError as error:
            _not_written(event, error)

    def log(self, ref: Ref, action: Log) -> bool:
        """Write one JSON line, whose message is the event's own, and count what belongs to it.

        A decision whose record is still owed is planned again: its line is written once, and False returned then.
        """
        if action.event == "decision" and self._is_known(ref, str(action.fields.get("id"))):
            return False
        fields = {"event": action.event, **action.fields}
        _log.info("%s", action.fields.get("message") or action.event, extra={"object": str(ref), "fields": fields})
        self._counted(action.event, action.fields)
        return True

    def _is_known(self, ref: Ref, id_: str) -> bool:
        known = (ref, id_) in self._decided
        self._decided[ref, id_] = None
        while len(self._decided) > MAX_WAITING:
            self._decided.popitem(last=False)
        return known

    def _event(self, ref: Ref, parent: Parent, action: Emit) -> Manifest:
        time = self._now().strftime("%Y-%m-%dT%H:%M:%S.%fZ")
        return {
            "apiVersion": resources.EVENT.api_version,
            "kind": "Event",
            "metadata": {"name": f"{ref.name}.{_stamp(self._now())}", "namespace": ref.namespace},
            "eventTime": time,
            "type": action.type,
            "reason": action.reason[:128],
            "action": action.reason[:128],
            "note": clean(action.message).encode()[:_NOTE].decode(errors="ignore"),
            "reportingController": CONTROLLER,
            "reportingInstance": self._instance[:128],
            "regarding": {
                "apiVersion": API_VERSION,
                "kind": ref.kind,
                "name": ref.name,
                "namespace": ref.namespace,
                "uid": parent.uid,
            },
        }


def _not_written(event: Manifest, error: KubeError) -> None:
    _log.warning("an Event was not written: %s", error, extra={"fields": {"reason": event["reason"]}})


def _stamp(now: datetime) -> str:
    """Return microseconds in hex, as the names of Events by other controllers end."""
    return f"{int(now.timestamp() * 1_000_000):x}"
