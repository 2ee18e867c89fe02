"""What the platform's Prometheus is asked about the canary under way, and what it has said so far.

The answers lie in the evidence beside the counts: a restarted operator goes on with the same row of breaches.
"""

from collections.abc import Iterable
from datetime import timedelta

from linnet.core.analysis.checks import QueryCheck
from linnet.core.analysis.metrics.counters import PodCounters
from linnet.core.analysis.prometheus import evidence, query_template
from linnet.core.analysis.prometheus import judge as prometheus
from linnet.core.analysis.prometheus.evidence import Measurement, Measurements
from linnet.core.analysis.prometheus.query_template import Question
from linnet.core.analysis.verdict import Judgement
from linnet.core.policy.rules import Rules
from linnet.core.rollout.context import World


def due(world: World, policy: Rules, known: Measurements) -> tuple[Question, ...]:
    """What is to be asked now: nothing about a canary that nobody has asked anything."""
    if known.answered is False:
        return ()
    return tuple(
        question
        for check in policy.thresholds
        if (question := _question(world, policy, check)) and _since(world, known, check) >= 0.9 * _pace(world, policy)
    )


def _question(world: World, policy: Rules, check: QueryCheck) -> Question | None:
    server, rollout = world.observed.platform.prometheus, world.status.rollout
    if server is None or rollout is None or rollout.from_ is None or check.query not in server.queries:
        return None
    deployment = world.observed.deployment
    names = {
        "namespace": deployment.namespace,
        "name": deployment.name,
        "revision": rollout.to.name,
        "stable": rollout.from_.name,
    }
    text = query_template.filled(
        server.queries[check.query], names, query_template.window(policy.interval, server.scrape_interval)
    )
    return Question(deployment.uid, check.name, check.query, text)


def _since(world: World, known: Measurements, check: QueryCheck) -> timedelta:
    asked_at = known.checks.get(check.name, Measurement()).asked_at
    return timedelta.max if asked_at is None else timedelta(seconds=world.now.timestamp() - asked_at)


def _pace(world: World, policy: Rules) -> timedelta:
    """An answer in succession must be a new one: the server has none more often than it scrapes."""
    server = world.observed.platform.prometheus
    return max(policy.interval, server.scrape_interval if server else timedelta(0))


def _stale_after(world: World, policy: Rules) -> float:
    return max(policy.judged.stale_after_seconds, 3 * _pace(world, policy).total_seconds())


def updated(world: World, policy: Rules, known: Measurements, canaries: Iterable[PodCounters]) -> Measurements:
    """What is known one look later; `canaries` are the canary pods' counters of this look."""
    checks = {c.name: c for c in policy.thresholds}
    found = dict(known.checks)
    for question, answer in world.observed.answers.items():
        if (check := checks.get(question.check)) is not None:
            before = found.get(check.name, Measurement())
            now, stale = world.now.timestamp(), _stale_after(world, policy)
            found[check.name] = evidence.updated(check, before, question, answer, now, stale)
    counts = [c.requests for c in canaries if c.requests is not None]
    answered = True if known.answered or any(n > 0 for n in counts) else (False if counts else known.answered)
    return Measurements(found, answered)


def judge_all(
    world: World, policy: Rules, known: Measurements, *, elapsed: timedelta, required: timedelta
) -> tuple[Judgement, ...]:
    """One judgement for each check of signal Prometheus."""
    server = world.observed.platform.prometheus
    context = prometheus.Context(
        queries=tuple(sorted(server.queries)) if server else (),
        answered=known.answered,
        elapsed=elapsed,
        required=required,
        stale_after=_stale_after(world, policy),
        now=world.now.timestamp(),
    )
    return tuple(prometheus.judge(c, known.checks.get(c.name, Measurement()), context) for c in policy.thresholds)
