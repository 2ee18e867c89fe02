"""`kubectl linnet simulate`: what a policy does at a rate of requests, by forecast and by the very code that judges."""

import argparse
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final, TypeVar

from linnet.cli import quantities
from linnet.cli.cases import Case, wanted
from linnet.cli.console import FORMATS, OK, Console, UsageError
from linnet.cli.expecting import Expected, advice, answers_expected, expected, unclassed, uncounted
from linnet.cli.quantities import percent
from linnet.cli.simulation_answers import SimulatedAnswers, answers_simulated
from linnet.core.analysis.simulation.rollout import Outcome, Scenario
from linnet.core.analysis.simulation.rollout import run as play
from linnet.core.analysis.simulation.traffic import SyntheticTraffic
from linnet.core.analysis.verdict import Verdict

T = TypeVar("T")
RUNS: Final = 100
BAD: Final = 0.01
MOST_REQUESTS: Final = 2_000_000


@dataclass(frozen=True)
class Simulated:
    """Of `runs` rollouts each: good versions rolled back, and versions as bad as `detect` that passed."""

    expected: Expected
    runs: int
    false_rollbacks: int
    false_passes: int

    def told(self) -> list[str]:
        bad, where = percent(self.expected.cost.bad_rate), " for one value" if self.expected.slices else ""
        back = quantities.proportion(self.false_rollbacks, self.runs)
        return [
            self.expected.told(),
            f"  good versions rolled back{where} (stable against itself): {back}",
            f"  versions at {bad}{where} that passed: {quantities.proportion(self.false_passes, self.runs)}",
        ]

    def wire(self) -> dict[str, object]:
        counts = {"runs": self.runs, "falseRollbacks": self.false_rollbacks, "falsePasses": self.false_passes}
        return {**self.expected.wire(), **counts}


def add(commands: Any, cluster: argparse.ArgumentParser) -> None:
    about = "what a policy does at a rate of requests: time to a verdict, wrong verdicts; or a recorded decision again"
    parser = commands.add_parser("simulate", parents=[cluster], help=about, description=about)
    parser.add_argument("file", metavar="FILE", nargs="?", help="with a Deployment and its Model")
    traffic_flags(parser)
    again = "judge recorded decisions again: a ModelVersion's name, a file with it or with lines of the log, or -"
    parser.add_argument("--replay", metavar="RECORD", help=again)
    parser.add_argument("--share", type=_typed(quantities.share), help="the canary's; that of FILE, or 10%%")
    classes = "stable's answers by class, such as 0.7,0.3, for a check of signal Predictions; as many each if left out"
    parser.add_argument("--classes", type=_typed(quantities.shares), metavar="SHARES", help=classes)
    parser.add_argument("--runs", type=int, default=RUNS, help=f"rollouts of good and of bad versions; default {RUNS}")
    parser.add_argument("--runtimes", type=Path, metavar="DIR", help="the platform's own runtimes, one YAML file each")
    parser.add_argument("-o", "--output", choices=FORMATS, help="the figures, for programs")
    parser.set_defaults(run=run)


def traffic_flags(parser: argparse.ArgumentParser) -> None:
    """The traffic that is assumed."""
    rate = "requests to the Deployment in all, such as 10/s, 1/m, 500/h or 2000/d"
    parser.add_argument("--rate", type=_typed(quantities.rate), help=rate)
    bad = "stable's share of bad answers (errors, slow ones), such as 0.1%%; 1%% if left out"
    parser.add_argument("--bad", type=_typed(quantities.share), default=BAD, metavar="SHARE", help=bad)


def _typed(parse: Callable[[str], T]) -> Callable[[str], T]:
    """A ValueError's own words as argparse shows them."""

    def read(text: str) -> T:
        try:
            return parse(text)
        except ValueError as error:
            raise argparse.ArgumentTypeError(str(error)) from None

    return read


def run(given: argparse.Namespace, console: Console) -> int:
    if given.replay:
        from linnet.cli import replaying

        return replaying.run(given.replay, given.output, console)
    if given.rate is None:
        raise UsageError("simulate needs --rate, such as --rate 10/s, or --replay with a ModelVersion's name")
    return _simulate(given, console)


def _simulate(given: argparse.Namespace, console: Console) -> int:
    cases = wanted(given)
    found = {case.name: _checks(case, given.runs) for case in cases}
    if given.output:
        console.show({name: [s.wire() for s in each] for name, each in found.items()}, given.output)
        return OK
    for case in cases:
        console.say(f"{case.name}: {case.traffic.told()}", *(line for s in found[case.name] for line in s.told()))
        console.say(*unclassed(case.policy), *uncounted(case.thresholds))
        costs = expected(case.policy, case.traffic)
        console.say(*advice(costs, case.limit, answers_expected(case.policy, case.traffic)))
    return OK


def _checks(case: Case, runs: int) -> list[Simulated | SimulatedAnswers]:
    """Those that can be played, answers last."""
    counted = [simulated(case, cost, runs) for cost in expected(case.policy, case.traffic)]
    cost = answers_expected(case.policy, case.traffic)
    return [*counted, *([answers_simulated(case, cost, runs)] if cost is not None else [])]


def simulated(case: Case, found: Expected, runs: int) -> Simulated:
    """The rollouts of one check: each seed is another one, and the same on every machine."""
    good, bad = _scenarios(case, found)
    rolled_back = _verdicts(good, runs).count(Verdict.FAIL)
    return Simulated(found, runs, rolled_back, _verdicts(bad, runs).count(Verdict.PASS))


def _verdicts(scenario: Scenario, runs: int) -> list[Verdict]:
    outcomes: list[Outcome] = [play(scenario, seed) for seed in range(runs)]
    return [outcome.verdict for outcome in outcomes]


def _scenarios(case: Case, found: Expected) -> tuple[Scenario, Scenario]:
    """A good version over a whole rollout; one as bad as `detect` until its verdict.

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
