"""One look at the canary: fold what the pods said into the evidence, and judge every check on it."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final

from linnet.api.kinds.deployment import Phase
from linnet.api.labels import REVISION
from linnet.api.parts.conditions import parse_time, timestamp
from linnet.api.parts.runtime import Predictions
from linnet.core.analysis.checks import Signal, Track, family
from linnet.core.analysis.counts import evidence, storage
from linnet.core.analysis.counts import judge as counts
from linnet.core.analysis.counts.evidence import Evidence
from linnet.core.analysis.look import Look
from linnet.core.analysis.metrics.counters import PodCounters
from linnet.core.analysis.pod_health import judge as pod_health
from linnet.core.analysis.pod_health import silence
from linnet.core.analysis.pod_health.silence import NO_SILENCE, Server
from linnet.core.analysis.predictions import evidence as predictions_evidence
from linnet.core.analysis.predictions import judge as predictions
from linnet.core.analysis.predictions.evidence import Answers
from linnet.core.analysis.prometheus.query_template import Question
from linnet.core.analysis.verdict import Judgement, Verdict
from linnet.core.observed import ScrapeTarget
from linnet.core.policy.metrics import metric_rules
from linnet.core.rollout.context import UnderWay
from linnet.core.rollout.judging import pod_health as rollout_health
from linnet.core.rollout.judging import prometheus
from linnet.core.rollout.judging.prometheus import Heard
from linnet.core.rollout.traffic import router
from linnet.core.serving.server import metrics_port

JUDGED: Final[frozenset[Phase]] = frozenset({"Stepping", "Promoting", "Baking"})
"""Phases in which the canary has, or may have, traffic."""
SAVE_EVERY: Final = timedelta(seconds=30)


@dataclass(frozen=True)
class Verdicts:
    """The verdicts of this look. `data`: the evidence after it, None where there is none; `folded`: pods were read."""

    judgements: tuple[Judgement, ...] = ()
    data: Mapping[str, str] | None = None
    folded: bool = False

    @property
    def failed(self) -> Judgement | None:
        return next((j for j in self.judgements if j.verdict == Verdict.FAIL), None)

    def overall(self, names: frozenset[str] | None = None) -> Verdict:
        """The verdict of all checks, or of the named ones with all their slices; pod health always counts."""
        asked = [j for j in self.judgements if names is None or family(j.check) in names or j.check == pod_health.NAME]
        counted = [j for j in asked if j.check != pod_health.NAME]
        return counts.overall(asked if counted else ())


def look(under_way: UnderWay) -> Verdicts:
    """Fold this look's scrape, if there is one, and judge."""
    context, policy = under_way.context, under_way.rules
    if under_way.rules_missing:
        return Verdicts()
    if under_way.rollout.phase not in JUDGED:
        health = rollout_health.judge(under_way, NO_SILENCE)
        return Verdicts((health,), under_way.stored_evidence or None)
    known = _folded(under_way)
    health = rollout_health.judge(under_way, known.silence)
    at = Look(context.since(under_way.rollout.step_started_at), _required(under_way), context.now)
    counted = counts.judge_all(policy.judged, known, at)
    answers = _answers(under_way)
    alike = predictions.judge_all(policy.judged, answers, at)
    heard = prometheus.heard(under_way, _of_canary(under_way))
    asked = prometheus.judge_all(under_way, heard, at)
    data = _data(under_way, known, heard, answers)
    return Verdicts((*counted, *alike, *asked, health), data, folded=context.observed.scrape is not None)


def _required(under_way: UnderWay) -> timedelta:
    rollout, policy = under_way.rollout, under_way.rules
    if rollout.phase != "Stepping":
        return policy.bake
    if (rollout.step or 0) >= len(policy.steps):
        return timedelta(0)
    step = policy.steps[rollout.step or 0]
    return step.analyse.for_ if step.analyse else timedelta(0)


def _folded(under_way: UnderWay) -> Evidence:
    context, policy, known = under_way.context, under_way.rules, remembered(under_way)
    scrape = context.observed.scrape
    if scrape is None:
        return known
    servers, warming, reached = _servers(under_way), _warming(under_way), _has_traffic(under_way)
    tracks = {uid: server.track for uid, server in servers.items()}
    late = frozenset(c.name for c in policy.judged.checks if c.signal == Signal.LATENCY and warming)
    segment = router.of(context).segment(under_way)
    told = evidence.fold(known, scrape.counters, tracks, segment, context.now, count=reached, uncounted=late)
    unheard = warming or not reached
    heard = NO_SILENCE if unheard else silence.listen(known.silence, servers, scrape.counters, context.now)
    return replace(told, silence=heard)


def _answers(under_way: UnderWay) -> Answers | None:
    """What was answered, this look's scrape included; None if no check compares it.

    Warm-up makes answers slow, not other ones.
    """
    context, check = under_way.context, under_way.rules.judged.resemblance
    scrape = context.observed.scrape
    if check is None:
        return None
    known = predictions_evidence.from_data(under_way.stored_evidence.get(predictions_evidence.KEY, ""), check.classes)
    if scrape is None:
        return known
    tracks = {uid: server.track for uid, server in _servers(under_way).items()}
    segment, reached = router.of(context).segment(under_way), _has_traffic(under_way)
    return predictions_evidence.fold(known, scrape.counters, tracks, segment, context.now, count=reached)


