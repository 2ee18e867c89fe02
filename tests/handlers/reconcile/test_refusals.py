"""What the cluster refuses is told, and is no finding about a version."""

from typing import Any

import pytest

from builders import NOW, VersionWorld
from core.registry.test_model_version import new_version, started, validated
from linnet.adapters.cluster.errors import ForbiddenError
from linnet.api.parts.conditions import Condition, find
from linnet.core.plan import Ref
from linnet.core.registry.model_version import plan
from linnet.handlers.reconcile.attempts import Attempts
from linnet.handlers.reconcile.refusals import parsed, with_refusals

VERSION = Ref("ModelVersion", "ml", "risk-v1")
QUOTA = 'jobs.batch "risk-v1-check-1" is forbidden: exceeded quota: small'


def refused(world: VersionWorld, verb: str, kind: str) -> dict[str, Any]:
    """The status that is written after a write of this kind was refused."""
    attempts = Attempts(lambda: 0.0)
    attempts.failed(VERSION, (verb, kind, "risk-v1-check-1"), "content", ForbiddenError(QUOTA))
    return with_refusals(world.status, world.observed().version, attempts, VERSION, NOW)


def ready(status: dict[str, Any]) -> Condition:
    found = find(parsed(status["conditions"]), "Ready")
    assert found is not None
    return found


def test_a_job_that_a_quota_refuses_fails_no_version() -> None:
    """Its condition has the cluster's words; once the quota allows it, the Job is made, without anybody's retry."""
    world = started(new_version())
    world.jobs = []
    world.status = refused(world, "Apply", "Job")
    assert (ready(world.status).status, ready(world.status).reason) == ("Unknown", "Validating")
    assert ready(world.status).message == QUOTA
    assert any(getattr(a, "manifest", {}).get("kind") == "Job" for a in plan(world.observed(), NOW).actions)


@pytest.mark.parametrize("kind", ["Job", "NetworkPolicy"])
def test_what_is_left_of_a_validation_makes_no_version_less_valid(kind: str) -> None:
    """That it can't be deleted stands beside: what was loaded serves."""
    world = validated()
    status = refused(world, "Delete", kind)
    assert ready(status).status == "True"
    assert ready(status) == ready(world.status)
    told = find(parsed(status["conditions"]), "Refused")
    assert told is not None
    assert told.message == QUOTA
