"""Whether people's requests can be believed, and since when: asked by a forgery."""

from datetime import UTC, datetime, timedelta
from typing import Any

from adapters.fake_kube import FakeKube, kube
from adapters.objects import Clock
from linnet.adapters.cluster import resources
from linnet.adapters.cluster.errors import ForbiddenError, UnavailableError
from linnet.adapters.cluster.request_policy import IN_FORCE_AFTER, KEPT_SECONDS, RequestPolicy, forged
from linnet.api.kinds.request import RequestSpec

DENIED = (
    "requests.linnet.dev \"linnet-probe\" is forbidden: ValidatingAdmissionPolicy 'linnet-requests' with binding "
    '\'linnet-requests\' denied request: spec.user: it carries the name "forged by linnet", but you are "op"'
)
MADE = datetime(2026, 1, 1, tzinfo=UTC)


def with_policy(changed: str = "2026-01-01T00:00:00Z", bound: str = "2026-01-01T00:00:00Z") -> Any:
    """An API server whose policy was made on the first of January, and changed and bound at these times."""
    server = kube()
    for resource, time in ((resources.ADMISSION_POLICY, changed), (resources.ADMISSION_BINDING, bound)):
        fields = [{"manager": "helm", "time": time}, {"manager": "status", "time": "2027-01-01T00:00:00Z"}]
        fields[1]["subresource"] = "status"
        meta = {"name": "linnet-requests", "namespace": "", "creationTimestamp": "2026-01-01T00:00:00Z"}
        server.put(resource, {"metadata": {**meta, "managedFields": fields}})
    server.fails["create"] = ForbiddenError(DENIED)
    return server


async def test_requests_are_proven_since_the_policy_refuses_forgeries() -> None:
    """Those that are older may be anybody's; what the API server writes into its status changes nothing."""
    proof = await RequestPolicy(with_policy(), Clock()).proof("ml")
    assert proof.since == MADE + IN_FORCE_AFTER


async def test_a_policy_that_was_changed_or_bound_later_proves_from_then_on() -> None:
    """It may have been weaker, or for other namespaces."""
    later = "2026-03-01T00:00:00Z"
    for server in (with_policy(changed=later), with_policy(bound=later)):
        proof = await RequestPolicy(server, Clock()).proof("ml")
        assert proof.since == datetime(2026, 3, 1, tzinfo=UTC) + IN_FORCE_AFTER


async def test_the_proof_holds_for_a_moment() -> None:
    """One dry run for the looks of some seconds; a policy that is taken away for longer is missed."""
    server, clock = with_policy(), Clock()
    policy = RequestPolicy(server, clock)
    assert (await policy.proof("ml")).since
    calls = len(server.calls)
    assert (await policy.proof("ml")).since
    assert len(server.calls) == calls
    clock.now += KEPT_SECONDS + timedelta(seconds=1).total_seconds()
    assert (await policy.proof("ml")).since is None


async def test_an_admitted_forgery_proves_nothing() -> None:
    """Without the policy anybody could write anybody's name. Nothing was stored by asking."""
    server = kube()
    proof = await RequestPolicy(server, Clock()).proof("ml")
    assert proof.since is None
    assert "no admission policy proves who asked" in proof.problem
    assert server.objects == {}


async def test_another_refusal_proves_nothing() -> None:
    """RBAC, a quota or somebody's own policy may refuse for reasons of their own."""
    named = "ValidatingAdmissionPolicy 'names' with binding 'names' denied request: no name of this form"
    for reason in ("quota exceeded", named):
        server: FakeKube = kube()
        server.fails["create"] = ForbiddenError(reason)
        assert (await RequestPolicy(server, Clock()).proof("ml")).since is None  # type: ignore[arg-type]


async def test_a_policy_of_unknown_age_proves_nothing() -> None:
    """The operator may not read it, or it has just gone."""
    server = with_policy()
    server.fails["get"] = ForbiddenError("no")
    proof = await RequestPolicy(server, Clock()).proof("ml")
    assert (proof.since, proof.problem) == (None, "the age of the admission policy is not known: no")


async def test_an_outage_is_no_answer() -> None:
    """The request is neither obeyed nor refused for it: it waits, and the look goes on."""
    server = kube()
    server.fails["create"] = UnavailableError("down")
    proof = await RequestPolicy(server, Clock()).proof("ml")
    assert (proof.since, proof.problem, proof.lapsed) == (None, "", True)


def test_the_forgery_is_sound_but_for_its_name() -> None:
    """The schema is checked before the policy: an unsound object would prove nothing."""
    RequestSpec.model_validate(forged("ml")["spec"])
