"""Forecasts what a policy costs at a rate of requests: time until each verdict, and what to do where it is too long."""

import math
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Final

from linnet.cli.views.units import count, percent, time
from linnet.core.analysis.checks import CountCheck, Policy, PredictionCheck, QueryCheck, Signal, family
from linnet.core.analysis.prometheus.judge import LIMIT
from linnet.core.analysis.statistics.divergence import SEEN, needed
from linnet.core.analysis.statistics.forecast import MEAN, Forecast, forecast

EVIDENCE_SECONDS: Final = 3600.0
"""The default of deadlines.evidence, in seconds."""
RECIPE: Final = Policy((CountCheck("errors", Signal.ERRORS, max=0.02),), detect_ratio=10, detect_power=0.8)
"""The policy of docs/examples/low-traffic.yaml, for little traffic."""
RECIPE_SHARE: Final = 0.5


@dataclass(frozen=True)
class Traffic:
    """Assumed traffic. `rate`: all requests a second. `share`: the canary's. `bad`: stable's share of bad answers."""

    rate: float
    share: float
    bad: float

    def canary_seconds(self, answers: float) -> float:
        """The seconds in which the canary gives so many answers."""
        return answers / (self.rate * self.share)

    def canary_answers(self, answers: float) -> str:
        """A phrase for so many answers of the canary, with the time that they take."""
        return f"{count(answers)} canary answers, {time(self.canary_seconds(answers))}"

    def sentence(self) -> str:
        often, each = (self.rate, "second") if self.rate >= 1 else (self.rate * 3600, "hour")
        stable = f"{percent(self.bad)} of stable's answers are bad"
        return f"{often:,.0f} requests each {each}, {percent(self.share)} of them to the canary; {stable}"


@dataclass(frozen=True)
class CheckForecast:
    """The forecast of one check; of one of its `slices`, which are taken for equally frequent, where it has them."""

    check: CountCheck
    cost: Forecast
    traffic: Traffic
    slices: int = 0

    @property
    def rate(self) -> float:
        """The requests a second that the check, or a slice of it, counts on both tracks."""
        return self.traffic.rate / max(1, self.slices)

    @property
    def fail_seconds(self) -> float:
        return self.cost.seconds(self.cost.until_fail, self.rate, self.traffic.share)

    @property
    def pass_seconds(self) -> float:
        return self.cost.seconds(self.cost.until_pass, self.rate, self.traffic.share)

    def sentence(self) -> str:
        """The forecast in words; the rates of slices are not known, only that the rarest has no more than its share."""
        cost, check = self.cost, replace(self.check, slice=None)
        one = f" with one value of {self.check.slice.label}" if self.check.slice is not None else ""
        each = f" with each of the {self.slices} values" if self.slices else ""
        late = ", if every truth becomes known, and after its delay" if check.signal is Signal.FEEDBACK else ""
        rare = (
            f". Each value is taken for {percent(1 / self.slices)} of the requests: a rarer one takes as much longer"
            if self.slices
            else ""
        )
        return (
            f"{family(check.name)}: a canary at {percent(cost.bad_rate)} is rolled back after "
            f"{count(cost.until_fail)} canary {check.things}{one}, {time(self.fail_seconds)}; "
            f"a good one may pass after {count(cost.until_pass)}{each}, {time(self.pass_seconds)}{late}{rare}"
        )

    def wire(self) -> dict[str, object]:
        return {
            "check": family(self.check.name),
            **({"slices": self.slices} if self.slices else {}),
            "badRate": round(self.cost.bad_rate, 6),
            "requestsUntilFail": count(self.cost.until_fail),
            "requestsUntilPass": count(self.cost.until_pass),
            "timeUntilFail": time(self.fail_seconds),
            "timeUntilPass": time(self.pass_seconds),
        }


@dataclass(frozen=True)
class PredictionsForecast:
    """The forecast of a check of predictions: canary answers until one that is `SEEN` times the bound away fails, and
    until Pass.
    """

    check: PredictionCheck
    until_fail: float
    until_pass: float
    traffic: Traffic

    @property
    def pass_seconds(self) -> float:
        return self.traffic.canary_seconds(self.until_pass)

    def sentence(self) -> str:
        """The forecast in words."""
        bits = SEEN * self.check.max_divergence
        return (
            f"{self.check.name}: a canary whose answers diverge by {bits:.3g} bits is rolled back after "
            f"{self.traffic.canary_answers(self.until_fail)}; one that answers as stable does may pass after "
            f"{self.traffic.canary_answers(self.until_pass)}"
        )


def forecast_checks(policy: Policy, traffic: Traffic) -> list[CheckForecast]:
    """The forecast of each check; its slices cost the same, and have one."""
    checks = {family(c.name): c for c in reversed(policy.checks)}
    slices = Counter(family(c.name) for c in policy.checks if c.slice is not None)
    return [
        CheckForecast(c, forecast(policy, c, stable_rate=traffic.bad, share=traffic.share), traffic, slices[name])
        for name, c in reversed(checks.items())
    ]


def forecast_predictions(policy: Policy, traffic: Traffic) -> PredictionsForecast | None:
    """The forecast of the check of predictions; None where there is none, or nobody knows by how many classes."""
    check = policy.resemblance
    if check is None or not check.classes:
        return None
    odds, rejects = traffic.share / (1 - traffic.share), -math.log(policy.alpha_each)
    until_fail, until_pass = (
        needed(check.max_divergence, len(check.classes), odds, 1, rejects, power)
        for power in (MEAN, policy.detect_power)
    )
    return PredictionsForecast(check, until_fail, until_pass, traffic)


def without_forecast(policy: Policy, thresholds: Iterable[QueryCheck]) -> Iterator[str]:
    """Sentences on the checks of which no forecast is made, and why."""
    check = policy.resemblance
    if check is not None and not check.classes:
        yield f"{check.name}: no forecast: by how many classes answers are counted says the Model, which is not known"
    for threshold in thresholds:
        yield (
            f"{threshold.name}: no forecast: query {threshold.query} gives a value of the platform's Prometheus, not "
            f"requests that could be counted; it fails after {LIMIT} answers in succession that are not "
            f"{threshold.text}"
        )


def advice(
    found: list[CheckForecast], limit_seconds: float = EVIDENCE_SECONDS, answers: PredictionsForecast | None = None
) -> Iterator[str]:
    """Sentences for a verdict that takes longer than a step waits for it: what that means, and what takes less."""
    slow = [e for e in found if e.pass_seconds > limit_seconds]
    slow_answers = [answers] if answers is not None and answers.pass_seconds > limit_seconds else []
    if slow or slow_answers:
        yield (
            f"That is too little traffic for this policy: a step waits {time(limit_seconds)} for its verdict "
            "(deadlines.evidence), and then does what onInsufficientData says."
        )
    yield from (_recipe(e.traffic) for e in slow[:1])
    yield from (f"{e.check.name}: a wider maxDivergence, or a setWeight nearer to 50, takes less" for e in slow_answers)


def _recipe(traffic: Traffic) -> str:
    (better,) = forecast_checks(RECIPE, Traffic(traffic.rate, RECIPE_SHARE, traffic.bad))
    return (
        'With setWeight 50, a bound on the rate itself (max: "0.02"), detect {ratio: "10", power: "0.8"} it would be '
        f"{time(better.fail_seconds)} and {time(better.pass_seconds)}: docs/examples/low-traffic.yaml."
    )