def _has_traffic(under_way: UnderWay) -> bool:
    """Not before a switch: what people try on pods that clients don't reach says nothing about clients."""
    context = under_way.context
    return under_way.rules.type == "Canary" or not router.of(context).alone(context, under_way.rollout.from_)


def _warming(under_way: UnderWay) -> bool:
    """In warm-up neither latency nor silence counts: a first answer is slow for reasons that the version can't help."""
    rollout, policy = under_way.rollout, under_way.rules
    first = rollout.ready_at if policy.type == "Canary" else rollout.step_started_at
    return under_way.context.since(first) < policy.warm_up


def remembered(under_way: UnderWay) -> Evidence:
    """What this rollout has seen so far; a fresh one if it is another's, or unreadable."""
    policy, stored = under_way.rules, under_way.stored_evidence.items()
    if not stored:
        return evidence.start(policy.judged.checks)
    try:
        return storage.from_data({k.removeprefix(storage.PREFIX): v for k, v in stored if k.startswith(storage.PREFIX)})
    except ValueError:
        return evidence.start(policy.judged.checks)


def _servers(under_way: UnderWay) -> dict[str, Server]:
    """The pods that are compared; while the new version gets every request, it has nobody to be compared with."""
    context, rollout = under_way.context, under_way.rollout
    compared = rollout.from_ if not router.of(context).alone(context, rollout.to) else None
    tracks = ((Track.STABLE, compared), (Track.CANARY, rollout.to))
    return {
        pod.meta.uid: Server(track, rollout_health.restarts(pod), pod.ready)
        for track, revision in tracks
        if revision is not None
        for pod in context.pods(revision)
    }


def fresh(under_way: UnderWay) -> dict[str, str]:
    """The evidence of a rollout that begins: nothing seen, the policy frozen."""
    policy, check = under_way.rules, under_way.rules.judged.resemblance
    answers = predictions_evidence.start(check.classes) if check else None
    return _data(under_way, evidence.start(policy.judged.checks), Heard(), answers)


def _data(under_way: UnderWay, known: Evidence, heard: Heard, answers: Answers | None) -> dict[str, str]:
    rollout, policy, former = under_way.rollout, under_way.rules, under_way.stored_evidence
    kept = {k: former[k] for k in ("saved", "restarts") if k in former}
    restarts = {p.meta.uid: rollout_health.restarts(p) for p in under_way.context.pods(rollout.from_)}
    return {
        "restarts": json.dumps(restarts, sort_keys=True),
        **kept,
        "rollout": rollout.id,
        "policy": policy.source,
        **({prometheus.KEY: prometheus.stored(heard)} if policy.thresholds else {}),
        **({predictions_evidence.KEY: predictions_evidence.to_data(answers)} if answers else {}),
        **{f"{storage.PREFIX}{k}": v for k, v in storage.to_data(known).items()},
    }


def due(data: Mapping[str, str], now: datetime) -> bool:
    """Whether the ConfigMap is so old that a crash would lose too much."""
    saved = data.get("saved")
    return saved is None or now - parse_time(saved) >= SAVE_EVERY


def stamped(data: Mapping[str, str], now: datetime) -> dict[str, str]:
    return {**data, "saved": timestamp(now)}


def targets(under_way: UnderWay) -> tuple[ScrapeTarget, ...]:
    """The pods to read now: those of the two revisions, if the rollout is judged and the interval has passed."""
    rollout, policy = under_way.rollout, under_way.rules
    if under_way.rules_missing or rollout.phase not in JUDGED:
        return ()
    last = remembered(under_way).folded_at
    if last is not None and under_way.context.now.timestamp() - last < 0.9 * policy.interval.total_seconds():
        return ()
    revisions = [r for r in (rollout.from_, rollout.to) if r is not None]
    return tuple(t for r in revisions for t in _of_revision(under_way, r.version, r.name))


def questions(under_way: UnderWay) -> tuple[Question, ...]:
    """What to ask of the platform's Prometheus now; nothing before clients reach the canary, or in warm-up."""
    if under_way.rollout.phase not in JUDGED or not _has_traffic(under_way) or _warming(under_way):
        return ()
    return prometheus.due(under_way)


def _of_canary(under_way: UnderWay) -> list[PodCounters]:
    """The counters of the canary's pods at this look."""
    scrape = under_way.context.observed.scrape
    uids = {p.meta.uid for p in under_way.context.pods(under_way.rollout.to)}
    return [counters for uid, counters in scrape.counters.items() if uid in uids] if scrape else []


def _of_revision(under_way: UnderWay, number: int, name: str) -> tuple[ScrapeTarget, ...]:
    context, policy = under_way.context, under_way.rules
    version = context.version(number)
    metrics = version.spec.runtime.metrics if version else None
    if version is None or metrics is None or not (policy.checks or metrics.in_flight):
        return ()
    if metrics.predictions is None:
        metrics = metrics.model_copy(update={"predictions": _of_new_version(under_way)})
    port, rules = metrics_port(version.spec.runtime), metric_rules(metrics, policy.asked)
    running = [p for p in context.observed.pods if p.meta.labels.get(REVISION) == name and p.phase == "Running"]
    return tuple(ScrapeTarget(p.meta.uid, p.ip, port, metrics.path, rules) for p in running if p.ip)


def _of_new_version(under_way: UnderWay) -> Predictions | None:
    """How the version on trial counts its answers: that of a stable whose Model did not say so yet is tried, too."""
    metrics = under_way.version.spec.runtime.metrics if under_way.version is not None else None
    return metrics.predictions if metrics is not None else None
