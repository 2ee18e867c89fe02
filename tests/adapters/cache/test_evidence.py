"""What is remembered of a rollout between two looks, and after a restart."""

from typing import Any

import pytest

from adapters.fake_kube import kube
from adapters.objects import Clock, own
from linnet.adapters.cache.evidence import EvidenceStore, Recalled
from linnet.adapters.cache.gatherer import as_parent
from linnet.adapters.cluster import resources
from linnet.adapters.cluster.errors import ForbiddenError, InvalidError, UnavailableError
from linnet.core.plan import Ref
from linnet.core.resources.objects import Parent
from linnet.core.rollout.judging import seal

Json = dict[str, Any]
ONE, TWO, THREE = (seal.keyed({"rollout": "v2-1", "n": n}) for n in "123")


def config_map(data: Json, uid: str = "Deployment-iris") -> Json:
    owner = {"kind": "Deployment", "name": "iris", "uid": uid, "controller": True}
    return {"metadata": {"name": "iris-evidence", "namespace": "ml", "ownerReferences": [owner]}, "data": data}


def judged(*sealed: Json) -> Parent:
    """The Deployment in mid-rollout, whose status has the hashes of these."""
    rollout = {"id": "v2-1", "from": {"name": "v1"}, "evidence": [seal.seal(data) for data in sealed]}
    return as_parent(own("Deployment", "iris", status={"rollout": rollout}))


async def test_evidence_is_read_once_after_a_restart() -> None:
    """A rollout goes on from what was saved, and each look after that from memory."""
    server = kube()
    server.put(resources.CONFIG_MAP, config_map(ONE))
    memory = EvidenceStore(server, Clock())
    assert await memory.recall(judged(ONE)) == Recalled(ONE, (seal.seal(ONE),))
    memory.keep(judged(ONE), TWO)
    assert (await memory.recall(judged(ONE))).data == TWO
    assert len(server.calls) == 1


async def test_at_rest_no_evidence_is_read() -> None:
    """A thousand Deployments at rest cost no request when the operator starts."""
    server = kube()
    assert await EvidenceStore(server, Clock()).recall(as_parent(own("Deployment", "iris", status={}))) == Recalled()
    assert server.calls == []


async def test_evidence_of_a_namesake_is_not_believed() -> None:
    """An object that was deleted and made again begins with nothing seen."""
    server = kube()
    server.put(resources.CONFIG_MAP, config_map(ONE, "former"))
    memory = EvidenceStore(server, Clock())
    memory.keep(as_parent(own("Deployment", "iris", uid="former")), {"n": "9"})
    assert (await memory.recall(judged(ONE))).data is None


async def test_evidence_of_what_is_gone_is_forgotten() -> None:
    """Memory does not grow with the objects that ever were."""
    memory = EvidenceStore(kube(), Clock())
    parent = as_parent(own("Deployment", "iris", status={}))
    memory.keep(parent, {"n": "1"})
    memory.forget(Ref("Deployment", "ml", "iris"))
    assert await memory.recall(parent) == Recalled()


async def test_a_look_at_a_model_of_the_same_name_costs_no_evidence() -> None:
    """Mostly a Deployment is named as its Model is; what was counted since it was saved is not lost by that."""
    server = kube()
    memory = EvidenceStore(server, Clock())
    memory.keep(judged(ONE), TWO)
    memory.keep(as_parent(own("Model", "iris", status={})), None)
    assert (await memory.recall(judged(ONE))).data == TWO
    assert server.calls == []


async def test_what_somebody_else_wrote_is_not_believed_and_not_kept() -> None:
    """Once the ConfigMap holds again what the status has the hash of, that is read: no restart is needed."""
    server = kube()
    server.put(resources.CONFIG_MAP, config_map({**ONE, "n": "9"}))
    memory = EvidenceStore(server, Clock())
    refused = await memory.recall(judged(ONE))
    assert refused.data is None
    assert refused.loss is not None
    assert "what Linnet did not write" in refused.loss.message
    server.put(resources.CONFIG_MAP, config_map(ONE))
    assert await memory.recall(judged(ONE)) == Recalled(ONE, (seal.seal(ONE),))


@pytest.mark.parametrize("data", [ONE, TWO])
async def test_the_former_evidence_and_the_next_are_both_believed(data: Json) -> None:
    """The hash is written first: whoever dies in between finds either."""
    server = kube()
    server.put(resources.CONFIG_MAP, config_map(data))
    assert (await EvidenceStore(server, Clock()).recall(judged(TWO, ONE))).data == data


class TestSaving:
    """Which evidence the ConfigMap may hold after it was written, or was not."""

    async def held(self, memory: EvidenceStore) -> tuple[str, ...]:
        memory.keep(judged(), THREE)
        return (await memory.recall(judged())).held

    async def save(self, memory: EvidenceStore, data: Json, error: Exception | None = None) -> None:
        async def apply(_: Json) -> None:
            if error is not None:
                raise error

        await memory.save(judged(), config_map(data), apply)

    async def test_what_was_written_is_what_it_holds(self) -> None:
        """The one before need not be believed any more."""
        memory = EvidenceStore(kube(), Clock())
        await self.save(memory, ONE)
        await self.save(memory, TWO)
        assert await self.held(memory) == (seal.seal(TWO),)

    async def test_after_a_refusal_it_holds_the_former(self) -> None:
        """However often it is refused, by a quota or a policy, what was written last stays valid."""
        memory = EvidenceStore(kube(), Clock())
        await self.save(memory, ONE)
        for _ in range(9):
            with pytest.raises(ForbiddenError):
                await self.save(memory, TWO, ForbiddenError("quota"))
        assert await self.held(memory) == (seal.seal(ONE),)

    @pytest.mark.parametrize("taken", [1, 2], ids=["counts", "name"])
    async def test_what_is_refused_whole_is_written_with_less_in_it(self, taken: int) -> None:
        """Each variant has its hash in the status beforehand; what was written is what the ConfigMap holds then."""
        whole = seal.keyed({"rollout": "v2-1", "saved": "now", "evidence.counts": "{}", "decided": "{}"})
        variants, tried = seal.variants(whole), list[Json]()
        memory = EvidenceStore(kube(), Clock())

        async def apply(manifest: Json) -> None:
            tried.append(manifest["data"])
            if len(tried) <= taken:
                raise (InvalidError("too large"), ForbiddenError("quota"))[len(tried) % 2]

        await memory.save(judged(), config_map(whole), apply)
        assert tried == [*variants][: taken + 1]
        assert await self.held(memory) == (seal.seal(variants[taken]),)
        assert {seal.seal(variant) for variant in variants} <= {*seal.seals(whole, [])}

    async def test_after_a_lost_answer_it_holds_either(self) -> None:
        """Nobody knows whether it was written."""
        memory = EvidenceStore(kube(), Clock())
        await self.save(memory, ONE)
        with pytest.raises(UnavailableError):
            await self.save(memory, TWO, UnavailableError("reset"))
        assert await self.held(memory) == (seal.seal(ONE), seal.seal(TWO))
