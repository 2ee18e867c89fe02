"""The cluster through kubectl: it knows every way to prove who one is, and a plugin of it is always beside it."""

import json
import os
from collections.abc import AsyncGenerator, AsyncIterator, Iterator
from contextlib import aclosing
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

from linnet.cli.cluster.processes import CommandError, outputs


@dataclass(frozen=True)
class Asked:
    """An object, or without `name` the List of a namespace; `api` is such as `api/v1`."""

    api: str
    plural: str
    name: str = ""
    labels: str = ""

    def by_path(self, namespace: str) -> list[str]:
        """Words after `kubectl get`."""
        where = f"/{self.api}/namespaces/{quote(namespace, safe='')}/{self.plural}"
        more = f"/{quote(self.name, safe='')}" if self.name else ""
        query = f"?labelSelector={quote(self.labels)}" if self.labels else ""
        return ["--raw", f"{where}{more}{query}"]

    def by_get(self) -> list[str]:
        """The same where the namespace is kubectl's own."""
        resource = ".".join([self.plural, *self.api.split("/")[1:-1]])
        return [
            resource,
            *([self.name] if self.name else []),
            *(["-l", self.labels] if self.labels else []),
            "-o",
            "json",
        ]


@dataclass(frozen=True)
class Kubectl:
    """Commands against one cluster and namespace, kubectl's own where they are None.

    `folder` is where kubectl and helm are, if not on PATH.
    """

    namespace: str | None = None
    kubeconfig: Path | None = None
    folder: Path | None = None
    context: str | None = None

    @property
    def environment(self) -> dict[str, str]:
        path = f"{self.folder}:{os.environ['PATH']}" if self.folder else os.environ["PATH"]
        config = {"KUBECONFIG": str(self.kubeconfig)} if self.kubeconfig else {}
        return {**os.environ, "PATH": path, **config}

    @property
    def command(self) -> list[str]:
        namespace = ["-n", self.namespace] if self.namespace else []
        context = ["--context", self.context] if self.context else []
        return ["kubectl", *namespace, *context]

    async def __call__(self, *arguments: str, stdin: str | None = None) -> str:
        """What `kubectl -n <namespace> …` prints. CommandError with what it said if it fails."""
        from linnet.cli.cluster import streams

        return await streams.run([*self.command, *arguments], self.environment, stdin)

    async def get(self, *arguments: str) -> dict[str, Any]:
        """What `kubectl get … -o json` prints: an object, or a List."""
        return dict(json.loads(await self("get", *arguments, "-o", "json")))

    def read(self, *asked: Asked) -> Iterator[dict[str, Any]]:
        """Each object or List, in turn, all asked for at once.

        As the API server writes it: ten times as soon as by `get -o json`, which takes each object apart and writes it
        anew; by that where only kubectl knows the namespace, as in a pod.
        """
        namespace = self.namespace or self._of_context()
        own = [each.by_path(namespace) if namespace else each.by_get() for each in asked]
        for out in outputs([[*self.command, "get", *words] for words in own], self.environment):
            yield dict(json.loads(out))

    def _of_context(self) -> str | None:
        """The namespace of kubectl's configuration; None where there is none."""
        of_context = "jsonpath={.contexts[0].context.namespace}"
        try:
            (found,) = outputs([[*self.command, "config", "view", "--minify", "-o", of_context]], self.environment)
        except CommandError:
            return None
        return found.decode().strip() or "default"

    async def whoami(self) -> str:
        """The caller's name, as the API server knows it: a request must carry it."""
        return (await self("auth", "whoami", "-o", "jsonpath={.status.userInfo.username}")).strip()

    async def apply(self, manifest: str) -> None:
        await self("apply", "-f", "-", stdin=manifest)

    async def watch(self, *resource: str) -> AsyncGenerator[tuple[str, dict[str, Any]], None]:
        """(ADDED | MODIFIED | DELETED, object) for ever; after an interruption all objects come again."""
        from linnet.cli.cluster import streams

        command = [*self.command, "get", *resource, "--watch", "--output-watch-events", "-o", "json"]
        async with aclosing(streams.for_ever(command, self.environment)) as source:
            async for document in source:
                yield document["type"], document["object"]

    async def logs(self, *arguments: str) -> AsyncIterator[str]:
        """The lines of `kubectl logs …`; the stream may end early."""
        from linnet.cli.cluster import streams

        async for line in streams.lines([*self.command, "logs", *arguments], self.environment):
            yield line
