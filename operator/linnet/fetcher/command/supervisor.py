"""The frame of a command: work under a deadline and under SIGTERM, whose end is reported whatever happens."""

import os
import queue
import signal
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from linnet.fetcher.command import outcome
from linnet.fetcher.command.log import Log
from linnet.fetcher.command.outcome import Document, Failure, Reason, Transient, failed_write
from linnet.fetcher.command.units import human_seconds


@dataclass(frozen=True)
class Supervisor:
    """Runs one piece of work; `deadline` is in seconds.

    `name` is the subject of its sentences, and `advice` says what to change when the deadline passes.
    """

    log: Log
    termination_log: Path
    deadline: float
    name: str
    advice: str

    def run(self, work: Callable[[], Document]) -> int:
        """Do the work, write its outcome and return the exit code. Work that is stuck in a library is left behind."""
        results: queue.SimpleQueue[Document] = queue.SimpleQueue()
        signal.signal(signal.SIGTERM, lambda *_: results.put(self._interrupted()))
        threading.Thread(target=lambda: results.put(self._attempt(work)), daemon=True).start()
        try:
            result = results.get(timeout=self.deadline)
        except queue.Empty:
            return self._abandon(self._too_late())
        if result.get("reason") == Reason.INTERRUPTED:
            return self._abandon(result)
        return self.report(result)

    def report(self, result: Document) -> int:
        """Write the outcome to the termination log and as the log's last line."""
        line = outcome.encode(outcome.short(self.log.clean_document(result)))  # what is cut is not recognized
        outcome.write(self.termination_log, line)
        self.log.write(line.decode())
        return outcome.exit_code(result)

    def _abandon(self, result: Document) -> int:
        code = self.report(result)
        os._exit(code)  # threads may be inside a read that nothing interrupts

    def _attempt(self, work: Callable[[], Document]) -> Document:
        try:
            return work()
        except Failure as failure:
            return outcome.failed(failure)
        except Transient as fault:
            return outcome.failed(Failure(Reason.UNREACHABLE, f"{self.name}: {fault}"))
        except OSError as error:
            return outcome.failed(failed_write(error, error.filename or "a file"))
        except BaseException as error:  # noqa: BLE001 - a bug is reported, too, and a library's panic is no Exception
            text = f"{self.name} failed in a way that it does not know: {type(error).__name__}: {error}"
            return outcome.failed(Failure(Reason.INTERNAL, text))

    def _too_late(self) -> Document:
        message = f"{self.name} was not done within {human_seconds(self.deadline)}; {self.advice}"
        return outcome.failed(Failure(Reason.TIMEOUT, message))

    def _interrupted(self) -> Document:
        return outcome.failed(Failure(Reason.INTERRUPTED, f"{self.name} was told to end before it was done"))
