"""Bars of text for what was counted: a rate with its interval, and evidence on its way to a bound."""

from typing import Final

BAR: Final = 40
LEGEND: Final = "█ up to the interval of 95 %, ▓ up to the rate, ▒ up to the interval's end; ┃ the bound"


def filled(share: float) -> str:
    """Full at 1 and beyond."""
    full = round(BAR * min(1.0, max(0.0, share)))
    return "█" * full + "░" * (BAR - full)


def interval(low: float, value: float, high: float) -> str:
    """Shares of the scale, 0 to 1: `████▓▓▒▒░░░░`."""
    first, middle, last = (round(BAR * min(1.0, max(0.0, at))) for at in (low, value, high))
    return "█" * first + "▓" * (middle - first) + "▒" * (last - middle) + "░" * (BAR - last)


def toward(value: float, bound: float) -> str:
    """How far a value went, on a scale that ends where the value or the bound does."""
    top = max(value, bound)
    filled, mark = round(BAR * max(0.0, value) / top), min(BAR - 1, round(BAR * bound / top))
    bar = "█" * filled + "░" * (BAR - filled)
    return f"{bar[:mark]}┃{bar[mark + 1 :]}"
