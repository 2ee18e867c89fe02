"""Whether the canary's pods are sound: they die, never become ready, or answer nothing, while stable's do well.

What is seen of them is gathered by `podhealth`; here is what follows from it, now or from a record.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from linnet.core.analysis.pod_health.record import Pods
from linnet.core.analysis.pod_health.silence import LEAST
from linnet.core.analysis.verdict import Judgement, Verdict

NAME: Final = "pod-health"
MAX_RESTARTS: Final = 2
"""So many restarts of the canary's servers fail it; one may be bad luck. Killed for memory fails at once."""
UNANSWERED: Final = "Unanswered"
SILENT_SECONDS: Final = 30.0
"""A silence lasts at least as long: clients mostly wait so long, and a pause for a lock or a collection is shorter."""
SILENT_INTERVALS: Final = 6
"""And at least so many intervals: where the metrics are read once a minute, 30 s are less than a look."""
SILENT_LOOKS: Final = 3
"""And at least so many looks, fewer than intervals where the operator was away: a single one may have been lucky."""
STABLE_ANSWERS: Final = 20
"""So many answers of stable in that time tell how long one takes, within about a quarter."""
SURPRISE: Final = 9.0
"""A canary like stable is so silent in at most one of 8,000 such cases, exp(-9): a rollout may see a hundred."""

Said = tuple[Verdict, str, str]
"""Verdict, reason, message."""


def weighed(case: Pods) -> Judgement:
    """The verdict from what it stands on; the rules are asked in order, the first that answers decides."""
    verdict, reason, message = next(said for rule in RULES if (said := rule(case)) is not None)
    return Judgement(NAME, verdict, reason, message.strip(), basis=case)


def died(case: Pods) -> Said | None:
    """Fail if servers were killed for memory or restarted too often; if stable's restarted too, it is the node."""
    if case.stable_restarted or not (case.killed or case.restarts >= MAX_RESTARTS):
        return None
    what = f"{case.victim} was killed for memory" if case.killed else f"its servers restarted {case.restarts} times"
    reason = "OOMKilled" if case.killed else "Restarts"
    text = f"the canary's pods are not sound: {what}, stable's were not. {case.last_words}"
    return Verdict.FAIL, reason, text


def unanswered(case: Pods) -> Said | None:
    """Fail for a canary that answers nothing while stable does; None where that is not sure."""
    silence = case.silence
    long = silence.lasted >= max(SILENT_SECONDS, SILENT_INTERVALS * case.interval)
    seen = silence.waiting >= LEAST and silence.looks >= SILENT_LOOKS and silence.stable_n >= STABLE_ANSWERS
    if not (long and seen) or silence.surprise(case.interval) < SURPRISE:
        return None
    text = (
        f"the canary has answered none of at least {silence.waiting} requests, the first of which wait for "
        f"{silence.lasted:.0f} s, while stable answered {silence.stable_n:.0f}"
    )
    return Verdict.FAIL, UNANSWERED, text


def late(case: Pods) -> Said | None:
    """Fail for pods that are not ready in time; None while there is time."""
    if case.waited is None or case.ready >= case.wanted or case.waited <= case.limit:
        return None
    within = f"within deadlines.{case.deadline} ({case.limit:g}s)"
    text = f"{case.ready} of {case.wanted} pods became ready {within}: {case.trouble or 'no reason is known'}"
    return Verdict.FAIL, "NotReady", text


def sound(_: Pods) -> Said:
    """Pods have no third state: what they lack in readiness a deadline ends."""
    return Verdict.PASS, "Sound", "the pods are sound"


RULES: Final[tuple[Callable[[Pods], Said | None], ...]] = (died, unanswered, late, sound)
