"""The cluster is reached through kubectl, which is always beside its plugin and knows every way to prove who one is."""

import os
from collections.abc import AsyncGenerator, AsyncIterator, Iterator
from contextlib import aclosing
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

from linnet.cli.cluster.objects import parse, parse_exactly
from linnet.cli.cluster.processes import CommandError, outputs
from linnet.foreign.text import clean


@dataclass(frozen=True)
class Resource:
    """What a GET names: an object, or without `name` the List of a namespace; `api` is such as `api/v1`."""

    api: str
    plural: str
    name: str = ""
    labels: str = ""

    def by_path(self, namespace: str) -> list[str]:
        """The words after `kubectl get` that name it by its path in this namespace."""
        where = f"/{self.api}/namespaces/{quote(namespace, safe='')}/{self.plural}"
        more = f"/{quote(self.name, safe='')}" if self.name else ""
        query = f"?labelSelector={quote(self.labels)}" if self.labels else ""
        return ["--raw", f"{where}{more}{query}"]

    def by_get(self) -> list[str]:
        """The words after `kubectl get` that name it where only kubectl knows the namespace."""
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
    """Runs commands against one cluster and namespace, kubectl's own where they are None.

    `folder` is where kubectl and helm are, if not on PATH.
    """

    namespace: str | None = None
    kubeconfig: Path | None = None
    folder: Path | None = None
    context: str | None = None
    passed_on: tuple[str, ...] = ()
    """Flags of kubectl's own, such as `--as=jane`."""

    @property
    def environment(self) -> dict[str, str]:
        path = f"{self.folder}:{os.environ['PATH']}" if self.folder else os.environ["PATH"]
        config = {"KUBECONFIG": str(self.kubeconfig)} if self.kubeconfig else {}
        return {**os.environ, "PATH": path, **config}

    @property
    def command(self) -> list[str]:
        namespace = ["-n", self.namespace] if self.namespace else []
        context = ["--context", self.context] if self.context else []
        return ["kubectl", *namespace, *context, *self.passed_on]

    async def __call__(self, *arguments: str, stdin: str | None = None) -> str:
        """The output of `kubectl -n <namespace> …`. CommandError with kubectl's own words if it fails."""
        from linnet.cli.cluster import streams

        return await streams.run([*self.command, *arguments], self.environment, stdin)

    async def get(self, *arguments: str) -> dict[str, Any]:
        """The object, or the List, that `kubectl get … -o json` prints. CommandError as for every command."""
        return parse(await self("get", *arguments, "-o", "json"))

    async def get_exactly(self, *arguments: str) -> dict[str, Any]:
        """The object as it stands in the API server, with strings that no terminal should get."""
        return parse_exactly(await self("get", *arguments, "-o", "json"))

    def read(self, *resources: Resource) -> Iterator[dict[str, Any]]:
        """Yields each object or List in turn; all are asked for at once. CommandError from the first that fails.

        They come as the API server writes them, ten times as soon as by `get -o json`, which takes each object apart
        and writes it anew; that is used only where nobody but kubectl knows the namespace, as in a pod.
        """
        namespace = self.namespace or self._context_namespace()
        commands = [each.by_path(namespace) if namespace else each.by_get() for each in resources]
        for out in outputs([[*self.command, "get", *words] for words in commands], self.environment):
            yield parse(out)

    def _context_namespace(self) -> str | None:
        """The namespace of kubectl's configuration; None where there is no configuration."""
        path = "jsonpath={.contexts[0].context.namespace}"
        try:
            (found,) = outputs([[*self.command, "config", "view", "--minify", "-o", path]], self.environment)
        except CommandError:
            return None
        return found.decode().strip() or "default"

    async def whoami(self) -> str:
        """The caller's name, as the API server knows it: a request must carry it."""
        return (await self("auth", "whoami", "-o", "jsonpath={.status.userInfo.username}")).strip()

    async def apply(self, manifest: str) -> None:
        await self("apply", "-f", "-", stdin=manifest)

    async def watch(self, *resource: str) -> AsyncGenerator[tuple[str, dict[str, Any]], None]:
        """Yields (ADDED | MODIFIED | DELETED, object) for ever; after an interruption all objects come again."""
        from linnet.cli.cluster import streams

        command = [*self.command, "get", *resource, "--watch", "--output-watch-events", "-o", "json"]
        async with aclosing(streams.for_ever(command, self.environment)) as source:
            async for document in source:
                yield document["type"], document["object"]

    async def logs(self, *arguments: str) -> AsyncIterator[str]:
        """Yields the lines of `kubectl logs …`; the stream may end early."""
        from linnet.cli.cluster import streams

        async for line in streams.lines([*self.command, "logs", *arguments], self.environment):
            yield clean(line)
