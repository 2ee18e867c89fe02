"""How far bad requests are from being independent: 1 if they are, 3 if they come in threes.

One failing batch, one bad minute of one pod, one client that retries: such errors are one event, and
counting them one by one rolls good canaries back. The estimate needs only sums over cells.
"""

from __future__ import annotations

from collections.abc import Sequence

from linnet.core.analysis.statistics.sums import Spread

PRIOR_CELLS = 3.0
"""Weight of the cautious guess, in cells with errors: chosen by simulation (bench/judge/detection.py)."""


def dispersion(tracks: Sequence[Spread]) -> float:
    """The factor (at least 1) by which the evidence of these tracks' counts is divided.

    Two estimates are blended. The *design effect* (Kish 1965; Liang and Zeger 1986) is the variance that
    the cells show over the variance that independent requests would have: right with many cells, blind
    with few. The *cluster size*, sum of squares over sum, takes all errors of a cell for one event: right
    for rare bursts, too cautious for busy pods. The more cells with errors, the more weight the first has.
    Worked example: one cell with 4 errors and nothing else: 4, they count as one error; folded after each
    request no cell can hold two, and both estimates are 1.
    """
    bad = sum(t.bad for t in tracks)
    if not bad:
        return 1.0
    cluster = sum(t.bad_squared for t in tracks) / bad
    weight = PRIOR_CELLS / (PRIOR_CELLS + sum(t.bad_cells for t in tracks) - 1)
    return weight * cluster + (1 - weight) * design_effect(tracks)


def design_effect(tracks: Sequence[Spread]) -> float:
    """Observed over binomial variance of the cells, each track about its own rate; at least 1."""
    seen = [t for t in tracks if t.n]
    binomial, freedom = sum(t.bad * (1 - t.bad / t.n) for t in seen), sum(t.cells - 1 for t in seen)
    if binomial <= 0 or freedom <= 0:
        return 1.0
    cells = sum(t.cells for t in seen)
    return max(1.0, sum(_squares(t) for t in seen) / binomial * cells / freedom)


def _squares(t: Spread) -> float:
    """Return the sum over cells of (bad - n * rate)^2."""
    rate = t.bad / t.n
    return t.bad_squared - 2 * rate * t.n_bad + rate**2 * t.n_squared
