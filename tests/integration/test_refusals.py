"""On a real API server: whatever it refuses to take or to say, a bad version is rolled back and an abort goes through.

Every combination is tried in memory (tests/core/rollout/test_writes_that_fail.py); here are each kind of write and of
read, each refused in a namespace of its own, all under one operator. Its way to the API server is a proxy.
"""

import re
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from control_plane import ApiServer
from integration import harness
from integration.faults import Fate, InProcess, Proxy, Refusal
from integration.harness import World, until
from integration.rollouts import NAME, URI, Traffic, live, outcome, phase, pods, publish, quarantine
from linnet.adapters.cache import service_accounts
from linnet.adapters.cluster import request_policy

pytestmark = pytest.mark.integration
Json = dict[str, Any]
STATUSES: dict[str, Fate | Refusal] = {
    "422": Refusal(422, "Invalid"),
    "413": Refusal(413, "RequestEntityTooLarge"),
    "403": Refusal(403, "Forbidden"),
    "409": Refusal(409, "Conflict"),
    "500": Refusal(500, "InternalError"),
    "no answer": Fate.IS_KEPT_WAITING,
}
WRITES = {
    "status": r"PUT .*/deployments/risk/status",
    "evidence": r".* .*/configmaps",
    "records": r"PUT .*/modelversions/.*/status",
    "answers": r"PUT .*/requests/.*/status",
    "Events": r".* .*/events",
    "Services": r".* .*/services",
    "workloads": r".* /apis/apps/v1/.*/deployments",
    "the rest": r".* .*/(poddisruptionbudgets|networkpolicies|pods)",
}
READS = {
    "the account": r"GET .*/serviceaccounts/",
    "the proof": r"POST .*/requests\?",
}
"""Those that a look under way makes; all of them are in tests/adapters/cache/test_reads_that_fail.py."""
WAY: Json = {
    "replicas": 1,
    "strategy": {
        "canary": {"steps": [{"setWeight": 50}, {"pause": {}}]},
        "bake": {"time": "1s"},
        "abortScaleDownDelay": "0s",
    },
    "analysis": {"interval": "500ms", "warmUp": "0s"},
}
EVERY = 0.4
"""Seconds between two looks at a dozen namespaces."""


@dataclass(frozen=True)
class Case:
    """What is refused, and how."""

    name: str
    pattern: str
    status: str

    def __str__(self) -> str:
        return f"{self.name}: {self.status}"


def cases(given: dict[str, str], *statuses: str) -> list[Case]:
    """One status for each, in turns."""
    return [Case(name, pattern, statuses[n % len(statuses)]) for n, (name, pattern) in enumerate(given.items())]


@dataclass
class Scene:
    """A namespace in which something will be refused."""

    case: Case
    world: World
    traffic: Traffic
    refused: int = 0
    on: bool = False

    def judge(self, call: str) -> Fate | Refusal:
        if not self.on or re.match(self.case.pattern, call) is None:
            return Fate.PASSES
        self.refused += 1
        return STATUSES[self.case.status]

    @property
    def safe(self) -> bool:
        """Whether nobody is answered by version 2 any more."""
        return not pods(self.world, 2) or "-v1-" in live(self.world).get("linnet.dev/revision", "")


class Scenes(list[Scene]):
    """All of them, under one operator."""

    def until(self, holds: Callable[[Scene], Any], what: str) -> None:
        """Wait until it holds of each, while requests come in everywhere."""
        missing = [*self]

        def look() -> bool:
            for scene in self:
                scene.traffic.flow()
            missing[:] = [scene for scene in missing if not holds(scene)]
            return not missing

        try:
            until(look, what, every=EVERY)
        except AssertionError as error:
            told = "\n".join(f"--- {scene.case}\n{scene.world.story()}" for scene in missing)
            raise AssertionError(f"{error}\n{told}") from None

    def refuse(self, *, on: bool) -> None:
        for scene in self:
            scene.on = on


