"""Calls to the API server go through the official asynchronous client: JSON in, JSON out, our exceptions, counted.

An answer holds what strangers wrote, in a LIST that of every namespace: it is read up to a size, and decoded so that no
object can cost another one.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from functools import lru_cache
from typing import Any, Final

import aiohttp
from kubernetes.aio.client.api_client import ApiClient
from kubernetes.aio.dynamic import DynamicClient
from kubernetes.aio.dynamic.resource import Resource as DynamicResource

from linnet.adapters.cluster.errors import GoneError, KubeError, TooLargeError, UnreadableError, translated
from linnet.adapters.cluster.resources import Resource
from linnet.api.labels import FIELD_MANAGER
from linnet.core.plan import Manifest
from linnet.foreign import objects
from linnet.foreign.document import ForeignError

PAGE: Final = 100
"""Objects of a LIST at a time: pages of 500 parsed at once are most of the memory of a start."""
MOST: Final = 64 * 2**20
"""Bytes of an answer that has one object: in etcd it has 1.5 MB, or 8 where that was configured, in JSON six times."""
PAGE_MOST: Final = 8 * 2**20
"""Bytes of an answer with several objects: an honest page has a tenth of it."""
TIMEOUT: Final = aiohttp.ClientTimeout(total=20, sock_connect=5)
MERGE: Final = "application/merge-patch+json"
JSON_PATCH: Final = "application/json-patch+json"
_PLAIN: Final[Mapping[str, Any]] = {"serialize": False, "_request_timeout": TIMEOUT}
METADATA_ONLY: Final = "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1"

Count = Callable[[str, Resource, str], None]
"""Called after each request with verb, resource and outcome: `200` or the class of the error."""
Hurt = Callable[[Resource, Sequence[str]], None]
"""Called with the resource and `namespace/name` of each object of which something was left out."""


class Kube:
    """Every method raises the classes of `cluster.errors` and nothing else."""

    def __init__(
        self,
        client: ApiClient,
        count: Count = lambda *_: None,
        writable: Callable[[], None] = lambda: None,
        hurt: Hurt = lambda *_: None,
        page: int = PAGE_MOST,
    ) -> None:
        """`writable` raises LeadershipLostError where nothing may be written any more.

        `page` is how many bytes a page of a LIST may have.
        """
        # Not awaited: discovery would cost a request for each group, and the table of kinds is fixed.
        self._dynamic = DynamicClient(client)
        self._count = count
        self._writable = writable
        self._hurt = hurt
        self._page_most = page

    async def get(self, resource: Resource, namespace: str, name: str) -> Manifest:
        place: dict[str, Any] = {"namespace": namespace} if resource.namespaced else {}
        return await self._call("get", resource, name=name, **place)

    async def pages(
        self, resource: Resource, namespace: str | None, *, selector: str = "", fields: str = "", whole: bool = True
    ) -> AsyncIterator[Manifest]:
        """Iterate over the pages of a LIST, of the whole cluster if `namespace` is None.

        `whole` False reads metadata only. GoneError if the list expired between two pages. Where a page is too large,
        fewer objects are asked for at a time, down to one: a hundred objects may be as large as all memory.
        """
        token, limit = "", PAGE
        while True:
            # The client adds to these lists, so that each page needs its own.
            query = [("labelSelector", selector)] * bool(selector) + [("fieldSelector", fields)] * bool(fields)
            query += [("limit", str(limit))] + [("continue", token)] * bool(token)
            headers = {} if whole else {"Accept": METADATA_ONLY}
            place: dict[str, Any] = {"namespace": namespace, "query_params": query, "header_params": headers}
            try:
                page = await self._call("get", resource, most=self._page_most if limit > 1 else MOST, **place)
            except TooLargeError:
                if limit == 1:
                    raise
                limit = max(1, limit // 10)
                continue
            yield page
            token, limit = (page.get("metadata") or {}).get("continue") or "", min(PAGE, limit * 2)
            if not token:
                return

    async def items(self, resource: Resource, namespace: str | None, **options: Any) -> tuple[list[Manifest], str]:
        """Return all items and the list's resourceVersion; start again if the list expired between two pages."""
        for _ in range(3):
            try:
                return await self._items(resource, namespace, **options)
            except GoneError:
                continue
        raise KubeError(f"listing {resource.plural} expired three times between two pages")

    async def _items(self, resource: Resource, namespace: str | None, **options: Any) -> tuple[list[Manifest], str]:
        items: list[Manifest] = []
        version = ""
        async for page in self.pages(resource, namespace, **options):
            items += page.get("items") or ()
            version = page["metadata"].get("resourceVersion", "")
        return items, version

    async def create(self, resource: Resource, manifest: Manifest, *, dry_run: bool = False) -> Manifest:
        """POST the object. A dry run is counted as such: it writes nothing, and is meant to be refused."""
        described = _described(resource, status=False)
        extra: Any = {"dry_run": "All"} if dry_run else {}
        asked = self._dynamic.create(described, **_PLAIN, body=manifest, field_manager=FIELD_MANAGER, **extra)
        return _object(resource, await self._counted("dry-run" if dry_run else "create", resource, "", asked))

    async def apply(self, resource: Resource, manifest: Manifest) -> Manifest:
        """Apply the manifest on the server, and take over fields that others own."""
        return await self._call(
            "server_side_apply", resource, body=manifest, field_manager=FIELD_MANAGER, force_conflicts="true"
        )

    async def patch(
        self, resource: Resource, namespace: str, name: str, body: Any, *, content_type: str = MERGE
    ) -> Manifest:
        where: Any = {"name": name, "namespace": namespace, "content_type": content_type}
        return await self._call("patch", resource, body=body, field_manager=FIELD_MANAGER, **where)

    async def replace(self, resource: Resource, manifest: Manifest) -> Manifest:
        """PUT the object; ConflictError unless metadata.resourceVersion is the newest."""
        return await self._call("replace", resource, body=manifest, field_manager=FIELD_MANAGER)

    async def replace_status(self, resource: Resource, manifest: Manifest) -> Manifest:
        """PUT the status subresource; ConflictError unless metadata.resourceVersion is the newest."""
        return await self._call("replace", resource, body=manifest, status=True, field_manager=FIELD_MANAGER)

    async def delete(
        self, resource: Resource, namespace: str, name: str, uid: str, *, grace: int | None, propagation: str
    ) -> Manifest:
        """Delete the object; return it if it lingers, else a `v1.Status`. ConflictError if the uid is another."""
        options: Manifest = {"apiVersion": "v1", "kind": "DeleteOptions", "preconditions": {"uid": uid}}
        options |= {"propagationPolicy": propagation} | ({} if grace is None else {"gracePeriodSeconds": grace})
        return await self._call("delete", resource, name=name, namespace=namespace, body=options)

    async def schemas(self, resource: Resource) -> Manifest:
        """Return the OpenAPI document of the resource's API group and version; every account may read it by default."""
        path = f"/openapi/v3/apis/{resource.api_version}"
        return await self._counted("get", resource, "schema", self._dynamic.request("get", path, **_PLAIN))

    async def _call(
        self, verb: str, resource: Resource, *, status: bool = False, most: int = MOST, **arguments: Any
    ) -> Manifest:
        if verb != "get":
            self._writable()
        described = _described(resource, status=status)
        asked = getattr(self._dynamic, verb)(described, **_PLAIN, **arguments)
        return _object(resource, await self._counted(verb, resource, "status" if status else "", asked, most))

    async def _counted(
        self, verb: str, resource: Resource, part: str, asked: Awaitable[Any], most: int = MOST
    ) -> Manifest:
        try:
            with translated(f"{verb} {resource.plural}{f'/{part}' if part else ''}"):
                answer = await asked
                data = await self._decoded(resource, await bounded(answer, most))
        except KubeError as error:
            self._count(verb, resource, type(error).__name__)
            raise
        self._count(verb, resource, str(answer.status))
        return data

    async def _decoded(self, resource: Resource, data: bytes) -> Manifest:
        """Decode; where that takes long, in a thread: what others wait for goes on meanwhile."""
        try:
            found = objects.whole(data)
            if found is None:
                found = await asyncio.to_thread(objects.decoded, data)
        except ForeignError as error:
            raise UnreadableError(f"the API server's answer about {resource.plural}: {error}") from error
        if found.hurt:
            self._hurt(resource, found.hurt)
        return found.value


