"""Simulates what a count check does at a rate of requests, with good versions and bad ones, by the code that judges."""

from dataclasses import dataclass, replace
from typing import Final

from linnet.cli.forecast.cost import CheckForecast
from linnet.cli.forecast.inputs import SimulationInput
from linnet.cli.views.units import percent, proportion
from linnet.core.analysis.simulation.rollout import Outcome, Scenario
from linnet.core.analysis.simulation.rollout import run as play
from linnet.core.analysis.simulation.traffic import SyntheticTraffic
from linnet.core.analysis.verdict import Verdict

MOST_REQUESTS: Final = 2_000_000


@dataclass(frozen=True)
class CountsSimulation:
    """Wrong verdicts in `runs` rollouts each: good versions rolled back, versions as bad as `detect` that passed."""

    forecast: CheckForecast
    runs: int
    false_rollbacks: int
    false_passes: int

    def lines(self) -> list[str]:
        bad, where = percent(self.forecast.cost.bad_rate), " for one value" if self.forecast.slices else ""
        back = proportion(self.false_rollbacks, self.runs)
        return [
            self.forecast.sentence(),
            f"  good versions rolled back{where} (stable against itself): {back}",
            f"  versions at {bad}{where} that passed: {proportion(self.false_passes, self.runs)}",
        ]

    def wire(self) -> dict[str, object]:
        counts = {"runs": self.runs, "falseRollbacks": self.false_rollbacks, "falsePasses": self.false_passes}
        return {**self.forecast.wire(), **counts}


def simulate_counts(case: SimulationInput, found: CheckForecast, runs: int) -> CountsSimulation:
    """Runs the rollouts of one check: each seed is another one, and the same on every machine."""
    good, bad = _scenarios(case, found)
    rolled_back = _verdicts(good, runs).count(Verdict.FAIL)
    return CountsSimulation(found, runs, rolled_back, _verdicts(bad, runs).count(Verdict.PASS))


def _verdicts(scenario: Scenario, runs: int) -> list[Verdict]:
    outcomes: list[Outcome] = [play(scenario, seed) for seed in range(runs)]
    return [outcome.verdict for outcome in outcomes]


def _scenarios(case: SimulationInput, found: CheckForecast) -> tuple[Scenario, Scenario]:
    """The scenarios of a good version over a whole rollout, and of one as bad as `detect` until its verdict.

    Of slices one is played, of an average share of the requests, while the others show nothing.
    """
    traffic, policy = case.traffic, case.policy
    synthetic = SyntheticTraffic(
        traffic.bad,
        traffic.bad,
        share=traffic.share,
        stable_pods=case.stable_pods,
        canary_pods=case.canary_pods,
    )
    whole = _bounded(max(case.seconds * found.rate, found.cost.until_pass / traffic.share))
    twice = _bounded(2 * max(found.cost.until_pass, found.cost.until_fail) / traffic.share)
    good = Scenario(
        "good",
        replace(synthetic, per_interval=case.each_look(whole, found.rate)),
        found.check,
        "rolled back",
        whole,
        alpha=policy.alpha_of(found.check) * len(found.check.bounds),
        detect_ratio=policy.detect_ratio,
        detect_power=policy.detect_power,
    )
    worse = replace(synthetic, canary_rate=found.cost.bad_rate, per_interval=case.each_look(twice, found.rate))
    return good, replace(good, name="bad", traffic=worse, measure="passed", total=twice)


def _bounded(requests: float) -> int:
    return int(min(requests, MOST_REQUESTS))
