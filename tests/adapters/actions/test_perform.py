"""Actions: what a plan asks for is done once, against the right object, and known at once."""

import asyncio
import json
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, cast

import pytest

from adapters.fake_kube import FakeKube
from adapters.objects import child, own
from linnet.adapters.actions.children import Children
from linnet.adapters.actions.deps import ActionDeps
from linnet.adapters.actions.perform import perform
from linnet.adapters.actions.status import write_status
from linnet.adapters.cache.cache import Cache
from linnet.adapters.cache.evidence import EvidenceStore
from linnet.adapters.cache.gatherer import as_parent
from linnet.adapters.cluster import resources
from linnet.adapters.cluster.errors import ConflictError, ForbiddenError, InvalidError, LeadershipLostError
from linnet.adapters.telemetry.journal import Journal
from linnet.api.kinds.model_version import CheckEvidence, CheckResult, Decision, Quarantine
from linnet.api.kinds.request import RequestStatus
from linnet.core.plan import Action, AnswerRequest, Delete, Emit, Log, Notify, Patch, Record, Ref

NOW = datetime(2026, 1, 1, tzinfo=UTC)
REF = Ref("Deployment", "ml", "iris")
Json = dict[str, Any]


class Desk:
    """Everything that acts, with an API server in memory."""

    def __init__(self) -> None:
        self.kube = cast("Any", FakeKube())
        self.cache = Cache()
        self.counted: list[tuple[str, Any]] = []
        self.leads = True
        self.journal = Journal(self.kube, "pod-1", lambda: NOW, lambda *event: self.counted.append(event))
        children = Children(self.kube, self.cache, self.seen, self.gone)
        self.told: list[Emit | Log | Notify] = []
        self.deps = ActionDeps(
            self.kube,
            self.cache,
            children,
            self.journal,
            self.seen,
            self.gone,
            lambda: NOW,
            self.writable,
            EvidenceStore(self.kube, lambda: 0.0),
            lambda _ref, _parent, action: self.told.append(action),
        )

    def seen(self, resource: resources.Resource, obj: Json) -> bool:
        return self.cache.put(resource, obj) is not None

    def gone(self, resource: resources.Resource, namespace: str, name: str, uid: str) -> bool:
        return self.cache.drop(resource, namespace, name, uid) is not None

    def writable(self) -> None:
        if not self.leads:
            raise LeadershipLostError("lost")

    def known(self, resource: resources.Resource, obj: Json) -> Json:
        """An object that both the API server and the cache have."""
        stored: Json = self.kube.put(resource, obj)
        self.seen(resource, stored)
        return stored

    async def do(self, action: Action) -> None:
        await perform(self.deps, REF, as_parent(own("Deployment", "iris")), action)


def version(number: int = 1, **status: Any) -> Json:
    spec = {"model": {"name": "iris"}, "version": number}
    return own("ModelVersion", f"iris-v{number}", spec=spec, status=status)


def decision(id_: str = "r1-Promoted") -> Decision:
    return Decision(id=id_, deployment="iris", decision="Promoted", by="analysis")


async def test_a_patch_is_guarded_by_the_uid() -> None:
    """An object that took the name meanwhile is not touched."""
    desk = Desk()
    desk.known(resources.WORKLOAD, child("Deployment", "iris-v1", "iris", spec={"replicas": 1}))
    with pytest.raises(ConflictError):
        await desk.do(Patch("apps/v1", "Deployment", "iris-v1", "another", {"spec": {"replicas": 3}}))
    await desk.do(Patch("apps/v1", "Deployment", "iris-v1", "child-iris-v1", {"spec": {"replicas": 3}}))
    found = desk.cache.get(resources.WORKLOAD, "ml", "iris-v1")
    assert found is not None
    assert found["spec"] == {"replicas": 3}


async def test_a_patch_of_what_is_gone_is_a_conflict_and_forgotten() -> None:
    """The next look plans without it."""
    desk = Desk()
    desk.seen(resources.WORKLOAD, child("Deployment", "iris-v1", "iris"))
    with pytest.raises(ConflictError):
        await desk.do(Patch("apps/v1", "Deployment", "iris-v1", "child-iris-v1", {"spec": {}}))
    assert desk.cache.get(resources.WORKLOAD, "ml", "iris-v1") is None


