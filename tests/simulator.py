"""A cluster that plays by the rules, in memory: applies a plan's actions, starts pods, answers requests.

It runs the pure plans exactly as the engine does (observe, plan, act, write status), with a clock of its own, so that
a whole rollout takes milliseconds and every step of it can be looked at.
"""

import itertools
import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import yaml

from asking import request, waiting
from linnet.api.kinds.deployment import DeploymentStatus
from linnet.api.kinds.model import ModelSpec
from linnet.api.kinds.model_version import ModelVersionStatus
from linnet.api.kinds.request import RequestStatus
from linnet.api.labels import REVISION
from linnet.api.names import API_VERSION
from linnet.api.parts.conditions import find
from linnet.api.parts.hooks import Hooks
from linnet.api.parts.prometheus import PrometheusServer
from linnet.core.analysis.checks import Slice
from linnet.core.analysis.metrics.counters import REQUESTS, PodCounters
from linnet.core.analysis.metrics.selectors import CORRECT, TOTAL, MetricRules
from linnet.core.analysis.prometheus.query_template import Question
from linnet.core.analysis.prometheus.response import Answer, NoValue
from linnet.core.observed import DeploymentObserved, Platform, Scrape
from linnet.core.parse import parse_status
from linnet.core.plan import AnswerRequest, Apply, Delete, Emit, Log, Notify, Patch, Plan, Record, SaveEvidence
from linnet.core.registry import model_version
from linnet.core.requests.waiting import Request
from linnet.core.resources import objects, routes
from linnet.core.resources.deletion import Ending
from linnet.core.resources.objects import Parent
from linnet.core.rollout import reconcile
from linnet.core.rollout.judging import look, seal
from linnet.core.serving.runtimes import catalogue, freeze
from linnet.core.webhooks import Call, NotYet, Reply

START = datetime(2026, 1, 1, tzinfo=UTC)
DIGESTS = {n: f"sha256:{n:064x}" for n in range(1, 30)}
CATALOGUE = catalogue(
    [yaml.safe_load((Path(__file__).parent.parent / "operator/linnet/runtimes/mlserver.yaml").read_text())]
)
PLATFORM = Platform(catalogue=CATALOGUE, image="linnet:test", route_kinds=frozenset({"HTTPRoute", "GRPCRoute"}))
Json = dict[str, Any]


@dataclass
class Behavior:
    """How the pods of a version answer."""

    errors: float = 0.0
    slow: float = 0.0
    starts: bool = True
    oom_after: timedelta | None = None
    silent: bool = False
    """Its metrics can't be read."""
    takes: float = 0.0
    """Seconds until a request is answered, and counted."""
    hangs: bool = False
    """Requests are taken, and none is answered any more."""
    wrong: float = 0.0
    """The share of answers that turn out wrong, when their truth is known."""
    known_after: timedelta = timedelta(0)
    high: float = 0.1
    """The share of answers that are a high score: the rest are low."""
    errors_in: Mapping[str, float] = field(default_factory=dict)
    """The share of errors in some countries, where it is another."""
    labeled: bool = True
    """Whether its counters have the label country."""


def quick(observation: str, bake: str) -> dict[str, Any]:
    """A canary of two short steps under analysis, looked at every two seconds."""
    analyze = {"analyze": {"for": observation}}
    return {
        "strategy": {
            "canary": {"steps": [{"setWeight": 25}, analyze, {"setWeight": 50}, analyze]},
            "bake": {"time": bake},
            "abortScaleDownDelay": "0s",
        },
        "analysis": {"interval": "2s", "warmUp": "0s"},
    }


def validated(model: str, number: int, uri: str, digest: str) -> dict[str, Any]:
    """A ModelVersion of scikit-learn that was loaded."""
    spec = ModelSpec.model_validate({"format": {"name": "sklearn"}, "source": {"uri": uri}})
    ready = {"type": "Ready", "status": "True", "reason": "Validated", "message": "loaded"}
    return {
        "spec": {
            "model": {"name": model},
            "version": number,
            "format": {"name": "sklearn"},
            "source": {"uri": uri},
            "runtime": freeze(model, spec, CATALOGUE).wire(),
            "origin": {"type": "Source"},
        },
        "status": {"digest": digest, "conditions": [ready]},
    }


