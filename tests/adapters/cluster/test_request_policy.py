"""Whether people's requests can be believed: asked by a forgery."""

import pytest

from adapters.fake_kube import kube
from adapters.objects import Clock
from linnet.adapters.cluster.errors import ForbiddenError, UnavailableError
from linnet.adapters.cluster.request_policy import RequestPolicy, forged
from linnet.api.kinds.model_version import ModelVersionSpec
from linnet.api.names import REQUEST_ANNOTATION

DENIED = "denied by ValidatingAdmissionPolicy 'linnet-requests': linnet.dev/request: an object can't be created with"


async def test_a_policy_that_refuses_a_forgery_is_proven_for_five_minutes() -> None:
    """One dry run for each namespace, not one for each look."""
    server, clock = kube(), Clock()
    policy = RequestPolicy(server, clock)
    server.fails["create"] = ForbiddenError(DENIED)
    assert await policy.proven("ml")
    assert await policy.proven("ml")
    assert len(server.calls) == 1
    clock.now += 301
    assert not await policy.proven("ml")


async def test_an_admitted_forgery_proves_nothing() -> None:
    """Without the policy anybody could write anybody's name."""
    server = kube()
    assert not await RequestPolicy(server, Clock()).proven("ml")
    assert server.objects == {}


async def test_another_refusal_proves_nothing() -> None:
    """RBAC, a quota or somebody's own policy may refuse for reasons of their own."""
    for reason in ("quota exceeded", "ValidatingAdmissionPolicy 'names' denied request: no name of this form"):
        server = kube()
        server.fails["create"] = ForbiddenError(reason)
        assert not await RequestPolicy(server, Clock()).proven("ml")


async def test_an_outage_is_no_answer() -> None:
    """The look is tried again, and the request is not refused for it."""
    server = kube()
    server.fails["create"] = UnavailableError("down")
    with pytest.raises(UnavailableError):
        await RequestPolicy(server, Clock()).proven("ml")


def test_the_forgery_is_a_sound_version_but_for_its_request() -> None:
    """The schema is checked before the policy: an unsound object would prove nothing."""
    made = forged("ml")
    ModelVersionSpec.model_validate(made["spec"])
    assert REQUEST_ANNOTATION in made["metadata"]["annotations"]
