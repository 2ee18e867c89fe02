"""Runs commands beside others, and commands that go on: their output is read as it comes."""

import asyncio
import contextlib
from collections.abc import AsyncGenerator, AsyncIterator, Mapping, Sequence
from contextlib import aclosing
from typing import Any

from linnet.cli.cluster.objects import parse
from linnet.cli.cluster.processes import CommandError, check, missing

LINE_LIMIT = 2**24
PAUSE = 0.5
"""Seconds before a command that ended is begun again."""


async def run(command: Sequence[str], environment: Mapping[str, str], stdin: str | None = None) -> str:
    """The standard output of a command. CommandError with its own words if it fails, or is not installed."""
    try:
        process = await asyncio.create_subprocess_exec(
            *command,
            env=environment,
            stdin=asyncio.subprocess.PIPE if stdin is not None else asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
    except FileNotFoundError:
        raise missing(command) from None
    try:
        out, error = await process.communicate(stdin.encode() if stdin is not None else None)
    finally:
        await _end(process)
    check(command, process.returncode, out, error)
    return out.decode(errors="replace")


async def lines(command: Sequence[str], environment: Mapping[str, str]) -> AsyncGenerator[str, None]:
    """Yields the lines of a command's output; the command is ended with the iterator."""
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
        await _end(process)


async def for_ever(command: Sequence[str], environment: Mapping[str, str]) -> AsyncGenerator[dict[str, Any], None]:
    """Yields the JSON documents that a command prints; a command that ends is begun again."""
    while True:
        async with aclosing(lines(command, environment)) as source:
            async for document in documents(source):
                yield document
        await asyncio.sleep(PAUSE)


async def _end(process: asyncio.subprocess.Process) -> None:
    """Kills the command if it still runs: whoever stops listening ends it, too."""
    if process.returncode is None:
        process.kill()
        await process.communicate()


async def documents(source: AsyncIterator[str]) -> AsyncIterator[dict[str, Any]]:
    """Yields a stream's JSON documents: one a line, or indented and ended by a brace at the beginning of a line."""
    collected: list[str] = []
    async for line in source:
        collected.append(line)
        if line == "}" or (len(collected) == 1 and line.endswith("}")):
            with contextlib.suppress(CommandError):  # what can't be decoded at all costs itself
                yield parse("\n".join(collected))
            collected.clear()
