"""From artifact to trusted record: a version is fetched and loaded once by its real server before it may serve."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final

from linnet.api.kinds.model_version import ModelVersionSpec, ModelVersionStatus, Quarantine
from linnet.api.labels import ALLOWED_PREFIX
from linnet.api.names import Verb
from linnet.api.parts.conditions import SUMMARY, Condition, Reason, condition, find, is_true, merge, timestamp
from linnet.api.parts.uri import shown
from linnet.core.observed import ModelVersionObserved
from linnet.core.parse import Invalid, parse_spec, parse_status
from linnet.core.plan import Action, Apply, Delete, Emit, Log, Plan, Record
from linnet.core.policy import unsupported
from linnet.core.registry import decisions, quarantine, versions
from linnet.core.registry.validation import job as validation_job
from linnet.core.registry.validation import placement, trials
from linnet.core.registry.validation.outcome import Outcome, outcome
from linnet.core.registry.validation.placement import Place
from linnet.core.registry.validation.report import Report
from linnet.core.requests import answers, commands
from linnet.core.requests.waiting import Request
from linnet.core.resources import accounts, deletion
from linnet.core.resources.deletion import Ending
from linnet.core.resources.metadata import Owner
from linnet.core.resources.objects import JobView
from linnet.core.serving import images, isolation
from linnet.core.serving.pods import Image

_CREDENTIALS: Final = "spec.source.credentials"
_MOST_KEPT: Final = 3
"""So many of a version's Jobs may be on their way out: each that is made in the place of one takes its pod's room."""
MAX_DECISIONS: Final = 32
MAX_QUARANTINES: Final = 16
_VERBS: Final = frozenset({Verb.RETRY, Verb.RELEASE, Verb.QUARANTINE})
_FINAL: Final = frozenset(
    {
        Reason.FETCH_FAILED,
        Reason.NOT_FOUND,
        Reason.FORBIDDEN,
        Reason.LOAD_FAILED,
        Reason.CONTRACT_FAILED,
        Reason.DIGEST_MISMATCH,
    }
)
"""Reasons that only a person's `retry` moves."""


@dataclass(frozen=True)
class _State:
    """What a plan carries through its steps."""

    observed: ModelVersionObserved
    spec: ModelVersionSpec
    status: ModelVersionStatus
    now: datetime

    @property
    def owner(self) -> Owner:
        version = self.observed.version
        return Owner("ModelVersion", version.name, version.namespace, version.uid)

    @property
    def shown(self) -> str:
        return shown(self.spec.source.uri or "")


def plan(observed: ModelVersionObserved, now: datetime) -> Plan[ModelVersionStatus]:
    """Validate the version once; afterwards answer requests only."""
    former = parse_status(ModelVersionStatus, observed.version.status)
    answered = _answer(observed, former, now)
    spec = parse_spec(ModelVersionSpec, observed.version.spec)
    if isinstance(spec, Invalid):
        done = _finish(observed, answered.status, Reason.INVALID_SPEC, spec.message, now)
    else:
        done = _look(_State(observed, spec, answered.status, now), former)
    return _quarantined_again(observed, replace(done, actions=(*done.actions, *answered.actions)), now)


def relies_on_status(observed: ModelVersionObserved, now: datetime) -> bool:
    """Whether something would be made by a status that this look does not write.

    A write fails where that status is of the past, and nothing else does: the Job would be made a second time.
    """
    planned = plan(observed, now)
    unwritten = planned.status is None or planned.status.wire() == observed.version.status
    return unwritten and any(isinstance(action, Apply) for action in planned.actions)


