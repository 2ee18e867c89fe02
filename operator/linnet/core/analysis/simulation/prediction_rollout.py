"""A rollout of answers is simulated: `prediction_traffic`, judged at every look by the code that judges."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from linnet.core.analysis.checks import Policy, PredictionCheck, Track
from linnet.core.analysis.predictions.evidence import PredictionEvidence, start
from linnet.core.analysis.predictions.judge import judge
from linnet.core.analysis.simulation.prediction_traffic import SyntheticAnswers, intervals
from linnet.core.analysis.simulation.rollout import INTERVAL, SEGMENT, START
from linnet.core.analysis.statistics.divergence import needed
from linnet.core.analysis.verdict import Look, Verdict


@dataclass(frozen=True)
class Trial:
    """A check of a policy at some traffic. It ends at Fail, or with the traffic.

    With `passes` the first Pass is looked for, and with `to_pass` it ends there, too.
    """

    traffic: SyntheticAnswers
    check: PredictionCheck
    policy: Policy
    to_pass: bool = False
    passes: bool = False


@dataclass(frozen=True)
class Outcome:
    """How one run ended, after how many canary answers; `refuted`: whether equality ever was.

    `passed_at`: canary answers at the first Pass, None if there was none or nobody looked.
    """

    verdict: Verdict
    canary_n: int
    refuted: bool
    passed_at: int | None = None


def run(trial: Trial, seed: int) -> Outcome:
    """Play one rollout from its first answer to its verdict, or to the end of its traffic.

    For lack of time a look is judged only if it can end in a verdict: a dispersion above 1 takes evidence and answers
    away, and more classes take more answers, so that what does not suffice without them never does.
    """
    rejects, least = -math.log(trial.policy.alpha_each), _least(trial)
    refuted, canary_n, passed_at = False, 0, None
    for known, canary_n, now in _looks(trial, seed):
        if known.answers.log_evidence < rejects and (canary_n < least or passed_at):
            continue
        found = judge(trial.policy, trial.check, known, Look(now - START, timedelta(0), now))
        refuted = refuted or found.statistic >= found.bound
        if found.verdict is Verdict.PASS:
            passed_at = passed_at or canary_n
        if found.verdict is Verdict.FAIL or (trial.to_pass and passed_at):
            return Outcome(found.verdict, canary_n, refuted, passed_at)
    return Outcome(Verdict.INSUFFICIENT_DATA, canary_n, refuted, passed_at)


def _least(trial: Trial) -> float:
    """Return how many canary answers a look needs before it can pass."""
    if not (trial.to_pass or trial.passes):
        return math.inf
    rejects, power = -math.log(trial.policy.alpha_each), trial.policy.detect_power
    return needed(trial.check.max_divergence, 2, odds=0, dispersion=1, rejects=rejects, power=power)


def _looks(trial: Trial, seed: int) -> Iterator[tuple[PredictionEvidence, int, datetime]]:
    """What is known after each interval, and the canary's answers so far."""
    known, canary_n, now = start(trial.check.classes), 0, START
    for cells in intervals(trial.traffic, seed):
        now += INTERVAL
        answers = known.answers.plus(SEGMENT, cells, INTERVAL.total_seconds())
        answers = replace(answers, read_at=dict.fromkeys(Track, now.timestamp()))
        known = replace(known.with_answers(answers), present=frozenset(Track))
        canary_n += sum(sum(counts) for _, track, counts in cells if track is Track.CANARY)
        yield known, canary_n, now
