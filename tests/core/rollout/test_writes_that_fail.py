"""Whatever the API server refuses to take or to say, a bad version is rolled back and an abort goes through."""

import copy
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field, replace
from datetime import timedelta
from functools import cache
from typing import Any

import pytest

from core.rollout.test_transitions import QUICK
from linnet.adapters.cluster.errors import (
    ConflictError,
    ForbiddenError,
    ForeignObjectError,
    InvalidError,
    KubeError,
    UnavailableError,
)
from linnet.api.kinds.deployment import DeploymentStatus
from linnet.core.observed import DeploymentObserved
from linnet.core.plan import Emit, Log, Notify, Plan, Ref
from linnet.core.resources.objects import Parent
from linnet.handlers.kinds import Kind
from linnet.handlers.reconcile.attempts import Attempts, key_of
from linnet.handlers.reconcile.reconcile import Deps, reconcile
from simulator import Behavior, Cluster

pytestmark = pytest.mark.rollouts
REF = Ref("Deployment", "ml", "tumor-risk")
Json = dict[str, Any]
Fault = Callable[[str, str, str], KubeError | None]
"""What the API server says to a verb, a kind and a name; None: it takes it."""


def nothing(*_: str) -> None:
    """Every write is taken."""


@dataclass
class FaultyCluster(Cluster):
    """The real engine carries the plans out; `fault` says what the API server refuses."""

    fault: Fault = nothing
    tried: list[tuple[str, str, str]] = field(default_factory=list)
    attempts: Attempts | None = None
    unread: tuple[str, ...] = ()
    """What can't be read live, of `READS`."""

    def carry_out(self, plan: Plan[DeploymentStatus]) -> bool:
        self.attempts = self.attempts or Attempts(lambda: self.now.timestamp())  # noqa: PLW0108 (now is another in each look)
        kind = Kind(self._seen, lambda *_: plan, DeploymentStatus)
        deps = Deps(
            {"Deployment": kind},
            lambda _: self._parent(),
            self._perform,
            self._put,
            self._keep,
            lambda _: None,
            lambda: self.now,
            self.attempts,
        )
        try:
            again = finished(reconcile(REF, deps))
        except (ConflictError, UnavailableError):
            return False
        return again == timedelta(0)

    def observe(self) -> DeploymentObserved:
        refused = self.attempts.refused(REF) if self.attempts is not None else frozenset()
        observed = replace(super().observe(), refused=refused)
        for read in self.unread:
            observed = READS[read](observed)
        return observed

    def _parent(self) -> Parent:
        return super().observe().deployment

    async def _seen(self, parent: Parent) -> Parent:
        return parent

    async def _perform(self, _: Ref, __: Parent, action: Any) -> None:
        if not isinstance(action, Emit | Log | Notify):
            self._judge(*key_of(action))
        self._act(action)

    async def _put(self, _: Ref, parent: Parent, status: Json) -> None:
        if status != parent.status:
            self._judge("status", "Deployment", "tumor-risk")
            self.write(status)

    def _judge(self, verb: str, kind: str, name: str) -> None:
        self.tried.append((verb, kind, name))
        if (error := self.fault(verb, kind, name)) is not None:
            raise error

    def _keep(self, _: Ref, __: Parent, plan: Plan[Any]) -> None:
        if plan.evidence is not None:
            self.memory, self.loss = plan.evidence, None

    def condition(self, type_: str) -> Json:
        return next((c for c in self.status.get("conditions", ()) if c["type"] == type_), {})

    @property
    def safe(self) -> bool:
        """Whether nobody is answered by version 2."""
        answering = {p["metadata"]["labels"]["linnet.dev/version"] for p in self.answering()}
        return answering == {"1"}


def finished(work: Coroutine[Any, Any, timedelta | None]) -> timedelta | None:
    """Run what never waits for anything."""
    try:
        work.send(None)
    except StopIteration as end:
        return end.value  # type: ignore[no-any-return]
    raise AssertionError("it waits for something")


STRATEGY = {"canary": {"steps": [{"setWeight": 25}, {"pause": {}}]}, "bake": {"time": "1h"}}


def _led_to(phase: str, made: FaultyCluster) -> FaultyCluster:
    """Version 2, which was published, is in this phase."""
    if phase == "Starting":
        made.behaviors[2].starts = False
    if phase in {"Promoting", "Baking"}:
        made.run(300, until=lambda c: c.typed.rollout is not None and (c.typed.rollout.step or 0) == 1)
        made.behaviors[2].starts = phase == "Baking"
        made.ask("promote-full v2 id-0 jane")
    made.run(300, until=lambda c: c.phase == phase)
    assert made.phase == phase
    return made


