"""The engine on a real API server: from a person's apply to ready pods, and what must hold whatever goes wrong."""

import pytest

from integration.harness import World

pytestmark = pytest.mark.integration


def test_model_and_deployment_serve(world: World) -> None:
    """Twelve lines by a person become ready pods behind a Service."""
    world.model("iris", "s3://models/iris/1")
    world.deployment("iris", "iris", replicas=2)
    status = world.ready("Deployment", "iris")
    assert status["stable"]["version"] == 1
    assert status["readyReplicas"] == 2
    assert world.get("Service", "iris", "v1") is not None


def test_a_healthy_deployment_costs_few_requests_and_then_none(world: World) -> None:
    """At most ten requests from apply to ready pods, and no write at rest."""
    world.model("iris", "s3://models/iris/1")
    world.until(lambda: world.condition("Model", "iris")["status"] == "True", "the version to be validated")
    before = world.operator.metric("linnet_api_requests_total")
    world.deployment("iris", "iris")
    world.ready("Deployment", "iris")
    assert world.operator.metric("linnet_api_requests_total") - before <= 10
    assert world.at_rest(5) == 0
