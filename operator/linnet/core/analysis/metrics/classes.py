"""A pod's answers by class: the buckets of a histogram of scores, or the values of a counter's label."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

OTHER: Final = "(other)"
"""The class of every value that is not named, so that a label can't grow the evidence."""

Rows = Iterable[tuple[Mapping[str, str], float]]


@dataclass(frozen=True)
class Buckets:
    """Scores up to each bound, and those above the last. The server may have further bounds between them."""

    bounds: tuple[float, ...]

    @property
    def names(self) -> tuple[str, ...]:
        return (*(f"≤{bound:g}" for bound in self.bounds), f">{self.bounds[-1]:g}")

    def counted(self, rows: Rows) -> dict[str, float] | str:
        """Return class -> count; a sentence's end where they can't be told."""
        cumulative: dict[float, float] = {}
        for labels, value in rows:
            bound = _number(labels.get("le", ""))
            if not math.isnan(bound):
                cumulative[bound] = cumulative.get(bound, 0.0) + value
        if not cumulative:
            return dict.fromkeys(self.names, 0.0)
        found = [next((b for b in cumulative if math.isclose(b, wanted)), None) for wanted in (*self.bounds, math.inf)]
        if None in found:
            known = ", ".join(f"{b:g}" for b in sorted(cumulative) if math.isfinite(b))
            lacking = (*self.bounds, math.inf)[found.index(None)]
            return f"the histogram of predictions has no bucket {lacking:g}; it has {known}"
        heights = [cumulative[bound] for bound in found if bound is not None]
        if not all(map(_possible, heights)):
            return _impossible(heights)
        steps = (max(0.0, above - below) for below, above in zip([0.0, *heights], heights, strict=False))
        return dict(zip(self.names, steps, strict=True))


@dataclass(frozen=True)
class Labels:
    """Answers are counted by the value of one label."""

    label: str
    values: tuple[str, ...]

    @property
    def names(self) -> tuple[str, ...]:
        return (*self.values, OTHER)

    def counted(self, rows: Rows) -> dict[str, float] | str:
        """Return class -> count; a sentence's end where they can't be told."""
        found = dict.fromkeys(self.names, 0.0)
        for labels, value in rows:
            if not _possible(value):
                return _impossible([value])
            name = labels.get(self.label, "")
            found[name if name in self.values else OTHER] += value
        return found


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return math.nan


def _possible(value: float) -> bool:
    return math.isfinite(value) and value >= 0


def _impossible(values: Iterable[float]) -> str:
    return f"the pod exposes {', '.join(f'{value:g}' for value in values)} predictions"