def _quarantined_again(
    observed: ModelVersionObserved, done: Plan[ModelVersionStatus], now: datetime
) -> Plan[ModelVersionStatus]:
    """A version of an artifact that a Deployment still refuses is as refused as the one that was deleted.

    Its own failure is recorded by the Deployment that saw it; should that record be lost, it is made up for here.
    """
    (version,) = versions.parse([observed.version]) or (None,)
    status = done.status
    if version is None or status is None or status.quarantine or status.digest is None:
        return done
    mine = replace(version, status=status)
    kept = [q for q in quarantine.kept_by(observed.refused_by, now) if q.digest == status.digest]
    found = [q for q in kept if q.is_owed(observed.version.created, now) and not q.is_released([mine], now)]
    for each in found:
        status = record(status, Record(version.name, quarantine.again(each), each.entry), now)
    told = (decisions.logged(quarantine.again(each), each.digest) for each in found)
    return replace(done, status=status, actions=(*done.actions, *told))


def _look(state: _State, former: ModelVersionStatus) -> Plan[ModelVersionStatus]:
    if refusal := _refusal(state):
        return _finish(state.observed, state.status, *refusal, state.now)
    if is_true(state.status.conditions, "Ready"):
        return Plan(state.status, _clean_up(state.observed))
    if _settled(former) and state.status.attempt == former.attempt:
        return _elsewhere(state) or Plan(state.status, _clean_up(state.observed))
    return _validate(state)


def _elsewhere(state: _State) -> Plan[ModelVersionStatus] | None:
    """Try the version in the next place; None if there is none: a Deployment that comes later may give one."""
    ready = find(state.status.conditions, "Ready")
    if not state.status.trials or ready is None or ready.reason not in {*trials.OF_A_PLACE, Reason.VALIDATING}:
        return None
    if trials.following(state.status, _places(state)) is None:
        return None
    begun = _start(state, (state.status.attempt or 1) + 1)
    return replace(begun, actions=(*_without_jobs(state.observed.jobs), *begun.actions))


def _places(state: _State) -> tuple[Place, ...]:
    return placement.places(state.observed, contract=state.spec.contract is not None)


def _settled(status: ModelVersionStatus) -> bool:
    ready = find(status.conditions, "Ready")
    return ready is not None and ready.status == "False" and ready.reason in _FINAL


def _refusal(state: _State) -> tuple[Reason, str] | None:
    source, known = state.spec.source, state.observed.allowed_service_accounts
    if message := next(unsupported.in_source(source, "spec.source"), None):
        return Reason.NOT_YET_SUPPORTED, message
    if source.digest is None and state.spec.origin.type == "Import":
        return (
            Reason.DIGEST_REQUIRED,
            "spec.source.digest: an imported version needs one; `linnet digest DIR` prints it",
        )
    if source.digest is None and state.observed.platform.require_digest:
        return Reason.DIGEST_REQUIRED, "spec.source.digest: this platform requires one; `linnet digest DIR` prints it"
    account = source.credentials.service_account_name if source.credentials else None
    if account is not None and (why := accounts.obstacle(f"{_CREDENTIALS}.serviceAccountName", account, known)):
        return Reason.SERVICE_ACCOUNT_NOT_ALLOWED, why
    if account is not None and not known[account]:
        return Reason.SERVICE_ACCOUNT_NOT_ALLOWED, (
            f"{_CREDENTIALS}.serviceAccountName: {account} has no annotation {ALLOWED_PREFIX}: its owner "
            "writes there which URIs it may be used for, such as s3://models/"
        )
    return None


def _prefix(state: _State) -> str:
    """The URIs that the version's account may be used for; empty where it names none."""
    credentials = state.spec.source.credentials
    account = (credentials.service_account_name if credentials else None) or ""
    return state.observed.allowed_service_accounts.get(account) or ""


def _validate(state: _State) -> Plan[ModelVersionStatus]:
    attempt = state.status.attempt or 1
    name = validation_job.job_name(state.observed.version.name, attempt)
    job = next((j for j in state.observed.jobs if j.meta.name == name), None)
    if job is None:
        return _start(state, attempt)
    found = outcome(job, state.observed.pods, state.observed.platform.image, state.now)
    if found.passed is not None:
        return _passed(state, found.passed, found.image, loaded=found.loaded)
    if job.meta.deleting:
        return _without(state, job, attempt)
    if found.lost:
        return _start(state, attempt + 1)
    if found.failed is not None:
        return _failed_here(state, *found.failed)
    place = trials.present(state.status, _places(state), attempt)
    if trials.gives_way(state.status, place, job, state.now, starts=found.starts):
        return _elsewhere(state) or _waiting(state, job, found)
    return _waiting(state, job, found)


