"""The time of one look at a canary: the same for every check that is judged at it."""

from dataclasses import dataclass
from datetime import datetime, timedelta


@dataclass(frozen=True)
class Look:
    """`elapsed`: how long this step has lasted so far; `required`: how long it must last (`for`); `now` has a zone."""

    elapsed: timedelta
    required: timedelta
    now: datetime
