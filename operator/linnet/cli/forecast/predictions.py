"""Simulates what a check of predictions does at a rate of requests, with canaries like stable and others."""

from __future__ import annotations

from dataclasses import dataclass, replace
from statistics import fmean
from typing import Final

from linnet.cli.forecast.cost import PredictionsForecast, Traffic
from linnet.cli.forecast.inputs import SimulationInput
from linnet.cli.views.units import count, percent, proportion, time
from linnet.core.analysis.checks import PredictionCheck
from linnet.core.analysis.simulation.prediction_rollout import Trial, run
from linnet.core.analysis.simulation.prediction_traffic import Shares, SyntheticAnswers
from linnet.core.analysis.statistics.divergence import SEEN, jensen_shannon
from linnet.core.analysis.verdict import Verdict

FACTORS: Final = (SEEN, 5.0)
"""The canaries that should be rolled back are so many times the bound away."""
MOST_ANSWERS: Final = 200_000
"""The most answers of one rollout: each is drawn, and more would change no verdict."""
ENOUGH: Final = 4.0
"""A run has so many times the answers that a Pass is forecast to take: hardly any is without a verdict then."""
HALVINGS: Final = 50


@dataclass(frozen=True)
class CanaryRuns:
    """The verdicts on `runs` canaries that diverge by so many bits.

    `until_fail`, `until_pass`: canary answers in the mean of those; None if there were none.
    """

    divergence: float
    shares: Shares
    runs: int
    rolled_back: int
    passed: int
    until_fail: float | None
    until_pass: float | None


@dataclass(frozen=True)
class PredictionsSimulation:
    """The runs of canaries that answer alike, and those `apart` that diverge, where shares can diverge so much."""

    check: PredictionCheck
    stable: Shares
    traffic: Traffic
    alike: CanaryRuns
    apart: tuple[CanaryRuns, ...]

    def lines(self) -> list[str]:
        fails = (
            f"one that diverges by {_bits(c)} is rolled back after {self._after(c.until_fail)}" for c in self.apart
        )
        passes = f"a canary that answers as stable does passes after {self._after(self.alike.until_pass)}"
        back = proportion(self.alike.rolled_back, self.alike.runs)
        return [
            f"{self.check.name}: {'; '.join([passes, *fails])}",
            f"  assumed: {self._assumed()}",
            f"  good versions rolled back (stable against itself): {back}",
            *(f"  versions at {_bits(c)} that passed: {proportion(c.passed, c.runs)}" for c in self.apart),
        ]

    def _assumed(self) -> str:
        """A phrase on the classes, their shares, and what diverges."""
        shares = ", ".join(percent(share) for share in self.stable)
        how = "even shares" if len(set(self.stable)) == 1 else f"shares of {shares}"
        which = _rarest(self.stable)
        more = " or ".join(percent(c.shares[which]) for c in self.apart)
        instead = f"{more} instead of {percent(self.stable[which])} are {self.check.classes[which]}"
        differs = f"of one that diverges, {instead}" if more else "none can diverge by so much as twice the bound"
        return f"answers independent of each other, {len(self.stable)} classes in {how}; {differs}"

    def _after(self, answers: float | None) -> str:
        return "more answers than were played" if answers is None else self.traffic.canary_answers(answers)

    def wire(self) -> dict[str, object]:
        return {
            "check": self.check.name,
            "maxDivergence": self.check.max_divergence,
            "classes": {name: round(share, 6) for name, share in zip(self.check.classes, self.stable, strict=True)},
            "answersUntilPass": _count(self.alike.until_pass),
            "timeUntilPass": self._time(self.alike.until_pass),
            "runs": self.alike.runs,
            "falseRollbacks": self.alike.rolled_back,
            "divergent": [
                {
                    "divergence": round(c.divergence, 6),
                    "answersUntilFail": _count(c.until_fail),
                    "timeUntilFail": self._time(c.until_fail),
                    "falsePasses": c.passed,
                }
                for c in self.apart
            ],
        }

    def _time(self, answers: float | None) -> str | None:
        return None if answers is None else time(self.traffic.canary_seconds(answers))


def simulate_predictions(case: SimulationInput, cost: PredictionsForecast, runs: int) -> PredictionsSimulation:
    """Runs the rollouts of the check: each seed is another one, and the same on every machine."""
    stable, bound = case.classes, cost.check.max_divergence
    passing = ENOUGH * cost.until_pass / case.traffic.share
    alike = _trial(case, cost.check, stable, max(passing, case.seconds * case.traffic.rate))
    apart = [found for factor in FACTORS if (found := diverging(stable, factor * bound)) is not None]
    return PredictionsSimulation(
        cost.check,
        stable,
        case.traffic,
        _run_all(replace(alike, passes=True), runs),
        tuple(_run_all(replace(_trial(case, cost.check, shares, passing), to_pass=True), runs) for shares in apart),
    )


def _trial(case: SimulationInput, check: PredictionCheck, canary: Shares, total: float) -> Trial:
    played = int(min(total, MOST_ANSWERS))
    synthetic = SyntheticAnswers(
        case.classes,
        canary,
        share=case.traffic.share,
        per_interval=case.each_look(played, case.traffic.rate),
        stable_pods=case.stable_pods,
        canary_pods=case.canary_pods,
        total=played,
    )
    return Trial(synthetic, check, case.policy)


def _run_all(trial: Trial, runs: int) -> CanaryRuns:
    outcomes = [run(trial, seed) for seed in range(runs)]
    failed = [o.canary_n for o in outcomes if o.verdict is Verdict.FAIL]
    passed = [o.passed_at for o in outcomes if o.passed_at is not None]
    return CanaryRuns(
        jensen_shannon(trial.traffic.canary, trial.traffic.stable),
        trial.traffic.canary,
        runs,
        len(failed),
        len(passed),
        fmean(failed) if failed else None,
        fmean(passed) if passed else None,
    )


def diverging(stable: Shares, bits: float) -> Shares | None:
    """Shares so many bits from stable's, as some answers fall into its rarest class; None if all can't do it."""
    if jensen_shannon(_moved(stable, 1.0), stable) < bits:
        return None
    low, high = 0.0, 1.0
    for _ in range(HALVINGS):
        middle = (low + high) / 2
        near = jensen_shannon(_moved(stable, middle), stable) < bits
        low, high = (middle, high) if near else (low, middle)
    return _moved(stable, high)


def _moved(stable: Shares, part: float) -> Shares:
    which = _rarest(stable)
    return tuple((1 - part) * share + part * (index == which) for index, share in enumerate(stable))


def _rarest(shares: Shares) -> int:
    """The index of the smallest share; of the last one, the highest scores, if they are even."""
    return max(range(len(shares)), key=lambda index: (-shares[index], index))


def _bits(canaries: CanaryRuns) -> str:
    return f"{canaries.divergence:.3g} bits"


def _count(answers: float | None) -> str | None:
    return None if answers is None else count(answers)