@dataclass
class Cluster:
    """One Deployment `tumor-risk` and all that belongs to it."""

    spec: Json = field(default_factory=lambda: {"model": {"name": "tumor-risk"}, "replicas": 2})
    rate: float = 50.0
    """Requests a second to `<name>`."""
    countries: tuple[str, ...] = ()
    """Where requests come from, as often from each of them."""
    behaviors: dict[int, Behavior] = field(default_factory=dict)
    now: datetime = START
    generation: int = 1
    waiting: list[Request] = field(default_factory=list)
    answers: list[RequestStatus] = field(default_factory=list)
    """The answers that were written, newest last."""
    status: Json = field(default_factory=dict)
    shared: Json | None = None
    """The spec of the RolloutPolicy that the Deployment may name."""
    current: int = 1
    versions: dict[int, Json] = field(default_factory=dict)
    strangers: dict[str, Json] = field(default_factory=dict)
    refused_elsewhere: list[str] = field(default_factory=list)
    """The quarantines that the status of another Deployment keeps."""
    """Versions of other Models, by name."""
    deleting: bool = False
    """Whether a finalizer keeps the Deployment from being gone."""
    kept_pods: set[int] = field(default_factory=set)
    """Versions whose pods a stranger's finalizer keeps from being gone."""
    finalizers: list[str] = field(default_factory=lambda: ["example.com/hold"])
    """What keeps them; nothing does so on a node that is lost."""
    lost: dict[str, Json] = field(default_factory=dict)
    """Pods that no ReplicaSet counts, and that answer nobody."""
    ending: dict[tuple[str, str], Json] = field(default_factory=dict)
    """(kind, name) → metadata of children that a stranger's finalizer keeps from being gone."""
    workloads: dict[str, Json] = field(default_factory=dict)
    services: dict[str, Json] = field(default_factory=dict)
    policies: set[tuple[str, str]] = field(default_factory=set)
    """(kind, name) of PodDisruptionBudgets and NetworkPolicies."""
    autoscaler: Json | None = None
    demand: int = 0
    """Pods that the autoscaler would have of its target, within its bounds; 0: it is content with what there is."""
    routes: dict[str, Json] = field(default_factory=dict)
    """By kind; a gateway carries out what `taken_up` holds."""
    taken_up: dict[str, Json] = field(default_factory=dict)
    gateway: bool = True
    """Whether there is a Gateway that takes routes up."""
    features: frozenset[str] | None = frozenset({"HTTPRouteRequestMirror", "HTTPRouteRequestPercentageMirror"})
    """What its class says that it can do; None: it can't be read."""
    session_kinds: frozenset[str] | None = frozenset({"HTTPRoute", "GRPCRoute"})
    """Kinds of route that have sessionPersistence; None: the schema can't be read."""
    cohort: float = 0.0
    """Share of requests that carry the headers of a route's first rule."""
    pods: dict[str, Json] = field(default_factory=dict)
    counters: dict[str, Json] = field(default_factory=dict)
    memory: Mapping[str, str] | None = None
    saved: Mapping[str, str] | None = None
    held: tuple[str, ...] = ()
    loss: Emit | None = None
    events: list[Emit] = field(default_factory=list)
    logs: list[Log] = field(default_factory=list)
    writes: int = 0
    proven: bool = True
    served: dict[int, int] = field(default_factory=dict)
    failed: dict[int, int] = field(default_factory=dict)
    unanswered: int = 0
    dice: random.Random = field(default_factory=lambda: random.Random(7))
    scores: random.Random = field(default_factory=lambda: random.Random(8))
    places: random.Random = field(default_factory=lambda: random.Random(9))
    prometheus: PrometheusServer | None = None
    answer: Callable[[Question], Answer] = lambda _: NoValue("nothing")
    """What the platform's Prometheus says, if there is one."""
    asked: list[Question] = field(default_factory=list)
    hooks: Hooks | None = None
    reply: Callable[[Call], Reply | None] = lambda _: NotYet("nobody has decided")
    """What the platform's endpoints say to hooks; None: nothing yet."""
    called: list[Call] = field(default_factory=list)
    notified: list[Notify] = field(default_factory=list)
    uids: Any = field(default_factory=lambda: itertools.count(1))
    history: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.publish(1)

    # What people do

    def hang(self, kind: str, name: str) -> "Cluster":
        """Somebody deletes a child that a stranger's finalizer keeps."""
        found: Json = {
            "Pod": self.pods,
            "Deployment": self.workloads,
            "Service": self.services,
            "HTTPRoute": self.routes,
        }.get(kind, {})
        known = found.get(kind if kind == "HTTPRoute" else name) or {"metadata": {"name": name, "uid": f"uid-{name}"}}
        known["metadata"] |= self._kept(0)
        if kind != "Pod":
            self.ending[kind, name] = known["metadata"]
        return self

    def free(self) -> "Cluster":
        """The stranger's finalizers are taken away: what was kept is gone."""
        self.kept_pods.clear()
        self.pods = {n: p for n, p in self.pods.items() if not p["metadata"].get("deletionTimestamp")}
        for kind, name in self.ending:
            if kind in {"Deployment", "Service", "HTTPRoute"}:
                self._delete(kind, name)
        self.ending.clear()
        return self

    def _kept(self, grace: int) -> Json:
        ends = self.now + timedelta(seconds=grace)
        stamp = {"deletionTimestamp": ends.strftime("%Y-%m-%dT%H:%M:%SZ"), "deletionGracePeriodSeconds": grace}
        return {**stamp, "finalizers": self.finalizers}

    def publish(self, number: int, behavior: Behavior | None = None, *, digest: str | None = None) -> "Cluster":
        """A validated version, which becomes the Model's current one."""

        uri = f"s3://models/{number}"
        self.versions[number] = validated("tumor-risk", number, uri, digest or DIGESTS[number])
        self.behaviors[number] = behavior or self.behaviors.get(number, Behavior())
        self.current = number
        return self

    def edit(self, **fields: Any) -> "Cluster":
        self.spec = {**self.spec, **fields}
        self.generation += 1
        return self

    def share(self, **policy: Any) -> "Cluster":
        """A RolloutPolicy that says this, and only this."""
        self.shared = policy
        return self

    def ask(self, text: str) -> "Cluster":
        """`promote v2 id1 jane`."""
        self.waiting.append(request(text, self.now))
        return self

    def save(self) -> "Cluster":
        """What is remembered is written now, as at a look that finds the ConfigMap old: first its hash, then itself."""
        assert self.memory is not None
        self.saved = look.stamped(self.memory, self.now)
        self.status["rollout"] = {**self.status["rollout"], "evidence": [seal.seal(self.saved)]}
        return self

    def restart_operator(self) -> "Cluster":
        """Memory is lost; what was saved is read again, as far as the status has its hash."""
        read = seal.read_back(self.status.get("rollout") or {}, self.saved)
        self.memory, self.loss = read.data, read.loss
        self.held = (seal.seal(read.data),) if read.data is not None else ()
        return self

    # What is seen

    @property
    def answered(self) -> RequestStatus:
        """The last answer to a person."""
        return self.answers[-1]

    @property
    def typed(self) -> DeploymentStatus:
        return parse_status(DeploymentStatus, self.status)

    @property
    def phase(self) -> str:
        return self.typed.rollout.phase if self.typed.rollout else "AtRest"

    def ready_reason(self) -> str:
        found = find(self.typed.conditions, "Ready")
        return f"{found.status}/{found.reason}" if found else ""

    def message(self) -> str:
        found = find(self.typed.conditions, "Ready")
        return found.message if found else ""

    def selected(self) -> dict[str, str]:
        return dict(self.services["tumor-risk"]["spec"]["selector"]) if "tumor-risk" in self.services else {}

    def answering(self) -> list[Json]:
        """Ready pods behind `<name>`."""
        wanted = self.selected()
        return [p for p in self.pods.values() if self._serves(p) and wanted.items() <= p["metadata"]["labels"].items()]

    def version_status(self, number: int) -> ModelVersionStatus:
        return parse_status(ModelVersionStatus, self.versions[number]["status"])

    def revision(self, number: int) -> str:
        return next(n for n in self.workloads if n.startswith(f"tumor-risk-v{number}-"))

    # What happens

    def run(self, seconds: float, until: Callable[["Cluster"], bool] | None = None) -> "Cluster":
        """Reconcile whenever the plan asked for it or something changed; a second of traffic a tick."""
        end = self.now + timedelta(seconds=seconds)
        while self.now < end:
            self.settle()
            if until is not None and until(self):
                return self
            self.now += timedelta(seconds=1)
            self._serve_one_second()
        return self

    def settle(self, limit: int = 60) -> None:
        """Reconcile until nothing more is asked for at once."""
        for _ in range(limit):
            again = self.reconcile()
            changed = self._autoscale() | self._start_pods() | self._take_routes_up()
            if not again and not changed:
                return
        raise AssertionError(f"does not settle: {self.status}")

    def reconcile(self) -> bool:
        """One look, as the engine takes it; True if another is wanted at once."""
        observed = self.observe()
        targets = reconcile.scrape_targets(observed, self.now)
        if targets:
            observed = replace(observed, scrape=self._scrape({t.uid: t.rules for t in targets}))
        questions = reconcile.questions(observed, self.now)
        self.asked += questions
        observed = replace(observed, answers={question: self.answer(question) for question in questions})
        calls = reconcile.calls(observed, self.now)
        self.called += calls
        replies = {call: said for call in calls if (said := self.reply(call)) is not None}
        observed = replace(observed, replies=replies)
        return self.carry_out(reconcile.plan(observed, self.now))

    def carry_out(self, plan: Plan[DeploymentStatus]) -> bool:
        """The status first, then the actions in order; True if another look is wanted at once."""
        if plan.status is not None:
            self.write(plan.status.wire())
        for action in plan.actions:
            self._act(action)
        if plan.evidence is not None:
            self.memory, self.loss = plan.evidence, None
        return plan.requeue_after == timedelta(0)

    def write(self, status: Json) -> None:
        if status != self.status:
            self.status = status
            self.writes += 1
            self.history.append(self.phase)

    def _take_answer(self, action: AnswerRequest) -> None:
        self.waiting = [r for r in self.waiting if r.uid != action.uid]
        self.answers.append(action.status)
        self.writes += 1

    def observe(self) -> DeploymentObserved:
        parents = (*(self._version(n) for n in self.versions), *(self._stranger(n) for n in self.strangers))
        return DeploymentObserved(
            deployment=Parent(
                "tumor-risk", "ml", "uid-mld", self.generation, {}, self.deleting, self.spec, self.status
            ),
            model=Parent("tumor-risk", "ml", "uid-model", 1, {}, False, {}, {"current": self.current}),
            versions=parents,
            quarantined=tuple(p for p in parents if p.status.get("quarantine")),
            refused_elsewhere=(
                Parent("other", "ml", "uid-other", 1, {}, False, {}, {"quarantine": self.refused_elsewhere}),
            ),
            workloads=tuple(objects.workload(w) for w in self.workloads.values()),
            ending=tuple(Ending(kind, objects.meta({"metadata": m})) for (kind, _), m in self.ending.items()),
            services=tuple(objects.service(s) for s in self.services.values()),
            pods=tuple(objects.pod(p) for p in (*self.pods.values(), *self.lost.values())),
            others=frozenset((kind, name, "uid-mld") for kind, name in self.policies),
            scrape=None,
            evidence=self.memory,
            evidence_held=self.held,
            evidence_loss=self.loss,
            platform=replace(PLATFORM, prometheus=self.prometheus, hooks=self.hooks),
            requests=waiting(*self.waiting, proven=self.proven),
            policy=Parent("gentle", "ml", "uid-rop", 1, {}, False, self.shared, {})
            if self.shared is not None
            else None,
            gateway_features={"public": self.features},
            session_kinds=self.session_kinds,
            budget=next((self._meta(k, n) for k, n in self.policies if k == "PodDisruptionBudget"), None),
            autoscalers=(objects.autoscaler(self.autoscaler),) if self.autoscaler else (),
            routes=tuple(routes.view(k, self.routes[k]) for k in routes.KINDS.values() if k in self.routes),
        )

    def _meta(self, kind: str, name: str) -> objects.Meta:
        return objects.meta({"metadata": {"name": name, "uid": f"uid-{kind}-{name}"}})

    def _stranger(self, name: str) -> Parent:
        data = self.strangers[name]
        return Parent(name, "ml", f"uid-{name}", 1, {}, False, data["spec"], data["status"])

    def _version(self, number: int) -> Parent:
        data = self.versions[number]
        name = f"tumor-risk-v{number}"
        return Parent(name, "ml", f"uid-{name}", 1, {}, False, data["spec"], data["status"])

    def _act(self, action: Any) -> None:  # noqa: C901, PLR0912 (a case for each action)
        match action:
            case AnswerRequest():
                return self._take_answer(action)
            case Apply(manifest):
                self._apply(manifest)
            case Patch(kind="Pod", name=name, body={"metadata": {"labels": labels}}):
                carried = self.pods[name]["metadata"]["labels"] | labels
                self.pods[name]["metadata"]["labels"] = {k: v for k, v in carried.items() if v is not None}
            case Patch(kind="Service", name=name, body=body):
                changed = self.services[name]["spec"]["selector"] | body["spec"]["selector"]
                self.services[name]["spec"]["selector"] = {k: v for k, v in changed.items() if v is not None}
            case Patch(kind="Deployment", name=name, body=body):
                self.workloads[name]["spec"]["replicas"] = body["spec"]["replicas"]
            case Delete(kind=kind, name=name):
                self._delete(kind, name)
            case Record(version=version) if version in self.strangers:
                former = parse_status(ModelVersionStatus, self.strangers[version]["status"])
                self.strangers[version]["status"] = model_version.record(former, action, self.now).wire()
            case Record(version=version):
                number = int(version.rsplit("-v", 1)[1])
                status = model_version.record(self.version_status(number), action, self.now)
                self.versions[number]["status"] = status.wire()
            case SaveEvidence(manifest):
                self.saved, self.held = manifest["data"], (seal.seal(manifest["data"]),)
            case Emit():
                self.events.append(action)
                return None
            case Log():
                self.logs.append(action)
                return None
            case Notify():
                self.notified.append(action)
                return None
            case _:
                raise AssertionError(action)
        self.writes += 1
        return None

    def _delete(self, kind: str, name: str) -> None:
        match kind:
            case "HorizontalPodAutoscaler":
                self.autoscaler = None
            case "HTTPRoute" | "GRPCRoute":
                del self.routes[kind]
                self.taken_up.pop(kind, None)
            case "PodDisruptionBudget":
                self.policies.discard((kind, name))
            case "Pod":
                self._end(self.pods[name], 1)
            case _:
                {"Deployment": self.workloads, "Service": self.services}[kind].pop(name, None)

    def _apply(self, manifest: Json) -> None:
        name, kind = manifest["metadata"]["name"], manifest["kind"]
        stored = {**manifest, "metadata": {**manifest["metadata"], "uid": f"uid-{kind}-{name}"}}
        stored["metadata"].setdefault("creationTimestamp", self.now.strftime("%Y-%m-%dT%H:%M:%SZ"))
        if kind == "Deployment":
            assert name not in self.workloads, f"{name} is applied twice: its template is frozen"
            self.workloads[name] = stored
        elif kind == "Service":
            self.services[name] = stored
        elif kind == "HorizontalPodAutoscaler":
            self.autoscaler = stored
        elif kind in {"HTTPRoute", "GRPCRoute"}:
            former = self.routes.get(kind, {"metadata": {"generation": 0}, "status": {}})
            stored["metadata"]["generation"] = former["metadata"]["generation"] + 1
            self.routes[kind] = {**stored, "status": former["status"]}
        elif kind in {"PodDisruptionBudget", "NetworkPolicy"}:
            self.policies.add((kind, name))

    def _start_pods(self) -> bool:
        """The controller-manager and the kubelet: pods of each workload, ready at once if the version starts."""
        changed = False
        for name, workload in self.workloads.items():
            mine = self._active(name)
            wanted = len(mine) if ("Deployment", name) in self.ending else workload["spec"]["replicas"]
            for pod in mine[wanted:]:
                self._end(pod)
                changed = True
            for _ in range(wanted - len(mine)):
                self._new_pod(name, workload)
                changed = True
            changed |= self._report(name, workload)
        return changed

    def _autoscale(self) -> bool:
        """The autoscaler's controller."""
        if self.autoscaler is None:
            return False
        bounds = self.autoscaler["spec"]
        target = self.workloads[bounds["scaleTargetRef"]["name"]]["spec"]
        wanted = min(bounds["maxReplicas"], max(bounds["minReplicas"], self.demand or target["replicas"]))
        changed = target["replicas"] not in {0, wanted}
        if changed:
            target["replicas"] = wanted
        return bool(changed)

    def _take_routes_up(self) -> bool:
        """The gateway's controller."""
        late = {k: r for k, r in self.routes.items() if self.gateway and self.taken_up.get(k, {}) != r["spec"]}
        for kind, route in late.items():
            seen = {"status": "True", "observedGeneration": route["metadata"]["generation"]}
            conditions = [{"type": t, **seen} for t in ("Accepted", "ResolvedRefs")]
            parents = [{"parentRef": ref, "conditions": conditions} for ref in route["spec"]["parentRefs"]]
            route["status"] = {"parents": parents}
            self.taken_up[kind] = route["spec"]
        return bool(late)

    def through_gateway(self) -> list[Json]:
        """The ready pods that one request through the gateway may reach, and a copy of it."""
        rules = self.taken_up.get("HTTPRoute", {}).get("rules", [])
        if not rules:
            return []
        rule = rules[0] if len(rules) > 1 and self.dice.random() < self.cohort else rules[-1]
        copies = [f["requestMirror"] for f in rule.get("filters", ())]
        copied = [c["backendRef"]["name"] for c in copies if self.dice.random() * 100 < c["percent"]]
        refs = rule["backendRefs"]
        chosen = self.dice.choices([r["name"] for r in refs], [r["weight"] for r in refs])
        for name in copied:
            self._answer(self.dice.choice(self._behind(name)), copied=True)
        return self._behind(chosen[0])

    def _behind(self, revision: str) -> list[Json]:
        return [p for p in self.pods.values() if self._serves(p) and p["metadata"]["labels"][REVISION] == revision]

    def _new_pod(self, revision: str, workload: Json) -> None:
        uid = f"pod-{next(self.uids)}"
        name = f"{revision}-{uid}"
        labels = workload["spec"]["template"]["metadata"]["labels"]
        starts = self._behavior(labels).starts
        server = {"name": "server", "ready": starts, "restartCount": 0, "state": {"running": {}}}
        if not starts:
            server["state"] = {"waiting": {"reason": "ImagePullBackOff", "message": "no such image"}}
        self.pods[name] = {
            "metadata": {
                "name": name,
                "uid": uid,
                "labels": labels,
                "creationTimestamp": self.now.strftime("%Y-%m-%dT%H:%M:%SZ"),
            },
            "status": {
                "phase": "Running" if starts else "Pending",
                "podIP": "10.0.0.1",
                "conditions": [{"type": "Ready", "status": "True" if starts else "False"}],
                "containerStatuses": [server],
                "initContainerStatuses": [
                    {"name": "fetch", "state": {"terminated": {"exitCode": 0, "reason": "Completed"}}}
                ],
            },
        }
        self.counters[uid] = {"n": 0, "bad": 0, "slow": 0, "high": 0, "due": [], "born": self.now, "wrong": []}
        self.counters[uid]["in"] = {country: [0, 0] for country in self.countries}

    def _report(self, name: str, workload: Json) -> bool:
        mine = self._active(name)
        status = {"replicas": len(mine), "updatedReplicas": len(mine), "readyReplicas": sum(map(self._ready, mine))}
        changed = workload.get("status") != status
        workload["status"] = status
        return changed

    def _active(self, revision: str) -> list[Json]:
        """The pods that a ReplicaSet counts: those that are not being deleted."""
        mine = (p for p in self.pods.values() if p["metadata"]["labels"][REVISION] == revision)
        return [p for p in mine if not p["metadata"].get("deletionTimestamp")]

    def _end(self, pod: Json, grace: int = 30) -> None:
        if int(pod["metadata"]["labels"]["linnet.dev/version"]) in self.kept_pods:
            pod["metadata"] |= self._kept(grace)
        else:
            del self.pods[pod["metadata"]["name"]]

    def _serves(self, pod: Json) -> bool:
        return self._ready(pod) and not pod["metadata"].get("deletionTimestamp")

    def _ready(self, pod: Json) -> bool:
        return bool(pod["status"]["conditions"][0]["status"] == "True")

    def _behavior(self, labels: Mapping[str, str]) -> Behavior:
        return self.behaviors[int(labels["linnet.dev/version"])]

    def _serve_one_second(self) -> None:
        routed, pods = "HTTPRoute" in self.taken_up, self.answering()
        for _ in range(round(self.rate)):
            pods = self.through_gateway() if routed else pods
            if not pods:
                self.unanswered += 1
                continue
            self._take(self.dice.choice(pods))
        for pod in self.pods.values():
            self._answer_what_is_due(pod)
        self._kill()

    def _take(self, pod: Json) -> None:
        behavior = self._behavior(pod["metadata"]["labels"])
        if not behavior.takes and not behavior.hangs:
            return self._answer(pod)
        self.counters[pod["metadata"]["uid"]]["due"].append(self.now + timedelta(seconds=behavior.takes))
        return None

    def _answer_what_is_due(self, pod: Json) -> None:
        """A version that hangs keeps what it holds."""
        counts = self.counters[pod["metadata"]["uid"]]
        if self._behavior(pod["metadata"]["labels"]).hangs:
            return
        for _ in range(sum(due <= self.now for due in counts["due"])):
            self._answer(pod)
        counts["due"] = [due for due in counts["due"] if due > self.now]

    def _answer(self, pod: Json, *, copied: bool = False) -> None:
        labels = pod["metadata"]["labels"]
        behavior, counts = self._behavior(labels), self.counters[pod["metadata"]["uid"]]
        version = int(labels["linnet.dev/version"])
        country = self.places.choice(self.countries) if self.countries else ""
        bad = self.dice.random() < behavior.errors_in.get(country, behavior.errors)
        if country:
            counts["in"][country][0] += 1
            counts["in"][country][1] += bad
        counts["n"] += 1
        counts["bad"] += bad
        counts["slow"] += self.dice.random() < behavior.slow
        counts["high"] += self.scores.random() < behavior.high
        if copied:
            return
        counts["wrong"].append((self.now + behavior.known_after, self.dice.random() < behavior.wrong))
        self.served[version] = self.served.get(version, 0) + 1
        self.failed[version] = self.failed.get(version, 0) + bad

    def _kill(self) -> None:
        for pod in self.pods.values():
            limit = self._behavior(pod["metadata"]["labels"]).oom_after
            server = pod["status"]["containerStatuses"][0]
            if limit is not None and self.now - self.counters[pod["metadata"]["uid"]]["born"] > limit:
                server["restartCount"] = 1
                server["lastState"] = {"terminated": {"reason": "OOMKilled", "exitCode": 137}}

    def _scrape(self, targets: Mapping[str, MetricRules]) -> Scrape:
        counters, errors = {}, {}
        for pod in self.pods.values():
            uid = pod["metadata"]["uid"]
            if uid not in targets:
                continue
            if self._behavior(pod["metadata"]["labels"]).silent:
                errors[uid] = "connection refused"
                continue
            c = self.counters[uid]
            fast = float(c["n"] - c["slow"])
            latency = {"latency": {0.25: fast, 0.5: fast, float("inf"): float(c["n"])}}
            waiting = float(len(c["due"])) if targets[uid].in_flight else None
            rule = targets[uid].predictions
            scores = (
                dict(zip(rule.classes.names, (float(c["n"] - c["high"]), float(c["high"])), strict=True))
                if rule
                else None
            )
            counters[uid] = PodCounters(
                float(c["n"]),
                float(c["bad"]),
                latency,
                in_flight=waiting,
                counters=self._truth(c),
                predictions=scores,
                slices={s: self._slice(pod, s) for s in targets[uid].slices},
            )
        return Scrape(counters, errors)

    def _slice(self, pod: Json, of: Slice) -> PodCounters:
        if of.label != "country" or not self._behavior(pod["metadata"]["labels"]).labeled:
            return PodCounters(0.0, 0.0, unlabeled={REQUESTS: "requests_total"})
        n, bad = self.counters[pod["metadata"]["uid"]]["in"].get(of.value, (0, 0))
        return PodCounters(float(n), float(bad))

    def _truth(self, counts: Json) -> dict[str, float]:
        known = [wrong for at, wrong in counts["wrong"] if at <= self.now]
        return {CORRECT: float(len(known) - sum(known)), TOTAL: float(len(known))}


__all__ = ["API_VERSION", "Behavior", "Cluster"]
