"""Each bound of a check as a pair of hypotheses: "within the bound" and "as bad as `detect`".

Refuting the first is a Fail. Refuting the second, with enough requests, is what a Pass stands on.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from typing import Protocol

from linnet.core.analysis.checks import Bound, CountCheck, Policy
from linnet.core.analysis.statistics.evalues import EFFECTS, RELIEFS, mean_of, rate_evidence, ratio_evidence, scale_odds
from linnet.core.analysis.statistics.power import rate_needed, ratio_needed
from linnet.core.analysis.statistics.sums import Comparison, Sums, compare

LEAST = 1e-6
"""Rates and ratios are kept this far from 0 and 1, where logarithms end."""


@dataclass(frozen=True)
class Setting:
    """What one hypothesis needs of the policy, and the dispersion of the counts."""

    alpha: float
    ratio: float
    power: float
    dispersion: float

    @classmethod
    def of(cls, policy: Policy, check: CountCheck, dispersion: float) -> Setting:
        """The part of alpha that falls to each hypothesis of `check`, before anything is known."""
        return cls(policy.alpha_of(check), policy.detect_ratio, policy.detect_power, dispersion)

    @property
    def rejects(self) -> float:
        """The log-evidence at which a bound is refuted."""
        return -math.log(self.alpha)

    @property
    def excludes(self) -> float:
        """The log-evidence at which `detect` is refuted: wrongly in at most 1 - power of the runs."""
        return -math.log(1 - self.power)


class Hypothesis(Protocol):
    """What the rules ask of a bound; costly answers are worked out only if they are asked for."""

    @property
    def bound(self) -> Bound: ...
    @property
    def limit_text(self) -> str: ...
    @property
    def canary_n(self) -> float:
        """The canary requests that this bound can use."""

    @property
    def breached(self) -> bool:
        """Say whether the point estimate lies beyond the bound."""

    @property
    def detect(self) -> float:
        """The canary's rate that Pass promises to have been able to see."""

    @property
    def against_bound(self) -> float:
        """Log-evidence against "within the bound"."""

    def against_detect(self) -> float:
        """Log-evidence against "as bad as `detect`"."""

    def needed(self, bad_rate: float, power: float) -> float:
        """Return how many canary requests, in all, reject a canary at `bad_rate` with this power; inf if none do."""


@dataclass(frozen=True)
class AgainstStable:
    """The canary against concurrent stable, in the segments where both had requests."""

    check: CountCheck
    segments: tuple[Sums, ...]
    setting: Setting
    bound = Bound.RATIO

    @cached_property
    def both(self) -> Comparison:
        return compare(self.segments)

    @property
    def limit(self) -> float:
        return max(LEAST, self.check.max_ratio_to_stable or 0.0)

    @property
    def limit_text(self) -> str:
        return f"{self.limit:g} times stable's rate" if self.limit != 1 else "stable"

    @property
    def canary_n(self) -> float:
        return self.both.canary_n

    @property
    def breached(self) -> bool:
        excess = self.both.canary_rate - self.both.stable_rate
        return excess >= self.check.min_excess and self.both.canary_bad > self.limit * self.both.expected

    @property
    def detect(self) -> float:
        stable = self.both.stable_rate
        return min(1 - LEAST, max(scale_odds(stable, self.setting.ratio), stable + self.check.min_excess))

    @cached_property
    def against_bound(self) -> float:
        worse = [self.limit * effect for effect in EFFECTS]
        return ratio_evidence(self.segments, self.limit, worse, self.setting.dispersion)

    def against_detect(self) -> float:
        """`detect` says both "`ratio` times stable's odds" and "`min_excess` above stable's rate".

        Refuting either refutes it, and the mean of two e-values is one. The first needs errors to compare;
        the second works where neither track has any, as a rate is at least its excess.
        """
        ratio = self.setting.ratio / (1 + (self.setting.ratio - 1) * self.both.stable_rate)
        better = [min(self.limit, ratio * RELIEFS[0]), *(ratio * relief for relief in RELIEFS)]
        by_ratio = ratio_evidence(self.segments, ratio, better, self.setting.dispersion)
        if (least := self.check.min_excess) < LEAST:
            return by_ratio
        less = [least * relief for relief in RELIEFS]
        by_excess = rate_evidence(self.both.canary_n, self.both.canary_bad, least, less, self.setting.dispersion)
        return mean_of([by_ratio, by_excess])

    def needed(self, bad_rate: float, power: float) -> float:
        return ratio_needed(
            [s for s in self.segments if s.canary_n and s.stable_n],
            null=self.limit,
            stable_rate=self.both.stable_rate,
            bad_rate=bad_rate,
            dispersion=self.setting.dispersion,
            alpha=self.setting.alpha,
            power=power,
        )


@dataclass(frozen=True)
class AgainstKnown:
    """The canary against a bound on the rate itself; stable plays no part."""

    check: CountCheck
    segments: tuple[Sums, ...]
    setting: Setting
    bound = Bound.KNOWN

    @property
    def limit(self) -> float:
        return min(1 - LEAST, max(LEAST, self.check.max or 0.0))

    @property
    def limit_text(self) -> str:
        return f"{self.limit:.2%}"

    @cached_property
    def canary_n(self) -> float:
        return sum(s.canary_n for s in self.segments)

    @cached_property
    def canary_bad(self) -> float:
        return sum(s.canary_bad for s in self.segments)

    @property
    def breached(self) -> bool:
        return self.canary_bad > self.limit * self.canary_n

    @property
    def detect(self) -> float:
        return scale_odds(self.limit, self.setting.ratio)

    @cached_property
    def against_bound(self) -> float:
        worse = [scale_odds(self.limit, effect) for effect in EFFECTS]
        return rate_evidence(self.canary_n, self.canary_bad, self.limit, worse, self.setting.dispersion)

    def against_detect(self) -> float:
        better = [self.limit, *(scale_odds(self.detect, relief) for relief in RELIEFS)]
        return rate_evidence(self.canary_n, self.canary_bad, self.detect, better, self.setting.dispersion)

    def needed(self, bad_rate: float, power: float) -> float:
        return rate_needed(
            null=self.limit,
            bad_rate=bad_rate,
            dispersion=self.setting.dispersion,
            alpha=self.setting.alpha,
            power=power,
            present=max(1.0, self.canary_n),
        )


def hypotheses(check: CountCheck, segments: tuple[Sums, ...], setting: Setting) -> tuple[Hypothesis, ...]:
    """Return one hypothesis for each bound of the check."""
    kinds: dict[Bound, type[AgainstStable | AgainstKnown]] = {Bound.RATIO: AgainstStable, Bound.KNOWN: AgainstKnown}
    return tuple(kinds[bound](check, segments, setting) for bound in check.bounds)