async def test_deleting_what_is_gone_is_done() -> None:
    """A delete that was answered too late is not an error."""
    desk = Desk()
    desk.seen(resources.POD, child("Pod", "p", "iris"))
    await desk.do(Delete("v1", "Pod", "p", "child-p"))
    assert desk.cache.get(resources.POD, "ml", "p") is None


async def test_deleting_spares_a_namesake() -> None:
    """A new object of the name counts as: the old one is gone."""
    desk = Desk()
    desk.kube.put(resources.POD, child("Pod", "p", "iris", uid="new"))
    await desk.do(Delete("v1", "Pod", "p", "old"))
    assert (resources.POD, "ml", "p") in desk.kube.objects


async def test_a_refused_delete_is_tried_again() -> None:
    """A conflict while the object is still there must not make a ghost that nobody deletes."""
    desk = Desk()
    desk.known(resources.POD, child("Pod", "p", "iris"))
    desk.kube.fails["delete"] = ConflictError("the object has been modified")
    with pytest.raises(ConflictError):
        await desk.do(Delete("v1", "Pod", "p", "child-p"))
    assert desk.cache.get(resources.POD, "ml", "p") is not None


async def test_a_version_that_came_into_use_is_not_collected() -> None:
    """The cache may not know yet that a Deployment has just turned to it."""
    desk = Desk()
    desk.known(resources.MODEL_VERSION, version(1))
    spec = {"model": {"name": "iris"}}
    desk.kube.put(resources.DEPLOYMENT, own("Deployment", "iris", spec=spec, status={"stable": {"version": 1}}))
    with pytest.raises(ConflictError, match="in use"):
        await desk.do(Delete("linnet.dev/v1alpha1", "ModelVersion", "iris-v1", "ModelVersion-iris-v1"))
    assert (resources.MODEL_VERSION, "ml", "iris-v1") in desk.kube.objects


async def test_a_decision_is_recorded_once() -> None:
    """A look that is repeated after a crash adds nothing."""
    desk = Desk()
    desk.known(resources.MODEL_VERSION, version(1))
    for _ in range(2):
        await desk.do(Record("iris-v1", decision()))
    assert desk.kube.verbs() == ["status"]
    assert len(desk.kube.objects[resources.MODEL_VERSION, "ml", "iris-v1"]["status"]["decisions"]) == 1


async def test_a_record_survives_another_writer() -> None:
    """Two Deployments of one version decide at the same moment: both decisions are kept."""
    desk = Desk()
    desk.known(resources.MODEL_VERSION, version(1))
    elsewhere = {"id": "other", "deployment": "other", "decision": "Started", "by": "analysis"}
    desk.kube.put(resources.MODEL_VERSION, version(1, decisions=[elsewhere]))
    quarantine = Quarantine(deployment="iris", revision="iris-v1-x", reason="errors")
    await desk.do(Record("iris-v1", decision(), quarantine))
    status = desk.kube.objects[resources.MODEL_VERSION, "ml", "iris-v1"]["status"]
    assert [d["id"] for d in status["decisions"]] == ["other", "r1-Promoted"]
    assert status["quarantine"][0]["reason"] == "errors"


class Narrow(FakeKube):
    """It takes no status that is longer than this."""

    room = 0
    error: Exception = InvalidError("too large")

    async def replace_status(self, resource: resources.Resource, manifest: Json) -> Json:
        if len(json.dumps(manifest["status"])) > self.room:
            raise self.error
        return await super().replace_status(resource, manifest)


def judged() -> Record:
    evidence = CheckEvidence(signal="Errors", segments=[[1, 2, 3, 4]] * 60)
    checks = [CheckResult(name="errors", verdict="Fail", canary_requests=100, evidence=evidence)]
    decision = Decision(
        id="r1-RolledBack", deployment="iris", decision="RolledBack", by="analysis", reason="errors", message="!" * 900
    ).model_copy(update={"checks": checks})
    return Record("iris-v1", decision, Quarantine(deployment="iris", revision="r", reason="errors", message="!" * 900))