def _without(state: _State, job: JobView, attempt: int) -> Plan[ModelVersionStatus]:
    """Somebody deleted the Job: nothing that its pods say of their end counts, and the next one has another name.

    Who keeps one after the other from being gone gets no more of them.
    """
    kept = [j for j in state.observed.jobs if j.meta.deleting]
    if len(kept) < _MOST_KEPT:
        return _start(state, attempt + 1)
    why = deletion.sentence(Ending("Job", job.meta), state.owner.namespace)
    message = f"its Jobs are deleted before they end. {why}"
    return _finish(state.observed, state.status, Reason.VALIDATING, message, state.now)


def _start(state: _State, attempt: int) -> Plan[ModelVersionStatus]:
    platform = state.observed.platform
    digest = state.status.digest or state.spec.source.digest
    where, status = trials.begun(state.status, _places(state), attempt)
    image = Image(platform.image, platform.image_pull_policy)
    isolated = where.loads and platform.deny_egress
    where = replace(where, allowed_prefix=_prefix(state), isolated=isolated)
    job = validation_job.job(state.owner, state.spec, digest, image, attempt, where)
    loading = f" and loading it in {state.spec.runtime.name}" if where.loads else ""
    several = f" with the settings of mld/{where.deployment}" if len(status.trials or ()) > 1 else ""
    message = f"fetching {state.shown}{loading}{several}"
    event = Emit("Normal", "Validating", message[0].upper() + message[1:])
    return _finish(
        state.observed,
        status,
        Reason.VALIDATING,
        message,
        state.now,
        Apply(job),
        *_isolation(state, waits=isolated),
        event,
    )


def _waiting(state: _State, job: JobView, found: Outcome) -> Plan[ModelVersionStatus]:
    message = found.waiting or f"fetching {state.shown} and loading it in {state.spec.runtime.name}"
    isolated = _isolation(state, waits=isolation.ISOLATE in job.programs)
    done = _finish(state.observed, state.status, Reason.VALIDATING, message, state.now, *isolated)
    return Plan(done.status, done.actions, timedelta(seconds=30))


def _passed(state: _State, report: Report, image: str | None, *, loaded: bool) -> Plan[ModelVersionStatus]:
    former = state.status.digest
    if former is not None and former != report.digest:
        message = f"{state.shown} now has digest {report.digest}, this version is {former}: give it a new uri"
        return _failed(state, Reason.DIGEST_MISMATCH, message)
    status = state.status.model_copy(
        update={
            "digest": report.digest,
            "image_digest": state.status.image_digest or image or images.digest(state.spec.runtime.image),
            "size": report.size,
            "metrics": dict(report.metrics) or state.spec.metrics,
            "lineage": report.lineage or state.spec.lineage,
            "validated_at": timestamp(state.now),
            "trials": None,
        }
    )
    if loaded:
        message = f"{state.spec.runtime.name} loaded {state.shown}"
        event = Emit("Normal", "Validated", f"{state.spec.runtime.name} loaded {report.digest}")
    else:
        message = f"{state.shown} was fetched; whether it loads is shown by the canary (capacity: InPlace)"
        event = Emit("Normal", "Validated", f"Fetched {report.digest}")
    fields = {"version": state.observed.version.name, "digest": report.digest}
    pinned = _pinned(state.spec.runtime.image, status.image_digest, loaded=loaded)
    told = (Log("validated", fields), event)
    return _finish(state.observed, status, Reason.VALIDATED, message, state.now, *told, holds=True, beside=(pinned,))


