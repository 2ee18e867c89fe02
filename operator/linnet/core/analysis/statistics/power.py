"""How many canary requests a Pass needs: enough that a bad canary would have been rejected.

The question is put to the test itself: where a bad canary shows less evidence than a share `power` of
such canaries would, does that still reach the bound? A log-likelihood ratio is linear in the counts, so at
`scale` times the present requests it is scale * mean - sqrt(scale) * shortfall for each alternative.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from statistics import NormalDist

from linnet.core.analysis.statistics.evalues import EFFECTS, mean_of, rate_gain, ratio_gain, scale_odds
from linnet.core.analysis.statistics.sums import Sums

TOO_MANY = 1e9
"""More canary requests than this are as good as never."""


def ratio_needed(
    segments: Sequence[Sums],
    *,
    null: float,
    stable_rate: float,
    bad_rate: float,
    dispersion: float,
    alpha: float,
    power: float,
) -> float:
    """Return how many canary requests, at the present mix of segments, reject a canary at `bad_rate`; inf if never."""
    canary_n = sum(s.canary_n for s in segments)
    if not canary_n:
        return math.inf
    expected = [Sums(s.canary_n, s.canary_n * bad_rate, s.stable_n, s.stable_n * stable_rate) for s in segments]
    unlucky = _unlucky(segments, null, stable_rate, bad_rate, NormalDist().inv_cdf(power))
    curves = [(_gain(expected, null, null * e), _gain(unlucky, null, null * e)) for e in EFFECTS]
    return canary_n * _smallest_scale(curves, dispersion, alpha, TOO_MANY / canary_n)


def rate_needed(
    *, null: float, bad_rate: float, dispersion: float, alpha: float, power: float, present: float
) -> float:
    """Return how many canary requests reject a canary at `bad_rate` against the known bound `null`; inf if never.

    `present` requests are there already: that many is the answer where they suffice.
    """
    shortfall = NormalDist().inv_cdf(power) * math.sqrt(present * bad_rate * (1 - bad_rate))
    rates = [scale_odds(null, effect) for effect in EFFECTS]
    curves = [(rate_gain(present, present * bad_rate, null, p), rate_gain(0, shortfall, null, p)) for p in rates]
    return present * _smallest_scale(curves, dispersion, alpha, TOO_MANY / present)


def _gain(segments: Sequence[Sums], null: float, ratio: float) -> float:
    return sum(ratio_gain(s, null, ratio) for s in segments)


def _unlucky(segments: Sequence[Sums], null: float, stable_rate: float, bad_rate: float, z: float) -> list[Sums]:
    """The shift of the counts, `z` deviations long, that costs most evidence: fewer here, more there."""
    ratio = min(bad_rate / stable_rate, null * EFFECTS[-1]) if stable_rate else null * EFFECTS[-1]
    rows = []
    for s in segments:
        canary = ratio_gain(Sums(s.canary_n, 1, s.stable_n, 0), null, ratio)
        stable = ratio_gain(Sums(s.canary_n, 0, s.stable_n, 1), null, ratio)
        variances = s.canary_n * bad_rate * (1 - bad_rate), s.stable_n * stable_rate * (1 - stable_rate)
        rows.append(
            (s, canary * variances[0], stable * variances[1], canary**2 * variances[0] + stable**2 * variances[1])
        )
    length = math.sqrt(sum(row[3] for row in rows))
    step = z / length if length else 0.0
    return [Sums(s.canary_n, step * canary, s.stable_n, step * stable) for s, canary, stable, _ in rows]


def _smallest_scale(curves: Sequence[tuple[float, float]], dispersion: float, alpha: float, limit: float) -> float:
    """The smallest scale at which the evidence reaches 1/alpha, to 2 %: 1 if it does at once, inf if beyond `limit`."""

    def reaches(scale: float) -> bool:
        size = scale / dispersion
        return mean_of([size * mean - math.sqrt(size) * shortfall for mean, shortfall in curves]) >= -math.log(alpha)

    low = high = 1.0
    while not reaches(high):
        low, high = high, high * 2
        if high > limit:
            return math.inf
    while high > low * 1.02:
        middle = math.sqrt(low * high)
        low, high = (low, middle) if reaches(middle) else (middle, high)
    return high
