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
from linnet.core.observed import Target
from linnet.core.policy.metrics import metric_rules
from linnet.core.policy.rules import Rules
from linnet.core.rollout.context import World
from linnet.core.rollout.judging import pod_health as rollout_health
from linnet.core.rollout.judging import prometheus
from linnet.core.rollout.judging.prometheus import Heard
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
        asked = [j for j in self.judgements if names is None or family(j.check) in names or j.check == pod_health.NAME]
        counted = [j for j in asked if j.check != pod_health.NAME]
        return counts.overall(asked if counted else ())


def look(world: World) -> Judged:
    """Fold this look's scrape, if there is one, and judge."""
    rollout, policy = world.status.rollout, world.policy
    if rollout is None or policy is None:
        return Judged()
    if rollout.phase not in JUDGED:
        health = rollout_health.judge(world, policy, NO_SILENCE)
        return Judged((health,), world.observed.evidence if world.own_evidence else None)
    known = _folded(world, policy)
    health = rollout_health.judge(world, policy, known.silence)
    at = Look(world.since(rollout.step_started_at), _required(world, policy), world.now)
    counted = counts.judge_all(policy.judged, known, at)
    answers = _answers(world, policy)
    alike = predictions.judge_all(policy.judged, answers, at)
    heard = prometheus.heard(world, policy, _of_canary(world))
    asked = prometheus.judge_all(world, policy, heard, at)
    data = _data(world, policy, known, heard, answers)
    return Judged((*counted, *alike, *asked, health), data, folded=world.observed.scrape is not None)


def _required(world: World, policy: Rules) -> timedelta:
    rollout = world.status.rollout
    if rollout is None or rollout.phase != "Stepping":
        return policy.bake
    if (rollout.step or 0) >= len(policy.steps):
        return timedelta(0)
    step = policy.steps[rollout.step or 0]
    return step.analyse.for_ if step.analyse else timedelta(0)


def _folded(world: World, policy: Rules) -> Evidence:
    known, scrape = remembered(world, policy), world.observed.scrape
    if scrape is None:
        return known
    servers, warming, reached = _servers(world), _warming(world, policy), _has_traffic(world, policy)
    tracks = {uid: server.track for uid, server in servers.items()}
    late = frozenset(c.name for c in policy.judged.checks if c.signal == Signal.LATENCY and warming)
    segment = router.of(world).segment(world)
    told = evidence.fold(known, scrape.counters, tracks, segment, world.now, count=reached, uncounted=late)
    unheard = warming or not reached
    heard = NO_SILENCE if unheard else silence.listen(known.silence, servers, scrape.counters, world.now)
    return replace(told, silence=heard)


def _answers(world: World, policy: Rules) -> Answers | None:
    """What was answered, this look's scrape included; None if no check compares it.

    Warm-up makes answers slow, not other ones.
    """
    check, scrape = policy.judged.resemblance, world.observed.scrape
    if check is None:
        return None
    stored = (world.observed.evidence or {}).get(predictions_evidence.KEY, "") if world.own_evidence else ""
    known = predictions_evidence.from_data(stored, check.classes)
    if scrape is None:
        return known
    tracks = {uid: server.track for uid, server in _servers(world).items()}
    segment, reached = router.of(world).segment(world), _has_traffic(world, policy)
    return predictions_evidence.fold(known, scrape.counters, tracks, segment, world.now, count=reached)


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
    if not world.own_evidence:
        return evidence.start(policy.judged.checks)
    stored = (world.observed.evidence or {}).items()
    try:
        return storage.from_data({k.removeprefix(storage.PREFIX): v for k, v in stored if k.startswith(storage.PREFIX)})
    except ValueError:
        return evidence.start(policy.judged.checks)


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
    check = policy.judged.resemblance
    answers = predictions_evidence.start(check.classes) if check else None
    return _data(world, policy, evidence.start(policy.judged.checks), Heard(), answers)


def _data(world: World, policy: Rules, known: Evidence, heard: Heard, answers: Answers | None) -> dict[str, str]:
    former = world.observed.evidence or {}
    rollout = world.status.rollout
    kept = {k: former[k] for k in ("saved", "restarts") if k in former} if world.own_evidence else {}
    restarts = {p.meta.uid: rollout_health.restarts(p) for p in world.pods(rollout.from_ if rollout else None)}
    return {
        "restarts": json.dumps(restarts, sort_keys=True),
        **kept,
        "rollout": rollout.id if rollout else "",
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


def targets(world: World) -> tuple[Target, ...]:
    """The pods to read now: those of the two revisions, if the rollout is judged and the interval has passed."""
    rollout, policy = world.status.rollout, world.policy
    if rollout is None or policy is None or rollout.phase not in JUDGED:
        return ()
    last = remembered(world, policy).folded_at
    if last is not None and world.now.timestamp() - last < 0.9 * policy.interval.total_seconds():
        return ()
    revisions = [r for r in (rollout.from_, rollout.to) if r is not None]
    return tuple(t for r in revisions for t in _of_revision(world, policy, r.version, r.name))


def questions(world: World) -> tuple[Question, ...]:
    """What to ask of the platform's Prometheus now; nothing before clients reach the canary, or in warm-up."""
    rollout, policy = world.status.rollout, world.policy
    if rollout is None or policy is None or rollout.phase not in JUDGED:
        return ()
    return prometheus.due(world, policy) if _has_traffic(world, policy) and not _warming(world, policy) else ()


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
