"""What `simulate` plays: the policies of a file, or the default one, at the traffic that is assumed."""

import argparse
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from linnet.cli.console import FailedError, UsageError
from linnet.cli.forecast.cost import EVIDENCE_SECONDS, Traffic
from linnet.core.analysis.checks import CountCheck, Policy, QueryCheck, Signal
from linnet.core.analysis.simulation.prediction_traffic import Shares
from linnet.core.analysis.simulation.rollout import INTERVAL

if TYPE_CHECKING:
    from linnet.cli.lint.policies import Judged


SHARE: Final = 0.1
LEAST_EACH_LOOK: Final = 5.0
MOST_LOOKS: Final = 1000
"""Requests that a look has at least, and looks that a run has at most: where it takes more, several looks are one."""
LENGTH_SECONDS: Final = 840.0
"""Steps and bake, if left out: 2m, 2m, 10m."""
DEFAULT: Final = Policy((CountCheck("errors", Signal.ERRORS, max_ratio_to_stable=1.0),))


@dataclass(frozen=True)
class Case:
    """A policy at some traffic. `seconds`: the least that its rollout takes; `limit`: how long a step waits.

    `thresholds` are checks of named queries, which are told of and not simulated. `classes`: stable's answers by
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
        """Requests that one look has in a run of so many, at `rate`; fewer looks see no less, only a little later."""
        return max(LEAST_EACH_LOOK, rate * INTERVAL.total_seconds(), total / MOST_LOOKS)


def wanted(given: argparse.Namespace) -> list[Case]:
    """One for each Deployment of the file, or the default policy. UsageError for classes that nobody counts."""
    cases = _of_file(given) if given.file else [_default(given)]
    if given.classes and not any(case.policy.resemblance for case in cases):
        raise UsageError("--classes is for checks of signal Predictions, and there is none")
    return cases


def _default(given: argparse.Namespace) -> Case:
    share = SHARE if given.share is None else given.share
    return Case("the default policy for errors", DEFAULT, Traffic(given.rate, share, given.bad))


def _of_file(given: argparse.Namespace) -> list[Case]:
    """The Deployments of a file. FailedError where there is none whose policy is known."""
    from linnet.cli.lint import manifests

    manifests.needed("pydantic")
    from linnet.cli.lint.policies import judged

    found = judged(manifests.read([given.file]), manifests.catalogue(given.runtimes))
    known = [_case(j, given) for j in found if j.policy.checks and not j.unruled]
    if not known:
        unruled = [f"; {j.unruled}" for j in found if j.unruled][:1]
        needs = "it takes a Deployment (mld), its RolloutPolicy if it names one, and its Model or checks of its own"
        raise FailedError(f"{given.file}: {needs}{''.join(unruled)}")
    return known


def _case(judged: "Judged", given: argparse.Namespace) -> Case:
    share = judged.share if given.share is None else given.share
    policy, classes = _classed(judged.manifest.name, judged.policy.judged, given.classes)
    return Case(
        judged.manifest.name,
        policy,
        Traffic(given.rate, share, given.bad),
        judged.replicas,
        judged.canaries,
        judged.time.total_seconds(),
        judged.policy.limits.evidence.total_seconds(),
        judged.policy.thresholds,
        classes,
    )


def _classed(name: str, policy: Policy, given: Shares | None) -> tuple[Policy, Shares]:
    """Its classes with their shares: even ones, where nothing is said. UsageError where they don't fit."""
    check = policy.resemblance
    if check is None:
        return policy, ()
    if not given:
        return policy, tuple(1 / len(check.classes) for _ in check.classes)
    if check.classes and len(given) != len(check.classes):
        there = f"{name} counts answers by {len(check.classes)}: {', '.join(check.classes)}"
        raise UsageError(f"--classes has {len(given)} shares, and {there}")
    names = check.classes or tuple(f"class {number}" for number in range(1, len(given) + 1))
    return replace(policy, resemblance=replace(check, classes=names)), given