def _object(resource: Resource, answer: Manifest) -> Manifest:
    """Return the answer; UnreadableError where it is JSON, but nothing of an API server's: a proxy's, perhaps."""
    if isinstance(answer.get("metadata"), dict) and isinstance(answer.get("items") or [], list):
        return answer
    raise UnreadableError(f"the API server's answer about {resource.plural} is no object of Kubernetes")


async def bounded(answer: aiohttp.ClientResponse, most: int) -> bytes:
    """Return the whole answer; TooLargeError, and a closed connection, where that is more than can be afforded."""
    body = bytearray()
    async for chunk in answer.content.iter_any():
        body += chunk
        if len(body) > most:
            answer.close()
            raise TooLargeError(f"the API server answered more than {most >> 20} MiB")
    return bytes(body)


@lru_cache(maxsize=64)
def _described(resource: Resource, *, status: bool) -> Any:
    """Return the client's own description of a resource, or of its status, as discovery would have made it."""
    whole = DynamicResource(
        prefix="apis" if resource.group else "api",
        group=resource.group,
        api_version=resource.version,
        kind=resource.kind,
        name=resource.plural,
        namespaced=resource.namespaced,
        subresources={"status": {"kind": resource.kind, "name": f"{resource.plural}/status", "namespaced": True}},
    )
    return whole.subresources["status"] if status else whole


def labels(selector: Mapping[str, str]) -> str:
    """Return a label selector of equalities.

    >>> labels({"a": "b", "c": "d"})
    'a=b,c=d'
    """
    return ",".join(f"{key}={value}" for key, value in selector.items())
