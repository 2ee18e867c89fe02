"""What a Deployment owes to ModelVersions: its decisions are named in its own status until they are seen there.

So a process that dies between the two writes loses neither a record nor a quarantine, and writes nothing twice. What
failed here is also refused here for good, even if the record of its version is deleted.
"""

import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

from linnet.api.kinds.model_version import Decision, Quarantine
from linnet.core.plan import Action, Record
from linnet.core.registry import decisions, quarantine
from linnet.core.registry.quarantine import QuarantinedArtifact
from linnet.core.registry.versions import Version
from linnet.core.rollout.context import Context
from linnet.core.rollout.judging.look import DECIDED
from linnet.core.rollout.target import quarantined_here

_MOST_OWED: Final = 8
_MOST_QUARANTINED: Final = 16


def with_owed(context: Context, told: Iterable[Action]) -> Context:
    """The context whose status says what its decisions owe, and no more what is seen to be done."""
    records = [a for a in told if isinstance(a, Record)]
    owed = [*_unseen(context), *(f"{r.version} {r.decision.id}" for r in records)][-_MOST_OWED:]
    kept = [q.line for q in _quarantine(context, records)]
    return context.with_status(owed=owed or None, quarantine=kept or None)


def due(context: Context) -> tuple[Action, ...]:
    """What an earlier look decided, and its ModelVersion does not have: the line of the log is written once."""
    owed = tuple(action for entry in _unseen(context) for action in _actions(context, *entry.split(" ", 1)))
    return (*owed, *_quarantined_again(context))


def decided(told: Iterable[Action]) -> str | None:
    """The decisions of this look with what they were worked out from, as JSON by their ids; None if there is none."""
    found = {a.decision.id: a.decision.wire() for a in told if isinstance(a, Record)}
    return json.dumps(found) if found else None


def _actions(context: Context, name: str, id_: str) -> Iterator[Action]:
    decision, version = _remembered(context, id_) or _by_status(context, id_), _versions(context).get(name)
    if decision is None or version is None:
        return
    yield decisions.logged(decision, version.digest)
    yield Record(name, decision, _entry(context, decision), release=decision.decision == "Released")


def _remembered(context: Context, id_: str) -> Decision | None:
    """The decision as it was made; None if the memory of it is lost."""
    try:
        found = json.loads((context.observed.evidence or {}).get(DECIDED, "{}"))
        return Decision.model_validate(found[id_])
    except (ValueError, KeyError, TypeError, RecursionError):
        return None


def _by_status(context: Context, id_: str) -> Decision | None:
    """The decision without its counts, by what status says of the rollout under way, or the last one."""
    rollout, last = context.status.rollout, context.status.last_rollout
    words: Mapping[str, Any] = {"id": id_, "deployment": context.name}
    if rollout is not None and rollout.decision is not None and id_ == f"{rollout.id}-{rollout.decision}"[:64]:
        of_rollout = {"revision": rollout.to.name, "decision": rollout.decision, "policyHash": rollout.policy_hash}
        said = {"by": rollout.by or "", "reason": rollout.reason or "", "message": rollout.message or ""}
        return Decision.model_validate({**words, **of_rollout, **said, "time": rollout.step_started_at})
    if last is not None and id_ == f"{last.id}-{last.outcome}"[:64]:
        ended = {"revision": last.to.name, "decision": last.outcome, "by": last.by, "time": last.time}
        return Decision.model_validate({**words, **ended, "reason": last.reason, "message": last.message})
    return None


def _entry(context: Context, decision: Decision) -> Quarantine | None:
    """The entry that came with the decision."""
    if decision.decision != "RolledBack":
        return None
    kept = (q.entry for q in reversed(quarantined_here(context)))
    return next((entry for entry in kept if entry.revision == decision.revision), None)


def _quarantined_again(context: Context) -> Iterator[Record]:
    """A version that was deleted and made again, as of a Model that Git brought back, is as refused as it was."""
    owing = {entry.split(" ", 1)[0] for entry in context.status.owed or ()}
    for entry in quarantined_here(context):
        for version in context.known:
            bare = version.digest == entry.digest and not version.status.quarantine and not version.deleting
            if bare and version.name not in owing and not entry.is_released(context.known, context.now):
                yield Record(version.name, quarantine.again(entry), entry.entry)


def _versions(context: Context) -> dict[str, Version]:
    return {v.name: v for v in context.known}


def _unseen(context: Context) -> list[str]:
    """What is owed; nothing is to a version that was deleted, and one that can't be read may be there."""
    return [entry for entry in context.status.owed or () if _is_unseen(context, *entry.split(" ", 1))]


def _is_unseen(context: Context, name: str, id_: str = "") -> bool:
    version = _versions(context).get(name)
    if version is None:
        return name in context.observed.unread
    return all(d.id != id_ for d in version.status.decisions or ())


def _quarantine(context: Context, records: Iterable[Record]) -> list[QuarantinedArtifact]:
    """The artifacts that were quarantined here: more by these records, fewer by a release here or of the ModelVersion.

    What a person quarantined is nobody's failure, so that whoever follows the Model keeps it.
    """
    known = _versions(context)
    kept = [q for q in quarantined_here(context) if not q.is_released(context.known, context.now)]
    for record in records:
        version = known.get(record.version)
        digest = version.digest if version is not None else None
        if record.release:
            kept = [q for q in kept if q.digest != digest]
        elif record.quarantine is not None and digest is not None:
            kept.append(QuarantinedArtifact(digest, record.quarantine))
    released = {record.version for record in records if record.release}
    asked = _by_persons(v for v in context.known if v.name not in released)
    new = [q for q in asked if all(q.digest != k.digest for k in kept)]
    return [*kept, *new][-_MOST_QUARANTINED:]


def _by_persons(versions: Iterable[Version]) -> Iterator[QuarantinedArtifact]:
    for version in versions:
        asked = next((q for q in version.status.quarantine or () if not q.revision), None)
        if asked is not None and version.digest is not None:
            yield QuarantinedArtifact(version.digest, asked)