@cache
def _reached(phase: str) -> FaultyCluster:
    made = FaultyCluster()
    made.edit(**{**QUICK, "strategy": STRATEGY, "replicas": 3}).run(5).publish(2)
    return _led_to(phase, made)


def reached(phase: str) -> FaultyCluster:
    """Version 2 is in this phase."""
    made = copy.deepcopy(_reached(phase))
    made.attempts = None
    return made


def _unknown_version(observed: DeploymentObserved) -> DeploymentObserved:
    """The cache lacks it, too."""
    versions = tuple(v for v in observed.versions if v.spec["version"] != 2)
    return replace(observed, versions=versions, unread=frozenset({"tumor-risk-v2"}))


READS: dict[str, Callable[[DeploymentObserved], DeploymentObserved]] = {
    "evidence": lambda o: replace(o, evidence_unread=True),
    "proof": lambda o: replace(o, requests=replace(o.requests, proof=replace(o.requests.proof, lapsed=True))),
    "accounts": lambda o: replace(o, allowed_service_accounts={"models": None}),
    "gateways": lambda o: replace(o, gateway_features={"public": None}, session_kinds=None),
    "the version": _unknown_version,
}
"""What a look goes on with where it can't be read: see tests/adapters/cache/test_reads_that_fail.py."""
ERRORS = {
    "422": InvalidError("is invalid"),
    "413": InvalidError("the request is too large"),
    "403": ForbiddenError("is forbidden: exceeded quota"),
    "409": ConflictError("the object has been modified"),
    "500": UnavailableError("a webhook failed"),
}
WRITES: dict[str, Callable[[str, str, str], bool]] = {
    "status": lambda verb, _kind, _name: verb == "status",
    "evidence": lambda verb, _kind, _name: verb == "SaveEvidence",
    "record": lambda verb, _kind, _name: verb.startswith("Record"),
    "the Service": lambda _verb, kind, name: (kind, name) == ("Service", "tumor-risk"),
    "every Service": lambda _verb, kind, _name: kind == "Service",
    "workloads": lambda verb, kind, _name: kind == "Deployment" and verb != "status",
    "the rest": lambda _verb, kind, _name: kind in {"PodDisruptionBudget", "NetworkPolicy", "Pod"},
}
PHASES = ("Starting", "Stepping", "Promoting", "Baking")


def refusing(write: str, error: str) -> Fault:
    return lambda *what: ERRORS[error] if WRITES[write](*what) else None


def either(one: Fault, other: Fault) -> Fault:
    return lambda verb, kind, name: one(verb, kind, name) or other(verb, kind, name)


@pytest.mark.parametrize("error", ERRORS)
@pytest.mark.parametrize("write", WRITES)
@pytest.mark.parametrize("phase", PHASES)
def test_an_abort_goes_through(phase: str, write: str, error: str) -> None:
    """The traffic is back with version 1; where the status can be written, the person has an answer."""
    cluster = reached(phase)
    cluster.fault = refusing(write, error)
    cluster.ask("abort - id-1 jane")
    stuck = write in {"the Service", "every Service", "workloads"} and phase == "Baking"
    cluster.run(60, until=lambda c: c.safe)  # type: ignore[attr-defined]
    assert cluster.safe or stuck
    if write != "status":
        assert [a.outcome for a in cluster.answers[-1:]] == ["Accepted"]
    cluster.fault = nothing
    cluster.run(200, until=lambda c: c.phase == "AtRest")
    assert cluster.typed.last_rollout is not None
    assert cluster.typed.last_rollout.outcome == "Aborted"
    assert [d.decision for d in cluster.version_status(2).decisions or ()].count("Aborted") == 1
    assert cluster.safe


@pytest.mark.parametrize("error", ERRORS)
@pytest.mark.parametrize("write", WRITES)
@pytest.mark.parametrize("phase", ["Stepping", "Baking"])
def test_a_bad_version_is_rolled_back(phase: str, write: str, error: str) -> None:
    """And it is quarantined once, as soon as that can be written."""
    cluster = reached(phase)
    cluster.fault = refusing(write, error)
    cluster.behaviors[2] = Behavior(errors=0.5)
    stuck = write in {"the Service", "every Service", "workloads"} and phase == "Baking"
    cluster.run(120, until=lambda c: c.safe)  # type: ignore[attr-defined]
    assert cluster.safe or stuck
    cluster.fault = nothing
    cluster.run(300, until=lambda c: c.phase == "AtRest" and not c.typed.owed)
    status = cluster.version_status(2)
    assert [d.decision for d in status.decisions or ()].count("RolledBack") == 1
    assert [q.reason for q in status.quarantine or ()] == ["errors"]
    assert not cluster.typed.owed
    assert cluster.safe


