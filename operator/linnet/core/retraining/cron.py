"""Cron expressions as CronJob reads them: checked here, so that the object's own condition names the wrong field.

Only whether Kubernetes will take it; never when it fires. Cron libraries and Kubernetes disagree about daylight
saving and about six fields, and `CronJob.status.lastScheduleTime` tells the truth.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final


@dataclass(frozen=True)
class _Field:
    name: str
    low: int
    high: int
    words: Mapping[str, int] = field(default_factory=dict)


_MOST_DIGITS: Final = 18
_MONTHS: Final = {
    m: n for n, m in enumerate(["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"], 1)
}
_DAYS: Final = {d: n for n, d in enumerate(["sun", "mon", "tue", "wed", "thu", "fri", "sat"])}
_FIELDS: Final = (
    _Field("minute", 0, 59),
    _Field("hour", 0, 23),
    _Field("day of the month", 1, 31),
    _Field("month", 1, 12, {name: n for n, name in enumerate(_MONTHS, 1)}),
    _Field("day of the week", 0, 6, {name: n for n, name in enumerate(_DAYS)}),  # Kubernetes takes no 7 for Sunday
)


def wrong(cron: str) -> str | None:
    """What Kubernetes would refuse in the expression, as the rest of a sentence; None if nothing."""
    if cron.startswith("@"):
        return "macros such as @daily are not taken: write the five fields, such as 0 3 * * *"
    if cron.upper().startswith(("TZ=", "CRON_TZ=")):
        return "a time zone belongs in the field timeZone beside it"
    parts = cron.split(" ")
    if len(parts) != len(_FIELDS):
        return f"five fields are expected, as in 0 3 * * 0, but there are {len(parts)}"
    found = (_wrong_field(spec, text) for spec, text in zip(_FIELDS, parts, strict=True))
    return next((words for words in found if words), None)


def _wrong_field(spec: _Field, text: str) -> str | None:
    found = (_wrong_range(spec, part) for part in text.split(","))
    words = next((words for words in found if words), None)
    return f"the {spec.name} is {text!r}: {words}" if words else None


def _wrong_range(spec: _Field, text: str) -> str | None:
    """`*`, `5`, `mon-fri`, `*/15`, `10-40/5`."""
    span, slash, step = text.partition("/")
    if slash and not _digits(step).strip("0"):
        return f"{step!r} is no step"
    if span in {"*", "?"}:
        return None
    ends = [_number(spec, end) for end in span.split("-")]
    if len(ends) > 2 or None in ends:  # noqa: PLR2004 (a range has two ends)
        return f"{span!r} is neither a number nor a range"
    known = [end for end in ends if end is not None]
    if known[0] < spec.low or known[-1] > spec.high:
        return f"{span} is not within {spec.low} and {spec.high}"
    return f"{span} ends before it begins" if known[0] > known[-1] else None


def _number(spec: _Field, text: str) -> int | None:
    return int(digits) if (digits := _digits(text)) else spec.words.get(text.lower())


def _digits(text: str) -> str:
    """The text, if it is a number as Kubernetes reads it, in so many digits as anything of time has; else nothing."""
    return text if text.isascii() and text.isdecimal() and len(text) <= _MOST_DIGITS else ""
