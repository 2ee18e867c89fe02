"""`Deployment` → revisions, traffic, canary: everything that one look at it leads to, in order."""

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta

from linnet.api.kinds.deployment import DeploymentSpec, DeploymentStatus, RevisionStatus
from linnet.api.labels import REVISION
from linnet.api.parts.conditions import Reason, find, merge
from linnet.core.analysis.prometheus.query_template import Question
from linnet.core.observed import DeploymentObserved, ScrapeTarget
from linnet.core.parse import Invalid, parse_spec, parse_status
from linnet.core.plan import Action, Emit, Log, Patch, Plan, Record, SaveEvidence
from linnet.core.policy import effective, unsupported
from linnet.core.resources import accounts, deletion
from linnet.core.rollout import conditions
from linnet.core.rollout.context import Context, UnderWay, context_without_spec, with_stable_adopted
from linnet.core.rollout.hooks import calls as hook_calls
from linnet.core.rollout.judging import look, seal
from linnet.core.rollout.judging.gaps import without_gaps
from linnet.core.rollout.judging.look import Verdicts
from linnet.core.rollout.records import Transition
from linnet.core.rollout.requests.verbs import answer_pending
from linnet.core.rollout.target import (
    Refusal,
    Target,
    find_target,
    is_served,
    newer_target,
    obstacle_ahead,
    refusal,
    with_version_adopted,
)
from linnet.core.rollout.traffic import gateway_features
from linnet.core.rollout.transitions import owed, transitions
from linnet.core.rollout.workloads import sync
from linnet.core.serving import revision
from linnet.core.webhooks import Call

SOON = timedelta(0)
AFTER_OTHERS = timedelta(milliseconds=100)
"""For a new Deployment's status: it waits until every other new one has its pods under way."""


def plan(observed: DeploymentObserved, now: datetime) -> Plan[DeploymentStatus]:
    """Let requests and evidence move the rollout, write that down, and route as was written down.

    On the way back and for a first revision that is what this look decides, elsewhere what the one before it did. A
    first revision's pods are made in the look that chooses it; it is written down, with its Services, in the next.
    """
    if observed.deployment.deleting and not observed.deployment.status.get("rollout"):
        return Plan(None)
    former = parse_status(DeploymentStatus, observed.deployment.status)
    spec = parse_spec(DeploymentSpec, observed.deployment.spec)
    stopped = _refused(spec, observed)
    if stopped is not None or isinstance(spec, Invalid):
        return _plan(with_stable_adopted(context_without_spec(observed, former, now)), stopped)
    whole = effective.effective(spec, observed.policy)
    stopped = Refusal(*whole.obstacle) if whole.obstacle else None
    return _plan(with_stable_adopted(Context(observed, whole.spec, former, now)), stopped)


def scrape_targets(observed: DeploymentObserved, now: datetime) -> tuple[ScrapeTarget, ...]:
    """The pods to read before this look; none unless a rollout is judged and the interval has passed."""
    under_way = _under_way(observed, now) if _is_judged(observed) else None
    return look.targets(under_way) if under_way is not None else ()


def questions(observed: DeploymentObserved, now: datetime) -> tuple[Question, ...]:
    """What the platform's Prometheus is to be asked before this look."""
    asks = observed.platform.prometheus is not None and _is_judged(observed)
    under_way = _under_way(observed, now) if asks else None
    return look.questions(under_way) if under_way is not None else ()


def calls(observed: DeploymentObserved, now: datetime) -> tuple[Call, ...]:
    """What the endpoints of this rollout's hooks are to be asked in this look."""
    rollout = observed.deployment.status.get("rollout")
    asks = observed.platform.hooks is not None and isinstance(rollout, Mapping) and rollout.get("hooks")
    under_way = _under_way(observed, now) if asks else None
    return hook_calls.due(under_way) if under_way is not None else ()


def _is_judged(observed: DeploymentObserved) -> bool:
    """Read from the JSON: most Deployments are at rest, and go on no further."""
    rollout = observed.deployment.status.get("rollout")
    return isinstance(rollout, Mapping) and rollout.get("phase") in look.JUDGED


def _under_way(observed: DeploymentObserved, now: datetime) -> UnderWay | None:
    status = parse_status(DeploymentStatus, observed.deployment.status)
    return context_without_spec(observed, status, now).under_way


def _refused(spec: DeploymentSpec | Invalid, observed: DeploymentObserved) -> Refusal | None:
    """Why this spec can't be followed. Everything stays as it is then, and a rollout goes on by its frozen policy."""
    if isinstance(spec, Invalid):
        return Refusal(Reason.INVALID_SPEC, spec.message)
    if message := next(unsupported.in_deployment(spec), None):
        return Refusal(Reason.NOT_YET_SUPPORTED, message)
    if kinds := gateway_features.missing_kinds(spec.traffic, observed.platform.route_kinds):
        return Refusal(
            Reason.GATEWAY_API_MISSING,
            f"spec.traffic: this cluster serves no {' and no '.join(kinds)} (gateway.networking.k8s.io/v1), or the "
            "operator may not read it: install the Gateway API and a gateway, or use type Replicas",
        )
    if obstacle := gateway_features.session_obstacle(spec.traffic, observed):
        return Refusal(Reason.SESSIONS_NOT_KEPT, obstacle)
    account = spec.pod.service_account_name if spec.pod else None
    known = observed.allowed_service_accounts
    if account is not None and (why := accounts.obstacle("spec.pod.serviceAccountName", account, known)):
        return Refusal(Reason.SERVICE_ACCOUNT_NOT_ALLOWED, why)
    return None


