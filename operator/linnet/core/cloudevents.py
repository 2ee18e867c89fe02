"""What leaves the cluster: CloudEvents 1.0, with ids that stay the same however often one is sent.

`docs/reference/cloudevents.md` is their schema. They hold names, digests, counts and sentences; nothing of a pod's
environment, no address, and no credential.
"""

from collections.abc import Mapping
from datetime import datetime
from hashlib import sha256
from typing import Any, Final

from linnet.api.kinds.deployment import RevisionStatus, RolloutStatus
from linnet.api.parts.conditions import timestamp
from linnet.api.parts.strategy import Hook
from linnet.core.observed import Parent
from linnet.core.plan import Emit, Log, Manifest, Ref

CONTENT_TYPE: Final = "application/cloudevents+json"
PREFIX: Final = "dev.linnet"
_PLURALS: Final = {"RetrainPolicy": "retrainpolicies"}


def source(ref: Ref) -> str:
    """`/namespaces/ml/deployments/tumor-risk`."""
    return f"/namespaces/{ref.namespace}/{_PLURALS.get(ref.kind, f'{ref.kind.lower()}s')}/{ref.name}"


def of_hook(deployment: Parent, rollout: RolloutStatus, hook: Hook, time: str, **more: Any) -> Manifest:
    """What a hook is asked or told about a rollout; `more` goes into its data."""
    ref = Ref("Deployment", deployment.namespace, deployment.name)
    data = {**_about(deployment, rollout), "hook": hook.name, "at": hook.at, **more}
    event_id = f"{rollout.id}-{hook.name}"
    return _event(ref, event_id, f"rollout.{hook.at.lower()}", rollout.to.name, time, data)


def of_decision(ref: Ref, log: Log) -> Manifest:
    """A line `decision` of the log, with all of its fields."""
    fields = log.fields
    subject = str(fields.get("revision") or ref.name)
    kind = f"decision.{str(fields['decision']).lower()}"
    return _event(ref, str(fields["id"]), kind, subject, str(fields["time"]), dict(fields))


def of_transition(ref: Ref, parent: Parent, event: Emit, now: datetime) -> Manifest:
    """A Kubernetes Event."""
    data = {"type": event.type, "reason": event.reason, "message": event.message}
    return _event(ref, _id(parent, event), f"event.{event.reason.lower()}", ref.name, timestamp(now), data)


def _id(parent: Parent, event: Emit) -> str:
    """The same if a look is repeated because its status could not be written; another in the next rollout."""
    under_way, last = (parent.status.get(key) or {} for key in ("rollout", "lastRollout"))
    words = (parent.uid, str(under_way.get("id")), str(last.get("id")), event.reason, event.message)
    return sha256("\n".join(words).encode()).hexdigest()[:32]


def _event(ref: Ref, event_id: str, kind: str, subject: str, time: str, data: Mapping[str, Any]) -> Manifest:
    return {
        "specversion": "1.0",
        "id": event_id,
        "source": source(ref),
        "type": f"{PREFIX}.{kind}",
        "subject": subject,
        "time": time,
        "datacontenttype": "application/json",
        "data": {"namespace": ref.namespace, "name": ref.name, **data},
    }


def _about(deployment: Parent, rollout: RolloutStatus) -> Manifest:
    model = deployment.spec.get("model")
    known = {
        "model": model.get("name") if isinstance(model, Mapping) else None,
        "rollout": rollout.id,
        "startedAt": rollout.started_at,
        "from": _revision(rollout.from_),
        "to": _revision(rollout.to),
        "weight": rollout.weight,
        "effectiveWeight": rollout.effective_weight,
        "policy": rollout.policy,
        "policyHash": rollout.policy_hash,
        "checks": [c.wire() for c in rollout.checks or ()] or None,
    }
    return {k: v for k, v in known.items() if v is not None}


def _revision(revision: RevisionStatus | None) -> Manifest | None:
    if revision is None:
        return None
    known = {"revision": revision.name, "version": revision.version, "digest": revision.digest}
    return {k: v for k, v in known.items() if v is not None}
