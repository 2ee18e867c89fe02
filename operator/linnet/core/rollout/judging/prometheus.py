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
from linnet.core.analysis.verdict import Judgement, Look
from linnet.core.rollout.context import UnderWay


def due(under_way: UnderWay, known: Measurements) -> tuple[Question, ...]:
    """What is to be asked now: nothing about a canary that nobody has asked anything."""
    if known.answered is False:
        return ()
    return tuple(
        question
        for check in under_way.rules.thresholds
        if (question := _question(under_way, check)) and _since(under_way, known, check) >= 0.9 * _pace(under_way)
    )


def _question(under_way: UnderWay, check: QueryCheck) -> Question | None:
    server, rollout = under_way.context.observed.platform.prometheus, under_way.rollout
    if server is None or rollout.from_ is None or check.query not in server.queries:
        return None
    deployment = under_way.context.observed.deployment
    names = {
        "namespace": deployment.namespace,
        "name": deployment.name,
        "revision": rollout.to.name,
        "stable": rollout.from_.name,
    }
    text = query_template.filled(
        server.queries[check.query], names, query_template.window(under_way.rules.interval, server.scrape_interval)
    )
    return Question(deployment.uid, check.name, check.query, text)


def _since(under_way: UnderWay, known: Measurements, check: QueryCheck) -> timedelta:
    asked_at = known.checks.get(check.name, Measurement()).asked_at
    passed = None if asked_at is None else under_way.context.now.timestamp() - asked_at
    return timedelta.max if passed is None or passed < 0 else timedelta(seconds=passed)


def _pace(under_way: UnderWay) -> timedelta:
    """An answer in succession must be a new one: the server has none more often than it scrapes."""
    server = under_way.context.observed.platform.prometheus
    return max(under_way.rules.interval, server.scrape_interval if server else timedelta(0))


def _stale_after(under_way: UnderWay) -> float:
    return max(under_way.rules.judged.stale_after_seconds, 3 * _pace(under_way).total_seconds())


def updated(under_way: UnderWay, known: Measurements, canaries: Iterable[PodCounters]) -> Measurements:
    """What is known one look later; `canaries` are the canary pods' counters of this look."""
    context, checks = under_way.context, {c.name: c for c in under_way.rules.thresholds}
    found = dict(known.checks)
    for question, answer in context.observed.answers.items():
        if (check := checks.get(question.check)) is not None:
            before = found.get(check.name, Measurement())
            now, stale = context.now.timestamp(), _stale_after(under_way)
            found[check.name] = evidence.updated(check, before, question, answer, now, stale)
    counts = [c.requests for c in canaries if c.requests is not None]
    answered = True if known.answered or any(n > 0 for n in counts) else (False if counts else known.answered)
    return Measurements(found, answered)


def judge_all(under_way: UnderWay, known: Measurements, look: Look) -> tuple[Judgement, ...]:
    """One judgement for each check of signal Prometheus."""
    server = under_way.context.observed.platform.prometheus
    context = prometheus.Context(
        queries=tuple(sorted(server.queries)) if server else (),
        answered=known.answered,
        look=look,
        stale_after=_stale_after(under_way),
    )
    return tuple(
        prometheus.judge(c, known.checks.get(c.name, Measurement()), context) for c in under_way.rules.thresholds
    )
