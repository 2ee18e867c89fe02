"""A pod's answers by class: the buckets of a histogram of scores, or the values of a counter's label."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from heapq import nsmallest
from typing import Final

from linnet.core.analysis.codec import LARGEST_COUNT

OTHER: Final = "(other)"
"""The class of every value that is not named, so that a label can't grow the evidence."""

SHOWN: Final = 8
"""Bounds that a sentence names."""
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
            lacking = (*self.bounds, math.inf)[found.index(None)]
            return f"the histogram of predictions has no bucket {lacking:g}; it has {nearest(cumulative, lacking)}"
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


def nearest(bounds: Iterable[float], wanted: float) -> str:
    """Name some finite bounds, those nearest to the wanted one: a pod may have as many as it likes.

    >>> nearest([0.1, 0.25, 0.5, math.inf], 0.3)
    '0.1, 0.25, 0.5'
    >>> nearest(range(1000), 500)
    '496, 497, 498, 499, 500, 501, 502, 503 and 992 more'
    """
    finite = [bound for bound in bounds if math.isfinite(bound)]
    near = sorted(nsmallest(SHOWN, finite, key=lambda bound: abs(bound - wanted)))
    more = f" and {len(finite) - SHOWN} more" if len(finite) > SHOWN else ""
    return ", ".join(f"{bound:g}" for bound in near) + more


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return math.nan


def _possible(value: float) -> bool:
    return 0 <= value <= LARGEST_COUNT


def _impossible(values: Iterable[float]) -> str:
    wrong = next(value for value in values if not _possible(value))
    return f"the pod exposes {wrong:g} predictions"
