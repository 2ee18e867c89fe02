"""The canary's pods fail if they die, never become ready, or answer nothing, while stable's do well.

What is seen of them is gathered in `rollout/judging/pod_health`; here is what follows from it, now or from a record.
"""

from __future__ import annotations

from typing import Final

from linnet.core.analysis.pod_health.basis import PodBasis
from linnet.core.analysis.pod_health.silence import LEAST, Stall
from linnet.core.analysis.verdict import Finding, Judgement, Rule, Verdict, first

NAME: Final = "pod-health"
MAX_RESTARTS: Final = 2
"""So many restarts of the canary's servers fail it; one may be bad luck. Killed for memory fails at once."""
UNANSWERED: Final = "Unanswered"
SILENT_SECONDS: Final = 30.0
"""A silence lasts at least as long: clients mostly wait so long, and a pause for a lock or a collection is shorter."""
SILENT_INTERVALS: Final = 6
"""A silence lasts at least so many intervals: where the metrics are read once a minute, 30 s are less than a look."""
SILENT_LOOKS: Final = 3
"""A silence lasts so many looks, fewer than intervals where the operator was away: a single one may be luck."""
STABLE_ANSWERS: Final = 20
"""So many answers of stable in that time tell how long one takes, within about a quarter."""
SURPRISE: Final = 9.0
"""A canary like stable is so silent in at most one of 8,000 such cases, exp(-9): a rollout may see a hundred."""


def decide(basis: PodBasis) -> Judgement:
    """The verdict from what it stands on, now or from a record; the first rule that has a finding decides."""
    found = first(RULES, basis)
    return Judgement(NAME, found.verdict, found.reason, found.message.strip(), basis=basis)


def died(basis: PodBasis) -> Finding | None:
    """Fail if servers were killed for memory or restarted too often; if stable's restarted too, it is the node."""
    if basis.stable_restarted or not (basis.killed or basis.restarts >= MAX_RESTARTS):
        return None
    what = f"{basis.victim} was killed for memory" if basis.killed else f"its servers restarted {basis.restarts} times"
    reason = "OOMKilled" if basis.killed else "Restarts"
    text = f"the canary's pods are not sound: {what}, stable's were not. {basis.last_words}"
    return Finding(Verdict.FAIL, reason, text)


def unanswered(basis: PodBasis) -> Finding | None:
    """Fail for a canary that answers nothing while stable does; None where that is not sure."""
    stall = basis.stall or Stall()
    long = stall.lasted >= max(SILENT_SECONDS, SILENT_INTERVALS * basis.interval)
    seen = stall.waiting >= LEAST and stall.looks >= SILENT_LOOKS and stall.stable_answers >= STABLE_ANSWERS
    if not (long and seen) or stall.surprise(basis.interval) < SURPRISE:
        return None
    text = (
        f"the canary has answered none of at least {stall.waiting} requests, the first of which wait for "
        f"{stall.lasted:.0f} s, while stable answered {stall.stable_answers:.0f}"
    )
    return Finding(Verdict.FAIL, UNANSWERED, text)


def late(basis: PodBasis) -> Finding | None:
    """Fail for pods that are not ready in time; None while there is time."""
    if basis.waited is None or basis.ready >= basis.wanted or basis.waited <= basis.limit:
        return None
    within = f"within deadlines.{basis.deadline} ({basis.limit:g}s)"
    text = f"{basis.ready} of {basis.wanted} pods became ready {within}: {basis.trouble or 'no reason is known'}"
    return Finding(Verdict.FAIL, "NotReady", text)


def sound(_: PodBasis) -> Finding:
    """Pods have no third state: what they lack in readiness a deadline ends."""
    return Finding(Verdict.PASS, "Sound", "the pods are sound")


RULES: Final[tuple[Rule[PodBasis], ...]] = (died, unanswered, late, sound)
