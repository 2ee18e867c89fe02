"""The inputs of `simulate`: the policies of a file, or the default one, at the traffic that is assumed."""

import argparse
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from linnet.cli.console import FailedError, UsageError
from linnet.cli.forecast.cost import EVIDENCE_SECONDS, Traffic
from linnet.core.analysis.checks import CountCheck, Policy, QueryCheck, Signal
from linnet.core.analysis.simulation.prediction_traffic import Shares
from linnet.core.analysis.simulation.rollout import INTERVAL

if TYPE_CHECKING:
    from linnet.cli.lint.policies import DeploymentPolicy

SHARE: Final = 0.1
LEAST_EACH_LOOK: Final = 5.0
MOST_LOOKS: Final = 1000
"""A look has the former many requests at least, a run the latter many looks at most: else several looks are one."""
LENGTH_SECONDS: Final = 840.0
"""The default steps and bake together, in seconds: 2m, 2m, 10m."""
DEFAULT: Final = Policy((CountCheck("errors", Signal.ERRORS, max_ratio_to_stable=1.0),))


@dataclass(frozen=True)
class SimulationInput:
    """A policy at some traffic. `seconds`: the least that its rollout takes; `limit`: how long a step waits.

    `thresholds` are checks of named queries, which are mentioned and not simulated. `classes`: stable's answers by
    class, where answers are compared.
    """

    name: str
    policy: Policy
    traffic: Traffic
    stable_pods: int = 4
    canary_pods: int = 1
    seconds: float = LENGTH_SECONDS
    limit: float = EVIDENCE_SECONDS
    thresholds: tuple[QueryCheck, ...] = ()
    classes: Shares = ()

    def each_look(self, total: float, rate: float) -> float:
        """The requests of a look in a run of `total`, at `rate` a second; fewer looks see no less, only later."""
        return max(LEAST_EACH_LOOK, rate * INTERVAL.total_seconds(), total / MOST_LOOKS)


def simulation_inputs(options: argparse.Namespace) -> list[SimulationInput]:
    """The inputs, one for each Deployment of the file, or the default. UsageError for classes that nobody counts."""
    cases = _of_file(options) if options.file else [_default(options)]
    if options.classes and not any(case.policy.resemblance for case in cases):
        raise UsageError("--classes is for checks of signal Predictions, and there is none")
    return cases


def _default(options: argparse.Namespace) -> SimulationInput:
    share = SHARE if options.share is None else options.share
    return SimulationInput("the default policy for errors", DEFAULT, Traffic(options.rate, share, options.bad))


def _of_file(options: argparse.Namespace) -> list[SimulationInput]:
    """The inputs from the Deployments of a file. FailedError where there is none whose policy is known."""
    from linnet.cli.lint import manifests

    manifests.needed("pydantic")
    from linnet.cli.lint.policies import deployment_policies

    found = deployment_policies(manifests.read([options.file]), manifests.catalogue(options.runtimes))
    known = [_input(j, options) for j in found if j.policy.checks and not j.policy_problem]
    if not known:
        why = [f"; {j.policy_problem}" for j in found if j.policy_problem][:1]
        needs = "it takes a Deployment (mld), its RolloutPolicy if it names one, and its Model or checks of its own"
        raise FailedError(f"{options.file}: {needs}{''.join(why)}")
    return known


def _input(found: "DeploymentPolicy", options: argparse.Namespace) -> SimulationInput:
    share = found.share if options.share is None else options.share
    policy, classes = _with_classes(found.manifest.name, found.policy.judged, options.classes)
    return SimulationInput(
        found.manifest.name,
        policy,
        Traffic(options.rate, share, options.bad),
        found.replicas,
        found.canaries,
        found.time.total_seconds(),
        found.policy.limits.evidence.total_seconds(),
        found.policy.thresholds,
        classes,
    )


def _with_classes(name: str, policy: Policy, shares: Shares | None) -> tuple[Policy, Shares]:
    """The policy with its classes, and their shares, even ones where none are given. UsageError if they don't fit."""
    check = policy.resemblance
    if check is None:
        return policy, ()
    if not shares:
        return policy, tuple(1 / len(check.classes) for _ in check.classes)
    if check.classes and len(shares) != len(check.classes):
        there = f"{name} counts answers by {len(check.classes)}: {', '.join(check.classes)}"
        raise UsageError(f"--classes has {len(shares)} shares, and {there}")
    names = check.classes or tuple(f"class {number}" for number in range(1, len(shares) + 1))
    return replace(policy, resemblance=replace(check, classes=names)), shares
