"""One RolloutPolicy that many Deployments name, on a real API server: it is missing, is there, changes, and goes."""

from typing import Any

import pytest

from integration.harness import World
from integration.rollouts import NAME, QUICK, URI, Traffic, phase, publish, reason, rollout, stable

pytestmark = pytest.mark.integration

COUNT = 60
NAMES = [f"{NAME}-{index}" for index in range(COUNT)]
POLICY: dict[str, Any] = {block: QUICK[block] for block in ("strategy", "analysis")}
NAMED: dict[str, Any] = {"policy": {"name": "gentle"}}


def share(world: World, **spec: Any) -> None:
    world.apply("RolloutPolicy", "gentle", spec)


def reasons(world: World) -> set[str]:
    """Why the Deployments are ready, or not."""
    conditions = [c for d in world.list("Deployment") for c in d.get("status", {}).get("conditions", [])]
    return {c["reason"] for c in conditions if c["type"] == "Ready"}


def revisions(world: World) -> set[tuple[str, str]]:
    """Name and template of what runs."""
    return {(d["status"]["stable"]["name"], d["metadata"]["name"]) for d in world.list("Deployment")}


def test_many_deployments_go_by_one_policy(world: World) -> None:
    """They wait for it, start by it, notice its changes without a write, keep their pods without it, and heal."""
    world.model(NAME, URI.format(1))
    for name in NAMES:
        world.deployment(name, NAME, **NAMED)
    world.until(lambda: reasons(world) == {"PolicyNotFound"}, "all to say what is missing")
    assert not world.list("Pod", "v1", "linnet.dev/component=serving")
    share(world, **POLICY)
    for name in NAMES:
        world.ready("Deployment", name)
    before = revisions(world)
    world.until(lambda: world.at_rest(1) == 0, "rest")
    looks = world.operator.metric("linnet_reconcile_total", kind="Deployment")
    share(world, **{**POLICY, "deadlines": {"ready": "5m"}})
    world.until(
        lambda: world.operator.metric("linnet_reconcile_total", kind="Deployment") >= looks + COUNT, "all to be seen"
    )
    assert world.at_rest(1) == 0
    world.delete("RolloutPolicy", "gentle")
    world.until(lambda: reasons(world) == {"PolicyNotFound"}, "all to miss it")
    assert revisions(world) == before
    share(world, **POLICY)
    world.until(lambda: reasons(world) == {"AsDesired"}, "all to heal")
    assert revisions(world) == before


def test_a_rollout_keeps_to_what_the_policy_said_when_it_began(world: World) -> None:
    """Changed, then deleted, and the operator restarted in between; the decision carries the frozen one's hash."""
    share(world, **POLICY)
    world.model(NAME, URI.format(1))
    world.deployment(NAME, NAME, replicas=2, **NAMED)
    world.ready("Deployment", NAME)
    traffic = Traffic(world, {1: (200, 0, 0)})
    publish(world, 2)
    world.until(lambda: phase(world) == "Stepping" and rollout(world).get("step") == 1, "the first analysis")
    frozen = rollout(world)["policyHash"]
    share(world, strategy={"allAtOnce": {}, "bake": {"time": "24h"}})
    world.kill_operator()
    world.start_operator()
    world.delete("RolloutPolicy", "gentle")
    world.until(lambda: reason(world) == "PolicyNotFound", "the missing policy to be told of")
    assert (phase(world), rollout(world)["policyHash"], rollout(world)["policy"]) == ("Stepping", frozen, "gentle")
    traffic.answers[2] = (200, 0, 0)
    traffic.until(lambda: phase(world) == "AtRest" and stable(world) == 2, "version 2 to be promoted")
    decision = world.status("ModelVersion", f"{NAME}-v2")["decisions"][-1]
    assert (decision["policy"], decision["policyHash"]) == ("gentle", frozen)


def test_a_policy_that_does_not_fit_is_told_at_the_deployment(world: World) -> None:
    """The API server takes each of the two; together they can't be followed, until one of them is mended."""
    share(world, strategy={"canary": {"steps": [{"setWeight": 80}, {"analyze": {"for": "1m"}}]}})
    world.model(NAME, URI.format(1))
    world.deployment(NAME, NAME, **NAMED)
    world.until(lambda: reason(world) == "InvalidSpec", "the refusal")
    assert world.condition("Deployment", NAME)["message"].startswith("policy.spec.strategy.canary.steps[0].setWeight: ")
    share(world, **POLICY)
    world.ready("Deployment", NAME)


def test_the_deployments_of_a_policy_can_be_asked_for(world: World) -> None:
    """Before somebody changes it: kubectl get mld --field-selector spec.policy.name=gentle."""
    world.deployment("one", NAME, **NAMED)
    world.deployment("other", NAME)
    words = ("get", "mld", "-n", world.namespace, "-o", "name", "--field-selector", "spec.policy.name=gentle")
    assert world.api.must(*words) == "deployment.linnet.dev/one\n"
