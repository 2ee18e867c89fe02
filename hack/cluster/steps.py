"""Progress with elapsed time, and the two ways in which commands are run.

Progress goes to stderr: stdout is for answers (JSON, shell variables).
"""

import os
import signal
import subprocess
import sys
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

START = time.monotonic()
TAIL_LINES = 15
GENTLY = ("sh", "-c", '{ echo 19 >/proc/self/autogroup; } 2>/dev/null; exec nice -n 39 "$@"', "gently")
"""Lowest priority for a command that leads a session: 39 steps lead there from the highest.

Where the kernel groups processes by session, niceness counts within a session alone, and the session has its own.
"""


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
) -> str:
    """Standard output of a command that must succeed; raises ClusterError with the last lines of what it said."""
    words = [str(word) for word in command]
    data = stdin.encode() if isinstance(stdin, str) else stdin
    done = subprocess.run(words, input=data, env=env, cwd=cwd, capture_output=True, check=False)
    output, said = done.stdout.decode(errors="replace"), done.stderr.decode(errors="replace")
    if done.returncode != 0:
        raise failure(words, done.returncode, said or output)
    return output


def follow(
    command: Sequence[str | Path],
    heard: Callable[[str], None] = lambda _: None,
    *,
    log: Path,
    env: Mapping[str, str] | None = None,
    cwd: Path | None = None,
    gently: bool = False,
) -> None:
    """Run a long command that must succeed: each line of both its streams goes to `heard` and to the log at once.

    A gentle one gets what the machine has to spare. Raises ClusterError with the last lines of what it said.
    """
    words = [str(word) for word in command]
    last: deque[str] = deque(maxlen=TAIL_LINES)
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("a", buffering=1) as sink, started(words, env, cwd, gently=gently) as child:
        for line in child.stdout or ():
            sink.write(line)
            last.append(line)
            heard(line.strip())
    if child.returncode != 0:
        raise failure(words, child.returncode, "".join(last))


@contextmanager
def started(
    words: list[str], env: Mapping[str, str] | None, cwd: Path | None, *, gently: bool
) -> Iterator[subprocess.Popen[str]]:
    """A process that ends with whoever listens to it; a gentle one leads a session of its own."""
    pipes: dict[str, Any] = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.STDOUT}
    pipes |= {"text": True, "errors": "replace", "start_new_session": gently}
    with subprocess.Popen([*GENTLY, *words] if gently else words, env=env, cwd=cwd, **pipes) as child:
        try:
            yield child
        except BaseException:
            os.killpg(child.pid, signal.SIGKILL) if gently else child.kill()
            raise


def failure(words: list[str], code: int, said: str) -> ClusterError:
    return ClusterError(f"`{' '.join(words[:6])}` ended with {code}:\n{tail(said)}")


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
