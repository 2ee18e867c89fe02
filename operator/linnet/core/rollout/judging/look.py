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
from linnet.core.analysis import evidence
from linnet.core.analysis.checks import Signal, Track, family
from linnet.core.analysis.counts import judge as counts
from linnet.core.analysis.evidence import Evidence
from linnet.core.analysis.metrics.counters import PodCounters
from linnet.core.analysis.metrics.fold import fold
from linnet.core.analysis.pod_health import judge as pod_health
from linnet.core.analysis.pod_health import silence
from linnet.core.analysis.pod_health.silence import NO_SILENCE, Server
from linnet.core.analysis.predictions import evidence as predictions_evidence
from linnet.core.analysis.predictions import judge as predictions
from linnet.core.analysis.prometheus.evidence import Measurements
from linnet.core.analysis.prometheus.query_template import Question
from linnet.core.analysis.verdict import Judgement, Verdict
from linnet.core.observed import Target
from linnet.core.policy.metrics import metric_rules
from linnet.core.policy.rules import Rules
from linnet.core.rollout.context import World
from linnet.core.rollout.judging import pod_health as rollout_health
from linnet.core.rollout.judging import prometheus
from linnet.core.rollout.traffic import router
from linnet.core.serving.server import metrics_port

JUDGED: Final[frozenset[Phase]] = frozenset({"Stepping", "Promoting", "Baking"})
"""Phases in which the canary has, or may have, traffic."""
SAVE_EVERY: Final = timedelta(seconds=30)


@dataclass(frozen=True)
class Judged:
    """The verdicts of this look, and the evidence after it. `data` is None where no rollout is judged."""

    judgements: tuple[Judgement, ...] = ()
    data: Mapping[str, str] | None = None
    folded: bool = False

    @property
    def failed(self) -> Judgement | None:
        return next((j for j in self.judgements if j.verdict == Verdict.FAIL), None)

    def verdict(self, names: frozenset[str] | None = None) -> Verdict:
        """Of all checks, or of the named ones with all their slices; pod health always counts."""
        named = [j for j in self.judgements if names is None or family(j.check) in names or j.check == pod_health.NAME]
        counted = [j for j in named if j.check != pod_health.NAME]
        return counts.overall(named if counted else ())


def look(world: World) -> Judged:
    """Fold this look's scrape, if there is one, and judge."""
    rollout, policy = world.status.rollout, world.policy
    if rollout is None or policy is None:
        return Judged()
    if rollout.phase not in JUDGED:
        health = rollout_health.judge(world, policy, NO_SILENCE)
        return Judged((health,), world.observed.evidence if world.own_evidence else None)
    known = _folded(world, policy)
    health = rollout_health.judge(world, policy, known.silence or NO_SILENCE)
    elapsed, required = world.since(rollout.step_started_at), _required(world, policy)
    counted = counts.judge_all(policy.judged, known.counts, elapsed=elapsed, required=required, now=world.now)
    compared = predictions.judge_all(
        policy.judged, known.predictions, elapsed=elapsed, required=required, now=world.now
    )
    measured = prometheus.judge_all(world, policy, _measurements(known), elapsed=elapsed, required=required)
    judgements = (*counted, *compared, *measured, health)
    return Judged(judgements, _data(world, policy, known), folded=world.observed.scrape is not None)


def _measurements(known: Evidence) -> Measurements:
    return known.prometheus or Measurements()


def _required(world: World, policy: Rules) -> timedelta:
    rollout = world.status.rollout
    if rollout is None or rollout.phase != "Stepping":
        return policy.bake
    if (rollout.step or 0) >= len(policy.steps):
        return timedelta(0)
    step = policy.steps[rollout.step or 0]
    return step.analyse.for_ if step.analyse else timedelta(0)


def _folded(world: World, policy: Rules) -> Evidence:
    """What is known after this look: of each kind of check what it made of the scrape and of the answers.

    Warm-up makes answers slow, not other ones: neither latency nor silence counts in it.
    """
    known, scrape = _asked(world, policy, remembered(world, policy)), world.observed.scrape
    if scrape is None:
        return known
    servers, warming, reached = _servers(world), _warming(world, policy), _has_traffic(world, policy)
    tracks = {uid: server.track for uid, server in servers.items()}
    late = frozenset(c.name for c in policy.judged.checks if c.signal == Signal.LATENCY and warming)
    pods, segment, now = scrape.counters, router.of(world).segment(world), world.now
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


def _asked(world: World, policy: Rules, known: Evidence) -> Evidence:
    """With what the platform's Prometheus answered."""
    if not policy.thresholds:
        return known
    found = prometheus.updated(world, policy, _measurements(known), _of_canary(world))
    return replace(known, prometheus=found)


def _has_traffic(world: World, policy: Rules) -> bool:
    """Not before a switch: what people try on pods that clients don't reach says nothing about clients."""
    rollout = world.status.rollout
    return policy.type == "Canary" or rollout is None or not router.of(world).alone(world, rollout.from_)


