"""What a check will cost, before anything runs: canary requests until a verdict, at an assumed traffic.

`lint --rate` says it offline, so that nobody learns during a rollout that it will take thirty hours.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from linnet.core.analysis.checks import CountCheck, Policy
from linnet.core.analysis.statistics.hypotheses import Setting, hypotheses
from linnet.core.analysis.statistics.sums import Sums

MEAN = 0.5
"""The power at which the mean evidence just reaches the bound."""


@dataclass(frozen=True)
class Forecast:
    """A forecast counts canary requests until one at `bad_rate` is rejected (the mean), and until a good one may pass.

    inf where the check can't do it at all, such as a ratio that no rate below 100 % exceeds.
    """

    bad_rate: float
    until_fail: float
    until_pass: float

    def seconds(self, requests: float, rate: float, share: float) -> float:
        """The time that so many canary requests take at `rate` requests a second in all."""
        return requests / (rate * share) if rate * share > 0 else math.inf


def forecast(
    policy: Policy,
    check: CountCheck,
    *,
    stable_rate: float,
    share: float,
    bad_rate: float | None = None,
    dispersion: float = 1.0,
) -> Forecast:
    """The cost of `check` where stable's share of bad requests is `stable_rate` and the canary's share `share`.

    Without `bad_rate` it is the rate that the policy's `detect` promises to see. Accurate to about a tenth
    where many requests are needed (bench/judge/detection.py); it can't be below the three or so of an outage.
    Of a slice these are its own requests, where no other slice is worse.
    """
    stable_n = (1 - share) / share
    traffic = Sums(canary_n=1, stable_n=stable_n, stable_bad=stable_n * stable_rate)
    bounds = hypotheses(check, (traffic,), Setting.of(policy, check, dispersion))
    bad = bad_rate if bad_rate is not None else max((h.detect for h in bounds), default=0.0)
    return Forecast(
        bad_rate=bad,
        until_fail=min((h.needed(bad, MEAN) for h in bounds), default=math.inf),
        until_pass=max((h.needed(h.detect, policy.detect_power) for h in bounds), default=math.inf),
    )
