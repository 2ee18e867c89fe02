"""Which revision a Deployment should serve, or the reason why that must wait."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import Final

from linnet.api.kinds.deployment import RULES_SIZE, RevisionStatus
from linnet.api.kinds.model import ModelStatus
from linnet.api.kinds.model_version import Quarantine
from linnet.api.labels import REVISION
from linnet.api.parts.conditions import REFUSED, Reason, find
from linnet.core.parse import parse_status
from linnet.core.policy import effective, preflight
from linnet.core.policy.rules import Rules, resolve, source_of
from linnet.core.registry import quarantine, versions
from linnet.core.registry.quarantine import QuarantinedArtifact
from linnet.core.registry.versions import Version
from linnet.core.requests import commands
from linnet.core.rollout.context import Context, UnderWay
from linnet.core.rollout.hooks import calls
from linnet.core.rollout.traffic import gateway, gateway_features
from linnet.core.serving import revision as serving


@dataclass(frozen=True)
class Refusal:
    """Why nothing new is started. `failed`: a person must act; otherwise it may pass by itself.

    `ahead`: it concerns the next version alone, and what serves is as it should be.
    """

    reason: Reason
    message: str
    failed: bool = True
    ahead: bool = False


@dataclass(frozen=True)
class Target:
    """The revision to serve, and the version that it is of."""

    revision: RevisionStatus
    version: Version


def find_target(context: Context) -> Target | Refusal:
    """The revision that the spec asks for; `refusal` says whether it may be started."""
    found = _version(context)
    if isinstance(found, Refusal):
        return found
    if found.status.digest is None or not found.ready:
        return _not_ready(found)
    return Target(serving.revision(context.name, found.spec, found.status.digest, context.spec), found)


def _version(context: Context) -> Version | Refusal:
    pin, model = context.spec.model, context.observed.model
    if model is None:
        return Refusal(Reason.MODEL_NOT_FOUND, f"spec.model.name: there is no Model {pin.name} in this namespace")
    if pin.digest is not None:
        same = [v for v in context.versions if v.digest == pin.digest]
        # What somebody imported stands behind what Linnet made of this artifact: its runtime may be another.
        same = [v for v in same if v.spec.origin.type != "Import"] or same
        return same[-1] if same else _missing(f"spec.model.digest: no version of {pin.name} has {pin.digest}")
    current = parse_status(ModelStatus, model.status).current
    number = pin.version if pin.version is not None else current
    if number is None:
        return Refusal(Reason.VERSION_NOT_READY, f"Model {pin.name} has no version yet", failed=False)
    path = "spec.model.version" if pin.version is not None else "status.current of the Model"
    return context.version(number) or _missing(f"{path}: there is no ModelVersion {pin.name}-v{number}")


def _missing(message: str) -> Refusal:
    return Refusal(Reason.VERSION_NOT_FOUND, message, failed=False)


def _not_ready(version: Version) -> Refusal:
    ready = version.condition
    if ready is not None and ready.status == "False":
        return Refusal(Reason.VERSION_FAILED, f"version {version.number}: {ready.reason}: {ready.message}")
    refused = find(version.status.conditions, REFUSED)
    why = f": {refused.message}" if refused is not None and refused.status == "True" else ""
    return Refusal(Reason.VERSION_NOT_READY, f"version {version.number} is being validated{why}", failed=False)


def is_served(context: Context, target: Target) -> bool:
    """Whether what serves is what the spec asks for: the same revision, or the same pods under another number.

    A Model that was deleted and made again has its artifact under a new number.
    """
    return context.status.stable is not None and _same_pods(context.status.stable, target.revision)


def _same_pods(one: RevisionStatus, other: RevisionStatus) -> bool:
    same = one.digest is not None and (one.digest, one.template) == (other.digest, other.template)
    return one.name == other.name or same


def with_version_adopted(context: Context, target: Target | Refusal) -> Context:
    """What serves is of the version that the spec asks for, if its own was deleted and this is the same artifact."""
    stable = context.status.stable
    if isinstance(target, Refusal) or stable is None or context.under_way is not None:
        return context
    if context.version_of(stable) is not None or not is_served(context, target):
        return context
    number = {"model": target.revision.model, "version": target.revision.version}
    return context.with_status(stable=stable.model_copy(update=number))


def refusal(context: Context, target: Target) -> Refusal | None:
    """Why this revision may not be started now, by the first check that finds something; None if none does."""
    return next((found for check in _CHECKS if (found := check(context, target)) is not None), None)


def obstacle_ahead(context: Context, target: Target) -> Refusal | None:
    """Why no version could follow the one that serves: told at once, and not only when the next one comes."""
    found = next((found for check in _CHECKS_OF_SPEC if (found := check(context, target)) is not None), None)
    if found is not None and found.reason is Reason.INVALID_SPEC:
        return found
    found = found or next((found for check in _CHECKS_OF_PLACE if (found := check(context, target)) is not None), None)
    return replace(found, ahead=True) if found is not None else None


def _quarantine(context: Context, target: Target) -> Refusal | None:
    entry = quarantine_of(context, target.revision)
    if entry is None:
        return None
    where = f"{entry.deployment}: " if entry.deployment and entry.deployment != context.name else ""
    return Refusal(
        Reason.QUARANTINED,
        f"version {target.revision.version} is quarantined ({where}{entry.reason}: {entry.message}). Serve another "
        f"artifact, or release it: {_command(context, 'release', target)}",
    )


def _command(context: Context, verb: str, target: Target) -> str:
    """What a person types to ask it."""
    return commands.of_version(verb, context.name, context.owner.namespace, target.revision.version)


def _aborted(context: Context, target: Target) -> Refusal | None:
    if context.status.held != target.revision.name:
        return None
    return Refusal(
        Reason.ABORTED,
        f"version {target.revision.version} was aborted. Try it again: {_command(context, 'retry', target)}",
    )


def _unsupported_checks(context: Context, target: Target) -> Refusal | None:
    """What can't be judged is not started; the first version of all is not judged, as nobody needs protection yet."""
    if context.status.stable is None:
        return None
    rules = _rules(context, target)
    found = preflight.trouble(rules, target.version.spec.runtime) if rules else None
    return _told(context, found) if found else None