def _warming(world: World, policy: Rules) -> bool:
    """In warm-up neither latency nor silence counts: a first answer is slow for reasons that the version can't help."""
    rollout = world.status.rollout
    if rollout is None:
        return False
    first = rollout.ready_at if policy.type == "Canary" else rollout.step_started_at
    return world.since(first) < policy.warm_up


def remembered(world: World, policy: Rules) -> Evidence:
    """What this rollout has seen so far; a fresh one if it is another's, or unreadable."""
    begun = _begun(policy)
    if not world.own_evidence:
        return begun
    try:
        return evidence.restored(world.observed.evidence or {}).within(begun)
    except ValueError:
        return begun


def _begun(policy: Rules) -> Evidence:
    return evidence.start(policy.judged, queries=bool(policy.thresholds))


def _servers(world: World) -> dict[str, Server]:
    """The pods that are compared; while the new version gets every request, it has nobody to be compared with."""
    rollout = world.status.rollout
    if rollout is None:
        return {}
    compared = rollout.from_ if not router.of(world).alone(world, rollout.to) else None
    tracks = ((Track.STABLE, compared), (Track.CANARY, rollout.to))
    return {
        pod.meta.uid: Server(track, rollout_health.restarts(pod), pod.ready)
        for track, revision in tracks
        if revision is not None
        for pod in world.pods(revision)
    }


def fresh(world: World, policy: Rules) -> dict[str, str]:
    """The evidence of a rollout that begins: nothing seen, the policy frozen."""
    return _data(world, policy, _begun(policy))


def _data(world: World, policy: Rules, known: Evidence) -> dict[str, str]:
    former = world.observed.evidence or {}
    rollout = world.status.rollout
    kept = {k: former[k] for k in ("saved", "restarts") if k in former} if world.own_evidence else {}
    restarts = {p.meta.uid: rollout_health.restarts(p) for p in world.pods(rollout.from_ if rollout else None)}
    return {
        "restarts": json.dumps(restarts, sort_keys=True),
        **kept,
        "rollout": rollout.id if rollout else "",
        "policy": policy.source,
        **evidence.stored(known),
    }


def due(data: Mapping[str, str], now: datetime) -> bool:
    """Whether the ConfigMap is so old that a crash would lose too much."""
    saved = data.get("saved")
    return saved is None or now - parse_time(saved) >= SAVE_EVERY


def stamped(data: Mapping[str, str], now: datetime) -> dict[str, str]:
    return {**data, "saved": timestamp(now)}


def targets(world: World) -> tuple[Target, ...]:
    """The pods to read now: those of the two revisions, if the rollout is judged and the interval has passed."""
    rollout, policy = world.status.rollout, world.policy
    if rollout is None or policy is None or rollout.phase not in JUDGED:
        return ()
    last = remembered(world, policy).counts.folded_at
    if last is not None and world.now.timestamp() - last < 0.9 * policy.interval.total_seconds():
        return ()
    revisions = [r for r in (rollout.from_, rollout.to) if r is not None]
    return tuple(t for r in revisions for t in _of_revision(world, policy, r.version, r.name))


def questions(world: World) -> tuple[Question, ...]:
    """What to ask of the platform's Prometheus now; nothing before clients reach the canary, or in warm-up."""
    rollout, policy = world.status.rollout, world.policy
    if rollout is None or policy is None or rollout.phase not in JUDGED:
        return ()
    if not policy.thresholds or not _has_traffic(world, policy) or _warming(world, policy):
        return ()
    return prometheus.due(world, policy, _measurements(remembered(world, policy)))


def _of_canary(world: World) -> list[PodCounters]:
    """What the canary's pods said at this look."""
    scrape, rollout = world.observed.scrape, world.status.rollout
    uids = {p.meta.uid for p in world.pods(rollout.to if rollout else None)}
    return [counters for uid, counters in scrape.counters.items() if uid in uids] if scrape else []


def _of_revision(world: World, policy: Rules, number: int, name: str) -> tuple[Target, ...]:
    version = world.version(number)
    metrics = version.spec.runtime.metrics if version else None
    if version is None or metrics is None or not (policy.checks or metrics.in_flight):
        return ()
    if metrics.predictions is None:
        metrics = metrics.model_copy(update={"predictions": _of_new_version(world)})
    port, rules = metrics_port(version.spec.runtime), metric_rules(metrics, policy.asked)
    running = [p for p in world.observed.pods if p.meta.labels.get(REVISION) == name and p.phase == "Running"]
    return tuple(Target(p.meta.uid, p.ip, port, metrics.path, rules) for p in running if p.ip)


def _of_new_version(world: World) -> Predictions | None:
    """How the version on trial counts its answers: that of a stable whose Model did not say so yet is tried, too."""
    rollout = world.status.rollout
    version = world.version(rollout.to.version) if rollout is not None else None
    metrics = version.spec.runtime.metrics if version is not None else None
    return metrics.predictions if metrics is not None else None
