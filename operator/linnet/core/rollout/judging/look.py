"""One look at the canary: fold what the pods said into the evidence, and judge every check on it."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final

from linnet.api.kinds.deployment import Phase, RevisionStatus
from linnet.api.parts.conditions import time_or_none, timestamp
from linnet.api.parts.runtime import Predictions
from linnet.core.analysis import evidence
from linnet.core.analysis.checks import Signal, Track, family
from linnet.core.analysis.counts import judge as counts
from linnet.core.analysis.evidence import Evidence
from linnet.core.analysis.metrics.counters import PodCounters
from linnet.core.analysis.metrics.fold import fold
from linnet.core.analysis.metrics.pace import MISSED, Pace, missed_before
from linnet.core.analysis.pod_health import judge as pod_health
from linnet.core.analysis.pod_health import silence
from linnet.core.analysis.pod_health.silence import NO_SILENCE, Server
from linnet.core.analysis.predictions import evidence as predictions_evidence
from linnet.core.analysis.predictions import judge as predictions
from linnet.core.analysis.prometheus.evidence import Measurements
from linnet.core.analysis.prometheus.query_template import Question
from linnet.core.analysis.verdict import Judgement, Look, Verdict
from linnet.core.observed import ScrapeTarget
from linnet.core.policy.metrics import metric_rules
from linnet.core.policy.rules import Rules
from linnet.core.rollout.context import UnderWay
from linnet.core.rollout.judging import pod_health as rollout_health
from linnet.core.rollout.judging import prometheus, seal
from linnet.core.rollout.traffic import router
from linnet.core.serving.server import metrics_port

JUDGED: Final[frozenset[Phase]] = frozenset({"Stepping", "Promoting", "Baking"})
"""Phases in which the canary has, or may have, traffic."""
DECIDED: Final = "decided"
"""The key of what the last decision was worked out from: its record may still be owed."""
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
        named = [j for j in self.judgements if names is None or family(j.check) in names or j.check == pod_health.NAME]
        counted = [j for j in named if j.check != pod_health.NAME]
        return counts.overall(named if counted else ())


def look(under_way: UnderWay) -> Verdicts:
    """Fold this look's scrape, if there is one, and judge."""
    context, policy = under_way.context, under_way.rules.judged
    rollout = under_way.rollout
    if under_way.rules_missing or under_way.version is None or rollout.known_phase is None:
        return Verdicts()
    if under_way.rollout.phase not in JUDGED:
        health = rollout_health.judge(under_way, NO_SILENCE)
        return Verdicts((health,), under_way.stored_evidence or fresh(under_way))
    known = _folded(under_way)
    health = rollout_health.judge(under_way, known.silence or NO_SILENCE)
    at = Look(context.since(under_way.rollout.step_started_at), _required(under_way), context.now)
    counted = counts.judge_all(policy, known.counts, at)
    compared = predictions.judge_all(policy, known.predictions, at)
    measured = prometheus.judge_all(under_way, _measurements(known), at)
    judgements = (*counted, *compared, *measured, health)
    return Verdicts(judgements, _data(under_way, known), folded=context.observed.scrape is not None)


def _measurements(known: Evidence) -> Measurements:
    return known.prometheus or Measurements()


def _required(under_way: UnderWay) -> timedelta:
    rollout, policy = under_way.rollout, under_way.rules
    if rollout.phase != "Stepping":
        return policy.bake
    if (rollout.step or 0) >= len(policy.steps):
        return timedelta(0)
    step = policy.steps[rollout.step or 0]
    return step.analyze.for_ if step.analyze else timedelta(0)


def _folded(under_way: UnderWay) -> Evidence:
    """What is known after this look: of each kind of check what it made of the scrape and of the answers.

    Warm-up makes answers slow, not other ones: neither latency nor silence counts in it.
    """
    context, policy = under_way.context, under_way.rules
    known, scrape = _with_answers(under_way, remembered(under_way)), context.observed.scrape
    if scrape is None:
        return known
    servers, warming, reached = _servers(under_way), _warming(under_way), _has_traffic(under_way)
    tracks = {uid: server.track for uid, server in servers.items()}
    late = frozenset(c.name for c in policy.judged.checks if c.signal == Signal.LATENCY and warming)
    pods, segment, now = scrape.counters, router.of(context).segment(under_way), context.now
    compared = known.predictions
    if compared is not None:
        compared = predictions_evidence.fold(compared, pods, tracks, segment, now, count=reached)
    quiet = NO_SILENCE
    if reached and not warming:
        quiet = silence.listen(known.silence or NO_SILENCE, servers, pods, now)
    return replace(
        known,
        counts=fold(known.counts, pods, tracks, segment, now, count=reached, uncounted=late),
        predictions=compared,
        silence=quiet if quiet != NO_SILENCE else None,
    )


def _with_answers(under_way: UnderWay, known: Evidence) -> Evidence:
    """The evidence with what the platform's Prometheus answered."""
    if not under_way.rules.thresholds:
        return known
    found = prometheus.updated(under_way, _measurements(known), _of_canary(under_way))
    return replace(known, prometheus=found)


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
    begun = _begun(under_way.rules)
    if not under_way.stored_evidence:
        return begun
    try:
        known = evidence.restored(under_way.stored_evidence).within(begun)
        return known.until(under_way.context.now.timestamp())
    except ValueError:
        return begun


