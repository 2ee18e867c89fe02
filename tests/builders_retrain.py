"""A RetrainPolicy and its world, built fluently: `retrain().weekly().due().look()`.

Children are kept as the JSON that Kubernetes has, and read as the operator reads them; `after` does what a plan asks
for, as the API server and the controllers of Jobs and CronJobs would.
"""

import copy
import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from asking import request, waiting
from linnet.api.kinds.request import RequestStatus
from linnet.api.kinds.retrain_policy import RetrainPolicyStatus, Run
from linnet.api.parts.conditions import Condition, find, timestamp
from linnet.core.observed import Platform, RetrainObserved
from linnet.core.parse import parse_status
from linnet.core.plan import AnswerRequest, Apply, Create, Delete, Emit, Log, Manifest, Patch, Plan
from linnet.core.requests.waiting import Request
from linnet.core.resources import objects
from linnet.core.resources.objects import Parent
from linnet.core.retraining import reconcile
from linnet.core.serving.runtimes import Catalogue

NOW: Final = datetime(2026, 11, 22, 3, 0, 2, tzinfo=UTC)
"""A Sunday, two seconds after three."""
DIGEST: Final = "sha256:" + "b" * 64
POLICY_UID: Final = "policy-uid"
CRON_UID: Final = "cron-uid"
Json = dict[str, Any]


def digest(seed: str) -> str:
    return "sha256:" + (seed.encode().hex() * 64)[:64]


def claim(seed: str = "b", **changes: Any) -> str:
    """What a good training run leaves behind."""
    return json.dumps({"uri": f"s3://models/{seed}", "digest": digest(seed), "metrics": {"auc": 0.99}} | changes)


def model(name: str = "tumor") -> Parent:
    runtime = {"name": "custom", "image": "server:1", "ports": {"http": 8080}, "readyPath": "/ready"}
    spec = {
        "format": {"name": "sklearn"},
        "source": {"uri": "s3://models/1", "credentials": {"secretName": "models-read"}},
        "runtime": runtime,
    }
    return Parent(name, "ml", f"{name}-uid", 1, {}, deleting=False, spec=spec, status={"highest": 1, "current": 1})


