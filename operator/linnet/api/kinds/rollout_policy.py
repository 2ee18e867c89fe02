"""`RolloutPolicy` (short name rop): how versions are brought to traffic, written once for many Deployments.

It holds the blocks that a Deployment may hold itself, by the same types: what can be said in the one place can be said
in the other.
"""

from typing import Final

from linnet.api.parts.analysis import Analysis
from linnet.api.parts.base import Duration, Rule, Wire, rules
from linnet.api.parts.strategy import Strategy

CHECKS_ARE_KNOWN: Final[Rule] = (
    "!has(self.strategy) || !has(self.strategy.canary) || !has(self.strategy.canary.steps) || "
    "!has(self.analysis) || !has(self.analysis.checks) || "
    "self.strategy.canary.steps.all(s, !has(s.analyze) || !has(s.analyze.checks) || "
    "s.analyze.checks.all(n, self.analysis.checks.exists(c, c.name == n) || (n in ['errors', 'latency'] && "
    "(!has(self.analysis.defaultChecks) || self.analysis.defaultChecks))))",
    "analyze.checks names checks of analysis.checks: one of its names is no check's",
    ".strategy.canary.steps",
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

    model_config = {"json_schema_extra": rules(CHECKS_ARE_KNOWN)}

    strategy: Strategy | None = None
    """How a new version takes over; a canary if left out."""
    analysis: Analysis | None = None
    """How a new version is judged; errors and latency against stable if left out."""
    deadlines: Deadlines | None = None
    """How long fetching, starting, judging and hooks may take; each one's default if left out."""