def _begun(policy: Rules) -> Evidence:
    return evidence.start(policy.judged, queries=bool(policy.thresholds))


def _servers(under_way: UnderWay) -> dict[str, Server]:
    """The pods that are compared; while the new version gets every request, it has nobody to be compared with."""
    context, rollout = under_way.context, under_way.rollout
    compared = rollout.from_ if not router.of(context).alone(context, rollout.to) else None
    tracks = ((Track.STABLE, compared), (Track.CANARY, rollout.to))
    return {
        pod.meta.uid: Server(track, rollout_health.restarts(pod), pod.ready)
        for track, revision in tracks
        if revision is not None
        for pod in context.living(revision)
    }


def fresh(under_way: UnderWay) -> dict[str, str]:
    """The evidence of a rollout that begins: nothing seen."""
    return _data(under_way, _begun(under_way.rules))


def _data(under_way: UnderWay, known: Evidence) -> dict[str, str]:
    rollout, former = under_way.rollout, under_way.stored_evidence
    kept = {k: former[k] for k in ("saved", DECIDED) if k in former}
    missed = missed_before(former) + (_pace(under_way).missed if under_way.context.observed.scrape else 0)
    begun = {p.meta.uid: rollout_health.restarts(p) for p in under_way.context.pods(rollout.from_)}
    restarts = begun if (known_restarts := rollout_health.restarts_before(under_way)) is None else known_restarts
    return {
        "restarts": json.dumps(restarts, sort_keys=True),
        **kept,
        **({MISSED: str(missed)} if missed else {}),
        "rollout": rollout.id,
        **evidence.stored(known),
    }


def due(data: Mapping[str, str], now: datetime) -> bool:
    """Whether the ConfigMap is so old that a crash would lose too much."""
    saved = time_or_none(data.get("saved"))
    return saved is None or abs(now - saved) >= SAVE_EVERY


def stamped(data: Mapping[str, str], now: datetime) -> dict[str, str]:
    return seal.keyed({**data, "saved": timestamp(now)})


def targets(under_way: UnderWay) -> tuple[ScrapeTarget, ...]:
    """The pods to read now: those of the two revisions, if the rollout is judged and the interval has passed."""
    rollout = under_way.rollout
    if under_way.version is None or rollout.phase not in JUDGED:
        return ()
    if not _pace(under_way).is_due:
        return ()
    revisions = [r for r in (rollout.from_, rollout.to) if r is not None]
    return tuple(t for revision in revisions for t in _of_revision(under_way, revision))


def gauges(under_way: UnderWay, verdicts: Verdicts) -> dict[str, float]:
    """Return for /metrics whether a rollout that is judged is judged in time."""
    if under_way.rules_missing or under_way.rollout.phase not in JUDGED:
        return {}
    pace = _pace(under_way)
    return {
        "linnet_scrape_due_timestamp_seconds": float(pace.next_due(read=verdicts.folded)),
        "linnet_scrape_lag_seconds": float(pace.lag),
        "linnet_missed_intervals": float(missed_before(verdicts.data)),
    }


def _pace(under_way: UnderWay) -> Pace:
    return Pace(under_way.rules.interval, remembered(under_way).counts.folded_at, under_way.context.now.timestamp())


def questions(under_way: UnderWay) -> tuple[Question, ...]:
    """What to ask of the platform's Prometheus now; nothing before clients reach the canary, or in warm-up."""
    if not under_way.rules.thresholds or under_way.rollout.phase not in JUDGED:
        return ()
    if not _has_traffic(under_way) or _warming(under_way):
        return ()
    return prometheus.due(under_way, _measurements(remembered(under_way)))


def _of_canary(under_way: UnderWay) -> list[PodCounters]:
    """The counters of the canary's pods at this look."""
    scrape = under_way.context.observed.scrape
    uids = {p.meta.uid for p in under_way.context.pods(under_way.rollout.to)}
    return [counters for uid, counters in scrape.counters.items() if uid in uids] if scrape else []


def _of_revision(under_way: UnderWay, revision: RevisionStatus) -> tuple[ScrapeTarget, ...]:
    """The pods to read; those of a stable whose version was deleted are read as those of the version on trial are."""
    context, policy = under_way.context, under_way.rules
    version = context.artifact_of(revision) or under_way.version
    metrics = version.spec.runtime.metrics if version else None
    if version is None or metrics is None or not (policy.checks or metrics.in_flight):
        return ()
    if metrics.predictions is None:
        metrics = metrics.model_copy(update={"predictions": _of_new_version(under_way)})
    port, rules = metrics_port(version.spec.runtime), metric_rules(metrics, policy.asked)
    running = [p for p in context.living(revision) if p.phase == "Running"]
    whose = context.observed.deployment.namespace, context.name
    return tuple(ScrapeTarget(p.meta.uid, p.ip, port, metrics.path, rules, *whose) for p in running if p.ip)


def _of_new_version(under_way: UnderWay) -> Predictions | None:
    """How the version on trial counts its answers: that of a stable whose Model did not say so yet is tried, too."""
    metrics = under_way.version.spec.runtime.metrics if under_way.version is not None else None
    return metrics.predictions if metrics is not None else None