@contextmanager
def played(api: ApiServer, folder: Path, given: list[Case]) -> Iterator[Scenes]:
    """Version 1 serves in each namespace, and version 2 is in its first step."""
    with ExitStack() as stack:
        worlds = [stack.enter_context(harness.world(api)) for _ in given]
        scenes = Scenes(Scene(c, w, Traffic(w, {1: (200, 0, 0)})) for c, w in zip(given, worlds, strict=True))
        by_namespace = {scene.world.namespace: scene for scene in scenes}

        def judge(call: str) -> Fate | Refusal:
            found = re.search(r"/namespaces/([^/?]+)/", call)
            scene = by_namespace.get(found[1]) if found else None
            return scene.judge(call) if scene is not None else Fate.PASSES

        proxy = stack.enter_context(Proxy(api, calls=judge).running())
        stack.enter_context(InProcess(proxy.kubeconfig(folder), ",".join(by_namespace)))
        for scene in scenes:
            _allow_account(scene.world)
            scene.world.model(NAME, URI.format(1))
            scene.world.deployment(NAME, NAME, **WAY, pod={"serviceAccountName": "models"})
        scenes.until(lambda s: s.world.condition("Deployment", NAME)["status"] == "True", "version 1 to serve")
        for scene in scenes:
            publish(scene.world, 2)
        scenes.until(lambda s: phase(s.world) == "Stepping" and not s.safe, "version 2 to have traffic")
        yield scenes


