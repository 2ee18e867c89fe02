"""An operator behind a faulty network, and its next one whenever it has died."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from faults.plays import Play
from integration.faults import InProcess, Proxy
from integration.harness import World

PATIENCE: Final = {"LINNET_RESYNC": "8s"}
"""What no event tells of is found by the next comparison; 5 minutes are too long for a test."""
GIVES_UP: Final = 8.0
"""Seconds that the operator waits for an answer here; 20 are too long for a test."""
WRITES_AGO: Final = 12
STALE_LISTS: Final = 60
"""The seed's, the watches' and the first comparison's: whoever starts again finds them all in the past."""


class Errors(logging.Handler):
    """Keeps what the operator could not explain: log records with a traceback."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        if record.exc_info and record.name.startswith("linnet"):
            self.found.append(self.format(record))


@dataclass
class Stage:
    """`tend` brings the next operator when one has died; `writes` counts those of all of them."""

    world: World
    folder: Path
    play: Play | None
    writes: list[tuple[str, str]] = field(default_factory=list)
    made: list[str] = field(default_factory=list)
    revisions: list[str] = field(default_factory=list)
    errors: Errors = field(default_factory=Errors)
    deaths: int = 0

    @contextmanager
    def operated(self) -> Iterator["Stage"]:
        logging.getLogger("linnet").addHandler(self.errors)
        self._begin()
        try:
            yield self
        finally:
            self._end()
            logging.getLogger("linnet").removeHandler(self.errors)

    def tend(self) -> None:
        if self.proxy.cut:
            self.deaths += 1
            self._end()
            self._begin()

    def _begin(self) -> None:
        self.proxy = Proxy(
            self.world.api, patience=GIVES_UP + 2, writes=self.writes, made=self.made, revisions=self.revisions
        )
        if self.play is not None:
            self.proxy.judge = self.play.judge
            if self.play.last == "stale lists":
                self.proxy.past, self.proxy.stale = self.revisions[-WRITES_AGO:][0], STALE_LISTS
        self._running = self.proxy.running()
        self._running.__enter__()
        self.operator = InProcess(self.proxy.kubeconfig(self.folder), self.world.namespace, **PATIENCE)

    def _end(self) -> None:
        if self.proxy.cut:
            self.operator.abandon()
        else:
            self.operator.stop()
        self._running.__exit__(None, None, None)