@pytest.mark.parametrize("error", ERRORS)
@pytest.mark.parametrize("write", WRITES)
def test_a_rollback_under_way_is_finished(write: str, error: str) -> None:
    """Nobody is sent to version 2 again, and it is quarantined once."""
    cluster = reached("Stepping")
    cluster.fault = refusing("workloads", "403")  # so that the phase lasts
    cluster.behaviors[2] = Behavior(errors=0.5)
    cluster.run(120, until=lambda c: c.phase == "RollingBack")
    assert cluster.phase == "RollingBack"
    cluster.fault = either(refusing("workloads", "403"), refusing(write, error))
    cluster.run(60, until=lambda c: c.safe)  # type: ignore[attr-defined]
    assert cluster.safe
    cluster.run(30)
    assert cluster.safe
    cluster.fault = nothing
    cluster.run(200, until=lambda c: c.phase == "AtRest" and not c.typed.owed)
    assert [q.reason for q in cluster.version_status(2).quarantine or ()] == ["errors"]
    assert [d.decision for d in cluster.version_status(2).decisions or ()].count("RolledBack") == 1


@pytest.mark.parametrize("error", ERRORS)
@pytest.mark.parametrize("write", WRITES)
def test_a_person_goes_back_from_what_is_promoted_already(write: str, error: str) -> None:
    """While its rollout ends: as soon as what leads back can be written, and the answer comes before that."""
    cluster = reached("Baking")
    cluster.ask("promote-full v2 id-1 jane")
    cluster.run(60, until=lambda c: c.phase == "Finishing")
    assert cluster.phase == "Finishing"
    cluster.fault = refusing(write, error)
    cluster.ask("rollback - id-2 jane")
    cluster.run(60, until=lambda c: c.safe)  # type: ignore[attr-defined]
    assert cluster.safe or write in {"the Service", "every Service", "workloads", "status"}
    if write != "status":
        assert [a.outcome for a in cluster.answers[-1:]] == ["Accepted"]
    cluster.fault = nothing
    cluster.run(300, until=lambda c: c.phase == "AtRest" and c.safe and not c.typed.owed)  # type: ignore[attr-defined]
    assert cluster.safe
    assert cluster.version_status(2).quarantine


BEHIND_A_GATEWAY = {
    "traffic": {"type": "Gateway", "parentRefs": [{"name": "public"}], "hostnames": ["risk.example.org"]},
    "strategy": STRATEGY,
    "replicas": 3,
}
ROUTED: dict[str, Callable[[str, str, str], bool]] = {
    **WRITES,
    "routes": lambda _verb, kind, _name: kind in {"HTTPRoute", "GRPCRoute"},
}


@cache
def _routed(phase: str) -> FaultyCluster:
    made = FaultyCluster(rate=100)
    made.edit(**{**QUICK, **BEHIND_A_GATEWAY}).run(8).publish(2)
    return _led_to(phase, made)


def share(cluster: Cluster) -> int:
    """The weight of version 2 in the routes that the gateway has taken up."""
    rules = cluster.taken_up["HTTPRoute"]["rules"]
    return sum(ref["weight"] for rule in rules for ref in rule["backendRefs"] if "-v2-" in ref["name"])


@pytest.mark.parametrize("error", ["403", "409", "500"])
@pytest.mark.parametrize("write", ROUTED)
@pytest.mark.parametrize("phase", PHASES)
def test_an_abort_goes_through_behind_a_gateway(phase: str, write: str, error: str) -> None:
    """Its weight is taken away as soon as the route can be written, whatever else is refused."""
    cluster = copy.deepcopy(_routed(phase))
    cluster.attempts = None
    cluster.fault = lambda *what: ERRORS[error] if ROUTED[write](*what) else None
    cluster.ask("abort - id-1 jane")
    stuck = (write == "routes" and phase != "Starting") or (write == "workloads" and phase == "Baking")
    cluster.run(60, until=lambda c: share(c) == 0)
    assert (share(cluster) > 0) is stuck
    if write != "status":
        assert [a.outcome for a in cluster.answers[-1:]] == ["Accepted"]
    if write == "routes" and stuck and error != "409":
        assert "HTTPRoute" in cluster.condition("Refused")["message"]
    cluster.fault = nothing
    cluster.run(300, until=lambda c: c.phase == "AtRest")
    assert cluster.typed.last_rollout is not None
    assert cluster.typed.last_rollout.outcome == "Aborted"
    assert share(cluster) == 0


