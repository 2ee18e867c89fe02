"""The story, act by act, as a person would play it: apply a manifest, watch what becomes of it."""

import asyncio
import contextlib
import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import yaml

from demo.episodes.acts import STORY, Act, Expected
from demo.evidence.stage import Stage, StoryError
from demo.place import Examples
from demo.settings import NAME, Front, Settings
from linnet.cli.cluster.kubectl import Kubectl
from linnet.cli.cluster.objects import condition
from linnet.cli.cluster.processes import CommandError
from linnet.cli.commands.request import manifest

WATCHED = ("deployments.linnet.dev", "modelversions.linnet.dev", "retrainpolicies.linnet.dev", "services", "pods")
RETRY = 0.3
"""Seconds until a log is asked for again: a container that is being created has none."""
CALM = 4.0
"""Seconds of plain traffic before the first change, and after the last."""
LONG = 240.0
"""Seconds that no part of a rollout takes, unless something is wrong."""
HOST = "tumor-risk.example.org"
"""The name in deployment-gateway.yaml."""
MISSING = 0.15
"""The least share of incomplete records behind the gateway: 5 % of the requests are a few a second."""


@dataclass
class Story:
    """`acts` grows as the story goes on; `say` tells a line to the audience, `settle` is called after each act."""

    stage: Stage
    kubectl: Kubectl
    examples: Examples
    settings: Settings
    say: Callable[[str], None]
    settle: Callable[[], None]
    acts: list[Act] = field(default_factory=list)
    tasks: list[asyncio.Task[None]] = field(default_factory=list)
    front: asyncio.Future[Front] | None = None
    """The gateway, which may come while the story goes on; None where there is none."""
    clients: list[str] = field(default_factory=list)
    """Pods of clients, the last of which are at work."""

    async def play(self) -> None:
        """All acts in order. StoryError, or CommandError, where it can't go on."""
        self.tasks += [asyncio.create_task(self._watch(resource)) for resource in WATCHED]
        self.tasks.append(asyncio.create_task(self._follow_training("first-versions")))
        await self._trained("v1")
        await self._serve()
        await self._promote(STORY[1], "model-v2")
        await self._roll_back(STORY[2], "model-v3")
        await self._refuse(STORY[3])
        await self._roll_back(STORY[4], "model-v4")
        await self._retrain(STORY[5])
        await asyncio.sleep(CALM)
        if self.front is not None:
            await self._through_gateway(self.front)

    async def close(self) -> None:
        """End the clients, read their last words, stop watching."""
        if self.clients:
            await self._end_clients(self.clients[-1])
        for task in self.tasks:
            task.cancel()
        await asyncio.gather(*self.tasks, return_exceptions=True)

    async def _watch(self, resource: str) -> None:
        async for type_, obj in self.kubectl.watch(resource):
            self.stage.observe(type_, obj)

    async def _follow_training(self, job: str) -> None:
        """What the training pods log of their versions; opened again until the pod has ended and was read once more."""
        ended = False
        while not ended:
            ended = self._job_ended(job)
            async for line in self.kubectl.logs("-f", f"job/{job}"):
                self._read_training(line)
            await asyncio.sleep(RETRY)

    def _job_ended(self, job: str) -> bool:
        pods = (o for (kind, _), o in self.stage.objects.items() if kind == "Pod")
        mine = [p for p in pods if (p["metadata"].get("labels") or {}).get("batch.kubernetes.io/job-name") == job]
        return any(p["status"].get("phase") == "Succeeded" for p in mine)

    def _read_training(self, line: str) -> None:
        with contextlib.suppress(ValueError, KeyError):
            told = json.loads(line)
            if told["digest"] in self.stage.trained:
                return
            self.stage.trained[told["digest"]] = told
            self.say(f"trained {told['recipe']}: auc {told['metrics']['auc']} in {told['seconds']} s → {told['uri']}")
            self.stage.pulse()

    async def _start_clients(self, pod: str, *arguments: str) -> None:
        """A pod of clients; returns when their first request has ended."""
        before = len(self.stage.batches.requests)
        self.clients.append(pod)
        await self.kubectl.apply(self._traffic(pod, *arguments))
        self.tasks.append(asyncio.create_task(self._follow_traffic(pod)))
        await self.stage.until(lambda: len(self.stage.batches.requests) > before, "the clients' first request", 60)

    async def _end_clients(self, pod: str) -> None:
        """End them, and read their last words."""
        with contextlib.suppress(CommandError, StoryError):
            await self.kubectl("exec", pod, "--", "python", "-c", "import os; os.kill(1, 15)")
            await self.stage.until(lambda: pod in self.stage.batches.totals, "the clients' last words", 20)
        with contextlib.suppress(CommandError):
            for line in (await self.kubectl("logs", pod)).splitlines():
                self.stage.read_traffic(line, pod)

    async def _follow_traffic(self, pod: str) -> None:
        """The clients' log; opened again from the beginning if the stream breaks."""
        while pod not in self.stage.batches.totals:
            async for line in self.kubectl.logs("-f", pod):
                self.stage.read_traffic(line, pod)
            await asyncio.sleep(RETRY)

    async def _trained(self, recipe: str) -> None:
        await self.stage.until(lambda: self._artifact(recipe), f"the training of {recipe}", LONG)

    def _artifact(self, recipe: str) -> Mapping[str, Any] | None:
        return next((t for t in self.stage.trained.values() if t["recipe"] == recipe), None)

    async def _serve(self) -> None:
        self._title(STORY[0])
        await self.kubectl.apply(self.examples("model-v1"))
        await self.kubectl.apply(self.examples("deployment"))
        await self.stage.until(lambda: self._ready("True"), "version 1 to serve", LONG)
        await self._start_clients("traffic", "--missing", f"{self.settings.missing:g}")
        began = time.time()
        await asyncio.sleep(CALM)
        self._end(STORY[0], began, "Serving" if self._stable() == 1 else "NotServing", "", self._said())

    def _traffic(self, pod: str, *arguments: str) -> str:
        """The manifest of the clients; of an argument that is given twice, the last counts."""
        manifest = yaml.safe_load(self.examples("traffic"))
        manifest["metadata"]["name"] = pod
        manifest["spec"]["containers"][0]["args"] += ["--rate", f"{self.settings.rate:g}", *arguments]
        return json.dumps(manifest)

    async def _through_gateway(self, coming: asyncio.Future[Front]) -> None:
        """Plays the same Deployment behind a gateway, with clients that call the gateway's address."""
        await self._end_clients(self.clients[-1])
        if not coming.done():
            self.say("── The gateway is not there yet; the episodes behind it begin once it runs")
        front = await coming
        self.say(f"── Behind a gateway: HTTPRoute {NAME}, {HOST} at {front.address}")
        self.tasks.append(asyncio.create_task(self._watch("httproutes.gateway.networking.k8s.io")))
        await self.kubectl.apply(json.dumps(front.manifest))
        await self.kubectl.apply(self.examples("deployment-gateway"))
        await self.stage.until(lambda: ("HTTPRoute", NAME) in self.stage.objects, "the HTTPRoute", 60)
        missing = max(MISSING, self.settings.missing)
        await self._start_clients(
            "traffic-gateway", "--url", f"http://{front.address}", "--host", HOST, "--missing", f"{missing:g}"
        )
        await self._promote(STORY[6], "model-v6")
        await self._roll_back(STORY[7], "model-v7")
        await self.kubectl.apply(self.examples("deployment-predictions"))
        await self._roll_back(STORY[8], "model-v8")
        await asyncio.sleep(CALM)

    async def _promote(self, expected: Expected, manifest: str) -> None:
        began = await self._apply(expected, manifest)
        await self._judged(expected, began)

    async def _roll_back(self, expected: Expected, manifest: str) -> None:
        began = await self._apply(expected, manifest)
        await self._judged(expected, began)

    async def _apply(self, expected: Expected, manifest: str) -> float:
        began = self._title(expected)
        await self._trained(f"v{expected.version}")
        await self.kubectl.apply(self.examples(manifest))
        return began

    async def _judged(self, expected: Expected, began: float) -> None:
        """Wait for the end of the version's rollout, and take down how it ended."""

        def ended() -> Mapping[str, Any] | None:
            last = self.stage.status.get("lastRollout") or {}
            fresh = last.get("to", {}).get("version") == expected.version and "rollout" not in self.stage.status
            return last if fresh else None

        last = await self.stage.until(ended, f"the verdict on version {expected.version}", LONG)
        self._end(expected, began, last["outcome"], last.get("reason", ""), last.get("message", ""))

    async def _refuse(self, expected: Expected) -> None:
        """Somebody reverts to version 2, and somebody else reverts the revert."""
        began = self._title(expected)
        await self.kubectl.apply(self.examples("model-v2"))
        await self.stage.until(lambda: self._ready("True"), "version 2 to be wanted again", 60)
        await self.kubectl.apply(self.examples("model-v3"))
        await self.stage.until(lambda: self._ready("False", "Quarantined"), "the artifact to be refused", 60)
        await asyncio.sleep(CALM)
        refused = self._ready("False", "Quarantined") and not self.stage.pods(expected.version)
        self._end(expected, began, "Refused" if refused else "Accepted", "Quarantined" if refused else "", self._said())

    async def _retrain(self, expected: Expected) -> None:
        began = self._title(expected)
        await self.kubectl.apply(self.examples("retrain"))
        await self.stage.until(self._policy_ready, "the RetrainPolicy to stand", 60)
        self.say(f"kubectl linnet run {NAME}")
        asked = manifest("rp", NAME, "run", await self.kubectl.whoami())
        await self.kubectl("create", "-f", "-", stdin=json.dumps(asked))
        run = await self.stage.until(self._run, "the training Job to start", 60)
        self.tasks.append(asyncio.create_task(self._follow_training(run["job"])))
        await self.stage.until(lambda: (self._run() or {}).get("version"), "the training's claim to be accepted", LONG)
        await self._judged(expected, began)

    def _policy_ready(self) -> bool:
        policy = self.stage.objects.get(("RetrainPolicy", NAME), {})
        return condition(policy, "Ready").get("status") == "True"

    def _run(self) -> Mapping[str, Any] | None:
        policy = self.stage.objects.get(("RetrainPolicy", NAME), {})
        return next(iter((policy.get("status") or {}).get("runs") or ()), None)

    def _ready(self, status: str, reason: str | None = None) -> bool:
        """Whether the Deployment's Ready condition, of its present generation, says so."""
        ready = condition(self.stage.deployment, "Ready")
        return ready.get("status") == status and reason in {None, ready.get("reason")}

    def _stable(self) -> int | None:
        return (self.stage.status.get("stable") or {}).get("version")

    def _said(self) -> str:
        return str(condition(self.stage.deployment, "Ready").get("message", ""))

    def _title(self, expected: Expected) -> float:
        self.say(f"── {expected.title}: {expected.name}")
        return time.time()

    def _end(self, expected: Expected, began: float, outcome: str, reason: str, message: str) -> None:
        self.acts.append(Act(expected, began, time.time(), outcome, reason, message))
        self.settle()
        self.say(f"→ {outcome} {reason}".rstrip() + (f": {message}" if message else ""))
