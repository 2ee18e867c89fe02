"""Plays the kubelet: what the real controllers make pods of, starts here, answers here, and reports here.

Pods have no node, so that the API server deletes them at once. Serving pods become ready, with metrics on a
loopback address of their own; validation and training pods end with the report that the test chose, the former once
their egress is denied.
"""

import hashlib
import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import httpx

from integration.pod_metrics import Answers, PodServer
from linnet.adapters.clock import now
from linnet.api.labels import COMPONENT, LOADED, MANAGED, MODEL, REVISION, VERSION
from linnet.api.parts.conditions import timestamp
from linnet.foreign.objects import decoded

Json = dict[str, Any]


@dataclass
class Behavior:
    """How the pods of a version do, from when they are next touched."""

    starts: bool = True
    waiting: str = ""
    """Reason that the server's container waits for, such as CrashLoopBackOff."""
    restarts: int = 0
    body: str | None = None
    """Overrides the metrics."""
    status: int = 200
    """HTTP status of the metrics; anything but 200 is an endpoint that is down."""
    listens: bool = True


@dataclass
class Kubelet:
    """Watches the pods of the namespaces that it was given, in a thread. Use as a context manager."""

    url: str
    trust: Any
    headers: dict[str, str]
    namespaces: tuple[str, ...]
    behaviors: dict[int, Behavior] = field(default_factory=dict)
    reports: dict[int, Json] = field(default_factory=dict)
    """Version → the fetcher's report instead of a good one, such as {"outcome": "Failed", "reason": "NotFound"}."""
    claim: Json = field(default_factory=dict)
    """What training containers leave in their termination message. As in reports, `said` is that message as it is."""
    training_exits: int = 0
    pods: dict[str, Json] = field(default_factory=dict)
    servers: dict[str, PodServer] = field(default_factory=dict)
    paused: bool = False
    _playing: threading.Lock = field(default_factory=threading.Lock)

    def behave(self, version: int, **behavior: Any) -> None:
        """Change how a version's pods do, those that run included."""
        self.behaviors[version] = Behavior(**behavior)
        for name, pod in list(self.pods.items()):
            if _version(pod) == version:
                self._play(name, pod)

    def answer(self, version: int, good: int = 0, bad: int = 0, slow: int = 0) -> int:
        """Requests that the version's pods answered meanwhile, spread evenly; how many pods there are."""
        found = self.serving(version)
        for place, total in (("good", good), ("bad", bad), ("slow", slow)):
            for index, answers in enumerate(found):
                share = total // len(found) + (index < total % len(found))
                setattr(answers, place, getattr(answers, place) + share)
        return len(found)

    def serving(self, version: int) -> list[Answers]:
        """Of each of the version's pods; a copy is looked through, since pods come and go in another thread."""
        found = [(s.answers, self.pods.get(name)) for name, s in list(self.servers.items())]
        return [answers for answers, pod in found if pod is not None and _version(pod) == version]

    def forget_counters(self, version: int) -> None:
        """The pods' counters start again at zero, as after a restart of the server."""
        for answers in self.serving(version):
            answers.good = answers.bad = answers.slow = 0

    @contextmanager
    def running(self) -> Iterator["Kubelet"]:
        self._stop = threading.Event()
        threads = [threading.Thread(target=self._watch, args=(n,), daemon=True) for n in self.namespaces]
        for thread in threads:
            thread.start()
        try:
            yield self
        finally:
            self._stop.set()
            for server in self.servers.values():
                server.stop()

    def _watch(self, namespace: str) -> None:
        with self._client() as http:
            while not self._stop.is_set():
                try:
                    self._stream(http, namespace)
                except (httpx.HTTPError, ValueError):
                    time.sleep(0.1)

    def _stream(self, http: httpx.Client, namespace: str) -> None:
        query = {"watch": "true", "labelSelector": f"{MANAGED}=true", "timeoutSeconds": "3600"}
        with http.stream("GET", f"/api/v1/namespaces/{namespace}/pods", params=query, timeout=None) as answer:
            for line in answer.iter_lines():
                if self._stop.is_set():
                    return
                event = decoded(line.encode()).value
                self._event(event["type"], event["object"])

    def _event(self, type_: str, pod: Json) -> None:
        if type_ not in {"ADDED", "MODIFIED", "DELETED"}:
            return
        name = f"{pod['metadata']['namespace']}/{pod['metadata']['name']}"
        if type_ == "DELETED":
            self.pods.pop(name, None)
            if (server := self.servers.pop(name, None)) is not None:
                server.stop()
            return
        begins = name not in self.pods or (_waits(self.pods[name]) and not _waits(pod))
        self.pods[name] = pod
        if begins and not self.paused:
            self._play(name, pod)

    def _play(self, name: str, pod: Json) -> None:
        """One at a time: a pod that begins while a test changes its behavior has one server, and the later status."""
        with self._playing:
            self._patch(name, pod)

    def _patch(self, name: str, pod: Json) -> None:
        plays: dict[str, Callable[[str, Json], Json]] = {
            "serving": self._serve,
            "validation": self._validate,
            "training": self._train,
        }
        status = plays[pod["metadata"]["labels"].get(COMPONENT, "serving")](name, pod)
        with self._client() as http:
            path = f"/api/v1/namespaces/{pod['metadata']['namespace']}/pods/{pod['metadata']['name']}/status"
            headers = {"Content-Type": "application/strategic-merge-patch+json"}
            http.patch(path, content=json.dumps({"status": status}), headers=headers)

    def _serve(self, name: str, pod: Json) -> Json:
        behavior = self.behaviors.get(_version(pod), Behavior())
        state: Json = {"running": {"startedAt": timestamp(now())}} if behavior.starts else {}
        if behavior.waiting:
            state = {"waiting": {"reason": behavior.waiting, "message": f"played: {behavior.waiting}"}}
        ready = behavior.starts and not behavior.waiting
        address = self._listen(name, pod, behavior)
        server = _container("server", ready, state or {"waiting": {"reason": "PodInitializing"}}, behavior.restarts)
        return {
            "phase": "Running" if behavior.starts else "Pending",
            "podIP": address,
            "podIPs": [{"ip": address}],
            "conditions": _conditions(ready),
            "initContainerStatuses": [_ended("fetch", 0, {"outcome": "Fetched"})],
            "containerStatuses": [server],
        }

    def _listen(self, name: str, pod: Json, behavior: Behavior) -> str:
        if name in self.servers:
            self.servers[name].body, self.servers[name].status = behavior.body, behavior.status
            return str(pod["status"].get("podIP") or self.servers[name].address)
        ports = {p["name"]: p["containerPort"] for p in pod["spec"]["containers"][0].get("ports", [])}
        model = pod["metadata"]["labels"].get(MODEL, "")
        server = PodServer(model, ports.get("metrics", ports.get("http", 8080)))
        server.body, server.status = behavior.body, behavior.status
        server.start()
        self.servers[name] = server
        return server.address

    def _validate(self, _: str, pod: Json) -> Json:
        report = self.reports.get(
            _version(pod), {"outcome": "Fetched", "digest": digest_of(uri_of(pod)), "bytes": 1024}
        )
        failed = report["outcome"] == "Failed"
        code = int(report.get("exit", 2 if failed else 0))
        if not code and _waits(pod):
            return {"phase": "Pending", "initContainerStatuses": [_ended("fetch", code, report)]}
        probe = [] if failed else [_ended("probe", 0, {"outcome": "Validated"})]
        return {
            "phase": "Failed" if failed else "Succeeded",
            "conditions": _conditions(ready=False),
            "initContainerStatuses": [_ended("fetch", code, report), *_tried(pod)],
            "containerStatuses": probe,
        }

    def _train(self, _: str, pod: Json) -> Json:
        name = pod["spec"]["containers"][0]["name"]
        failed = bool(self.training_exits)
        return {
            "phase": "Failed" if failed else "Succeeded",
            "conditions": _conditions(ready=False),
            "containerStatuses": [_ended(name, self.training_exits, self.claim)],
        }

    def _client(self) -> httpx.Client:
        return httpx.Client(base_url=self.url, verify=self.trust, headers=self.headers, timeout=10)


