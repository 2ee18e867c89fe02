"""`RolloutPolicy` (short name rop): how versions are brought to traffic, written once for many Deployments.

It holds the blocks that a Deployment may hold itself, by the same types: what can be said in the one place can be said
in the other.
"""

from typing import Final

from linnet.api.parts.analysis import MOST_CHECKS, Analysis
from linnet.api.parts.base import Duration, Rule, Wire, rules
from linnet.api.parts.strategy import HAS_NO_STEPS, STEPS, Strategy, first_step, no_step

_BY_DEFAULT: Final = "(!has(self.analysis) || !has(self.analysis.defaultChecks) || self.analysis.defaultChecks)"
_WRITTEN: Final = "has(self.analysis) && has(self.analysis.checks)"
_UNKNOWN: Final = (
    f"!({_WRITTEN} && self.analysis.checks.exists(c, c.name == n)) && !(n in ['errors', 'latency'] && {_BY_DEFAULT})"
)
_NAMES_NONE: Final = f"has({{s}}.analyze) && has({{s}}.analyze.checks) && {{s}}.analyze.checks.exists(n, {_UNKNOWN})"
_NAMES: Final = " + ".join(
    f"({_WRITTEN} && self.analysis.checks.size() > {at} ? self.analysis.checks[{at}].name + ', ' : '')"
    for at in range(MOST_CHECKS)
)
"""One by one: what a list is when it is joined has no bound that the API server knows."""
_NO_CHECK: Final = (
    f"'.analyze.checks: no check is named ' + {{s}}.analyze.checks.filter(n, {_UNKNOWN})[0] + ': there are ' + {_NAMES}"
    f" + ({_BY_DEFAULT} ? 'by default errors and latency' : 'and no others')"
)


def checks_are_known(judged_by_itself: str) -> Rule:
    """The rule that steps wait for checks that there are, where the analysis of this very object counts."""
    return (
        f"{HAS_NO_STEPS} || !({judged_by_itself}) || {no_step(_NAMES_NONE)}",
        "analyze.checks names checks of analysis.checks or the default ones: one of its names is no check's",
        STEPS.removeprefix("self"),
        first_step(_NAMES_NONE, _NO_CHECK),
    )


class Deadlines(Wire):
    """How long fetching, starting, judging and hooks may take."""

    fetch: Duration | None = None
    """How long bringing the artifact into a pod may take, its validation's too; 1h if left out."""
    ready: Duration | None = None
    """How long a pod may take from its creation until it is ready, and the server of a validation; 10m if left out."""
    evidence: Duration | None = None
    """How long a step may wait for a verdict; 1h if left out."""
    hook: Duration | None = None
    """How long a hook may leave a rollout waiting until Ready says so as False; 1h if left out. It goes on waiting."""


class RolloutPolicySpec(Wire):
    """The blocks of a Deployment that many have in common. A block that a Deployment writes itself counts there."""

    model_config = {"json_schema_extra": rules(checks_are_known("has(self.analysis)"))}

    strategy: Strategy | None = None
    """How a new version takes over; a canary if left out."""
    analysis: Analysis | None = None
    """How a new version is judged; errors and latency against stable if left out."""
    deadlines: Deadlines | None = None
    """How long fetching, starting, judging and hooks may take; each one's default if left out."""
