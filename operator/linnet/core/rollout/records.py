"""A decision about a rollout, written down: promoted, rolled back, aborted, or the new version stays.

Each function returns a new Context together with what must be told or recorded of it. `transitions` says when each
comes, `traffic.routing` what follows from it for requests and pods.
"""

from dataclasses import dataclass

from linnet.api.kinds.deployment import RolloutStatus
from linnet.api.kinds.model_version import Decision, DecisionKind, Quarantine
from linnet.api.parts.base import REASON_SIZE
from linnet.api.parts.conditions import timestamp
from linnet.core.analysis.checks import Signal
from linnet.core.plan import Action, Emit, Record
from linnet.core.registry.decisions import logged, results
from linnet.core.rollout.context import Context, UnderWay
from linnet.core.rollout.judging.look import Verdicts
from linnet.foreign.text import printable

_MESSAGE_SIZE = 1024
_BY_SIZE = 256


@dataclass(frozen=True)
class Transition:
    """The context afterwards, and what must be told or recorded of the change."""

    context: Context
    actions: tuple[Action, ...] = ()


def promote(under_way: UnderWay, by: str, reason: str, message: str, verdicts: Verdicts) -> Transition:
    """Decide for the new version; its pods come next, the switch after them."""
    decided = _decided(under_way, "Promoting", "Promoted", by, reason, message)
    sentence = f"Version {under_way.rollout.to.version} is promoted: {message}"
    recorded = record(decided, "Promoted", by, reason, sentence, verdicts)
    return Transition(decided.context, (*recorded, Emit("Normal", "PromotionDecided", sentence)))


def roll_back(under_way: UnderWay, by: str, reason: str, message: str, verdicts: Verdicts) -> Transition:
    """Decide against the new version: it is quarantined, and its pods will be deleted at once."""
    decided = _decided(under_way, "RollingBack", "RolledBack", by, reason, message)
    sentence = f"Version {under_way.rollout.to.version} is rolled back ({reason}): {message}"
    recorded = record(decided, "RolledBack", by, reason, message, verdicts, quarantine=True)
    return Transition(decided.context, (*recorded, Emit("Warning", "RolledBack", sentence)))


def abort(under_way: UnderWay, by: str, reason: str, message: str, verdicts: Verdicts) -> Transition:
    """Go back without blame: nothing is quarantined, and the pods may finish what they do."""
    decided = _decided(under_way, "RollingBack", "Aborted", by, reason, message)
    sentence = f"Version {under_way.rollout.to.version} is aborted ({reason}): {message}"
    recorded = record(decided, "Aborted", by, reason, message, verdicts)
    return Transition(decided.context, (*recorded, Emit("Warning", "Aborted", sentence)))


def finish(under_way: UnderWay, by: str, reason: str, message: str, verdicts: Verdicts) -> Transition:
    """Decide that the new version stays: the former one's pods go next, and no evidence brings them back."""
    time = timestamp(under_way.context.now)
    decided = under_way.with_rollout(phase="Finishing", step_started_at=time, paused=None)
    sentence = f"Version {under_way.rollout.to.version} stays: {message}"
    return Transition(decided.context, record(decided, "Completed", by, reason, sentence, verdicts))


def _decided(under_way: UnderWay, phase: str, decision: str, by: str, reason: str, message: str) -> UnderWay:
    return under_way.with_rollout(
        phase=phase,
        replicas=_replicas_to_go_back(under_way) if phase == "RollingBack" else under_way.rollout.replicas,
        decision=decision,
        by=printable(by, _BY_SIZE),
        reason=printable(reason, REASON_SIZE),
        message=printable(message, _MESSAGE_SIZE),
        step_started_at=timestamp(under_way.context.now),
        paused=None,
    )


def _replicas_to_go_back(under_way: UnderWay) -> int | None:
    """The number of both versions' pods: the former one will carry the load that an autoscaler has spread over them."""
    context, rollout = under_way.context, under_way.rollout
    if context.spec.autoscaling is None or not rollout.weight:
        return rollout.replicas
    both = context.size(rollout.from_) + context.size(rollout.to)
    return min(context.spec.autoscaling.max_replicas, max(rollout.replicas or 0, both))


def record(
    under_way: UnderWay,
    kind: DecisionKind,
    by: str,
    reason: str,
    message: str,
    verdicts: Verdicts,
    *,
    quarantine: bool = False,
) -> tuple[Action, ...]:
    """The record of a decision on its ModelVersion, if that is still there, and its line in the log."""
    context, rollout, version = under_way.context, under_way.rollout, under_way.version
    decision = Decision(
        id=f"{rollout.id}-{kind}"[:64],
        deployment=context.name,
        revision=rollout.to.name,
        decision=kind,
        by=printable(by, _BY_SIZE),
        reason=printable(reason, REASON_SIZE),
        message=printable(message, _MESSAGE_SIZE),
        policy=rollout.policy,
        policy_hash=rollout.policy_hash,
        checks=results(verdicts.judgements) or None,
        time=timestamp(context.now),
    )
    log = logged(decision, rollout.to.digest, verdicts.judgements, rollout=rollout.id)
    if (version is None and not under_way.version_unread) or kind in {"Started", "Completed"}:
        return (log,)
    entry = _quarantine(under_way, rollout, reason, message) if quarantine else None
    return (Record(under_way.version_name, decision, entry), log)


def _quarantine(under_way: UnderWay, rollout: RolloutStatus, reason: str, message: str) -> Quarantine:
    """The entry that forbids the version: by digest if the artifact is to blame, else by digest and template.

    The artifact is to blame for errors, for its answers, by a person's word, and for an outage.
    """
    policy = under_way.rules.judged
    signals = {c.name: c.signal for c in policy.checks}
    answers = policy.resemblance
    of_artifact = signals.get(reason) == Signal.ERRORS or (answers is not None and answers.name == reason)
    by_digest = of_artifact or reason in {"Rollback", "Quarantined", "Outage"}
    return Quarantine(
        template=None if by_digest else rollout.to.template,
        deployment=under_way.context.name,
        revision=rollout.to.name,
        reason=printable(reason, REASON_SIZE),
        message=printable(message, _MESSAGE_SIZE),
        time=timestamp(under_way.context.now),
    )
