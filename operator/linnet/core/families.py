"""Slices of one check as one family: together they have the part of alpha that the check would have for the whole.

Holm's step-down in its form for e-values, which are averaged: a closed test whose intersections are tested by the
arithmetic mean of their e-values (Vovk and Wang 2021). However the slices depend on each other, and however often one
looks, a family of good slices has any of them refuted with a chance of at most alpha.
"""

from __future__ import annotations

import math
from collections.abc import Sequence


def parts(alpha: float, evidence: Sequence[float]) -> list[float]:
    """The part of `alpha` at which each slice is tested; `evidence` are the logarithms of their e-values.

    A slice is refuted if each set of slices with it has a mean of 1/alpha. The worst set has those others whose e-value
    is below 1/alpha, so that its own must reach 1/alpha plus what each of them lacks of it. As a part of alpha: the
    others count by what they lack, from 1 (no evidence at all) to 0 (refuted themselves).

    Worked example, alpha 0.01: the first of eight where the others show nothing (E = 1) is tested at 0.01 / 7.93. Once
    it has E = 793, it counts no more for the others, and each of those is tested at 0.01 / 6.94.
    """
    lacking = [-math.expm1(min(0.0, math.log(alpha) + log)) for log in evidence]
    return [alpha / (1 + math.fsum(lacking[:at] + lacking[at + 1 :])) for at in range(len(lacking))]
