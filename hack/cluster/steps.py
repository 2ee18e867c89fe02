"""Progress with elapsed time, and the one way in which commands are run.

Progress goes to stderr: stdout is for answers (JSON, shell variables).
"""

import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

START = time.monotonic()
TAIL_LINES = 15


class ClusterError(Exception):
    """The cluster cannot run or continue; the message is one sentence for a person."""


def say(message: str) -> None:
    print(f"[{time.monotonic() - START:6.1f} s] {message}", file=sys.stderr, flush=True)


def run(
    command: Sequence[str | Path],
    *,
    stdin: str | bytes | None = None,
    env: Mapping[str, str] | None = None,
    cwd: Path | None = None,
    log: Path | None = None,
) -> str:
    """Standard output of a command that must succeed.

    With `log`, both streams are appended to that file instead and the answer is empty.
    Raises ClusterError with the last lines of what the command said.
    """
    words = [str(word) for word in command]
    data = stdin.encode() if isinstance(stdin, str) else stdin
    if log is None:
        done = subprocess.run(words, input=data, env=env, cwd=cwd, capture_output=True, check=False)
        output, said = done.stdout.decode(errors="replace"), done.stderr.decode(errors="replace")
    else:
        log.parent.mkdir(parents=True, exist_ok=True)
        with log.open("ab") as sink:
            done = subprocess.run(words, input=data, env=env, cwd=cwd, stdout=sink, stderr=sink, check=False)
        output, said = "", log.read_text(errors="replace")
    if done.returncode != 0:
        raise ClusterError(f"`{' '.join(words[:6])}` ended with {done.returncode}:\n{tail(said or output)}")
    return output


def attempt(command: Sequence[str | Path]) -> bool:
    """Run a command whose failure is an answer, such as the removal of what may be gone already."""
    words = [str(word) for word in command]
    try:
        return subprocess.run(words, capture_output=True, check=False).returncode == 0
    except FileNotFoundError:
        return False


def tail(text: str) -> str:
    return "\n".join(text.strip().splitlines()[-TAIL_LINES:])


def wait(
    what: str,
    ready: Callable[[], bool],
    *,
    within: float,
    alive: Callable[[], str | None] = lambda: None,
    every: float = 0.05,
) -> None:
    """Poll `ready` each `every` seconds for at most `within` seconds.

    `alive` names what has died meanwhile, so that nobody waits for a process that is gone.
    """
    end = time.monotonic() + within
    while not ready():
        dead = alive()
        if dead:
            raise ClusterError(f"{what}: {dead}")
        if time.monotonic() > end:
            raise ClusterError(f"{what} did not come up within {within:.0f} s")
        time.sleep(every)
