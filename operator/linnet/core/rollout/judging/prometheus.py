"""What the platform's Prometheus is asked about the canary under way, and what it has said so far.

The answers lie in the evidence beside the counts: a restarted operator goes on with the same row of breaches.
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from datetime import timedelta
from typing import Final

from linnet.core.analysis.look import Look
from linnet.core.analysis.metrics.counters import PodCounters
from linnet.core.analysis.prometheus import judge as prometheus
from linnet.core.analysis.prometheus import query_template
from linnet.core.analysis.prometheus.judge import Measured, Threshold
from linnet.core.analysis.prometheus.query_template import Question
from linnet.core.analysis.verdict import Judgement
from linnet.core.rollout.context import UnderWay

KEY: Final = "thresholds"


@dataclass(frozen=True)
class Heard:
    """All checks of signal Prometheus of one rollout. `answered`: the canary has had a request; None = not knowable."""

    checks: Mapping[str, Measured] = field(default_factory=dict)
    answered: bool | None = None


def remembered(under_way: UnderWay) -> Heard:
    """What Prometheus has said of this rollout so far; nothing, if it can't be read."""
    data = under_way.stored_evidence.get(KEY)
    try:
        stored = json.loads(data) if data else {}
        return Heard({n: Measured(**m) for n, m in stored.get("checks", {}).items()}, stored.get("answered"))
    except (ValueError, TypeError, AttributeError):
        return Heard()


def stored(heard: Heard) -> str:
    kept = {"checks": {name: asdict(m) for name, m in heard.checks.items()}, "answered": heard.answered}
    return json.dumps(kept, separators=(",", ":"), sort_keys=True)


def due(under_way: UnderWay) -> tuple[Question, ...]:
    """What is to be asked now: nothing about a canary that nobody has asked anything."""
    known = remembered(under_way)
    if known.answered is False:
        return ()
    return tuple(
        question
        for check in under_way.rules.thresholds
        if (question := _question(under_way, check)) and _since(under_way, known, check) >= 0.9 * _pace(under_way)
    )


def _question(under_way: UnderWay, check: Threshold) -> Question | None:
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


def _since(under_way: UnderWay, known: Heard, check: Threshold) -> timedelta:
    asked_at = known.checks.get(check.name, Measured()).asked_at
    return timedelta.max if asked_at is None else timedelta(seconds=under_way.context.now.timestamp() - asked_at)


def _pace(under_way: UnderWay) -> timedelta:
    """An answer in succession must be a new one: the server has none more often than it scrapes."""
    server = under_way.context.observed.platform.prometheus
    return max(under_way.rules.interval, server.scrape_interval if server else timedelta(0))


def _stale_after(under_way: UnderWay) -> float:
    return max(under_way.rules.judged.stale_after_seconds, 3 * _pace(under_way).total_seconds())


def heard(under_way: UnderWay, canaries: Iterable[PodCounters]) -> Heard:
    """What is known after this look's answers; `canaries` are the canary pods' counters of this look."""
    context, known = under_way.context, remembered(under_way)
    checks = {c.name: c for c in under_way.rules.thresholds}
    found = dict(known.checks)
    for question, answer in context.observed.answers.items():
        if (check := checks.get(question.check)) is not None:
            before = found.get(check.name, Measured())
            now, stale = context.now.timestamp(), _stale_after(under_way)
            found[check.name] = prometheus.heard(check, before, question, answer, now, stale)
    counts = [c.requests for c in canaries if c.requests is not None]
    answered = True if known.answered or any(n > 0 for n in counts) else (False if counts else known.answered)
    return Heard(found, answered)


def judge_all(under_way: UnderWay, known: Heard, look: Look) -> tuple[Judgement, ...]:
    """One judgement for each check of signal Prometheus."""
    server = under_way.context.observed.platform.prometheus
    setting = prometheus.Setting(
        known=tuple(sorted(server.queries)) if server else (),
        answered=known.answered,
        look=look,
        stale_after=_stale_after(under_way),
    )
    return tuple(prometheus.judge(c, known.checks.get(c.name, Measured()), setting) for c in under_way.rules.thresholds)
