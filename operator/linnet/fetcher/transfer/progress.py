"""How far the transfer is, told in a line every few seconds or tenth of the whole."""

import threading
import time
from dataclasses import dataclass, field

from linnet.fetcher.command.log import Log
from linnet.fetcher.command.units import human

EVERY = 5.0  # seconds
STEP = 10  # percent


@dataclass
class Progress:
    """A count of bytes from several threads. `total` is None where the server didn't tell it."""

    log: Log
    total: int | None
    done: int = 0  # bytes that an earlier run left count as done, but not for the rate
    _moved: int = 0
    _started: float = field(default_factory=time.monotonic)
    _last: float = field(default_factory=time.monotonic)
    _step: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def add(self, count: int) -> None:
        """Count bytes that are on disk, or a negative number of those that must be read again."""
        with self._lock:
            self.done += count
            self._moved += max(count, 0)
            if self._is_due():
                self.log.say(self.line())

    def line(self) -> str:
        rate = f"{self._moved / max(time.monotonic() - self._started, 1e-3) / 1e6:.1f} MB/s"
        if self.total is None:
            return f"fetched {human(self.done)}, {rate}"
        return f"fetched {human(self.done)} of {human(self.total)} ({self._percent():.0f} %), {rate}"

    def _percent(self) -> float:
        return 100 * self.done / self.total if self.total else 100.0

    def _is_due(self) -> bool:
        step = int(self._percent() // STEP) if self.total else 0
        due = step > self._step or time.monotonic() - self._last >= EVERY
        if due:
            self._step, self._last = max(step, self._step), time.monotonic()
        return due and self.done != self.total  # the end has its own line
