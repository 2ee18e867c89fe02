"""Anytime-valid evidence from counts: may be looked at after every request, for ever. That from answers: `equality`.

Each function returns the logarithm of an e-value: a mixture of likelihood ratios (Robbins 1970) whose
mean under its null hypothesis is at most 1, so that by Ville's inequality it exceeds 1/alpha, ever, with
a chance of at most alpha. Counts that come in bursts divide each log-likelihood ratio by their dispersion.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

from linnet.core.analysis.statistics.sums import Sums

EFFECTS = (1.5, 2.0, 3.0, 5.0, 10.0, 20.0, 50.0, 100.0)
"""How many times worse than the bound a bad canary may be; each has an equal share of the mixture."""

RELIEFS = (0.4, 0.2, 0.1, 0.05)
"""How many times better than `detect` a good canary may be."""


def ratio_evidence(
    segments: Iterable[Sums], null: float, alternatives: Sequence[float], dispersion: float = 1.0
) -> float:
    """Log-evidence that the canary's bad rate is nearer to `alternatives` than to `null` times stable's.

    Conditional on how many requests were bad, stable's own rate drops out: a bad request is the canary's
    with probability r*o / (1 + r*o), where r is the ratio and o = canary_n / stable_n in its segment.
    Worked example: o = 1/9, r = 5 against 1: a canary's error is worth ln 3.57, one of stable's -ln 1.4.
    """
    compared = [s for s in segments if s.canary_n and s.stable_n and (s.canary_bad or s.stable_bad)]
    return mean_of([sum(ratio_gain(s, null, r) for s in compared) / dispersion for r in alternatives])


def rate_evidence(n: float, bad: float, null: float, alternatives: Sequence[float], dispersion: float = 1.0) -> float:
    """Log-evidence that `bad` of `n` come from one of the rates `alternatives` rather than from `null`.

    All rates lie strictly between 0 and 1. Worked example: 5 % against 1 %: an error is worth ln 5,
    a success -0.041.
    """
    return mean_of([rate_gain(n, bad, null, p) / dispersion for p in alternatives])


def scale_odds(rate: float, ratio: float) -> float:
    """The rate whose odds are `ratio` times those of `rate`: for small rates the product, never above 1."""
    return ratio * rate / (1 - rate + ratio * rate)


def ratio_gain(s: Sums, null: float, ratio: float) -> float:
    """Log-likelihood ratio of the bad requests of one segment; linear in them."""
    odds = s.canary_n / s.stable_n
    bad = s.canary_bad + s.stable_bad
    return s.canary_bad * math.log(ratio / null) - bad * math.log((1 + ratio * odds) / (1 + null * odds))


def rate_gain(n: float, bad: float, null: float, rate: float) -> float:
    """Log-likelihood ratio of `bad` of `n`; linear in both."""
    return bad * math.log(rate / null) + (n - bad) * math.log((1 - rate) / (1 - null))


def mean_of(logs: Sequence[float]) -> float:
    """The logarithm of a mixture: of the mean of e-values that are given by their logarithms."""
    top = max(logs)
    return top + math.log(sum(math.exp(value - top) for value in logs) / len(logs))


def closed_testing_alphas(alpha: float, evidence: Sequence[float]) -> list[float]:
    """The part of `alpha` at which each slice is tested, by closed testing; `evidence` are their log e-values.

    A slice is refuted if each set of slices with it has a mean of 1/alpha. The worst set has those others whose e-value
    is below 1/alpha, so that its own must reach 1/alpha plus what each of them lacks of it. As a part of alpha: the
    others count by what they lack, from 1 (no evidence at all) to 0 (refuted themselves).

    Worked example, alpha 0.01: the first of eight where the others show nothing (E = 1) is tested at 0.01 / 7.93. Once
    it has E = 793, it counts no more for the others, and each of those is tested at 0.01 / 6.94.
    """
    lacking = [-math.expm1(min(0.0, math.log(alpha) + log)) for log in evidence]
    return [alpha / (1 + math.fsum(lacking[:at] + lacking[at + 1 :])) for at in range(len(lacking))]
