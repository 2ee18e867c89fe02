"""Live reads: whether requests can be believed, who pods may run as, what evidence there was."""

from typing import Any, cast

import pytest

from adapters.fake_kube import FakeKube
from adapters.objects import own
from linnet.adapters.cache.evidence import Memory
from linnet.adapters.cache.gatherer import account_names, as_parent, waits
from linnet.adapters.cache.service_accounts import ServiceAccounts
from linnet.adapters.cluster import resources
from linnet.adapters.cluster.errors import ForbiddenError, UnavailableError
from linnet.adapters.cluster.request_policy import RequestPolicy, forged
from linnet.api.kinds.model_version import ModelVersionSpec
from linnet.api.labels import ALLOW_PODS
from linnet.api.names import REQUEST_ANNOTATION
from linnet.core.plan import Ref

Json = dict[str, Any]
DENIED = "denied by ValidatingAdmissionPolicy 'linnet-requests': linnet.dev/request: an object can't be created with"


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


def kube() -> Any:
    return cast("Any", FakeKube())


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


def account(name: str, **labels: str) -> Json:
    return {"metadata": {"name": name, "namespace": "ml", "labels": labels}}


async def test_only_labeled_service_accounts_are_allowed() -> None:
    """The namespace's owner says which identities pods of ours may take."""
    server = kube()
    server.put(resources.SERVICE_ACCOUNT, account("models", **{ALLOW_PODS: "true"}))
    server.put(resources.SERVICE_ACCOUNT, account("admin"))
    allowed = await ServiceAccounts(server, Clock()).allowed("ml", ["models", "admin", "missing"])
    assert allowed == {"models"}


async def test_a_refusal_is_not_remembered_and_a_permission_for_a_minute() -> None:
    """A label that was just added helps at once."""
    server, clock = kube(), Clock()
    accounts = ServiceAccounts(server, clock)
    assert not await accounts.allowed("ml", ["models"])
    server.put(resources.SERVICE_ACCOUNT, account("models", **{ALLOW_PODS: "true"}))
    assert await accounts.allowed("ml", ["models"])
    server.put(resources.SERVICE_ACCOUNT, account("models"))
    assert await accounts.allowed("ml", ["models"])
    clock.now += 61
    assert not await accounts.allowed("ml", ["models"])


def test_every_account_that_a_spec_names_is_found() -> None:
    """Pods' and credentials' accounts, however deep; affinity is opaque, and names none."""
    spec = {
        "pod": {"serviceAccountName": "a", "affinity": {"serviceAccountName": "no"}},
        "training": {"job": {"credentials": {"serviceAccountName": "b"}, "pod": {"serviceAccountName": "c"}}},
        "list": [{"serviceAccountName": "d"}],
    }
    assert set(account_names(spec)) == {"a", "b", "c", "d"}


def test_a_request_waits_until_its_id_is_answered() -> None:
    """The policy is only asked about while somebody waits."""
    asked = {"metadata": {REQUEST_ANNOTATION: "abort - 7 jane"}}
    obj = own("Deployment", "iris")
    obj["metadata"]["annotations"] = asked["metadata"]
    assert waits(as_parent(obj))
    obj["status"] = {"lastRequest": {"id": "7", "verb": "abort", "outcome": "Accepted"}}
    assert not waits(as_parent(obj))
    obj["status"] = {"lastRequest": "nonsense"}
    assert waits(as_parent(obj))


def evidence(uid: str, **data: str) -> Json:
    owner = {"kind": "Deployment", "name": "iris", "uid": uid, "controller": True}
    return {"metadata": {"name": "iris-evidence", "namespace": "ml", "ownerReferences": [owner]}, "data": data}


async def test_evidence_is_read_once_after_a_restart() -> None:
    """A rollout goes on from what was saved, and each look after that from memory."""
    server = kube()
    server.put(resources.CONFIG_MAP, evidence("Deployment-iris", n="1"))
    parent = as_parent(own("Deployment", "iris", status={"rollout": {"from": {"name": "v1"}}}))
    memory = Memory(server)
    assert await memory.recall(parent) == {"n": "1"}
    memory.keep(parent, {"n": "2"})
    assert await memory.recall(parent) == {"n": "2"}
    assert len(server.calls) == 1


async def test_at_rest_no_evidence_is_read() -> None:
    """A thousand Deployments at rest cost no request when the operator starts."""
    server = kube()
    assert await Memory(server).recall(as_parent(own("Deployment", "iris", status={}))) is None
    assert server.calls == []


async def test_evidence_of_a_namesake_is_not_believed() -> None:
    """An object that was deleted and made again begins with nothing seen."""
    server = kube()
    server.put(resources.CONFIG_MAP, evidence("former", n="1"))
    parent = as_parent(own("Deployment", "iris", status={"rollout": {"from": {"name": "v1"}}}))
    memory = Memory(server)
    memory.keep(as_parent(own("Deployment", "iris", uid="former")), {"n": "9"})
    assert await memory.recall(parent) is None


async def test_evidence_of_what_is_gone_is_forgotten() -> None:
    """Memory does not grow with the objects that ever were."""
    server = kube()
    parent = as_parent(own("Deployment", "iris", status={}))
    memory = Memory(server)
    memory.keep(parent, {"n": "1"})
    memory.forget(Ref("Deployment", "ml", "iris"))
    assert await memory.recall(parent) is None
