"""What a Deployment owes to ModelVersions: its decisions stand in its own status until they are seen there.

So a process that dies between the two writes loses neither a record nor a quarantine, and writes nothing twice. What
failed here is also refused here for good, even if the record of its version is deleted.
"""

import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

from linnet.api.kinds.deployment import OwedRecord, QuarantinedArtifact
from linnet.api.kinds.model_version import Decision, DecisionWords
from linnet.api.parts.conditions import parse_time
from linnet.core.plan import Action, Record
from linnet.core.registry import decisions
from linnet.core.rollout.context import SPEC, Context
from linnet.core.rollout.judging.look import DECIDED

_MOST_OWED: Final = 8
_MOST_QUARANTINED: Final = 16
_BARE: Final = {"id": "-", "deployment": "-", "decision": "Started", "by": "-"}


def with_owed(context: Context, told: Iterable[Action]) -> Context:
    """The context whose status says what its decisions owe, and no more what is seen to be done."""
    records = [a for a in told if isinstance(a, Record)]
    owed = [*_unseen(context), *(_owed(r) for r in records)][-_MOST_OWED:]
    quarantine = _quarantine(context, records)
    return context.with_status(owed=owed or None, quarantine=quarantine or None)


def due(context: Context) -> tuple[Action, ...]:
    """What an earlier look decided, and its ModelVersion does not have: the line of the log is written once."""
    owed = tuple(action for entry in _unseen(context) for action in _actions(context, entry))
    return (*owed, *_quarantined_again(context))


def decided(told: Iterable[Action]) -> str | None:
    """What the decision of this look was worked out from, as JSON by its id; None if nothing was decided."""
    found = {a.decision.id: a.decision.wire().get("checks", []) for a in told if isinstance(a, Record)}
    return json.dumps(found) if found else None


def _actions(context: Context, owed: OwedRecord) -> Iterator[Action]:
    checks = _checks(context).get(owed.decision.id)
    decision = Decision.model_validate({**owed.decision.wire(), **({"checks": checks} if checks else {})})
    version = next((v for v in context.known if v.name == owed.version), None)
    yield decisions.logged(decision, version.digest if version is not None else None)
    yield Record(owed.version, decision, owed.quarantine, owed.release)


def _checks(context: Context) -> Mapping[str, Any]:
    """What was kept of the checks; nothing if that can't be read."""
    stored = (context.observed.evidence or {}).get(DECIDED)
    try:
        found = json.loads(stored or "{}")
        for checks in found.values():
            Decision.model_validate({**_BARE, "checks": checks or None})
    except (ValueError, RecursionError, AttributeError):
        return {}
    return dict(found)


def _quarantined_again(context: Context) -> Iterator[Record]:
    """A version that was deleted and made again, as of a Model that Git brought back, is as refused as it was."""
    owing = {o.version for o in context.status.owed or ()}
    for entry in context.status.quarantine or ():
        for version in context.known:
            bare = version.digest == entry.digest and not version.status.quarantine and not version.deleting
            if bare and version.name not in owing and not _is_released(context, entry):
                yield Record(version.name, _again(context, entry), entry.quarantine)


def _again(context: Context, entry: QuarantinedArtifact) -> Decision:
    said = entry.quarantine
    return Decision(
        id=f"kept-{said.revision}"[:64],
        deployment=context.name,
        revision=said.revision,
        decision="Quarantined",
        by=SPEC,
        reason=said.reason,
        message=f"it failed as version {entry.version}, and was not released",
    )


def _owed(record: Record) -> OwedRecord:
    words = DecisionWords.model_validate(record.decision.wire())
    return OwedRecord(version=record.version, decision=words, quarantine=record.quarantine, release=record.release)


def _unseen(context: Context) -> list[OwedRecord]:
    """What is owed; nothing is to a version that was deleted."""
    known = {v.name: v for v in context.known}
    return [o for o in context.status.owed or () if o.version in known and not _is_seen(context, o)]


def _is_seen(context: Context, owed: OwedRecord) -> bool:
    version = next(v for v in context.known if v.name == owed.version)
    return any(d.id == owed.decision.id for d in version.status.decisions or ())


def _quarantine(context: Context, records: Iterable[Record]) -> list[QuarantinedArtifact]:
    """The artifacts that failed here: more by these records, fewer by a release here or of the ModelVersion."""
    known = {v.name: v for v in context.known}
    kept = [q for q in context.status.quarantine or () if not _is_released(context, q)]
    for record in records:
        version = known.get(record.version)
        digest = version.digest if version is not None else None
        if record.release:
            kept = [q for q in kept if q.digest != digest]
        elif record.quarantine is not None and version is not None and digest is not None:
            kept.append(QuarantinedArtifact(digest=digest, version=version.number, quarantine=record.quarantine))
    return kept[-_MOST_QUARANTINED:]


def _is_released(context: Context, entry: QuarantinedArtifact) -> bool:
    """Whether a person released a version of this artifact since it failed."""
    decided = (d for v in context.known if v.digest == entry.digest for d in v.status.decisions or ())
    released = [d.time for d in decided if d.decision == "Released" and d.time is not None]
    since = entry.quarantine.time
    return any(since is None or parse_time(time) >= parse_time(since) for time in released)
