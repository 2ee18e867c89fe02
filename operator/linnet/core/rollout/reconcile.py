"""`Deployment` → revisions, traffic, canary: everything that one look at it leads to, in order."""

from collections.abc import Mapping
from datetime import datetime, timedelta

from linnet.api.kinds.deployment import DeploymentSpec, DeploymentStatus, RevisionStatus
from linnet.api.labels import REVISION
from linnet.api.parts.conditions import Reason, find, merge
from linnet.core.analysis.prometheus.query_template import Question
from linnet.core.observed import DeploymentObserved, Target
from linnet.core.parse import Invalid, parse_spec, parse_status
from linnet.core.plan import Action, Emit, Log, Plan, SaveEvidence
from linnet.core.policy import effective as shared_policy
from linnet.core.policy import unsupported
from linnet.core.rollout import conditions as summary
from linnet.core.rollout import phases
from linnet.core.rollout.context import World, adopted, standing
from linnet.core.rollout.hooks import calls as hooks
from linnet.core.rollout.judging import look as judging
from linnet.core.rollout.judging.look import Judged
from linnet.core.rollout.requests import verbs as requests
from linnet.core.rollout.target import Refusal, Wanted, newcomer, refusal, wanted
from linnet.core.rollout.traffic import gateway_features
from linnet.core.rollout.transitions import Turn
from linnet.core.rollout.workloads import sync
from linnet.core.serving.revision import evidence as evidence_manifest
from linnet.core.webhooks import Call

SOON = timedelta(0)
AFTER_OTHERS = timedelta(milliseconds=100)
"""For a new Deployment's status: it waits until every other new one has its pods under way."""


def plan(observed: DeploymentObserved, now: datetime) -> Plan[DeploymentStatus]:
    """Route as was written down; then let requests and evidence move the rollout, and write that down.

    A first revision's pods are made in the look that chooses it, and written down in the next.
    """
    former = parse_status(DeploymentStatus, observed.deployment.status)
    spec = parse_spec(DeploymentSpec, observed.deployment.spec)
    refused = _refused(spec, observed)
    if refused is None and not isinstance(spec, Invalid):
        goes_by = shared_policy.effective(spec, observed.policy)
        stopped = Refusal(*goes_by.obstacle) if goes_by.obstacle else None
        return _planned(adopted(World(observed, goes_by.spec, former, now)), stopped)
    return _planned(adopted(standing(observed, former, now)), refused)


def scrape_targets(observed: DeploymentObserved, now: datetime) -> tuple[Target, ...]:
    """The pods to read before this look; none unless a rollout is judged and the interval has passed."""
    return judging.targets(_stands(observed, now)) if _is_judged(observed) else ()


def questions(observed: DeploymentObserved, now: datetime) -> tuple[Question, ...]:
    """What the platform's Prometheus is to be asked before this look."""
    asked = observed.platform.prometheus is not None and _is_judged(observed)
    return judging.questions(_stands(observed, now)) if asked else ()


def calls(observed: DeploymentObserved, now: datetime) -> tuple[Call, ...]:
    """What the endpoints of this rollout's hooks are to be asked in this look."""
    under_way = observed.deployment.status.get("rollout")
    asks = observed.platform.hooks is not None and isinstance(under_way, Mapping) and under_way.get("hooks")
    return hooks.due(_stands(observed, now)) if asks else ()


def _is_judged(observed: DeploymentObserved) -> bool:
    rollout = observed.deployment.status.get("rollout")
    return isinstance(rollout, Mapping) and rollout.get("phase") in judging.JUDGED


def _stands(observed: DeploymentObserved, now: datetime) -> World:
    return standing(observed, parse_status(DeploymentStatus, observed.deployment.status), now)


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
    if said := gateway_features.unkept(spec.traffic, observed):
        return Refusal(Reason.SESSIONS_NOT_KEPT, said)
    account = spec.pod.service_account_name if spec.pod else None
    if account is not None and account not in observed.allowed_service_accounts:
        return Refusal(
            Reason.SERVICE_ACCOUNT_NOT_ALLOWED,
            f"spec.pod.serviceAccountName: {account} does not exist or does not carry the label "
            'linnet.dev/allow-pods: "true"',
        )
    return None


def _planned(before: World, stopped: Refusal | None = None) -> Plan[DeploymentStatus]:
    judged = judging.look(before)
    target = stopped or wanted(before)
    refused = refusal(before, target) if isinstance(target, Wanted) and not _serves(before, target) else None
    turn = _moved(before, judged, target, refused)
    if _is_new(before) and (made := tuple(sync.missing(turn.world))):
        return Plan(None, made, AFTER_OTHERS)
    after = turn.world.with_status(**_waiting(turn.world, target))
    status = _status(after, judged, target, refused, stopped)
    data, saved = _evidence(before, turn.world, judged)
    told = (*turn.actions, *_told(before, judged), *_warned(before, status), *_rejected(before, status))
    return Plan(
        status,
        (*(() if _is_new(before) else sync.actions(before)), *told, *saved),
        _next_look(before, turn.world),
        evidence=data,
        gauges=_gauges(turn.world),
    )


