"""How numbers stand in a record: as their shortest decimals, so that read again they are the same to the last digit."""

from __future__ import annotations

import math
from collections.abc import Mapping
from datetime import timedelta
from typing import Any


def real(number: float | None) -> str | None:
    """Shortest decimal that is read as the same number; None where there is none."""
    return repr(float(number)) if number is not None and math.isfinite(number) else None


def number(text: str | None) -> float | None:
    """The inverse of `real`."""
    return None if text is None else float(text)


def times(stale_after: float, elapsed: timedelta, required: timedelta) -> dict[str, str | None]:
    """In seconds."""
    return {
        "staleAfter": real(stale_after),
        "elapsed": real(elapsed.total_seconds()),
        "required": real(required.total_seconds()),
    }


def read_times(kept: Mapping[str, Any]) -> dict[str, Any]:
    """The inverse, as a basis has them."""
    return {
        "stale_after": float(kept["staleAfter"]),
        "elapsed": timedelta(seconds=float(kept["elapsed"])),
        "required": timedelta(seconds=float(kept["required"])),
    }


Json = dict[str, Any]
