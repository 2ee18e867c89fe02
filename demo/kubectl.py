"""The cluster through kubectl, as the reader of the story would type it: apply, watch, logs."""

import asyncio
import json
import os
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

LINE_LIMIT = 2**24
PAUSE = 0.5
"""Seconds before an ended stream is opened again."""


class CommandError(Exception):
    """A command failed; the message is what it said."""


@dataclass(frozen=True)
class Kubectl:
    """Commands against one cluster and namespace. `folder` is where kubectl and helm are, if not on PATH."""

    namespace: str
    kubeconfig: Path | None = None
    folder: Path | None = None
    extra: Mapping[str, str] = field(default_factory=dict)

    @property
    def environment(self) -> dict[str, str]:
        path = f"{self.folder}:{os.environ['PATH']}" if self.folder else os.environ["PATH"]
        config = {"KUBECONFIG": str(self.kubeconfig)} if self.kubeconfig else {}
        return {**os.environ, "PATH": path, **config, **self.extra}

    async def __call__(self, *arguments: str, stdin: str | None = None) -> str:
        """What `kubectl -n <namespace> …` prints. CommandError with what it said if it fails."""
        return await run(["kubectl", "-n", self.namespace, *arguments], self.environment, stdin)

    async def apply(self, manifest: str) -> None:
        await self("apply", "-f", "-", stdin=manifest)

    async def watch(self, resource: str) -> AsyncIterator[tuple[str, dict[str, Any]]]:
        """(ADDED | MODIFIED | DELETED, object) for ever; after an interruption all objects come again."""
        command = ["kubectl", "-n", self.namespace, "get", resource, "--watch", "--output-watch-events", "-o", "json"]
        while True:
            async for document in documents(lines(command, self.environment)):
                yield document["type"], document["object"]
            await asyncio.sleep(PAUSE)

    async def logs(self, *arguments: str) -> AsyncIterator[str]:
        """The lines of `kubectl logs …`; the stream may end early."""
        async for line in lines(["kubectl", "-n", self.namespace, "logs", *arguments], self.environment):
            yield line


async def run(command: Sequence[str], environment: Mapping[str, str], stdin: str | None = None) -> str:
    """Standard output of a command that must succeed."""
    process = await asyncio.create_subprocess_exec(
        *command,
        env=environment,
        stdin=asyncio.subprocess.PIPE if stdin is not None else asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    out, error = await process.communicate(stdin.encode() if stdin is not None else None)
    if process.returncode:
        said = (error or out).decode(errors="replace").strip()
        raise CommandError(f"`{' '.join(command)[:200]}` failed: {said[-2000:]}")
    return out.decode()


async def lines(command: Sequence[str], environment: Mapping[str, str]) -> AsyncIterator[str]:
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
        if process.returncode is None:
            process.kill()
            await process.wait()


async def documents(source: AsyncIterator[str]) -> AsyncIterator[dict[str, Any]]:
    """The JSON documents of a stream: one a line, or indented and ended by a brace at the beginning of a line."""
    collected: list[str] = []
    async for line in source:
        collected.append(line)
        if line == "}" or (len(collected) == 1 and line.endswith("}")):
            yield json.loads("\n".join(collected))
            collected.clear()
