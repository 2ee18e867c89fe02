"""Rates, shares and times as people type and read them."""

import math
import re
from typing import Final

from linnet.core.analysis.statistics.intervals import wilson

_SECONDS: Final = {"s": 1, "m": 60, "h": 3600, "d": 86400}
_LADDER: Final = ((48 * 3600, 86400, "days"), (2 * 3600, 3600, "hours"), (120, 60, "minutes"))
"""From so many seconds on → seconds of one, its name."""

_ROUNDED: Final = 0.01
"""Shares that people type add up to 1 within this."""


def rate(text: str) -> float:
    """`10/s`, `1/m`, `500/h`, `2000/d` → requests a second. ValueError otherwise, or where it is not above zero."""
    found = re.fullmatch(r"([0-9.]+)/(s|m|h|d)", text)
    value = float(found[1]) / _SECONDS[found[2]] if found else 0.0
    if value <= 0:
        raise ValueError(f"{text!r} is no rate such as 10/s, 1/m, 500/h or 2000/d")
    return value


def share(text: str) -> float:
    """`1%` or `0.01` → 0.01. ValueError otherwise, or outside of 0 to below 1."""
    found = re.fullmatch(r"([0-9.]+)(%?)", text)
    value = float(found[1]) / (100 if found[2] else 1) if found else -1.0
    if not 0 <= value < 1:
        raise ValueError(f"{text!r} is no share such as 1% or 0.01")
    return value


def time(seconds: float) -> str:
    """Two digits are enough for a forecast: `95 seconds`, `7.1 minutes`, `33 hours`, `never`."""
    if math.isinf(seconds):
        return "never"
    size, unit = next(((size, unit) for least, size, unit in _LADDER if seconds >= least), (1, "seconds"))
    value = seconds / size
    return f"{value:.0f} {unit}" if value >= 10 or size == 1 else f"{value:.1f} {unit}"  # noqa: PLR2004


def count(requests: float) -> str:
    """`430`, or `never`."""
    return "never" if math.isinf(requests) else f"{math.ceil(requests):,}"


def shares(text: str) -> tuple[float, ...]:
    """`0.7,0.3` or `70%,30%` → (0.7, 0.3). ValueError where they are not above zero, or don't add up to 1."""
    found = tuple(share(part) for part in text.split(","))
    if min(found) <= 0 or not math.isclose(sum(found), 1, abs_tol=_ROUNDED):
        raise ValueError(f"{text!r} are no shares such as 0.7,0.3: each above 0, together 1")
    return tuple(part / sum(found) for part in found)


def proportion(hits: int, of: int) -> str:
    """`2 of 100`, and where the true share is."""
    low, high = wilson(hits, of)
    return f"{hits} of {of} ({percent(low)} to {percent(high)}, 95 % confidence)"


def percent(value: float) -> str:
    return f"{100 * value:.3g} %"