@pytest.mark.parametrize("error", [InvalidError("too large"), ForbiddenError("a policy of the platform")])
@pytest.mark.parametrize(("room", "kept"), [(10_000, "whole"), (3_000, "counts"), (500, "reason")])
async def test_a_record_that_is_refused_is_written_with_less_in_it(room: int, kept: str, error: Exception) -> None:
    """The quarantine and who decided what are written as long as anything is taken."""
    desk = Desk()
    narrow = Narrow()
    narrow.room, narrow.error = room, error
    desk.deps = replace(desk.deps, kube=cast("Any", narrow))
    desk.seen(resources.MODEL_VERSION, narrow.put(resources.MODEL_VERSION, version(1)))
    await desk.do(judged())
    status = narrow.objects[resources.MODEL_VERSION, "ml", "iris-v1"]["status"]
    (decision,) = status["decisions"]
    assert (decision["decision"], decision["reason"], status["quarantine"][0]["reason"]) == (
        "RolledBack",
        "errors",
        "errors",
    )
    assert ("evidence" in str(decision), "checks" in decision) == (kept == "whole", kept != "reason")


async def test_a_record_that_is_refused_whatever_is_in_it_says_why() -> None:
    """It is the caller's to tell, and to try again."""
    desk = Desk()
    desk.deps = replace(desk.deps, kube=cast("Any", Narrow()))
    desk.seen(resources.MODEL_VERSION, desk.deps.kube.put(resources.MODEL_VERSION, version(1)))  # type: ignore[attr-defined]
    with pytest.raises(InvalidError):
        await desk.do(judged())


async def test_an_event_whose_words_are_refused_says_its_reason() -> None:
    """A sentence of a stranger's must not take the Event away."""
    desk = Desk()
    desk.kube.fails["create"] = InvalidError("note: not printable")
    await desk.do(Emit("Warning", "RolledBack", "\x00"))
    writing = asyncio.ensure_future(desk.journal.write())
    await desk.journal.flush()
    writing.cancel()
    (event,) = [o for k, o in desk.kube.objects.items() if k[0] == resources.EVENT]
    assert (event["reason"], event["note"]) == ("RolledBack", "RolledBack")


async def test_a_record_of_a_version_that_is_gone_stops_nothing() -> None:
    """Rolling back matters more than writing it on a record that somebody deleted."""
    desk = Desk()
    await desk.do(Record("iris-v1", decision()))
    assert desk.kube.verbs() == ["get"]


ANSWER = AnswerRequest("iris-abort", "u1", RequestStatus(outcome="Accepted", message="back"))
ABORT: Json = {"target": {"kind": "Deployment", "name": "iris"}, "verb": "abort", "user": "jane"}


async def test_a_request_is_answered_once() -> None:
    """At a look that is repeated nothing is written."""
    desk = Desk()
    desk.known(resources.REQUEST, own("Request", "iris-abort", uid="u1", spec=ABORT, status={}))
    for _ in range(2):
        await desk.do(ANSWER)
    assert desk.kube.verbs() == ["status"]
    assert desk.kube.objects[resources.REQUEST, "ml", "iris-abort"]["status"]["outcome"] == "Accepted"


async def test_a_request_that_is_gone_or_another_needs_no_answer() -> None:
    """It was withdrawn; the name is a later one's by now."""
    desk = Desk()
    await desk.do(ANSWER)
    desk.known(resources.REQUEST, own("Request", "iris-abort", uid="u2", spec=ABORT, status={}))
    await desk.do(ANSWER)
    assert desk.kube.verbs() == []


async def test_an_answer_that_meets_another_write_is_tried_again() -> None:
    """The newest object is known then."""
    desk = Desk()
    desk.known(resources.REQUEST, own("Request", "iris-abort", uid="u1", spec=ABORT, status={}))
    desk.kube.put(resources.REQUEST, own("Request", "iris-abort", uid="u1", spec=ABORT, status={}))
    with pytest.raises(ConflictError):
        await desk.do(ANSWER)
    await desk.do(ANSWER)
    assert desk.kube.objects[resources.REQUEST, "ml", "iris-abort"]["status"]["outcome"] == "Accepted"


async def test_nothing_is_written_without_the_lease() -> None:
    """A process that was stopped for a while finds that another leads."""
    desk = Desk()
    desk.leads = False
    with pytest.raises(LeadershipLostError):
        await desk.do(Delete("v1", "Pod", "p", "child-p"))
    assert desk.kube.calls == []