def _unasked_queries(context: Context, target: Target) -> Refusal | None:
    """A query that the platform's Prometheus can't be asked would hold the rollout."""
    rules, server = _rules(context, target), context.observed.platform.prometheus
    queries = server.queries if server is not None else None
    found = preflight.unanswerable(rules, queries) if rules and context.status.stable is not None else None
    return _told(context, found) if found else None


def _told(context: Context, found: tuple[bool, str]) -> Refusal:
    missing, message = found
    reason = Reason.UNSUPPORTED_SIGNAL if missing else Reason.INVALID_SPEC
    return Refusal(reason, effective.located(message, context.observed.deployment.spec))


def _missing_endpoint(context: Context, target: Target) -> Refusal | None:
    """A hook that can't be asked would hold the rollout until its deadline."""
    rules, platform = _rules(context, target), context.observed.platform.hooks
    endpoints = platform.by_name if platform is not None else None
    found = calls.unreachable(rules, endpoints) if rules and context.status.stable is not None else None
    if found is None:
        return None
    return Refusal(Reason.INVALID_SPEC, effective.located(found, context.observed.deployment.spec))


def _rules(context: Context, target: Target) -> Rules | None:
    """The rules by which a rollout of the target would begin now."""
    return resolve(source_of(context.spec), target.version.spec.runtime)


def _long_rules(context: Context, target: Target) -> Refusal | None:
    """They are frozen in the status, which has bounds."""
    rules = _rules(context, target)
    if rules is None or len(rules.frozen) <= RULES_SIZE:
        return None
    message = (
        f"spec.strategy: with the analysis, the deadlines and all defaults it is {len(rules.frozen)} characters long, "
        f"and at most {RULES_SIZE} are frozen with a rollout: use fewer steps, headers or slices"
    )
    return Refusal(Reason.INVALID_SPEC, effective.located(message, context.observed.deployment.spec))


def _route_problem(context: Context, _: Target) -> Refusal | None:
    """A gateway that does not go by what is written would not split the traffic either."""
    if context.status.stable is None or (problem := gateway.problem(context)) is None:
        return None
    return Refusal(Reason.ROUTE_NOT_ACCEPTED, problem)


def _unsupported_mirror(context: Context, target: Target) -> Refusal | None:
    traffic = context.spec.traffic if context.gateway and context.status.stable is not None else None
    rules = _rules(context, target) if traffic else None
    found = gateway_features.mirror_obstacle(traffic, context.observed, rules.steps) if traffic and rules else None
    return Refusal(Reason.INVALID_SPEC, found) if found else None


