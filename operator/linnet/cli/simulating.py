"""`kubectl linnet simulate`: what a policy does at a rate of requests, by forecast and by the very code that judges."""

import argparse
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeVar

from linnet.cli import quantities
from linnet.cli.console import FORMATS, OK, Console, FailedError, UsageError
from linnet.cli.expecting import EVIDENCE_SECONDS, Expected, Traffic, advice, expected, uncounted
from linnet.cli.quantities import percent
from linnet.cli.simulation import INTERVAL, Outcome, Scenario
from linnet.cli.simulation import run as play
from linnet.cli.worlds import World
from linnet.core.checks import Check, Policy, Signal, Verdict
from linnet.core.interval import wilson
from linnet.core.thresholds import Threshold

if TYPE_CHECKING:
    from linnet.cli.judging import Judged

T = TypeVar("T")
RUNS: Final = 100
BAD: Final = 0.01
SHARE: Final = 0.1
LEAST_EACH_LOOK: Final = 5.0
"""Requests that a look has at least: where they come more slowly, several looks are one."""
MOST_REQUESTS: Final = 2_000_000
LENGTH_SECONDS: Final = 840.0
"""Steps and bake, if left out: 2m, 2m, 10m."""
DEFAULT: Final = Policy((Check("errors", Signal.ERRORS, max_ratio_to_stable=1.0),))


@dataclass(frozen=True)
class Case:
    """A policy at some traffic. `seconds`: the least that its rollout takes; `limit`: how long a step waits.

    `thresholds` are checks of named queries, which are told of and not simulated.
    """

    name: str
    policy: Policy
    traffic: Traffic
    stable_pods: int = 4
    canary_pods: int = 1
    seconds: float = LENGTH_SECONDS
    limit: float = EVIDENCE_SECONDS
    thresholds: tuple[Threshold, ...] = ()


@dataclass(frozen=True)
class Simulated:
    """Of `runs` rollouts each: good versions rolled back, and versions as bad as `detect` that passed."""

    expected: Expected
    runs: int
    false_rollbacks: int
    false_passes: int

    def told(self) -> list[str]:
        bad, where = percent(self.expected.cost.bad_rate), " for one value" if self.expected.slices else ""
        rolled_back, passed = (_proportion(hits, self.runs) for hits in (self.false_rollbacks, self.false_passes))
        return [
            self.expected.told(),
            f"  good versions rolled back{where} (stable against itself): {rolled_back}",
            f"  versions at {bad}{where} that passed: {passed}",
        ]

    def wire(self) -> dict[str, object]:
        counts = {"runs": self.runs, "falseRollbacks": self.false_rollbacks, "falsePasses": self.false_passes}
        return {**self.expected.wire(), **counts}


def _proportion(hits: int, of: int) -> str:
    low, high = wilson(hits, of)
    return f"{hits} of {of} ({percent(low)} to {percent(high)}, 95 % confidence)"


def add(commands: Any, cluster: argparse.ArgumentParser) -> None:
    about = "what a policy does at a rate of requests: time to a verdict, wrong verdicts; or a recorded decision again"
    parser = commands.add_parser("simulate", parents=[cluster], help=about, description=about)
    parser.add_argument("file", metavar="FILE", nargs="?", help="with a Deployment and its Model")
    traffic_flags(parser)
    again = "judge recorded decisions again: a ModelVersion's name, a file with it or with lines of the log, or -"
    parser.add_argument("--replay", metavar="RECORD", help=again)
    parser.add_argument("--share", type=_typed(quantities.share), help="the canary's; that of FILE, or 10%%")
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
    cases = _of_file(given) if given.file else [_default(given)]
    found = {case.name: [simulated(case, e, given.runs) for e in expected(case.policy, case.traffic)] for case in cases}
    if given.output:
        console.show({name: [s.wire() for s in each] for name, each in found.items()}, given.output)
        return OK
    for case in cases:
        each = found[case.name]
        console.say(f"{case.name}: {case.traffic.told()}", *(line for s in each for line in s.told()))
        console.say(*uncounted(case.thresholds))
        console.say(*advice([s.expected for s in each], case.limit))
    return OK


def _default(given: argparse.Namespace) -> Case:
    share = SHARE if given.share is None else given.share
    return Case("the default policy for errors", DEFAULT, Traffic(given.rate, share, given.bad))


def _of_file(given: argparse.Namespace) -> list[Case]:
    """The Deployments of a file. FailedError where there is none whose policy is known."""
    from linnet.cli import manifests

    manifests.needed()
    from linnet.cli.judging import judged

    found = judged(manifests.read([given.file]), manifests.catalogue(given.runtimes))
    known = [_case(j, given) for j in found if j.policy.checks and not j.unruled]
    if not known:
        unruled = [f"; {j.unruled}" for j in found if j.unruled][:1]
        needs = "it takes a Deployment (mld), its RolloutPolicy if it names one, and its Model or checks of its own"
        raise FailedError(f"{given.file}: {needs}{''.join(unruled)}")
    return known


def _case(judged: "Judged", given: argparse.Namespace) -> Case:
    share = judged.share if given.share is None else given.share
    return Case(
        judged.manifest.name,
        judged.policy.judged,
        Traffic(given.rate, share, given.bad),
        judged.replicas,
        judged.canaries,
        judged.time.total_seconds(),
        judged.policy.limits.evidence.total_seconds(),
        judged.policy.thresholds,
    )


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
    world = World(
        traffic.bad,
        traffic.bad,
        share=traffic.share,
        per_interval=max(LEAST_EACH_LOOK, found.rate * INTERVAL.total_seconds()),
        stable_pods=case.stable_pods,
        canary_pods=case.canary_pods,
    )
    whole = _bounded(max(case.seconds * found.rate, found.cost.until_pass / traffic.share))
    twice = _bounded(2 * max(found.cost.until_pass, found.cost.until_fail) / traffic.share)
    good = Scenario(
        "good",
        world,
        found.check,
        "rolled back",
        whole,
        alpha=policy.alpha_of(found.check) * len(found.check.bounds),
        detect_ratio=policy.detect_ratio,
        detect_power=policy.detect_power,
    )
    worse = world.with_rates(traffic.bad, found.cost.bad_rate)
    return good, replace(good, name="bad", world=worse, measure="passed", total=twice)


def _bounded(requests: float) -> int:
    return int(min(requests, MOST_REQUESTS))