def _moved(world: World, judged: Judged, target: Wanted | Refusal, refused: Refusal | None) -> Turn:
    """A request first; else the rollout under way; else a new one. One transition a look."""
    turn = requests.obeyed(world, judged)
    if turn.world.status != world.status:
        return turn
    if world.status.rollout is not None:
        return phases.advance(world, judged, target if isinstance(target, Wanted) else None)
    if isinstance(target, Refusal) or refused is not None or _serves(world, target):
        return Turn(world)
    return phases.begin(world, target)


def _serves(world: World, target: Wanted) -> bool:
    return world.status.stable is not None and world.status.stable.name == target.revision.name


def _status(
    world: World, judged: Judged, target: Wanted | Refusal, refused: Refusal | None, stopped: Refusal | None
) -> DeploymentStatus:
    under_way, stable = world.status.rollout, world.status.stable
    if under_way is not None and under_way.from_ is not None and judged.judgements:
        world = world.with_rollout(under_way, checks=summary.verdicts(judged))
    serving = world.workload(stable)
    generation = world.observed.deployment.generation
    said = summary.conditions(world, target, refused, stopped)
    return world.status.model_copy(
        update={
            "observed_generation": generation,
            "replicas": serving.current if serving else 0,
            "ready_replicas": serving.ready if serving else 0,
            "selector": f"{REVISION}={stable.name}" if stable else None,
            "conditions": merge(world.status.conditions, said, generation, world.now),
        }
    )


def _waiting(world: World, target: Wanted | Refusal) -> dict[str, RevisionStatus | None]:
    """A newer version in mid-rollout is queued or rejected; a rejected one stays so until another is wanted."""
    status, policy = world.status, world.policy
    if isinstance(target, Refusal):
        return {"queued": None, "rejected": status.rejected}
    newer = newcomer(world, target)
    if newer is not None and policy is not None and policy.on_new_version == "Reject":
        return {"queued": None, "rejected": newer.revision}
    same = status.rejected is not None and status.rejected.name == target.revision.name
    return {"queued": newer.revision if newer else None, "rejected": status.rejected if same else None}


def _evidence(before: World, after: World, judged: Judged) -> tuple[Mapping[str, str] | None, tuple[Action, ...]]:
    """What the operator remembers until the next look, and its saving at a transition or when it is due."""
    under_way, policy = after.status.rollout, after.policy
    if under_way is None or under_way.from_ is None or policy is None:
        return None, ()
    begun = before.status.rollout is None or before.status.rollout.id != under_way.id
    data = judging.fresh(after, policy) if begun else judged.data
    if data is None:
        return None, ()
    if before.status.rollout == under_way and not judging.due(data, after.now):
        return data, ()
    stamped = judging.stamped(data, after.now)
    return stamped, (SaveEvidence(evidence_manifest(after.owner, stamped)),)


def _warned(before: World, status: DeploymentStatus) -> tuple[Action, ...]:
    """An Event when Ready becomes False for a new reason; a rollback tells of itself."""
    former, ready = find(before.status.conditions, "Ready"), find(status.conditions, "Ready")
    if ready is None or ready.status != "False" or (former is not None and former.reason == ready.reason):
        return ()
    quiet = {Reason.ROLLING_BACK, Reason.STARTING, Reason.NO_PODS_READY}
    return () if ready.reason in quiet else (Emit("Warning", ready.reason, ready.message),)


def _rejected(before: World, status: DeploymentStatus) -> tuple[Action, ...]:
    """An Event for each version that is rejected; a log line says nothing more, as nothing was decided about it."""
    rejected, known = status.rejected, before.status.rejected
    if rejected is None or (known is not None and known.name == rejected.name):
        return ()
    message = f"Version {rejected.version} came in mid-rollout, and strategy.onNewVersion is Reject"
    return (Emit("Warning", "Rejected", message),)


def _told(world: World, judged: Judged) -> tuple[Action, ...]:
    """A log line for each verdict that changed."""
    under_way = world.status.rollout
    known = {c.name: c.verdict for c in (under_way.checks or ()) if under_way} if under_way else {}
    return tuple(
        Log("verdict", {"check": j.check, "verdict": j.verdict.value, "reason": j.reason, "message": j.message})
        for j in judged.judgements
        if known.get(j.check) != j.verdict.value
    )


def _is_new(world: World) -> bool:
    """No revision was chosen yet: there is no traffic to move, so nothing to write down before its pods are made."""
    return world.status.stable is None and world.status.rollout is None


def _next_look(before: World, after: World) -> timedelta | None:
    if before.status != after.status:
        return SOON
    if after.status.rollout is None:
        return None
    return after.policy.interval if after.policy else timedelta(seconds=5)


def _gauges(world: World) -> dict[str, float]:
    under_way = world.status.rollout
    return {"linnet_canary_weight": float((under_way.effective_weight if under_way else 0) or 0)}
