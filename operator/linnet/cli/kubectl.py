"""The cluster through kubectl: it knows every way to prove who one is, and a plugin of it is always beside it."""

import asyncio
import json
import os
from collections.abc import AsyncGenerator, AsyncIterator, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from urllib.parse import quote

LINE_LIMIT = 2**24
PAUSE = 0.5
"""Seconds before an ended stream is opened again."""


class CommandError(Exception):
    """A command failed. `said`: its own words alone."""

    def __init__(self, message: str, said: str = "") -> None:
        super().__init__(message)
        self.said = said or message


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
        return await run([*self.command, *arguments], self.environment, stdin)

    async def get(self, *arguments: str) -> dict[str, Any]:
        """What `kubectl get … -o json` prints: an object, or a List."""
        return dict(json.loads(await self("get", *arguments, "-o", "json")))

    async def read(self, api: str, plural: str, name: str = "", labels: str = "") -> dict[str, Any]:
        """An object, or the List of a namespace, as the API server writes it: ten times as soon as by `get -o json`,
        which takes each object apart and writes it anew. `api` is such as `api/v1`. Needs a namespace: `placed`.
        """
        where = f"/{api}/namespaces/{quote(self.namespace or '', safe='')}/{plural}"
        more = f"/{quote(name, safe='')}" if name else ""
        query = f"?labelSelector={quote(labels)}" if labels else ""
        return dict(json.loads(await self("get", "--raw", f"{where}{more}{query}")))

    async def placed(self) -> "Kubectl":
        """The same with the namespace of kubectl's configuration; without one where there is none, as in a pod."""
        if self.namespace:
            return self
        of_context = "jsonpath={.contexts[0].context.namespace}"
        try:
            found = await self("config", "view", "--minify", "-o", of_context)
        except CommandError:
            return self
        return replace(self, namespace=found.strip() or "default")

    async def whoami(self) -> str:
        """The caller's name, as the API server knows it: a request must carry it."""
        return (await self("auth", "whoami", "-o", "jsonpath={.status.userInfo.username}")).strip()

    async def apply(self, manifest: str) -> None:
        await self("apply", "-f", "-", stdin=manifest)

    async def watch(self, *resource: str) -> AsyncGenerator[tuple[str, dict[str, Any]], None]:
        """(ADDED | MODIFIED | DELETED, object) for ever; after an interruption all objects come again."""
        command = [*self.command, "get", *resource, "--watch", "--output-watch-events", "-o", "json"]
        while True:
            async with aclosing(lines(command, self.environment)) as source:
                async for document in documents(source):
                    yield document["type"], document["object"]
            await asyncio.sleep(PAUSE)

    async def logs(self, *arguments: str) -> AsyncIterator[str]:
        """The lines of `kubectl logs …`; the stream may end early."""
        async for line in lines([*self.command, "logs", *arguments], self.environment):
            yield line


async def run(command: Sequence[str], environment: Mapping[str, str], stdin: str | None = None) -> str:
    """Standard output of a command that must succeed."""
    try:
        process = await asyncio.create_subprocess_exec(
            *command,
            env=environment,
            stdin=asyncio.subprocess.PIPE if stdin is not None else asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
    except FileNotFoundError:
        raise CommandError(f"{command[0]} is not on PATH: install it") from None
    try:
        out, error = await process.communicate(stdin.encode() if stdin is not None else None)
    finally:
        await _ended(process)
    if process.returncode:
        said = (error or out).decode(errors="replace").strip()
        raise CommandError(f"`{' '.join(command)[:200]}` failed: {said[-2000:]}", said)
    return out.decode()


async def lines(command: Sequence[str], environment: Mapping[str, str]) -> AsyncGenerator[str, None]:
    """The lines of a command's output; it is ended with the iterator."""
    process = await asyncio.create_subprocess_exec(
        *command,
        env=environment,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
        limit=LINE_LIMIT,
    )
    assert process.stdout is not None
    try:
        async for line in process.stdout:
            yield line.decode(errors="replace").rstrip("\n")
        await process.wait()
    finally:
        await _ended(process)


async def _ended(process: asyncio.subprocess.Process) -> None:
    """Whoever stops listening ends the command, too."""
    if process.returncode is None:
        process.kill()
        await process.communicate()


async def documents(source: AsyncIterator[str]) -> AsyncIterator[dict[str, Any]]:
    """The JSON documents of a stream: one a line, or indented and ended by a brace at the beginning of a line."""
    collected: list[str] = []
    async for line in source:
        collected.append(line)
        if line == "}" or (len(collected) == 1 and line.endswith("}")):
            yield json.loads("\n".join(collected))
            collected.clear()
