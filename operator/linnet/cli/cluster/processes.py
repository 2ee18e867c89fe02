"""Runs commands to their end. It loads no event loop, unlike `streams`: a person waits for imports."""

import subprocess
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack

from linnet.foreign.text import clean_lines


class CommandError(Exception):
    """A command failed. `output` has its own words alone."""

    def __init__(self, message: str, output: str = "") -> None:
        super().__init__(message)
        self.output = output or message


def outputs(commands: Sequence[Sequence[str]], environment: Mapping[str, str]) -> Iterator[bytes]:
    """Yields what each command prints, in turn; they all run at once. CommandError from the first that fails."""
    with ExitStack() as stack:
        processes = [stack.enter_context(_start(command, environment)) for command in commands]
        stack.callback(_kill, processes)
        for process, command in zip(processes, commands, strict=True):
            out, error = process.communicate()
            check(command, process.returncode, out, error)
            yield out


def check(command: Sequence[str], code: int | None, out: bytes, error: bytes) -> None:
    """Raises CommandError with the command's own words, unless it succeeded."""
    if code:
        words = clean_lines((error or out).decode(errors="replace")).strip()
        raise CommandError(f"`{' '.join(command)[:200]}` failed: {words[-2000:]}", words)


def missing(command: Sequence[str]) -> CommandError:
    """The error that there is no such program."""
    return CommandError(f"{command[0]} is not on PATH: install it")


def _start(command: Sequence[str], environment: Mapping[str, str]) -> subprocess.Popen[bytes]:
    try:
        return subprocess.Popen(  # noqa: S603 (kubectl's own words)
            command,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
    except FileNotFoundError:
        raise missing(command) from None


def _kill(processes: Iterable[subprocess.Popen[bytes]]) -> None:
    """Kills the commands that still run: whoever stops listening ends them, too."""
    for process in processes:
        if process.poll() is None:
            process.kill()