@dataclass(frozen=True)
class World:
    """The policy and all that a look at it can see. Every method returns the world after it."""

    spec: Json
    status: Json = field(default_factory=dict)
    generation: int = 1
    asked: tuple[Request, ...] = ()
    answers: Mapping[str, RequestStatus] = field(default_factory=dict)
    proven: bool = True
    model: Parent | None = None
    accounts: frozenset[str] = frozenset()
    cron: Json | None = None
    jobs: Mapping[str, Json] = field(default_factory=dict)
    pods: Mapping[str, Json] = field(default_factory=dict)
    versions: Mapping[str, Json] = field(default_factory=dict)
    deleted: tuple[str, ...] = ()

    # What a person writes
    def edit(self, **fields: Any) -> "World":
        kept = {k: v for k, v in {**self.spec, **fields}.items() if v is not None}
        return replace(self, spec=kept, generation=self.generation + 1)

    def weekly(self, cron: str = "0 3 * * 0", **schedule: str) -> "World":
        return self.edit(triggers=[{"name": "weekly", "schedule": {"cron": cron, **schedule}}])

    def job_spec(self, **fields: Any) -> "World":
        return self.edit(training={"job": {**self.spec["training"]["job"], **fields}})

    def asks(self, text: str, at: datetime = NOW) -> "World":
        return replace(self, asked=(*self.asked, request(text, at)))

    def edits_cron(self, **fields: Any) -> "World":
        """Somebody changes the CronJob's spec, past the policy."""
        assert self.cron is not None
        meta = {**self.cron["metadata"], "generation": self.cron["metadata"]["generation"] + 1}
        return replace(self, cron={**self.cron, "metadata": meta, "spec": {**self.cron["spec"], **fields}})

    # What Kubernetes does
    def due(self, at: datetime = NOW) -> "World":
        """The CronJob makes its Job of this minute, suspended, as its template says."""
        assert self.cron is not None
        minutes = int(at.timestamp()) // 60
        owner = {"kind": "CronJob", "name": self.cron["metadata"]["name"], "uid": CRON_UID, "controller": True}
        name = f"{owner['name']}-{minutes}"
        template = copy.deepcopy(self.cron["spec"]["jobTemplate"])
        made = {**template, "metadata": {**template["metadata"], "name": name, "ownerReferences": [owner]}}
        cron = {**self.cron, "status": {"lastScheduleTime": timestamp(datetime.fromtimestamp(minutes * 60, UTC))}}
        return replace(self, cron=cron).made(made, at)

    def made(self, job: Manifest, at: datetime) -> "World":
        name = job["metadata"]["name"]
        meta = {**job["metadata"], "uid": f"{name}-uid-{len(self.deleted)}", "creationTimestamp": timestamp(at)}
        return replace(self, jobs={**self.jobs, name: {**job, "metadata": meta}})

    def pod(self, job: str, state: Json, phase: str = "Running", *, at: datetime = NOW, **status: Any) -> "World":
        """The Job's pod, whose container `train` is in this state."""
        name = f"{job}-pod"
        owner = {"kind": "Job", "name": job, "uid": self.jobs[job]["metadata"]["uid"], "controller": True}
        meta = {"name": name, "uid": f"{name}-uid", "ownerReferences": [owner], "creationTimestamp": timestamp(at)}
        containers = [{"name": "train", "restartCount": 0, "state": state}]
        body = {"metadata": meta, "status": {"phase": phase, "containerStatuses": containers, **status}}
        return replace(self, pods={**self.pods, name: body})

    def completes(self, job: str, message: str, at: datetime = NOW) -> "World":
        """The training ends well and leaves this message."""
        ended = {"terminated": {"exitCode": 0, "reason": "Completed", "message": message}}
        return self.pod(job, ended, "Succeeded", at=at).finishes(job, at)

    def finishes(self, job: str, at: datetime = NOW) -> "World":
        """The Job is complete, whatever is known of its pod."""
        return self._ends(job, {"type": "Complete", "status": "True"}, at, {"completionTime": timestamp(at)})

    def fails(
        self, job: str, why: str = "Job has reached the specified backoff limit", at: datetime = NOW, **ended: Any
    ) -> "World":
        """The Job gives up; with `ended` its last pod terminated like that."""
        world = self.pod(job, {"terminated": ended}, "Failed", at=at) if ended else self
        failed = {"type": "Failed", "status": "True", "message": why, "lastTransitionTime": timestamp(at)}
        return world._ends(job, failed, at, {})

    def _ends(self, job: str, condition: Json, at: datetime, status: Json) -> "World":
        old = self.jobs[job]
        status = {**old.get("status", {}), "conditions": [condition], **status}
        return replace(self, jobs={**self.jobs, job: {**old, "status": status}})

    def loses(self, name: str) -> "World":
        """Somebody deletes this Job or pod; a Job takes its pods along."""
        jobs = {n: j for n, j in self.jobs.items() if n != name}
        pods = {n: p for n, p in self.pods.items() if name not in {n, p["metadata"]["ownerReferences"][0]["name"]}}
        return replace(self, jobs=jobs, pods=pods, deleted=(*self.deleted, name))

    # What the operator does
    def observed(self) -> RetrainObserved:
        return RetrainObserved(
            policy=Parent(
                "weekly",
                "ml",
                POLICY_UID,
                self.generation,
                {},
                deleting=False,
                spec=self.spec,
                status=copy.deepcopy(self.status),
            ),
            model=self.model,
            versions=tuple(
                Parent(n, "ml", f"{n}-uid", 1, {}, deleting=False, spec=v["spec"], status=v.get("status", {}))
                for n, v in self.versions.items()
            ),
            cron_job=objects.cron_job(self.cron) if self.cron else None,
            jobs=tuple(objects.job(j) for j in self.jobs.values()),
            pods=tuple(objects.pod(p) for p in self.pods.values()),
            platform=Platform(Catalogue(), "linnet:1"),
            requests=waiting(*self.asked, proven=self.proven),
            allowed_service_accounts=dict.fromkeys(self.accounts, ""),
        )

    @property
    def answered(self) -> RequestStatus:
        """The last answer to a person."""
        return list(self.answers.values())[-1]

    def plan(self, now: datetime = NOW) -> Plan[RetrainPolicyStatus]:
        return reconcile.plan(self.observed(), now)

    def look(self, now: datetime = NOW) -> "World":
        """One reconcile: the plan, done."""
        return self.after(self.plan(now), now)

    def after(self, plan: Plan[RetrainPolicyStatus], now: datetime = NOW) -> "World":
        world = self
        for action in plan.actions:
            world = world._answered(action) if isinstance(action, AnswerRequest) else world._done(action, now)
        return replace(world, status=plan.status.wire()) if plan.status is not None else world

    def _done(self, action: Any, now: datetime) -> "World":
        match action:
            case Apply(manifest):
                return self._applied(manifest)
            case Create(manifest) if manifest["kind"] == "Job":
                assert manifest["metadata"]["name"] not in self.jobs, "the API server would answer 409"
                return self.made({**manifest, "status": {"startTime": timestamp(now)}}, now)
            case Create(manifest):
                assert manifest["metadata"]["name"] not in self.versions, "the API server would answer 409"
                return replace(self, versions={**self.versions, manifest["metadata"]["name"]: manifest})
            case Patch(_, "CronJob", _, _, body):
                assert self.cron is not None
                return self.edits_cron(**body["spec"])
            case Patch(_, "Job", name, uid, body):
                old = self.jobs[name]
                assert old["metadata"]["uid"] == uid
                started = {**old.get("status", {}), "startTime": timestamp(now)}
                changed = {**old, "spec": {**old["spec"], **body["spec"]}, "status": started}
                return replace(self, jobs={**self.jobs, name: changed})
            case Delete(_, "CronJob", _, _):
                mine = [n for n, j in self.jobs.items() if j["metadata"]["ownerReferences"][0]["uid"] == CRON_UID]
                world = replace(self, cron=None)
                for name in mine:
                    world = world.loses(name)
                return world
            case Delete(_, "Job", name, _):
                return self.loses(name)
            case Emit() | Log():
                return self
        raise AssertionError(f"a plan for retraining has no business with {action}")

    def _answered(self, action: AnswerRequest) -> "World":
        left = tuple(r for r in self.asked if r.uid != action.uid)
        return replace(self, asked=left, answers={**self.answers, action.uid: action.status})

    def _applied(self, manifest: Manifest) -> "World":
        """Server-side apply of the CronJob; its generation counts changes of the spec."""
        former = self.cron or {"metadata": {"generation": 0}, "spec": {}}
        spec = merged(former["spec"], manifest["spec"])
        generation = former["metadata"]["generation"] + (spec != former["spec"])
        meta = {**manifest["metadata"], "uid": CRON_UID, "generation": generation}
        return replace(self, cron={**former, **manifest, "spec": spec, "metadata": meta})

    # What there is to see
    @property
    def seen(self) -> RetrainPolicyStatus:
        return parse_status(RetrainPolicyStatus, self.status)

    @property
    def runs(self) -> list[Run]:
        return self.seen.runs or []

    @property
    def last(self) -> Run:
        return self.runs[0]

    def said(self, type_: str = "Ready") -> Condition:
        found = find(self.seen.conditions, type_)
        assert found is not None
        return found

    def active(self) -> list[str]:
        """Jobs that may run and have not ended."""
        return [
            n
            for n, j in self.jobs.items()
            if not j["spec"].get("suspend") and not j.get("status", {}).get("conditions")
        ]

    def suspended(self) -> list[str]:
        return [n for n, j in self.jobs.items() if j["spec"].get("suspend")]


def merged(stands: Json, applied: Json) -> Json:
    """What server-side apply makes of fields that others set: those stay. Lists are ours as a whole."""
    return stands | {
        k: merged(stands[k], v) if isinstance(v, dict) and isinstance(stands.get(k), dict) else v
        for k, v in applied.items()
    }


def retrain_() -> World:
    """A policy without triggers whose Model stands."""
    spec = {"model": {"name": "tumor"}, "training": {"job": {"image": "train:1"}}}
    return World(spec, model=model())


def standing(cron: str = "0 3 * * 0", *, days: int = 7) -> World:
    """A weekly policy whose CronJob has stood since some days before NOW."""
    return retrain_().weekly(cron).look(NOW - timedelta(days=days))
