"""Commands whose whole output is waited for. This loads no event loop, unlike `streams`: a person waits for imports."""

import subprocess
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack


class CommandError(Exception):
    """A command failed. `said`: its own words alone."""

    def __init__(self, message: str, said: str = "") -> None:
        super().__init__(message)
        self.said = said or message


def outputs(commands: Sequence[Sequence[str]], environment: Mapping[str, str]) -> Iterator[bytes]:
    """What each prints, in turn; they all run at once. CommandError from the first that fails."""
    with ExitStack() as ended:
        processes = [ended.enter_context(_begun(command, environment)) for command in commands]
        ended.callback(_kill, processes)
        for process, command in zip(processes, commands, strict=True):
            out, error = process.communicate()
            check(command, process.returncode, out, error)
            yield out


def check(command: Sequence[str], code: int | None, out: bytes, error: bytes) -> None:
    """CommandError with what it said, unless it succeeded."""
    if code:
        said = (error or out).decode(errors="replace").strip()
        raise CommandError(f"`{' '.join(command)[:200]}` failed: {said[-2000:]}", said)


def missing(command: Sequence[str]) -> CommandError:
    """There is no such program."""
    return CommandError(f"{command[0]} is not on PATH: install it")


def _begun(command: Sequence[str], environment: Mapping[str, str]) -> subprocess.Popen[bytes]:
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
    """Whoever stops listening ends the commands, too."""
    for process in processes:
        if process.poll() is None:
            process.kill()
