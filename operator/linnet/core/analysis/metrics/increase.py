"""What monotonic counters have grown by between two reads of them, where their process may have begun anew."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

N = TypeVar("N", int, float)


def increase(before: Sequence[N], after: Sequence[N]) -> tuple[N, ...] | None:
    """Return by how much each counter has grown; None where one fell, which is a reset: their process began anew.

    Worked example: from (7, 1) to (9, 1) it is (2, 0). From (9, 1) to (3, 2) it is a reset, and all of (3, 2) is new.
    """
    rises = tuple(now - then for then, now in zip(before, after, strict=True))
    return rises if all(rise >= 0 for rise in rises) else None