def _pinned(image: str, digest: str | None, *, loaded: bool) -> Condition:
    """Whether the image that serves is the one that was tried, whatever its tag comes to mean."""
    if digest is not None:
        return condition("ImagePinned", True, Reason.IMAGE_PINNED, f"served as {images.pinned(image, digest)}")
    why = "its node did not tell the registry's digest of it" if loaded else "it was not started before it serves"
    message = f"served as {image}: {why}; if the tag moves, so does what serves. Name the image by its digest"
    return condition("ImagePinned", False, Reason.IMAGE_NOT_PINNED, message)


def _failed_here(state: _State, reason: Reason, message: str) -> Plan[ModelVersionStatus]:
    """It failed, unless what a Deployment gives its pods may be why, and another place is left to try."""
    if reason not in trials.OF_A_PLACE:
        return _failed(state, reason, message)
    there = replace(state, status=trials.failed(state.status, message))
    if (again := _elsewhere(there)) is not None:
        return again
    first = trials.first_failure(there.status)
    told = f"with the settings of mld/{first.deployment}: {first.message}" if first is not None else message
    return _failed(there, reason, told)


def _failed(state: _State, reason: Reason, message: str) -> Plan[ModelVersionStatus]:
    full = f"{message} Then ask again: {_retry_command(state)}" if message.endswith(".") else message
    event = Emit("Warning", reason, message)
    return _finish(state.observed, state.status, reason, full, state.now, event, *_clean_up(state.observed))


def _retry_command(state: _State) -> str:
    version = state.observed.version
    return commands.linnet("retry", f"mv/{version.name}", version.namespace)


def _isolation(state: _State, *, waits: bool) -> Iterator[Action]:
    """What denies egress to the validation's pods, if they wait for that, as it will be denied to those that serve."""
    observed = state.observed
    deny, denied = waits and observed.platform.deny_egress, observed.egress_policy is not None
    yield from isolation.actions(state.owner, observed.pods, deny=deny, denied=denied)


def _clean_up(observed: ModelVersionObserved) -> tuple[Action, ...]:
    """Delete the Jobs, and the policy after the last pod: a model that is told to end still runs for some seconds."""
    jobs, policy = observed.jobs, observed.egress_policy
    if policy is not None and not policy.deleting and not jobs and not observed.pods:
        return (Delete(isolation.API_VERSION, isolation.KIND, policy.name, policy.uid),)
    return _without_jobs(jobs)


def _without_jobs(jobs: Sequence[JobView]) -> tuple[Action, ...]:
    return tuple(Delete("batch/v1", "Job", j.meta.name, j.meta.uid) for j in jobs if not j.meta.deleting)


def _finish(
    observed: ModelVersionObserved,
    status: ModelVersionStatus,
    reason: Reason,
    message: str,
    now: datetime,
    *actions: Action,
    holds: bool = False,
    beside: tuple[Condition, ...] = (),
) -> Plan[ModelVersionStatus]:
    waiting = reason == Reason.VALIDATING
    ready = condition("Ready", holds=None if waiting else holds, reason=reason, message=message)
    others = [c for c in status.conditions if c.type not in {*SUMMARY, *(b.type for b in beside)}]
    conditions = [*merge(status.conditions, [ready, *beside], observed.version.generation, now), *others]
    generation = observed.version.generation
    return Plan(status.model_copy(update={"conditions": conditions, "observed_generation": generation}), actions)


@dataclass(frozen=True)
class _Response:
    """The status after a person's request; what else it leads to is done last, since what fails is tried again."""

    status: ModelVersionStatus
    actions: tuple[Action, ...] = ()


def _answer(observed: ModelVersionObserved, status: ModelVersionStatus, now: datetime) -> _Response:
    """The status after the request whose turn it is; a version whose spec can't be read is asked like any other."""
    turn = answers.turn(observed.requests, observed.version, status.requests, now)
    for request in turn.candidates:
        response, message = _obey(observed, status, request, now)
        if response is not None:
            obeyed = turn.accepted(request, message)
            after = response.status.model_copy(update={"requests": obeyed.remembered})
            return _Response(after, (*response.actions, *obeyed.actions))
        turn = turn.refused(request, message)
    return _Response(status, turn.actions)