async def test_an_event_that_cant_be_written_stops_nothing() -> None:
    """Events are for people who look; decisions do not wait for them."""
    desk = Desk()
    desk.kube.fails["create"] = ConflictError("no")
    await desk.do(Emit("Normal", "Promoted", "é" * 2000))
    writing = asyncio.ensure_future(desk.journal.write())
    await desk.journal.flush()
    writing.cancel()
    assert desk.kube.verbs() == ["create"]


async def test_an_event_waits_while_there_is_work() -> None:
    """Of a thousand new objects none waits for another's Event; each Event is written all the same."""
    desk, busy = Desk(), asyncio.Event()
    await desk.do(Emit("Normal", "RolloutStarted", "version 1"))

    def working() -> bool:
        busy.set()
        return not desk.kube.verbs()

    writing = asyncio.ensure_future(desk.journal.write(working))
    await busy.wait()
    assert desk.kube.verbs() == []
    await desk.journal.flush()
    writing.cancel()
    assert desk.kube.verbs() == ["create"]


async def test_a_log_action_is_one_line_and_one_count(caplog: pytest.LogCaptureFixture) -> None:
    """The journal's line carries the object's key, the event and its fields."""
    desk = Desk()
    caplog.set_level("INFO", "linnet.journal")
    await desk.do(Log("verdict", {"check": "errors", "verdict": "Fail"}))
    (record,) = caplog.records
    assert record.__dict__["object"] == "Deployment/ml/iris"
    assert record.__dict__["fields"] == {"event": "verdict", "check": "errors", "verdict": "Fail"}
    assert desk.counted == [("verdict", {"check": "errors", "verdict": "Fail"})]


async def test_an_equal_status_is_not_written() -> None:
    """At rest there is no write."""
    desk = Desk()
    parent = as_parent(desk.known(resources.DEPLOYMENT, own("Deployment", "iris", status={"replicas": 1})))
    await write_status(desk.deps, REF, parent, {"replicas": 1}, frozenset({"replicas"}))
    assert desk.kube.calls == []


async def test_fields_of_a_newer_operator_are_carried() -> None:
    """A downgrade loses nothing that it does not know."""
    desk = Desk()
    stored = desk.known(
        resources.DEPLOYMENT, own("Deployment", "iris", status={"replicas": 1, "future": "x", "held": "y"})
    )
    await write_status(desk.deps, REF, as_parent(stored), {"replicas": 2}, frozenset({"replicas", "held"}))
    assert desk.kube.objects[resources.DEPLOYMENT, "ml", "iris"]["status"] == {"replicas": 2, "future": "x"}


async def test_a_status_conflict_brings_the_newest_object() -> None:
    """The next look plans from what the other writer left."""
    desk = Desk()
    parent = as_parent(desk.known(resources.DEPLOYMENT, own("Deployment", "iris", status={})))
    desk.kube.put(resources.DEPLOYMENT, own("Deployment", "iris", status={"held": "theirs"}))
    with pytest.raises(ConflictError):
        await write_status(desk.deps, REF, parent, {"replicas": 2}, frozenset({"replicas"}))
    found = desk.cache.get(resources.DEPLOYMENT, "ml", "iris")
    assert found is not None
    assert found["status"] == {"held": "theirs"}


@pytest.mark.parametrize("optional", [True, False])
async def test_an_optional_patch_that_is_refused_holds_nothing_up(
    optional: bool, caplog: pytest.LogCaptureFixture
) -> None:
    """A policy of the platform against labels on pods must not keep a bad version in traffic."""
    desk = Desk()
    desk.kube.fails["patch"] = ForbiddenError("labels are ours alone")
    patch = Patch("v1", "Pod", "iris-1", "uid-1", {"metadata": {"labels": {"a": "b"}}}, optional=optional)
    if optional:
        await desk.do(patch)
        assert "labels are ours alone" in caplog.text
    else:
        with pytest.raises(ForbiddenError):
            await desk.do(patch)


async def test_events_and_log_lines_are_offered_to_the_endpoints() -> None:
    """Which of them is sent is the platform's choice; what is only for an endpoint is no Event."""
    desk = Desk()
    told: list[Emit | Log | Notify] = [
        Emit("Normal", "WeightSet", "10 %"),
        Log("verdict", {"check": "errors"}),
        Notify("desk", {"id": "1"}),
    ]
    for action in told:
        await desk.do(action)
    assert desk.told == told