OTHER_WRITES: dict[str, Callable[[str, str, str], bool]] = {
    **WRITES,
    "autoscaler": lambda _verb, kind, _name: kind == "HorizontalPodAutoscaler",
}
AUTOSCALED: Json = {
    "autoscaling": {"minReplicas": 2, "maxReplicas": 6, "metrics": [{"type": "CPU", "target": 70}]},
    "strategy": STRATEGY,
}
SLO: Json = {"name": "errors", "signal": "Errors", "max": "0.05"}
BLUE_GREEN: Json = {
    "strategy": {"blueGreen": {"autoPromote": True}, "bake": {"time": "1h"}},
    "analysis": {**QUICK["analysis"], "checks": [SLO]},
    "replicas": 3,
}
BY_OTHER_WAYS = [
    *((AUTOSCALED, phase, "autoscaler") for phase in ("Stepping", "Baking")),
    *((BLUE_GREEN, "Baking", write) for write in WRITES),
]
"""What is deployed, the phase, and what is refused: those that the tests above have no case of."""


def by_another_way(spec: Json, phase: str) -> FaultyCluster:
    """Version 2 is in this phase."""
    made = FaultyCluster()
    made.spec.pop("replicas")
    made.edit(**{**QUICK, **spec}).run(8).publish(2)
    if spec is AUTOSCALED and phase == "Baking":
        made.run(300, until=lambda c: c.typed.rollout is not None and (c.typed.rollout.step or 0) == 1)
        made.ask("promote-full v2 id-0 jane")
    made.run(300, until=lambda c: c.phase == phase)
    assert made.phase == phase
    return made


@pytest.mark.parametrize("error", ["403", "409"])
@pytest.mark.parametrize(("spec", "phase", "write"), BY_OTHER_WAYS)
def test_an_abort_goes_through_by_other_ways(spec: Json, phase: str, write: str, error: str) -> None:
    """With an autoscaler, and of blue/green: version 1 answers alone as soon as what leads back can be written."""
    cluster = by_another_way(spec, phase)
    cluster.fault = lambda *what: ERRORS[error] if OTHER_WRITES[write](*what) else None
    cluster.ask("abort - id-1 jane")
    stuck = write in {"the Service", "every Service", "workloads"} and phase == "Baking"
    cluster.run(60, until=lambda c: c.safe)  # type: ignore[attr-defined]
    assert cluster.safe or stuck
    if write != "status":
        assert [a.outcome for a in cluster.answers[-1:]] == ["Accepted"]
    cluster.fault = nothing
    cluster.run(200, until=lambda c: c.phase == "AtRest")
    assert cluster.typed.last_rollout is not None
    assert cluster.typed.last_rollout.outcome == "Aborted"
    assert cluster.safe
    assert (cluster.autoscaler is None) is (spec is BLUE_GREEN)


@pytest.mark.parametrize("error", ["403", "409"])
@pytest.mark.parametrize(("spec", "phase", "write"), BY_OTHER_WAYS)
def test_a_bad_version_is_rolled_back_by_other_ways(spec: Json, phase: str, write: str, error: str) -> None:
    """And it is quarantined once, as soon as that can be written."""
    cluster = by_another_way(spec, phase)
    cluster.fault = lambda *what: ERRORS[error] if OTHER_WRITES[write](*what) else None
    cluster.behaviors[2] = Behavior(errors=0.5)
    stuck = write in {"the Service", "every Service", "workloads"} and phase == "Baking"
    cluster.run(120, until=lambda c: c.safe)  # type: ignore[attr-defined]
    assert cluster.safe or stuck
    cluster.fault = nothing
    cluster.run(300, until=lambda c: c.phase == "AtRest" and not c.typed.owed)
    assert [q.reason for q in cluster.version_status(2).quarantine or ()] == ["errors"]
    assert cluster.safe