def _plan(written: Context, stopped: Refusal | None) -> Plan[DeploymentStatus]:
    before = without_gaps(written)
    verdicts = look.look(before.under_way) if before.under_way is not None else Verdicts()
    target = stopped or find_target(before)
    if before.under_way is not None and before.under_way.rollout.known_phase is None:
        return _held(before, target, stopped)
    refused = _obstacle(before, target)
    transition = _transition(before, verdicts, target, refused)
    after = with_version_adopted(owed.with_owed(transition.context, transition.actions), target)
    if _is_new(before) and not before.observed.refused and (pods := tuple(sync.missing_pods(after))):
        return Plan(None, pods, AFTER_OTHERS)
    evidence, saving = _evidence(before, after, verdicts, owed.decided(transition.actions))
    sealed = _sealed(after, saving).with_status(**_queue(after, target))
    status = _status(sealed, verdicts, target, refused, stopped)
    said = (*_verdict_logs(before, verdicts), *_warning(before, status), *_rejection(before, status))
    told = (*owed.due(before), *transition.actions, *said)
    back = _goes_back(after)
    routed = _routed(after if back or _is_new(before) else before)
    return Plan(
        status,
        (*_words(told), *routed, *saving, *_records(told)),
        SOON if _is_incomplete(status, after) else _next_look(written, after),
        urgent=back,
        evidence=evidence,
        gauges=_gauges(before, after, verdicts),
    )


def _obstacle(context: Context, target: Target | Refusal) -> Refusal | None:
    """Why the target may not be started; of one that serves, why no other could be."""
    if isinstance(target, Refusal):
        return None
    return obstacle_ahead(context, target) if is_served(context, target) else refusal(context, target)


def _routed(context: Context) -> tuple[Action, ...]:
    """Traffic and pods; of an object that is being deleted only the way back, and nothing is made for it any more."""
    if not context.observed.deployment.deleting:
        return tuple(sync.actions(context))
    return tuple(a for a in sync.actions(context) if isinstance(a, Patch)) if _goes_back(context) else ()


def _goes_back(context: Context) -> bool:
    """Whether traffic returns to what is proven: that waits for no write."""
    return context.under_way is not None and context.under_way.rollout.phase == "RollingBack"


def _words(told: Iterable[Action]) -> tuple[Action, ...]:
    """What is said at once, by Events and lines in the log: as it was written, and before anything else can fail."""
    return tuple(a for a in told if not isinstance(a, Record))


def _records(told: Iterable[Action]) -> tuple[Action, ...]:
    """What is kept on ModelVersions: nothing waits for it."""
    return tuple(a for a in told if isinstance(a, Record))


def _held(before: Context, target: Target | Refusal, stopped: Refusal | None) -> Plan[DeploymentStatus]:
    """A later release's phase means nothing here: all of it is left, and told, and a person may still take it back."""
    transition = answer_pending(before, Verdicts())
    status = _status(transition.context, Verdicts(), target, None, stopped)
    return Plan(status, (*transition.actions, *_warning(before, status)), _next_look(before, transition.context))


def _transition(context: Context, verdicts: Verdicts, target: Target | Refusal, refused: Refusal | None) -> Transition:
    """A request first; else the rollout under way; else a new one. One transition a look."""
    answered = answer_pending(context, verdicts)
    if answered.context.status != context.status:
        return answered
    moved = _move(context, verdicts, target, refused)
    return Transition(moved.context, (*moved.actions, *answered.actions))


def _move(context: Context, verdicts: Verdicts, target: Target | Refusal, refused: Refusal | None) -> Transition:
    if context.under_way is not None:
        return transitions.advance(context.under_way, verdicts, target if isinstance(target, Target) else None)
    if isinstance(target, Refusal) or refused is not None or is_served(context, target):
        return Transition(context)
    if context.observed.deployment.deleting:
        return Transition(context)
    return transitions.begin(context, target)


def _status(
    context: Context, verdicts: Verdicts, target: Target | Refusal, refused: Refusal | None, stopped: Refusal | None
) -> DeploymentStatus:
    under_way, stable = context.under_way, context.status.stable
    if under_way is not None and under_way.rollout.from_ is not None and verdicts.judgements:
        context = under_way.with_rollout(checks=conditions.check_verdicts(verdicts)).context
    serving = context.workload(stable)
    generation = context.observed.deployment.generation
    current = conditions.conditions(context, target, refused, stopped)
    return context.status.model_copy(
        update={
            "observed_generation": generation,
            "replicas": serving.current if serving else 0,
            "ready_replicas": serving.ready if serving else 0,
            "selector": f"{REVISION}={stable.name}" if stable else None,
            "conditions": merge(context.status.conditions, current, generation, context.now),
        }
    )