def _missing_grpc_port(context: Context, target: Target) -> Refusal | None:
    """A gRPC route needs a port to lead to."""
    traffic, runtime = context.spec.traffic, target.version.spec.runtime
    if traffic is None or "GRPC" not in (traffic.protocols or ()) or runtime.ports.grpc is not None:
        return None
    return Refusal(
        Reason.INVALID_SPEC, f"spec.traffic.protocols: runtime {runtime.name} has no gRPC port: leave GRPC out"
    )


def _leftover_pods(context: Context, _: Target) -> Refusal | None:
    """Pods of a revision that neither serves nor is wanted would get traffic when `<name>` opens (argo #4390)."""
    stable = context.status.stable
    kept = {stable.name} if stable else set()
    living = (p for p in context.observed.pods if p.lives(context.now))
    left = sorted({p.meta.name for p in living if p.meta.labels.get(REVISION) not in kept})
    if not left or stable is None:
        return None
    return Refusal(
        Reason.STARTING, f"waiting for pods of an earlier revision to end: {', '.join(left[:3])}", failed=False
    )


def _rejected(context: Context, target: Target) -> Refusal | None:
    """What was rejected in mid-rollout stays so until a person, or another change, says otherwise."""
    rejected = context.status.rejected
    if rejected is None or rejected.name != target.revision.name:
        return None
    return Refusal(
        Reason.REJECTED,
        f"version {target.revision.version} came during another rollout, and strategy.onNewVersion was Reject. "
        f"Start it: {_command(context, 'retry', target)}",
    )


_Check = Callable[[Context, Target], Refusal | None]
_CHECKS_OF_SPEC: Final[tuple[_Check, ...]] = (_unsupported_checks, _long_rules)
"""These are about what the Deployment and its policy say, whichever version comes."""
_CHECKS_OF_PLACE: Final[tuple[_Check, ...]] = (_unasked_queries, _missing_endpoint, _unsupported_mirror)
"""These are about what the platform has, whichever version comes."""
_LASTING_CHECKS: Final[tuple[_Check, ...]] = (
    _quarantine,
    _aborted,
    *_CHECKS_OF_SPEC,
    *_CHECKS_OF_PLACE,
    _missing_grpc_port,
)
"""These don't pass by the end of the rollout under way."""
_CHECKS: Final[tuple[_Check, ...]] = (*_LASTING_CHECKS, _rejected, _route_problem, _leftover_pods)


def newer_target(under_way: UnderWay, target: Target | None) -> Target | None:
    """The target, if it is neither of the two revisions of the rollout and could be started after it."""
    rollout = under_way.rollout
    if target is None or rollout.from_ is None or target.revision.name in {rollout.to.name, rollout.from_.name}:
        return None
    return None if any(check(under_way.context, target) for check in _LASTING_CHECKS) else target


def quarantine_of(context: Context, revision: RevisionStatus) -> Quarantine | None:
    """The entry that forbids this revision, whichever version or Model of the namespace carries it."""
    parsed = (*context.known, *versions.parse(context.observed.quarantined))
    return _entry(parsed, revision) or _entry_kept(context, revision)


def quarantined_here(context: Context) -> list[QuarantinedArtifact]:
    """What the status says of artifacts that were quarantined here."""
    return quarantine.kept(context.status.quarantine or (), context.name, context.now)


def _entry_kept(context: Context, revision: RevisionStatus) -> Quarantine | None:
    """The entry that this Deployment keeps, or another one: the ModelVersion that had it may be deleted."""
    elsewhere = quarantine.kept_by(context.observed.refused_elsewhere, context.now)
    kept = (*quarantined_here(context), *(q for q in elsewhere if not q.is_released(context.known, context.now)))
    same = (q.entry for q in kept if q.digest == revision.digest)
    return next((entry for entry in same if entry.template in {None, revision.template}), None)


def _entry(parsed: Iterable[Version], revision: RevisionStatus) -> Quarantine | None:
    for version in parsed:
        for entry in version.status.quarantine or ():
            same = version.digest == revision.digest and revision.digest is not None
            if same and entry.template in {None, revision.template}:
                return entry
    return None