@pytest.mark.parametrize("name", ["tumor-risk-canary", "tumor-risk-stable", "canary's", "stable's workload"])
def test_a_stranger_with_a_childs_name_holds_nothing_up(name: str) -> None:
    """The condition says whose name it is, and the rollback goes on."""
    cluster = reached("Stepping")
    kind = "Deployment" if name == "stable's workload" else "Service"
    own = {"canary's": cluster.revision(2), "stable's workload": cluster.revision(1)}.get(name, name)
    foreign = ForeignObjectError(f"{kind} {own} exists and is not of Deployment tumor-risk")
    cluster.fault = lambda _verb, of, called: foreign if (of, called) == (kind, own) else None
    (cluster.workloads if kind == "Deployment" else cluster.services).pop(own, None)
    cluster.run(5)
    assert own in cluster.condition("Refused")["message"]
    cluster.behaviors[2] = Behavior(errors=0.5)
    cluster.run(120, until=lambda c: c.safe)  # type: ignore[attr-defined]
    assert cluster.safe
    assert cluster.typed.rollout is None or cluster.typed.rollout.decision == "RolledBack"


def test_a_refused_child_is_written_rarely_and_nothing_else_is() -> None:
    """At rest with a refusal the operator tries it once a minute, and no status changes."""
    cluster = FaultyCluster()
    cluster.fault = lambda _verb, kind, _name: ERRORS["403"] if kind == "PodDisruptionBudget" else None
    cluster.edit(replicas=3).run(60)
    assert cluster.condition("Ready")["reason"] == "Forbidden"
    cluster.tried.clear()
    cluster.run(600)
    assert {kind for _, kind, _ in cluster.tried} == {"PodDisruptionBudget"}
    assert 8 <= len(cluster.tried) <= 15


def test_a_record_that_is_owed_outlives_the_process() -> None:
    """A death between the status and the record loses neither the quarantine nor the record."""
    cluster = reached("Stepping")
    cluster.fault = lambda verb, *_: ERRORS["500"] if verb.startswith("Record") else None
    cluster.behaviors[2] = Behavior(errors=0.5)
    cluster.run(120, until=lambda c: bool(c.typed.owed))
    assert cluster.typed.quarantine
    cluster.attempts = None
    cluster.restart_operator()
    cluster.fault = nothing
    cluster.run(5, until=lambda c: not c.typed.owed)
    (decision,) = [d for d in cluster.version_status(2).decisions or () if d.decision == "RolledBack"]
    assert (decision.reason, decision.by) == ("errors", "analysis")
    assert len(cluster.version_status(2).quarantine or ()) == 1


@pytest.mark.parametrize("read", READS)
@pytest.mark.parametrize("phase", PHASES)
def test_an_abort_goes_through_while_something_cannot_be_read(phase: str, read: str) -> None:
    """The person has an answer, traffic is back with version 1, and the record is written as soon as it can be."""
    cluster = reached(phase)
    cluster.unread = (read,)
    cluster.ask("abort - id-1 jane")
    cluster.run(60, until=lambda c: c.safe)  # type: ignore[attr-defined]
    assert cluster.safe
    assert [a.outcome for a in cluster.answers[-1:]] == ["Accepted"]
    cluster.unread = ()
    cluster.run(200, until=lambda c: c.phase == "AtRest" and not c.typed.owed)
    assert [d.decision for d in cluster.version_status(2).decisions or ()].count("Aborted") == 1


@pytest.mark.parametrize("read", [r for r in READS if r != "the version"])
@pytest.mark.parametrize("phase", ["Stepping", "Baking"])
def test_a_bad_version_is_rolled_back_while_something_cannot_be_read(phase: str, read: str) -> None:
    """It is judged on what is seen meanwhile."""
    cluster = reached(phase)
    cluster.unread = (read,)
    cluster.behaviors[2] = Behavior(errors=0.5)
    cluster.run(120, until=lambda c: c.safe)  # type: ignore[attr-defined]
    assert cluster.safe
    cluster.run(300, until=lambda c: c.phase == "AtRest" and not c.typed.owed)
    assert [q.reason for q in cluster.version_status(2).quarantine or ()] == ["errors"]


def test_a_version_that_cannot_be_read_ends_no_rollout() -> None:
    """Nobody knows that it is gone: nothing moves meanwhile, and then the rollout goes on where it was."""
    cluster = reached("Stepping")
    step = cluster.typed.rollout
    cluster.unread = ("the version",)
    cluster.run(60)
    assert cluster.typed.rollout is not None
    assert step is not None
    assert (cluster.phase, cluster.typed.rollout.id) == ("Stepping", step.id)
    cluster.unread = ()
    cluster.behaviors[2] = Behavior(errors=0.5)
    cluster.run(120, until=lambda c: c.safe)  # type: ignore[attr-defined]
    assert cluster.safe
