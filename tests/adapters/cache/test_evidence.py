"""What is remembered of a rollout between two looks, and after a restart."""

from typing import Any

from adapters.fake_kube import kube
from adapters.objects import own
from linnet.adapters.cache.evidence import EvidenceStore
from linnet.adapters.cache.gatherer import as_parent
from linnet.adapters.cluster import resources
from linnet.core.plan import Ref

Json = dict[str, Any]


def evidence(uid: str, **data: str) -> Json:
    owner = {"kind": "Deployment", "name": "iris", "uid": uid, "controller": True}
    return {"metadata": {"name": "iris-evidence", "namespace": "ml", "ownerReferences": [owner]}, "data": data}


async def test_evidence_is_read_once_after_a_restart() -> None:
    """A rollout goes on from what was saved, and each look after that from memory."""
    server = kube()
    server.put(resources.CONFIG_MAP, evidence("Deployment-iris", n="1"))
    parent = as_parent(own("Deployment", "iris", status={"rollout": {"from": {"name": "v1"}}}))
    memory = EvidenceStore(server)
    assert await memory.recall(parent) == {"n": "1"}
    memory.keep(parent, {"n": "2"})
    assert await memory.recall(parent) == {"n": "2"}
    assert len(server.calls) == 1


async def test_at_rest_no_evidence_is_read() -> None:
    """A thousand Deployments at rest cost no request when the operator starts."""
    server = kube()
    assert await EvidenceStore(server).recall(as_parent(own("Deployment", "iris", status={}))) is None
    assert server.calls == []


async def test_evidence_of_a_namesake_is_not_believed() -> None:
    """An object that was deleted and made again begins with nothing seen."""
    server = kube()
    server.put(resources.CONFIG_MAP, evidence("former", n="1"))
    parent = as_parent(own("Deployment", "iris", status={"rollout": {"from": {"name": "v1"}}}))
    memory = EvidenceStore(server)
    memory.keep(as_parent(own("Deployment", "iris", uid="former")), {"n": "9"})
    assert await memory.recall(parent) is None


async def test_evidence_of_what_is_gone_is_forgotten() -> None:
    """Memory does not grow with the objects that ever were."""
    server = kube()
    parent = as_parent(own("Deployment", "iris", status={}))
    memory = EvidenceStore(server)
    memory.keep(parent, {"n": "1"})
    memory.forget(Ref("Deployment", "ml", "iris"))
    assert await memory.recall(parent) is None
