"""The operator's process: forked from one that has imported everything already, or begun from nothing as people do.

Its imports take longer than all that most tests want of it. A fork is a process of its own all the same: it can be
stopped, killed and awaited, and shares nothing with another. Each fork imports this module: it imports no other.
"""

import multiprocessing
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from multiprocessing.context import ForkServerProcess
from pathlib import Path
from typing import Protocol

REPO = Path(__file__).parents[2]
WORDS = ["operator"]


class Process(Protocol):
    """What tests do with an operator's process, in the words of subprocess.Popen."""

    @property
    def pid(self) -> int: ...
    @property
    def returncode(self) -> int | None: ...
    def poll(self) -> int | None: ...
    def wait(self, timeout: float | None = None) -> int: ...
    def send_signal(self, sig: int) -> None: ...


Begin = Callable[[dict[str, str], Path], Process]
"""(environment, file for the log) → the process."""


def begun(environment: dict[str, str], log: Path) -> Process:
    """`python -m linnet operator`; what it says goes into the log."""
    command = [sys.executable, "-m", "linnet", *WORDS]
    with log.open("wb") as said:
        return subprocess.Popen(command, env=environment, stderr=said, cwd=REPO)


def forked(environment: dict[str, str], log: Path) -> Process:
    """The same from where its imports are done."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["pytest", "linnet.__main__", "linnet.handlers.operator"])
    process = context.Process(target=_run, args=(environment, str(log)), daemon=True)
    process.start()
    return _Fork(process)


def _run(environment: dict[str, str], log: str) -> None:
    os.environ.clear()
    os.environ.update(environment)
    os.chdir(REPO)
    os.dup2(os.open(log, os.O_WRONLY | os.O_TRUNC), sys.stderr.fileno())
    from linnet.__main__ import main

    sys.exit(main(WORDS))


@dataclass(frozen=True)
class _Fork:
    process: ForkServerProcess

    @property
    def pid(self) -> int:
        return self.process.pid or 0

    @property
    def returncode(self) -> int | None:
        return self.process.exitcode

    def poll(self) -> int | None:
        return self.process.exitcode

    def wait(self, timeout: float | None = None) -> int:
        """subprocess.TimeoutExpired if it still runs after so many seconds."""
        self.process.join(timeout)
        if self.process.exitcode is None:
            raise subprocess.TimeoutExpired(WORDS, timeout or 0)
        return self.process.exitcode

    def send_signal(self, sig: int) -> None:
        if self.poll() is None:
            os.kill(self.pid, signal.Signals(sig))