def _queue(context: Context, target: Target | Refusal) -> dict[str, RevisionStatus | None]:
    """A newer version in mid-rollout is queued or rejected; a rejected one stays so until another is wanted."""
    rejected, under_way = context.status.rejected, context.under_way
    if isinstance(target, Refusal):
        return {"queued": None, "rejected": rejected}
    newer = newer_target(under_way, target) if under_way is not None else None
    if newer is not None and under_way is not None and under_way.rules.on_new_version == "Reject":
        return {"queued": None, "rejected": newer.revision}
    same = rejected is not None and rejected.name == target.revision.name
    return {"queued": newer.revision if newer else None, "rejected": rejected if same else None}


def _evidence(
    before: Context, after: Context, verdicts: Verdicts, decided: str | None
) -> tuple[Mapping[str, str] | None, tuple[Action, ...]]:
    """What the operator remembers until the next look, and its saving at a transition or when it is due.

    With it comes an Event where what was saved before does not count. What can't be read now is not written over.
    """
    under_way = after.under_way
    if under_way is None or under_way.rollout.from_ is None or under_way.rules_missing:
        return None, ()
    former = before.status.rollout
    begun = former is None or former.id != under_way.rollout.id
    data = look.fresh(under_way) if begun else verdicts.data
    told = () if begun or (loss := after.observed.evidence_loss) is None else (loss,)
    if data is None or after.observed.deployment.deleting:
        return data, told
    data = {**data, look.DECIDED: decided} if decided is not None else data
    unread = after.observed.evidence_unread and not begun
    if unread or (former == under_way.rollout and not look.due(data, after.now)):
        return data, told
    stamped = look.stamped(data, after.now)
    return stamped, (*told, SaveEvidence(revision.evidence(after.owner, stamped)))


def _sealed(context: Context, saving: Iterable[Action]) -> Context:
    """The hash of the evidence that is saved next goes into the status, which is written first."""
    data = next((a.manifest["data"] for a in saving if isinstance(a, SaveEvidence)), None)
    under_way = context.under_way
    if data is None or under_way is None:
        return context
    held = context.observed.evidence_held if under_way.rollout.evidence else ()
    return under_way.with_rollout(evidence=seal.seals(data, held)).context


def _warning(before: Context, status: DeploymentStatus) -> tuple[Action, ...]:
    """An Event when Ready becomes False for a new reason; a rollback tells of itself."""
    former, ready = find(before.status.conditions, "Ready"), find(status.conditions, "Ready")
    if ready is None or ready.status != "False" or (former is not None and former.reason == ready.reason):
        return ()
    quiet = {Reason.ROLLING_BACK, Reason.STARTING, Reason.NO_PODS_READY}
    return () if ready.reason in quiet else (Emit("Warning", ready.reason, ready.message),)


def _rejection(before: Context, status: DeploymentStatus) -> tuple[Action, ...]:
    """An Event for each version that is rejected; a log line says nothing more, as nothing was decided about it."""
    rejected, known = status.rejected, before.status.rejected
    if rejected is None or (known is not None and known.name == rejected.name):
        return ()
    message = f"Version {rejected.version} came in mid-rollout, and strategy.onNewVersion is Reject"
    return (Emit("Warning", "Rejected", message),)


def _verdict_logs(context: Context, verdicts: Verdicts) -> tuple[Action, ...]:
    """A log line for each verdict that changed."""
    rollout = context.status.rollout
    known = {c.name: c.verdict for c in (rollout.checks if rollout else None) or ()}
    return tuple(
        Log("verdict", {"check": j.check, "verdict": j.verdict.value, "reason": j.reason, "message": j.message})
        for j in verdicts.judgements
        if known.get(j.check) != j.verdict.value
    )


def _is_new(context: Context) -> bool:
    """No revision was chosen yet: there is no traffic to move, so nothing to write down before its pods are made."""
    return context.status.stable is None and context.status.rollout is None


def _is_incomplete(status: DeploymentStatus, context: Context) -> bool:
    """At rest something is made in this look: the next one says that all is as desired."""
    ready = find(status.conditions, "Ready")
    at_rest = context.under_way is None and not context.observed.refused
    return at_rest and ready is not None and ready.reason == Reason.PROGRESSING


def _next_look(before: Context, after: Context) -> timedelta | None:
    if before.status != after.status:
        return SOON
    if after.under_way is not None:
        return after.under_way.rules.interval
    return deletion.next_to_hang(after.observed.pods, after.observed.ending, after.now)


def _gauges(before: Context, after: Context, verdicts: Verdicts) -> dict[str, float]:
    rollout = after.status.rollout
    judged = look.gauges(before.under_way, verdicts) if before.under_way is not None and rollout is not None else {}
    return {"linnet_canary_weight": float((rollout.effective_weight if rollout else 0) or 0), **judged}
