"""What a verdict on a count check stands on, as a decision keeps it: enough to work the verdict out again."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Annotated

from linnet.core.analysis.checks import CountCheck, Slice, Track
from linnet.core.analysis.codec import Inline, KeyedBy, NotKept, Row
from linnet.core.analysis.statistics.sums import Spread, Sums


@dataclass(frozen=True)
class CountBasis:
    """What one count check is judged by.

    `alpha` is that of each bound; that of a slice has in it what the others have shown. `ages`: seconds since each
    track was read, absent = never. `problems` and `canary_rate` shape the message and the estimate only.
    """

    check: Annotated[CountCheck, Inline(without=("threshold_seconds", "histogram", "counter"))]
    alpha: float
    detect_ratio: float
    detect_power: float
    stale_after: float
    segments: tuple[Row[Sums], ...] = ()
    spread: Annotated[Mapping[Track, Row[Spread]], KeyedBy("Cells")] = field(default_factory=dict)
    present: frozenset[Track] = frozenset()
    ages: Annotated[Mapping[Track, float], KeyedBy("ReadAgo")] = field(default_factory=dict)
    elapsed: timedelta = timedelta(0)
    required: timedelta = timedelta(0)
    problems: NotKept[Mapping[Track, str]] = field(default_factory=dict)
    canary_rate: NotKept[float] = 0.0

    @property
    def signal(self) -> str:
        return str(self.check.signal)

    @property
    def slice(self) -> Slice | None:
        return self.check.slice
