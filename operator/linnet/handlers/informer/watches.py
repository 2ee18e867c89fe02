"""`kopf`'s handlers and settings are here: kopf watches, hands each event on to the work queue, and does nothing else.

kopf never tries an event handler again, and runs several of them for one object at once. The work queue (`workers.py`)
tries again until it succeeds, and has one worker at most on an object.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Final

import kopf
from kubernetes.aio.client.configuration import Configuration

from linnet.adapters.cluster import connection, resources
from linnet.adapters.cluster.connection import OnHurt
from linnet.adapters.cluster.kube import PAGE
from linnet.adapters.cluster.resources import Resource
from linnet.api.names import GROUP
from linnet.core.plan import Manifest

INACTIVITY_SECONDS: Final = 70.0
"""A watch that says nothing for so long is begun again: the API server sends a bookmark each minute."""

OnEvent = Callable[[Resource, str, Manifest], None]
"""Called with the resource, the type (ADDED, MODIFIED or DELETED), and the object as JSON."""


@dataclass(frozen=True)
class Memo:
    """`kopf`'s memo holds what its handlers need. `connections` bounds the connections to the API server.

    `on_start` is called when kopf runs, `on_begin` for each watch that begins, or begins again, and `on_hurt`, in
    kopf's thread, with objects of which something was left out.
    """

    config: Configuration
    connections: int
    on_start: Callable[[], object]
    on_begin: Callable[[], None]
    on_event: OnEvent
    on_hurt: OnHurt

    def __copy__(self) -> "Memo":
        """Return the memo itself: kopf copies it for each object, and keeps the copy while the object lives."""
        return self


def registry(watched: Iterable[Resource]) -> kopf.OperatorRegistry:
    """Return the handlers of one operator. What is watched is known only when the cluster was asked what it serves."""
    made = kopf.OperatorRegistry()
    kopf.on.startup(registry=made)(configure)
    kopf.on.login(registry=made)(login)
    for resource in watched:
        kopf.on.event(resource.group, resource.version, resource.plural, param=resource, registry=made)(changed)
    return made


async def configure(settings: kopf.OperatorSettings, memo: Memo, **_: Any) -> None:
    """Let kopf write nothing, neither finalizer nor annotation nor Event, and the API server filter the children."""
    for resource in resources.WATCHED:
        if selector := resources.selector(resource):
            settings.watching.label_selectors[resource.group, resource.version, resource.plural] = selector
    settings.watching.inactivity_timeout = INACTIVITY_SECONDS
    settings.watching.chunk_size = PAGE
    settings.queueing.idle_timeout = 0.1
    settings.scanning.disabled = True
    settings.posting.enabled = False
    settings.persistence.finalizer = f"{GROUP}/finalizer"
    settings.persistence.diffbase_storage = NoDiffBase()
    settings.persistence.progress_storage = NoProgress()
    settings.process.ultimate_exiting_timeout = None
    settings.networking.connect_timeout = 5.0
    settings.networking.request_timeout = 20.0
    settings.networking.error_backoffs = Endless()
    memo.on_start()


async def login(memo: Memo, **_: Any) -> kopf.AiohttpSession:
    """Return a session whose connections are bounded: kopf's own has no bound. kopf closes this one when it ends."""
    session = await connection.session(memo.config, memo.connections, on_list=memo.on_begin, on_hurt=memo.on_hurt)
    return kopf.AiohttpSession(server=memo.config.host, aiohttp_session=session)


async def changed(event: kopf.RawEvent, memo: Memo, param: Any = None, **_: Any) -> None:
    """Hand the event on with its resource, `param`. An object that kopf has listed has no type, and counts as added."""
    memo.on_event(param, event["type"] or "ADDED", dict(event["object"]))


class Endless:
    """Seconds between the tries of one request follow without end: an outage must not end the operator."""

    def __iter__(self) -> Iterator[float]:
        yield from (0.2, 0.5, 1, 2, 3)
        while True:
            yield 5


class NoDiffBase(kopf.DiffBaseStorage):
    """A storage to which every object looks the same as before.

    kopf's own copies every object deeply at every event, to find changes that no handler here asks for.
    """

    def build(self, **_: Any) -> kopf.BodyEssence:
        return kopf.BodyEssence()

    def fetch(self, **_: Any) -> kopf.BodyEssence:
        return kopf.BodyEssence()

    def store(self, **_: Any) -> None:
        """Nothing is kept."""


class NoProgress(kopf.ProgressStorage):
    """A storage that keeps no progress: event handlers have none."""

    def fetch(self, **_: Any) -> None:
        return None

    def store(self, **_: Any) -> None:
        """Nothing is kept."""

    def purge(self, **_: Any) -> None:
        """Nothing was kept."""

    def touch(self, **_: Any) -> None:
        """Nothing is kept."""

    def clear(self, *, essence: kopf.BodyEssence) -> kopf.BodyEssence:
        return essence
