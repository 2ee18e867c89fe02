"""`kubectl linnet simulate`: what a policy does at a rate of requests, by forecast and by the very code that judges."""

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final, TypeVar

from linnet.cli.console import FORMATS, OK, Console, UsageError
from linnet.cli.forecast.cost import advice, forecast_checks, forecast_predictions, without_forecast
from linnet.cli.forecast.counts import CountsSimulation, simulate_counts
from linnet.cli.forecast.inputs import SimulationInput, simulation_inputs
from linnet.cli.forecast.predictions import PredictionsSimulation, simulate_predictions
from linnet.cli.views import units

T = TypeVar("T")
RUNS: Final = 100
BAD: Final = 0.01


def add(commands: Any, cluster: argparse.ArgumentParser) -> None:
    about = "what a policy does at a rate of requests: time to a verdict, wrong verdicts; or a recorded decision again"
    parser = commands.add_parser("simulate", parents=[cluster], help=about, description=about)
    parser.add_argument("file", metavar="FILE", nargs="?", help="with a Deployment and its Model")
    traffic_options(parser)
    again = "judge recorded decisions again: a ModelVersion's name, a file with it or with lines of the log, or -"
    parser.add_argument("--replay", metavar="RECORD", help=again)
    parser.add_argument("--share", type=option_type(units.share), help="the canary's; that of FILE, or 10%%")
    classes = "stable's answers by class, such as 0.7,0.3, for a check of signal Predictions; as many each if left out"
    parser.add_argument("--classes", type=option_type(units.shares), metavar="SHARES", help=classes)
    parser.add_argument("--runs", type=int, default=RUNS, help=f"rollouts of good and of bad versions; default {RUNS}")
    parser.add_argument("--runtimes", type=Path, metavar="DIR", help="the platform's own runtimes, one YAML file each")
    parser.add_argument("-o", "--output", choices=FORMATS, help="the figures, for programs")
    parser.set_defaults(run=run)


def traffic_options(parser: argparse.ArgumentParser) -> None:
    """Adds the options for the traffic that is assumed."""
    rate = "requests to the Deployment in all, such as 10/s, 1/m, 500/h or 2000/d"
    parser.add_argument("--rate", type=option_type(units.rate), help=rate)
    bad = "stable's share of bad answers (errors, slow ones), such as 0.1%%; 1%% if left out"
    parser.add_argument("--bad", type=option_type(units.share), default=BAD, metavar="SHARE", help=bad)


def option_type(parse: Callable[[str], T]) -> Callable[[str], T]:
    """Has argparse show a ValueError's own words."""

    def read(text: str) -> T:
        try:
            return parse(text)
        except ValueError as error:
            raise argparse.ArgumentTypeError(str(error)) from None

    return read


def run(options: argparse.Namespace, console: Console) -> int:
    if options.replay:
        from linnet.cli.commands import replay

        return replay.run(options.replay, options.output, console)
    if options.rate is None:
        raise UsageError("simulate needs --rate, such as --rate 10/s, or --replay with a ModelVersion's name")
    return _simulate(options, console)


def _simulate(options: argparse.Namespace, console: Console) -> int:
    cases = simulation_inputs(options)
    found = {case.name: _simulations(case, options.runs) for case in cases}
    if options.output:
        console.show({name: [s.wire() for s in each] for name, each in found.items()}, options.output)
        return OK
    for case in cases:
        console.say(f"{case.name}: {case.traffic.sentence()}", *(line for s in found[case.name] for line in s.lines()))
        console.say(*without_forecast(case.policy, case.thresholds))
        costs = forecast_checks(case.policy, case.traffic)
        console.say(*advice(costs, case.limit, forecast_predictions(case.policy, case.traffic)))
    return OK


def _simulations(case: SimulationInput, runs: int) -> list[CountsSimulation | PredictionsSimulation]:
    """Simulates the checks that can be played, the one of predictions last."""
    counted = [simulate_counts(case, cost, runs) for cost in forecast_checks(case.policy, case.traffic)]
    cost = forecast_predictions(case.policy, case.traffic)
    return [*counted, *([simulate_predictions(case, cost, runs)] if cost is not None else [])]
