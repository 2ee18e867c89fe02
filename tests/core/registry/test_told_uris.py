"""What the operator tells people of a URI: Events, conditions and log lines never hold a secret of it."""

import json
from typing import Any

import pytest

from builders import NOW, ModelWorld, VersionWorld
from canaries import CANARY, URIS
from linnet.api.parts.uri import SUPPORTED, scheme_of
from linnet.core.plan import Apply, Emit, Log, Notify, Plan
from linnet.core.registry.model_version import plan as plan_version
from linnet.core.retraining import claim
from simulator import DIGESTS

ADMITTED = [uri for uri in URIS if scheme_of(uri) in SUPPORTED and "@" not in uri and "#" not in uri]


def told(plan: Plan[Any]) -> str:
    """All of a plan that people read: the status, Events, log lines, CloudEvents."""
    said = [repr(action) for action in plan.actions if isinstance(action, Emit | Log | Notify)]
    return json.dumps([*said, plan.status.wire() if plan.status else {}])


@pytest.mark.parametrize("uri", URIS)
def test_of_a_model(uri: str) -> None:
    """Whether the URI is admitted, reserved or refused."""
    world = ModelWorld().source(uri)
    assert CANARY not in told(world.step())
    assert CANARY not in told(world.step())


def test_a_new_version_says_where_it_lies() -> None:
    """As far as it is no secret."""
    [event] = [
        a for a in ModelWorld().source(f"https://store.test/m/1?part={CANARY}").step().actions if isinstance(a, Emit)
    ]
    assert event.message == "Version 1 is https://store.test/m/1"


@pytest.mark.parametrize("ended", [None, "Fetched", "NotFound", "DigestMismatch"])
@pytest.mark.parametrize("uri", [*ADMITTED, f"https://user:{CANARY}@host/models/1"])
def test_of_a_version(uri: str, ended: str | None) -> None:
    """From its first look on, however its validation ends."""
    made = ModelWorld()
    made.step()
    world = VersionWorld({**made.versions[1]["spec"], "source": {"uri": uri}})
    plan = plan_version(world.observed(), NOW)
    assert CANARY not in told(plan)
    jobs = [a.manifest for a in plan.actions if isinstance(a, Apply)]
    if ended is None or not jobs:
        return
    jobs[0]["metadata"]["uid"] = "job"
    world.jobs = jobs
    status = plan.status
    assert status is not None
    world.become(status.model_copy(update={"digest": DIGESTS[2]}))  # of an earlier fetch: this one finds another
    outcome = (
        {"outcome": "Fetched", "digest": DIGESTS[1]} if ended == "Fetched" else {"outcome": "Failed", "reason": ended}
    )
    world.pods = [_pod(json.dumps(outcome), 0 if ended == "Fetched" else 2)]
    assert CANARY not in told(plan_version(world.observed(), NOW))


def _pod(message: str, code: int) -> dict[str, Any]:
    fetched = {"name": "fetch", "state": {"terminated": {"exitCode": code, "message": message}}}
    probed = {
        "name": "probe",
        "state": {"terminated": {"exitCode": 0, "message": json.dumps({"outcome": "Validated"})}},
    }
    owner = {"uid": "job", "controller": True}
    return {
        "metadata": {"name": "p", "uid": "p", "ownerReferences": [owner]},
        "status": {"phase": "Running", "initContainerStatuses": [fetched], "containerStatuses": [probed]},
    }


@pytest.mark.parametrize("uri", URIS)
def test_of_a_claim(uri: str) -> None:
    """Why a training run's claim is not believed ends in the RetrainPolicy's status."""
    found = claim.read(json.dumps({"uri": uri, "digest": DIGESTS[1]}))
    assert isinstance(found, claim.Claim) or CANARY not in found.message