def _obey(
    observed: ModelVersionObserved, status: ModelVersionStatus, request: Request, now: datetime
) -> tuple[_Response | None, str]:
    """What the request leads to, None if it is refused; and the sentence that answers it."""
    match request.verb:
        case Verb.RETRY if not _settled(status):
            return None, "this version's validation has not failed"
        case Verb.RETRY:
            again = status.model_copy(update={"attempt": (status.attempt or 1) + 1, "trials": None})
            return _Response(again), "fetching and loading it again"
        case Verb.RELEASE if not status.quarantine:
            return None, "this version is not quarantined"
        case Verb.RELEASE:
            return _decide(observed, status, request, now), "released from quarantine"
        case Verb.QUARANTINE:
            return _decide(observed, status, request, now), "it will not be rolled out until it is released"
        case _:
            return None, answers.unknown_verb(request.verb, "ModelVersion", _VERBS)


def _decide(observed: ModelVersionObserved, status: ModelVersionStatus, request: Request, now: datetime) -> _Response:
    """Quarantine or release the version, and keep that as a decision."""
    releases = request.verb == Verb.RELEASE
    decision = decisions.by_request(request, "Released" if releases else "Quarantined", "", now)
    entry = None if releases else _quarantine_entry(request, now)
    kept = Record(observed.version.name, decision, entry, release=releases)
    return _Response(record(status, kept, now), (decisions.logged(decision, status.digest),))


def _quarantine_entry(request: Request, now: datetime) -> Quarantine:
    message, time = request.sentence("quarantined it"), timestamp(now)
    return Quarantine(deployment="", revision="", reason="Quarantined", message=message, time=time)


def record(status: ModelVersionStatus, entry: Record, now: datetime) -> ModelVersionStatus:
    """The status with a decision added once, by its id; a release takes every quarantine away."""
    known = list(status.decisions or ())
    if any(d.id == entry.decision.id for d in known) or _stands_already(status, entry):
        return status
    stamped = entry.decision.model_copy(update={"time": entry.decision.time or timestamp(now)})
    entries = () if entry.release else _with(status.quarantine or (), entry.quarantine)
    kept = decisions.kept([*known, stamped], MAX_DECISIONS)
    return status.model_copy(update={"decisions": kept, "quarantine": list(entries[-MAX_QUARANTINES:]) or None})


def _stands_already(status: ModelVersionStatus, entry: Record) -> bool:
    """Whether the record restores a quarantine that never went: who wrote it had an earlier state before their eyes."""
    if entry.quarantine is None or (entry.decision.decision, entry.decision.by) != ("Quarantined", "spec"):
        return False
    place = (entry.quarantine.deployment, entry.quarantine.revision)
    return any((q.deployment, q.revision) == place for q in status.quarantine or ())


def _with(known: Sequence[Quarantine], new: Quarantine | None) -> Sequence[Quarantine]:
    """The quarantines, one for each revision: if it failed twice, the wider of the two counts, with the newer words."""
    if new is None:
        return known
    place = (new.deployment, new.revision)
    former = [q for q in known if (q.deployment, q.revision) == place]
    wider = None if any(q.template is None for q in (*former, new)) else new.template
    return [*(q for q in known if q not in former), new.model_copy(update={"template": wider})]


def briefer(entry: Record) -> Iterator[Record]:
    """The record with less in it, for where the API server refuses it: without evidence, then who, what and why."""
    bare, short = decisions.without_evidence(entry.decision), entry.quarantine
    yield replace(entry, decision=bare)
    least = {"checks": None, "message": "", "policy": None}
    if short is not None:
        short = short.model_copy(update={"message": ""})
    yield replace(entry, decision=entry.decision.model_copy(update=least), quarantine=short)
