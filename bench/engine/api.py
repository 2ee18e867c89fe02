"""The API server as the bench speaks to it: in the names of all who have a part in what is measured."""

import json
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Final

import aiohttp

NAMESPACE = "bench"
NODE = "bench-1"
GROUP = "linnet.dev/v1alpha1"
MERGE = "application/merge-patch+json"
Json = dict[str, Any]

ADMINISTRATOR = ""
AUTHOR = "author"
"""Somebody who may edit in the namespace."""
DEPLOYMENT_CONTROLLER = "system:serviceaccount:kube-system:deployment-controller"
REPLICA_SET_CONTROLLER = "system:serviceaccount:kube-system:replicaset-controller"
SCHEDULER = "system:kube-scheduler"
KUBELET = f"system:node:{NODE}"
_GROUPS: Final = {KUBELET: "system:nodes", AUTHOR: "system:authenticated"}
"""A service account's groups, and system:authenticated for most others, come by themselves."""


@dataclass
class Api:
    """The API server, by a session with many connections."""

    session: aiohttp.ClientSession
    url: str

    async def send(
        self, method: str, path: str, body: Json | None = None, content: str = "application/json", user: str = ""
    ) -> Json:
        """One request in the name of this user; AssertionError where it is refused."""
        data = None if body is None else json.dumps(body)
        headers = {"Content-Type": content, **_named(user)}
        async with self.session.request(method, self.url + path, data=data, headers=headers) as answer:
            text = await answer.text()
            assert answer.status < 300, f"{method} {path}: {answer.status} {text}"
            return dict(json.loads(text))

    async def watch(self, path: str, on_event: Callable[[str, Json], Awaitable[None] | None]) -> None:
        """Gives `on_event` each event's type and object, for ever; begins again where the server ends the watch."""
        while True:
            with suppress(aiohttp.ClientError, TimeoutError):
                await self._stream(path, on_event)

    async def _stream(self, path: str, on_event: Callable[[str, Json], Awaitable[None] | None]) -> None:
        timeout = aiohttp.ClientTimeout(total=None)
        async with self.session.get(f"{self.url}{path}&watch=true", timeout=timeout) as answer:
            buffer = b""
            async for chunk in answer.content.iter_any():
                *lines, buffer = (buffer + chunk).split(b"\n")
                for line in lines:
                    event = json.loads(line)
                    waiting = on_event(event["type"], event["object"])
                    if waiting is not None:
                        await waiting


def _named(user: str) -> dict[str, str]:
    """Impersonation; the administrator speaks for himself."""
    groups = {"Impersonate-Group": _GROUPS[user]} if user in _GROUPS else {}
    return {"Impersonate-User": user, **groups} if user else {}


def path(plural: str, name: str = "") -> str:
    """The place of an object of ours, or of all of them."""
    return f"/apis/{GROUP}/namespaces/{NAMESPACE}/{plural}/{name}".rstrip("/")


def is_ready(obj: Json) -> bool:
    found = (obj.get("status") or {}).get("conditions") or ()
    return any(c["type"] == "Ready" and c["status"] == "True" for c in found)
