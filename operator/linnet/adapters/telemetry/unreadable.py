"""Objects that could not be read, or not whole, are counted, and told in the log: once a minute for each resource.

A stranger can make as many of them as a quota allows: neither the log nor the metrics may grow with them.
"""

import logging
from collections.abc import Callable, Sequence
from typing import Final

from linnet.foreign.text import printable

PAUSE_SECONDS: Final = 60.0
SHOWN: Final = 3
_log = logging.getLogger(__name__)

Told = Callable[[str, Sequence[str], str], None]
"""Called with the resource, `namespace/name` of each such object, and what is wrong with them."""
PARTLY: Final = "nested too deeply, or no characters: what could be read of them is used"
LOST: Final = "passed over"
FULL: Final = "passed over, since the objects of their namespace are more than the operator remembers"


class Unreadable:
    """`counted` is told the resource and how many; `clock` is monotonic. It may be called from any thread."""

    def __init__(self, counted: Callable[[str, int], None], clock: Callable[[], float]) -> None:
        self._counted = counted
        self._clock = clock
        self._last: dict[str, float] = {}

    def told(self, resource: str, names: Sequence[str], problem: str) -> None:
        """Count the objects; write a line unless one was written about this resource just now."""
        if not names:
            return
        self._counted(resource, len(names))
        now = self._clock()
        if now - self._last.get(resource, -PAUSE_SECONDS) < PAUSE_SECONDS:
            return
        self._last[resource] = now
        shown = ", ".join(printable(name, 128) for name in names[:SHOWN])
        more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
        _log.warning("of %s not all is read: %s%s: %s", resource, shown, more, printable(problem))
