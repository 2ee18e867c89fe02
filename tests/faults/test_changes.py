"""Random changes of a Deployment's spec, and back: what was there before is there again, and nothing breaks between.

`make faults` tries hundreds; `make test` a few.
"""

import json
import time
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any

import pytest

from control_plane import ApiServer
from faults.changes import changed, schema
from faults.oracles import CHILDREN, masked
from faults.runs import part_of
from faults.stage import Stage
from integration import harness
from integration.harness import World
from integration.rollouts import NAME, QUICK, URI, Traffic, phase

pytestmark = pytest.mark.integration
Json = dict[str, Any]
BASE: Json = {"model": {"name": NAME}, **QUICK}
SEEDS = 4
SEEDS_OF_ALL = 40
CHANGES = 4
"""Changes that the API server admits, of one seed."""
STANDS_SECONDS = 2.0
WITHIN = 120.0


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "seed" in metafunc.fixturenames:
        config = metafunc.config
        seeds = range(SEEDS_OF_ALL if config.getoption("--whole") else SEEDS)
        metafunc.parametrize("seed", part_of(seeds, str(config.getoption("--share"))))


@dataclass
class Scene:
    """One Deployment under changes."""

    world: World
    traffic: Traffic
    shape: Json

    def put(self, spec: Json) -> bool:
        """Replace the whole spec; say whether the API server admits it."""
        found = self.world.get("Deployment", NAME) or {}
        body = {"apiVersion": found["apiVersion"], "kind": "Deployment", "metadata": {"name": NAME}, "spec": spec}
        meta = {**body["metadata"], "namespace": self.world.namespace}
        body["metadata"] = {**meta, "resourceVersion": found["metadata"]["resourceVersion"]}
        answer = self.world.api.http.put(
            self.world.path("Deployment", NAME), params={"fieldValidation": "Strict"}, content=json.dumps(body)
        )
        assert answer.status_code in {200, 400, 403, 409, 422}, answer.text
        return answer.is_success or (answer.status_code == 409 and self.put(spec))

    def there_and_back(self, spec: Json) -> bool:
        """Give it this spec, and its first one again; say whether the API server admits it."""
        if not self.put(spec):
            return False
        self.take_in()
        assert self.put(BASE)
        self.settle()
        return True

    def settle(self) -> None:
        """Wait until the operator has seen the spec, and for a while does nothing more about it."""
        since, before = time.monotonic(), self._seen()

        def stands() -> bool:
            nonlocal since, before
            if (now := self._seen()) != before:
                since, before = time.monotonic(), now
            return self._observed() and phase(self.world) == "AtRest" and time.monotonic() - since > STANDS_SECONDS

        self.traffic.until(stands, "a change to be taken in", WITHIN)

    def held(self) -> bool:
        """Say whether the spec as it is waits for a person or a thing: its rollout doesn't end by itself."""
        reason = self.world.condition("Deployment", NAME)["reason"]
        return reason in {"Paused", "AwaitingPromotion", "InsufficientData", "MetricsError", "Starting", "Inconclusive"}

    def take_in(self) -> None:
        """Wait for the end of what a change begins, or until it is clear that it waits."""
        self.traffic.until(lambda: self._observed() and (phase(self.world) == "AtRest" or self.held()), "it", WITHIN)

    def children(self) -> Json:
        """Return the specs of what serves; former revisions are kept for a while, without pods."""
        serving = self.world.status("Deployment", NAME).get("stable", {}).get("name")
        return {
            f"{k} {o['metadata']['name']}": masked(o["spec"])
            for k, group in CHILDREN
            for o in self.world.list(k, group)
            if o["metadata"]["name"] == serving or not o["metadata"]["name"].startswith(f"{NAME}-v")
        }

    def _observed(self) -> bool:
        found = self.world.get("Deployment", NAME) or {}
        return bool(found["metadata"]["generation"] == found.get("status", {}).get("observedGeneration"))

    def _seen(self) -> Json:
        found = self.world.get("Deployment", NAME) or {}
        return {"version": found["metadata"]["resourceVersion"], **self.children()}


def test_a_change_and_back_again(api: ApiServer, tmp_path: Path, seed: int) -> None:
    """Whatever a person writes that is admitted: afterwards the former spec gives the former objects."""
    random = Random(seed)
    with harness.world(api) as world, Stage(world, tmp_path, None).operated() as stage:
        traffic = Traffic(world, {1: (200, 0, 0)})
        world.model(NAME, URI.format(1))
        world.deployment(NAME, NAME, **QUICK)
        world.ready("Deployment", NAME)
        scene = Scene(world, traffic, schema("deployments.yaml"))
        scene.settle()
        scene.there_and_back({**BASE, "pod": {"env": [{"name": "FIRST", "value": "rollout"}]}})
        before, admitted = scene.children(), 0
        while admitted < CHANGES:
            spec = changed(BASE, scene.shape, random)
            if not scene.there_and_back(spec):
                continue
            admitted += 1
            assert scene.children() == before, json.dumps(spec)
        assert not stage.errors.found
