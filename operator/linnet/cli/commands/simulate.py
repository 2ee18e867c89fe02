"""`kubectl linnet simulate`: what a policy does at a rate of requests, by forecast and by the very code that judges."""

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final, TypeVar

from linnet.cli.console import FORMATS, OK, Console, UsageError
from linnet.cli.forecast.cases import Case, wanted
from linnet.cli.forecast.cost import advice, answers_expected, expected, unclassed, uncounted
from linnet.cli.forecast.counts import Simulated, simulated
from linnet.cli.forecast.predictions import SimulatedAnswers, answers_simulated
from linnet.cli.views import units

T = TypeVar("T")
RUNS: Final = 100
BAD: Final = 0.01


def add(commands: Any, cluster: argparse.ArgumentParser) -> None:
    about = "what a policy does at a rate of requests: time to a verdict, wrong verdicts; or a recorded decision again"
    parser = commands.add_parser("simulate", parents=[cluster], help=about, description=about)
    parser.add_argument("file", metavar="FILE", nargs="?", help="with a Deployment and its Model")
    traffic_flags(parser)
    again = "judge recorded decisions again: a ModelVersion's name, a file with it or with lines of the log, or -"
    parser.add_argument("--replay", metavar="RECORD", help=again)
    parser.add_argument("--share", type=typed(units.share), help="the canary's; that of FILE, or 10%%")
    classes = "stable's answers by class, such as 0.7,0.3, for a check of signal Predictions; as many each if left out"
    parser.add_argument("--classes", type=typed(units.shares), metavar="SHARES", help=classes)
    parser.add_argument("--runs", type=int, default=RUNS, help=f"rollouts of good and of bad versions; default {RUNS}")
    parser.add_argument("--runtimes", type=Path, metavar="DIR", help="the platform's own runtimes, one YAML file each")
    parser.add_argument("-o", "--output", choices=FORMATS, help="the figures, for programs")
    parser.set_defaults(run=run)


def traffic_flags(parser: argparse.ArgumentParser) -> None:
    """The traffic that is assumed."""
    rate = "requests to the Deployment in all, such as 10/s, 1/m, 500/h or 2000/d"
    parser.add_argument("--rate", type=typed(units.rate), help=rate)
    bad = "stable's share of bad answers (errors, slow ones), such as 0.1%%; 1%% if left out"
    parser.add_argument("--bad", type=typed(units.share), default=BAD, metavar="SHARE", help=bad)


def typed(parse: Callable[[str], T]) -> Callable[[str], T]:
    """A ValueError's own words as argparse shows them."""

    def read(text: str) -> T:
        try:
            return parse(text)
        except ValueError as error:
            raise argparse.ArgumentTypeError(str(error)) from None

    return read


def run(given: argparse.Namespace, console: Console) -> int:
    if given.replay:
        from linnet.cli.commands import replay

        return replay.run(given.replay, given.output, console)
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
