"""`kubectl linnet` as people type it: the real kubectl, a real API server, the admission policy, the operator."""

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from control_plane import ApiServer, Said
from integration.harness import World, until
from integration.rollouts import NAME, QUICK, outcome, phase, publish, rollout, serve, stable

pytestmark = pytest.mark.integration
STEPS = [{"setWeight": 34}, {"pause": {}}, {"setWeight": 50}, {"pause": {}}]


@dataclass
class Person:
    """Somebody at a shell, in the world's namespace."""

    world: World
    kubeconfig: Path

    def types(self, *words: str) -> Said:
        path = f"{Path(sys.executable).parent}:{self.world.api.bin}:{os.environ['PATH']}"
        done = subprocess.run(
            ["kubectl", *words],
            env={**os.environ, "PATH": path, "KUBECONFIG": str(self.kubeconfig)},
            capture_output=True, text=True, check=False, timeout=60,
        )  # fmt: skip
        return Said(done.returncode, done.stdout, done.stderr)

    def asks(self, *words: str) -> Said:
        return self.types("linnet", *words, "-n", self.world.namespace)

    def must(self, *words: str) -> str:
        said = self.asks(*words)
        assert said.code == 0, said.out + said.err + self.world.story()
        return said.out


def test_a_person_leads_a_rollout_and_goes_back(world: World) -> None:
    """Each request is admitted, answered and told; the tree, the history and the explanation follow."""
    strategy = {"canary": {"steps": STEPS}, "bake": {"time": "0s"}}
    traffic = serve(world, strategy=strategy)
    person = Person(world, world.api.kubeconfig)
    publish(world, 2)
    traffic.answers[2] = (200, 0, 0)
    traffic.until(lambda: phase(world) == "Stepping" and rollout(world).get("step") == 1, "the first pause")
    tree = person.must("get", NAME)
    assert "v1 stable" in tree
    assert "v2 canary" in tree
    assert person.must("promote", NAME).startswith("promote v2: Accepted: left step 1 for ")
    assert person.asks("retry", NAME).out.startswith("retry v2: Refused: ")
    assert "Accepted" in person.must("promote", NAME, "--full")
    traffic.until(lambda: outcome(world) == "Promoted" and stable(world) == 2, "version 2 to serve")
    who = world.status("Deployment", NAME)["requests"][-1]["user"]
    assert f"was promoted by {who}" in person.must("explain", NAME)
    assert person.must("rollback", NAME).startswith("rollback -: Accepted: going back to version 1")
    traffic.until(lambda: stable(world) == 1 and not rollout(world), "version 1 to serve again")
    decisions = json.loads(person.must("history", NAME, "-o", "json"))
    assert [(d["version"], d["decision"], d["by"]) for d in decisions] == [(2, "RolledBack", who), (2, "Promoted", who)]
    assert "v2 quarantined" in person.must("get")
    assert person.must("release", f"mv/{NAME}-v2").startswith("release -: Accepted")


def test_a_refusal_by_admission_says_the_way_out(world: World, tmp_path: Path) -> None:
    """Somebody who may look and ask, and not abort."""
    serve(world, **QUICK)
    rules = ["--verb=get,list,watch,create", "--resource=deployments.linnet.dev,requests.linnet.dev"]
    world.api.must("create", "role", "looker", *rules, "-n", world.namespace)
    world.api.must("create", "rolebinding", "looker", "--role=looker", "--user=nora", "-n", world.namespace)
    nora = Person(world, speaking_as(world.api, "nora", tmp_path / "config"))
    until(lambda: nora.asks("abort", NAME, "--no-wait").err.count("may not abort"), "the role to be in force")
    said = nora.asks("abort", NAME)
    assert said.code == 1
    assert "--role=linnet-" in said.err
    assert said.out == ""


def speaking_as(api: ApiServer, user: str, target: Path) -> Path:
    """The administrator's kubeconfig, impersonating somebody."""
    config = json.loads(api.kubeconfig.read_text())
    config["users"] = [{**u, "user": {**u["user"], "as": user}} for u in config["users"]]
    target.write_text(json.dumps(config))
    return target


def test_kubectl_completes_its_plugin(quiet_world: World) -> None:
    """By the program that lies beside it, with names of the cluster."""
    quiet_world.model(NAME, "s3://models/risk/1")
    quiet_world.deployment(NAME, NAME)
    person = Person(quiet_world, quiet_world.api.kubeconfig)
    assert "promote" in person.types("__complete", "linnet", "pro").out.split()
    names = person.types("__complete", "linnet", "promote", "-n", quiet_world.namespace, "").out.split()
    assert NAME in names
