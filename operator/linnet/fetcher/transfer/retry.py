"""Further attempts after a fault that may pass, with a pause that doubles, and a line in the log for each."""

import random
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TypeVar

from linnet.fetcher.command.log import Log
from linnet.fetcher.command.outcome import Failure, Reason, Transient

T = TypeVar("T")
LONGEST_PAUSE = 60.0  # seconds


@dataclass(frozen=True)
class Retry:
    """The rule of trying again: `attempts` in a row without a byte end the run; `pause` seconds follow the first."""

    log: Log
    attempts: int = 6
    pause: float = 0.5
    stop: threading.Event = field(default_factory=threading.Event)

    def call(self, what: str, work: Callable[[], T]) -> T:
        """The result of `work()`, done again after each Transient. Raises Failure(Unreachable) after the last."""
        failures = 0
        while True:
            try:
                return work()
            except Transient as fault:
                failures += 1
                self.wait(what, fault, failures)

    def wait(self, what: str, fault: Transient, failures: int) -> None:
        """Pause after the n-th failure in a row. Raises Failure(Unreachable) if it was the last attempt."""
        if failures >= self.attempts:
            raise Failure(
                Reason.UNREACHABLE,
                f"{what}: {fault} ({failures} attempts); see whether the server is up and this pod may reach it",
            ) from fault
        # Jitter keeps the pods of one rollout from coming back all at once.
        doubled = self.pause * 2 ** (failures - 1) * random.uniform(0.75, 1.25)  # noqa: S311
        pause = min(LONGEST_PAUSE, max(fault.after, doubled))
        self.log.say(f"{what}: {fault}; attempt {failures + 1} of {self.attempts} in {pause:.1f} s")
        self.stop.wait(pause)
