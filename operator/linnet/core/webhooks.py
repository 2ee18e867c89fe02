"""CloudEvents 1.0 that leave the cluster, with ids that stay the same however often one is sent; and their replies.

`docs/reference/cloudevents.md` is their schema. They hold names, digests, counts and sentences; nothing of a pod's
environment, no address, and no credential.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from hashlib import sha256
from typing import Any, Final

from linnet.api.kinds.deployment import RevisionStatus, RolloutStatus
from linnet.api.parts.conditions import timestamp
from linnet.api.parts.strategy import Hook
from linnet.core.plan import Emit, Log, Manifest, Ref
from linnet.core.resources.objects import Parent
from linnet.foreign.document import ForeignError, read_object
from linnet.foreign.text import clean, printable

CONTENT_TYPE: Final = "application/cloudevents+json"
PREFIX: Final = "dev.linnet"
_PLURALS: Final = {"RetrainPolicy": "retrainpolicies"}
MAX_TEXT: Final = 200
ACCEPTED: Final = 202
FORBIDDEN: Final = 403


@dataclass(frozen=True)
class Call:
    """One question of one hook. The same question stays the same while the body's numbers move on.

    `of` is the Deployment's uid; `body` a CloudEvent as JSON.
    """

    of: str
    rollout: str
    hook: str
    endpoint: str
    body: str = field(compare=False)


@dataclass(frozen=True)
class Confirmed:
    """The receiver said yes."""


@dataclass(frozen=True)
class Refused:
    """The receiver said no."""

    reason: str


@dataclass(frozen=True)
class NotYet:
    """The receiver said neither yes nor no; `unreachable` where nothing came that could be an answer."""

    problem: str
    unreachable: bool = False


Reply = Confirmed | Refused | NotYet


def source(ref: Ref) -> str:
    """The CloudEvent's source: `/namespaces/ml/deployments/tumor-risk`."""
    return f"/namespaces/{ref.namespace}/{_PLURALS.get(ref.kind, f'{ref.kind.lower()}s')}/{ref.name}"


def of_hook(deployment: Parent, rollout: RolloutStatus, hook: Hook, time: str, **more: Any) -> Manifest:
    """What a hook is asked or told about a rollout; `more` goes into its data."""
    ref = Ref("Deployment", deployment.namespace, deployment.name)
    data = {**_about(deployment, rollout), "hook": hook.name, "at": hook.at, **more}
    event_id = f"{rollout.id}-{hook.name}"
    return _event(ref, event_id, f"rollout.{hook.at.lower()}", rollout.to.name, time, data)


def of_decision(ref: Ref, log: Log) -> Manifest:
    """The CloudEvent of a line `decision` in the log, with all of its fields."""
    fields = log.fields
    subject = str(fields.get("revision") or ref.name)
    kind = f"decision.{str(fields['decision']).lower()}"
    return _event(ref, str(fields["id"]), kind, subject, str(fields["time"]), dict(fields))


def of_request(request: Parent) -> Manifest:
    """The CloudEvent of an answered Request: what was asked by whom, and what became of it."""
    ref = Ref("Request", request.namespace, request.name)
    target, answer = request.spec.get("target") or {}, request.status
    data = {"request": dict(request.spec), "answer": dict(answer)}
    kind = f"request.{str(answer.get('outcome')).lower()}"
    return _event(ref, request.uid, kind, str(target.get("name")), str(answer.get("time")), data)


def of_transition(ref: Ref, parent: Parent, event: Emit, now: datetime) -> Manifest:
    """The CloudEvent of a Kubernetes Event."""
    data = {"type": event.type, "reason": event.reason, "message": clean(event.message)}
    return _event(ref, _id(parent, event), f"event.{event.reason.lower()}", ref.name, timestamp(now), data)


def _id(parent: Parent, event: Emit) -> str:
    """The event's id stays if a look is repeated because its status was not written; the next rollout has another."""
    under_way, last = (parent.status.get(key) or {} for key in ("rollout", "lastRollout"))
    words = (parent.uid, str(under_way.get("id")), str(last.get("id")), event.reason, clean(event.message))
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


def reply(status: int, body: bytes) -> Reply:
    """What a receiver's HTTP status and body mean.

    >>> reply(200, b""), reply(403, b'{"reason": "change freeze"}')
    (Confirmed(), Refused(reason='change freeze'))
    """
    said = reason(body)
    if 200 <= status < 300 and status != ACCEPTED:  # noqa: PLR2004
        return Confirmed()
    if status == FORBIDDEN and said:
        return Refused(said)
    if status == ACCEPTED:
        return NotYet(said or "it has accepted the question, and not answered it")
    if 300 <= status < 400:  # noqa: PLR2004
        return NotYet(f"it answered {status}: redirects are not followed")
    return NotYet(f"it answered {status}: {said}" if said else f"it answered {status}")


def reason(body: bytes) -> str:
    """`reason` of a JSON object, as one short line; empty if there is none."""
    try:
        said = read_object(body).get("reason")
    except ForeignError:
        return ""
    return printable(said, MAX_TEXT) if isinstance(said, str) else ""
