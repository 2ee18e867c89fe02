"""Which revision a Deployment should serve, or the reason why that must wait."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Final

from linnet.api.kinds.deployment import RevisionStatus
from linnet.api.kinds.model import ModelStatus
from linnet.api.kinds.model_version import Quarantine
from linnet.api.labels import REVISION
from linnet.api.parts.conditions import Reason
from linnet.core.parse import parse_status
from linnet.core.policy import effective as shared_policy
from linnet.core.policy import preflight
from linnet.core.policy import rules as policy
from linnet.core.registry import versions
from linnet.core.registry.versions import Version
from linnet.core.rollout.context import World
from linnet.core.rollout.hooks import calls as hooks
from linnet.core.rollout.traffic import gateway, gateway_features
from linnet.core.serving import revision as serving


@dataclass(frozen=True)
class Refusal:
    """Why nothing new is started. `failed`: a person must act; otherwise it may pass by itself."""

    reason: Reason
    message: str
    failed: bool = True


@dataclass(frozen=True)
class Wanted:
    """The revision to serve, and the version that it is of."""

    revision: RevisionStatus
    version: Version


def wanted(world: World) -> Wanted | Refusal:
    """The revision that the spec asks for; `refusal` says whether it may be started."""
    found = _version(world)
    if isinstance(found, Refusal):
        return found
    if found.status.digest is None or not found.ready:
        return _not_ready(found)
    return Wanted(serving.revision(world.name, found.spec, found.status.digest, world.spec), found)


def _version(world: World) -> Version | Refusal:
    pin, model = world.spec.model, world.observed.model
    if model is None:
        return Refusal(Reason.MODEL_NOT_FOUND, f"spec.model.name: there is no Model {pin.name} in this namespace")
    if pin.digest is not None:
        same = [v for v in world.versions if v.digest == pin.digest]
        return same[-1] if same else _missing(f"spec.model.digest: no version of {pin.name} has {pin.digest}")
    current = parse_status(ModelStatus, model.status).current
    number = pin.version if pin.version is not None else current
    if number is None:
        return Refusal(Reason.VERSION_NOT_READY, f"Model {pin.name} has no version yet", failed=False)
    path = "spec.model.version" if pin.version is not None else "status.current of the Model"
    return world.version(number) or _missing(f"{path}: there is no ModelVersion {pin.name}-v{number}")


def _missing(message: str) -> Refusal:
    return Refusal(Reason.VERSION_NOT_FOUND, message, failed=False)


def _not_ready(version: Version) -> Refusal:
    said = version.condition
    if said is not None and said.status == "False":
        return Refusal(Reason.VERSION_FAILED, f"version {version.number}: {said.reason}: {said.message}")
    return Refusal(Reason.VERSION_NOT_READY, f"version {version.number} is being validated", failed=False)


def refusal(world: World, target: Wanted) -> Refusal | None:
    """Why this revision may not be started now: the checks are asked in order."""
    return next((found for check in _CHECKS if (found := check(world, target)) is not None), None)


def _quarantined(world: World, target: Wanted) -> Refusal | None:
    entry = quarantine_of(world, target.revision)
    if entry is None:
        return None
    where = f"{entry.deployment}: " if entry.deployment and entry.deployment != world.name else ""
    return Refusal(
        Reason.QUARANTINED,
        f"version {target.revision.version} is quarantined ({where}{entry.reason}: {entry.message}). Serve another "
        f"artifact, or release it: kubectl annotate --overwrite mld {world.name} "
        f"'linnet.dev/request=release v{target.revision.version} <new-id> <your-username>'",
    )


def _held(world: World, target: Wanted) -> Refusal | None:
    if world.status.held != target.revision.name:
        return None
    return Refusal(
        Reason.ABORTED,
        f"version {target.revision.version} was aborted. Try it again: kubectl annotate --overwrite mld {world.name} "
        f"'linnet.dev/request=retry v{target.revision.version} <new-id> <your-username>'",
    )


def _unjudgeable(world: World, target: Wanted) -> Refusal | None:
    """The first version of all is not judged: there is nothing to compare it with and nobody to protect yet."""
    if world.status.stable is None:
        return None
    runtime = target.version.spec.runtime
    rules = policy.resolve(policy.source_of(world.spec), runtime)
    server = world.observed.platform.prometheus
    known = server.queries if server is not None else None
    found = (preflight.trouble(rules, runtime) or preflight.unanswerable(rules, known)) if rules else None
    if found is None:
        return None
    missing, message = found
    reason = Reason.UNSUPPORTED_SIGNAL if missing else Reason.INVALID_SPEC
    return Refusal(reason, shared_policy.located(message, world.observed.deployment.spec))


def _unhooked(world: World, target: Wanted) -> Refusal | None:
    rules = policy.resolve(policy.source_of(world.spec), target.version.spec.runtime)
    platform = world.observed.platform.hooks
    there = platform.by_name if platform is not None else None
    said = hooks.unreachable(rules, there) if rules and world.status.stable is not None else None
    return Refusal(Reason.INVALID_SPEC, shared_policy.located(said, world.observed.deployment.spec)) if said else None


def _unrouted(world: World, _: Wanted) -> Refusal | None:
    """A gateway that does not go by what is written would not split the traffic either."""
    if world.status.stable is None or (said := gateway.problem(world)) is None:
        return None
    return Refusal(Reason.ROUTE_NOT_ACCEPTED, said)


def _uncopied(world: World, target: Wanted) -> Refusal | None:
    traffic = world.spec.traffic if world.gateway and world.status.stable is not None else None
    rules = policy.resolve(policy.source_of(world.spec), target.version.spec.runtime) if traffic else None
    said = gateway_features.uncopied(traffic, world.observed, rules.steps) if traffic and rules else None
    return Refusal(Reason.INVALID_SPEC, said) if said else None


def _grpc(world: World, target: Wanted) -> Refusal | None:
    """A gRPC route needs a port to lead to."""
    traffic, runtime = world.spec.traffic, target.version.spec.runtime
    if traffic is None or "GRPC" not in (traffic.protocols or ()) or runtime.ports.grpc is not None:
        return None
    return Refusal(
        Reason.INVALID_SPEC, f"spec.traffic.protocols: runtime {runtime.name} has no gRPC port: leave GRPC out"
    )


def _leftovers(world: World, _: Wanted) -> Refusal | None:
    """Pods of a revision that neither serves nor is wanted would get traffic when `<name>` opens (argo #4390)."""
    stable = world.status.stable
    kept = {stable.name} if stable else set()
    left = sorted({p.meta.name for p in world.observed.pods if p.meta.labels.get(REVISION) not in kept})
    if not left or stable is None:
        return None
    return Refusal(
        Reason.STARTING, f"waiting for pods of an earlier revision to end: {', '.join(left[:3])}", failed=False
    )


def _rejected(world: World, target: Wanted) -> Refusal | None:
    """In mid-rollout it would be news each time; at rest it stands until a person or another change says otherwise."""
    rejected = world.status.rejected
    if rejected is None or rejected.name != target.revision.name:
        return None
    return Refusal(
        Reason.REJECTED,
        f"version {target.revision.version} came during another rollout, and strategy.onNewVersion was Reject. "
        f"Start it: kubectl annotate --overwrite mld {world.name} "
        f"'linnet.dev/request=retry v{target.revision.version} <new-id> <your-username>'",
    )


_Check = Callable[[World, Wanted], Refusal | None]
_LASTING: Final[tuple[_Check, ...]] = (_quarantined, _held, _unjudgeable, _unhooked, _grpc, _uncopied)
"""These don't pass by the end of the rollout under way."""
_CHECKS: Final[tuple[_Check, ...]] = (*_LASTING, _rejected, _unrouted, _leftovers)


def newcomer(world: World, target: Wanted | None) -> Wanted | None:
    """The wanted revision, if it is neither of those of the rollout under way and could be started after it."""
    under_way = world.status.rollout
    if target is None or under_way is None or under_way.from_ is None:
        return None
    known = target.revision.name in {under_way.to.name, under_way.from_.name}
    return None if known or any(check(world, target) for check in _LASTING) else target


def quarantine_of(world: World, revision: RevisionStatus) -> Quarantine | None:
    """The entry that forbids this revision, whichever version or Model of the namespace carries it."""
    parsed = (*world.versions, *versions.parse(world.observed.quarantined))
    return _entry(parsed, revision)


def _entry(parsed: Iterable[Version], revision: RevisionStatus) -> Quarantine | None:
    for version in parsed:
        for entry in version.status.quarantine or ():
            same = version.digest == revision.digest and revision.digest is not None
            if same and entry.template in {None, revision.template}:
                return entry
    return None