def _allow_account(world: World) -> None:
    meta = {"name": "models", "namespace": world.namespace, "labels": {"linnet.dev/allow-pods": "true"}}
    body = {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": meta}
    assert world.api.http.post(f"/api/v1/namespaces/{world.namespace}/serviceaccounts", json=body).is_success


def test_a_bad_version_is_rolled_back(api: ApiServer, tmp_path: Path) -> None:
    """Traffic is back while the write is refused; afterwards the version is quarantined, once."""
    with played(api, tmp_path, cases(WRITES, "422", "413", "403", "500", "409")) as scenes:
        scenes.refuse(on=True)
        for scene in scenes:
            scene.traffic.answers[2] = (100, 100, 0)
        scenes.until(lambda s: s.safe, "traffic to be back with version 1")
        scenes.until(lambda s: s.refused or s.case.name in {"answers", "the rest"}, "the write to be tried")
        scenes.refuse(on=False)
        scenes.until(lambda s: phase(s.world) == "AtRest" and quarantine(s.world, 2), "version 2 to be quarantined")
        for scene in scenes:
            assert outcome(scene.world) == "RolledBack"
            decisions = scene.world.status("ModelVersion", f"{NAME}-v2")["decisions"]
            assert [d["decision"] for d in decisions].count("RolledBack") == 1


def test_an_abort_goes_through(api: ApiServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Traffic is back while the write is refused, or something can't be read; the person has an answer in the end."""
    for module in (request_policy, service_accounts):
        monkeypatch.setattr(module, "KEPT_SECONDS", 0.0)
    given = [*cases(WRITES, "403", "409", "500", "422", "413"), *cases(READS, "500", "no answer")]
    with played(api, tmp_path, given) as scenes:
        before = {s.world.namespace: s.world.request("Deployment", NAME, "pause v2") for s in scenes}
        scenes.until(lambda s: s.world.status("Request", before[s.world.namespace]).get("outcome"), "a first answer")
        scenes.refuse(on=True)
        asked = {s.world.namespace: s.world.request("Deployment", NAME, "abort v2") for s in scenes}
        scenes.until(lambda s: s.safe, "traffic to be back with version 1")
        scenes.until(lambda s: s.refused or s.case.name == "the rest", "the write or the read to be tried")
        scenes.refuse(on=False)
        scenes.until(lambda s: outcome(s.world) == "Aborted", "the rollout to end")
        for scene in scenes:
            assert scene.world.answer(asked[scene.world.namespace])["outcome"] == "Accepted"
            assert not quarantine(scene.world, 2)


CHILDREN = {
    "Service risk-stable": ("v1", "Service"),
    "Service risk-canary": ("v1", "Service"),
    "Service REVISION": ("v1", "Service"),
    "Deployment REVISION": ("apps/v1", "Deployment"),
    "ConfigMap risk-evidence": ("v1", "ConfigMap"),
    "PodDisruptionBudget risk": ("policy/v1", "PodDisruptionBudget"),
    "NetworkPolicy risk-loaded": ("networking.k8s.io/v1", "NetworkPolicy"),
    "HorizontalPodAutoscaler risk": ("autoscaling/v2", "HorizontalPodAutoscaler"),
}
"""Every child but `<name>` itself, and routes; REVISION is version 2's."""
THEIRS: Json = {"apiVersion": "apps/v1", "kind": "Deployment", "name": "theirs"}
AUTOSCALING: Json = {
    "minReplicas": 1,
    "maxReplicas": 2,
    "metrics": [{"type": "External", "name": "queue", "target": 10}],
}


def test_a_strangers_object_under_each_childs_name_holds_up_nothing_else(api: ApiServer, tmp_path: Path) -> None:
    """It is left alone and named in a condition, and abort goes through."""
    with ExitStack() as stack:
        worlds = {child: stack.enter_context(harness.world(api)) for child in CHILDREN}
        model = stack.enter_context(harness.world(api))
        everywhere = [*worlds.values(), model]
        proxy = stack.enter_context(Proxy(api).running())
        stack.enter_context(InProcess(proxy.kubeconfig(tmp_path), ",".join(w.namespace for w in everywhere)))
        scenes = Scenes(Scene(Case(c, "", "422"), w, Traffic(w, {1: (200, 0, 0)})) for c, w in worlds.items())
        publish(model, 1)
        model.deployment(NAME, NAME, **WAY)
        model.ready("Deployment", NAME)
        publish(model, 2)
        found = model.until(lambda: model.status("Deployment", NAME).get("rollout"), "the revision's name")
        revision = str((found or {})["to"]["name"])
        for child, world in worlds.items():
            _strange(world, child.replace("REVISION", revision))
            publish(world, 1)
            world.deployment(NAME, NAME, **_way(child))
        scenes.until(lambda s: s.world.status("Deployment", NAME).get("stable"), "version 1 to be stable")
        for world in worlds.values():
            publish(world, 2)
        scenes.until(lambda s: phase(s.world) in {"Starting", "Stepping"}, "version 2 to be on trial")
        scenes.until(lambda s: s.world.condition("Deployment", NAME, "Refused")["status"] == "True", "the condition")
        asked = {s.world.namespace: s.world.request("Deployment", NAME, "abort v2") for s in scenes}
        scenes.until(lambda s: outcome(s.world) == "Aborted", "the rollout to end")
        for child, world in worlds.items():
            assert world.answer(asked[world.namespace])["outcome"] == "Accepted"
            kind, name = child.replace("REVISION", revision).split(" ")
            left = world.get(kind, name, CHILDREN[child][0])
            assert left is not None
            assert "ownerReferences" not in left["metadata"]


def _way(child: str) -> Json:
    """A spec that has this child made."""
    if "Autoscaler" in child:
        return {**{k: v for k, v in WAY.items() if k != "replicas"}, "autoscaling": AUTOSCALING}
    return {**WAY, "replicas": 2 if "Budget" in child else 1}


def _strange(world: World, child: str) -> None:
    """Another team's object."""
    kind, name = child.split(" ")
    labels = {"app": "theirs"}
    template = {"metadata": {"labels": labels}, "spec": {"containers": [{"name": "c", "image": "theirs:1"}]}}
    specs: dict[str, Json] = {
        "Service": {"spec": {"selector": labels, "ports": [{"port": 80}]}},
        "Deployment": {"spec": {"replicas": 0, "selector": {"matchLabels": labels}, "template": template}},
        "ConfigMap": {"data": {"theirs": "yes"}},
        "PodDisruptionBudget": {"spec": {"maxUnavailable": 1, "selector": {"matchLabels": labels}}},
        "NetworkPolicy": {"spec": {"podSelector": {"matchLabels": labels}}},
        "HorizontalPodAutoscaler": {"spec": {"scaleTargetRef": THEIRS, "maxReplicas": 1}},
    }
    api_version = next(version for version, of in CHILDREN.values() if of == kind)
    body = {"apiVersion": api_version, "kind": kind, "metadata": {"name": name, "namespace": world.namespace}}
    answer = world.api.http.post(world.path(kind, "", api_version), json={**body, **specs[kind]})
    assert answer.is_success, answer.text


@pytest.mark.parametrize("name", ["risk-canary", "risk-stable", "risk-preview", "risk-v2-0123abcd"])
def test_a_deployment_that_would_take_anothers_service_is_refused(quiet_world: World, name: str) -> None:
    """When it is applied: the API server names the field, and the way out."""
    body = {"apiVersion": "linnet.dev/v1alpha1", "kind": "Deployment", "metadata": {"name": name}}
    whole = {**body, "spec": {"model": {"name": NAME}}}
    answer = quiet_world.api.http.post(quiet_world.path("Deployment"), params={"dryRun": "All"}, json=whole)
    assert answer.status_code == 422
    assert name in answer.json()["message"]
    assert "metadata.name: Invalid value" in answer.json()["message"]
    assert "give it another ending" in answer.json()["message"]