def _waits(pod: Json) -> bool:
    """Whether the validation is held up, after the fetch, by a container that waits for the pod's label."""
    of = pod["metadata"]["labels"]
    isolated = any(c["name"] == "isolate" for c in pod["spec"].get("initContainers", ()))
    return isolated and of.get(COMPONENT) == "validation" and LOADED not in of


def _tried(pod: Json) -> list[Json]:
    """The server that was tried, with the digest of its image as containerd tells it."""
    servers = [c for c in pod["spec"].get("initContainers", ()) if c["name"] == "server"]
    state: Json = {"running": {"startedAt": timestamp(now())}}
    return [{**_container("server", True, state), "imageID": image_id(c["image"])} for c in servers]


def image_id(image: str) -> str:
    """The played registry's digest of an image, with its name."""
    return f"{image.rpartition(':')[0]}@sha256:{hashlib.sha256(image.encode()).hexdigest()}"


def digest_of(uri: str) -> str:
    """The digest that a played fetcher reports for a uri."""
    return f"sha256:{hashlib.sha256(uri.encode()).hexdigest()}"


def uri_of(pod: Json) -> str:
    """The artifact that the pod's fetcher was told to bring."""
    words = pod["spec"]["initContainers"][0]["args"]
    return str(next(w for w in words if "://" in w))


def _version(pod: Json) -> int:
    return int(pod["metadata"]["labels"].get(VERSION, 0))


def revision(pod: Json) -> str:
    return str(pod["metadata"]["labels"].get(REVISION, ""))


def _conditions(ready: bool) -> list[Json]:
    stamp, status = timestamp(now()), "True" if ready else "False"
    return [{"type": t, "status": status, "lastTransitionTime": stamp} for t in ("Ready", "ContainersReady")]


def _container(name: str, ready: bool, state: Json, restarts: int = 0) -> Json:
    image = {"image": "played", "imageID": "played"}
    return {"name": name, "ready": ready, "started": ready, "restartCount": restarts, "state": state, **image}


def _ended(name: str, code: int, report: Json) -> Json:
    said = report.get("said") or json.dumps(report)
    state = {"terminated": {"exitCode": code, "reason": "Error" if code else "Completed", "message": said}}
    return _container(name, False, state)
