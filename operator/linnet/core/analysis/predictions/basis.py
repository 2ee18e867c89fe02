"""What a verdict on the canary's answers stands on, as a decision keeps it.

The evidence is a product over intervals, and a record has no room for them: it keeps the product, and what it is
divided by. All that follows from it, and the divergence, is worked out again.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Annotated, ClassVar, Final

from linnet.core.analysis.checks import PredictionCheck, Slice, Track
from linnet.core.analysis.codec import Inline, KeyedBy, NotKept, Row
from linnet.core.analysis.statistics.divergence import Pair
from linnet.core.analysis.statistics.equality import Scatter

PREDICTIONS: Final = "Predictions"
"""The signal of checks that compare answers."""


@dataclass(frozen=True)
class PredictionBasis:
    """What the check of the answers is judged by.

    `answers`: those of each share of the traffic. `log_evidence` is a natural logarithm, undivided; `bursts` and
    `clients` say by what it is divided. `alpha` is that of this check; `ages`: seconds since each track was read,
    absent = never. `problems` and `canary_rate` (answers a second) shape the message and the estimate only.
    """

    signal: ClassVar[str] = PREDICTIONS
    slice: ClassVar[Slice | None] = None

    check: Annotated[PredictionCheck, Inline()]
    alpha: float
    detect_power: float
    stale_after: float
    answers: tuple[Row[Pair], ...] = ()
    log_evidence: float = 0.0
    bursts: Row[Scatter] = field(default_factory=Scatter)
    clients: Row[Scatter] = field(default_factory=Scatter)
    present: frozenset[Track] = frozenset()
    ages: Annotated[Mapping[Track, float], KeyedBy("ReadAgo")] = field(default_factory=dict)
    elapsed: timedelta = timedelta(0)
    required: timedelta = timedelta(0)
    problems: NotKept[Mapping[Track, str]] = field(default_factory=dict)
    canary_rate: NotKept[float] = 0.0
