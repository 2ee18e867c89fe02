"""Whether the chart's admission policies protect a namespace: asked by objects that each of them refuses."""

import asyncio
import copy
from collections import Counter
from pathlib import Path
from typing import Any, cast

import pytest

from adapters.fake_kube import FakeKube, kube
from adapters.objects import Clock
from linnet.adapters.cluster import resources
from linnet.adapters.cluster.errors import ForbiddenError, UnavailableError
from linnet.adapters.cluster.kube import Kube
from linnet.adapters.cluster.protections import RISKS, Protections, probe
from linnet.adapters.platform import admission_policies
from linnet.api.kinds.model_version import ModelVersionSpec
from linnet.api.labels import PROBE
from linnet.settings import read

Json = dict[str, Any]
SPEC: Json = {"matchConstraints": {"resourceRules": [{"resources": ["pods"]}]}, "validations": [{"expression": "a"}]}


class Guarded(FakeKube):
    """An API server with the policies of `in_force`, which refuse what they are tried by; answers take a moment."""

    in_force: set[str]
    other_words: str = ""

    async def get(self, resource: Any, namespace: str, name: str) -> Json:
        await asyncio.sleep(0)
        return await super().get(resource, namespace, name)

    async def create(self, resource: Any, manifest: Json, *, dry_run: bool = False) -> Json:
        await asyncio.sleep(0)
        policy = manifest["metadata"].get("labels", {}).get(PROBE, "requests")
        self._called("create", resource, policy)
        assert dry_run
        if policy in self.in_force:
            own = "spec.user: it" if policy == "requests" else f"{PROBE}: the policy linnet-{policy} is in force"
            by = f"ValidatingAdmissionPolicy 'linnet-{policy}' with binding 'linnet-{policy}'"
            raise ForbiddenError(f"{by} denied request: {self.other_words or own}")
        return manifest


def shipped() -> tuple[Json, ...]:
    """A policy and its binding for each name, as the chart has them."""
    return tuple(
        {"kind": kind, "metadata": {"name": f"linnet-{policy}"}, "spec": spec}
        for policy in RISKS
        for kind, spec in (
            ("ValidatingAdmissionPolicy", SPEC),
            ("ValidatingAdmissionPolicyBinding", {"policyName": f"linnet-{policy}"}),
        )
    )


def guarded(*policies: str) -> Guarded:
    """These policies are in force; what is stored of all is as shipped, with what the API server fills in."""
    server = Guarded()
    server.in_force = set(policies)
    kinds = {r.kind: r for r in (resources.ADMISSION_POLICY, resources.ADMISSION_BINDING)}
    for manifest in shipped():
        stored = copy.deepcopy(manifest)
        if manifest["kind"] == "ValidatingAdmissionPolicy":
            stored["spec"]["matchConstraints"]["matchPolicy"] = "Equivalent"
            stored["spec"]["matchConstraints"]["resourceRules"][0]["scope"] = "*"
        stored["metadata"]["namespace"] = ""
        server.put(kinds[manifest["kind"]], stored)
    return server


def protections(server: Any, clock: Clock, told: dict[tuple[str, str], bool] | None = None) -> Protections:
    kept = told if told is not None else {}

    def tell(policy: str, namespace: str, missing: bool) -> None:
        kept[policy, namespace] = missing

    answers: Kube = server
    return Protections(answers, clock, shipped(), tell)


async def test_nothing_is_missing_where_all_are_in_force() -> None:
    """What the API server filled in is no change; a namespace is asked about once in five minutes."""
    server, clock = guarded(*RISKS), Clock()
    asked = protections(server, clock)
    assert await asked.missing("ml") == ()
    calls = len(server.calls)
    assert await asked.missing("ml") == ()
    assert len(server.calls) == calls
    await asked.missing("other")
    assert len(server.calls) == calls + 4
    clock.now += 301
    server.in_force.clear()
    assert len(await asked.missing("ml")) == 4


async def test_looks_of_one_moment_share_an_answer() -> None:
    """After a start all workers want it at once: each policy is tried once in a namespace, and compared once in all."""
    server = guarded(*RISKS)
    asked = protections(server, Clock())
    found = await asyncio.gather(*(asked.missing(namespace) for namespace in ["ml"] * 4 + ["other"] * 4))
    assert set(found) == {()}
    calls = Counter(call[0] for call in server.calls)
    assert calls == {"create": 8, "get": 8}


async def test_a_look_that_is_given_up_leaves_the_question_to_the_next() -> None:
    """Whoever waits is answered, whatever becomes of who asked first."""
    server = guarded(*RISKS)
    asked = protections(server, Clock())
    first, second = (asyncio.ensure_future(asked.missing("ml")) for _ in range(2))
    await asyncio.sleep(0)
    first.cancel()
    assert await second == ()


@pytest.mark.parametrize("policy", RISKS)
async def test_what_is_not_in_force_is_told_with_its_risk(policy: str) -> None:
    """In the sentence, and as a number for alerts."""
    told: dict[tuple[str, str], bool] = {}
    server = guarded(*(set(RISKS) - {policy}))
    [sentence] = await protections(server, Clock(), told).missing("ml")
    assert sentence == f"the admission policy {policy} is not in force: {RISKS[policy]}"
    assert [name for (name, _), missing in told.items() if missing] == [policy]


async def test_another_refusal_proves_nothing() -> None:
    """Somebody's own policy may refuse the same object for reasons of its own."""
    server = guarded(*RISKS)
    server.other_words = "no objects of this name"
    assert len(await protections(server, Clock()).missing("ml")) == 4


async def test_where_nothing_was_installed_all_of_it_is_missing() -> None:
    """With `admission.enabled: false` nothing was shipped to compare with; it is told all the same."""
    found = await Protections(cast("Kube", kube()), Clock(), (), lambda *_: None).missing("ml")
    assert found == tuple(f"the admission policy {policy} is not in force: {risk}" for policy, risk in RISKS.items())


@pytest.mark.parametrize(
    "change",
    [
        {"validations": []},
        {"validations": [{"expression": "true"}]},
        {"matchConstraints": {"resourceRules": [{"resources": ["services"]}]}},
        {"matchConditions": [{"name": "never", "expression": "false"}]},
    ],
)
async def test_a_policy_that_was_changed_is_told(change: Json) -> None:
    """Its label may be refused as ever, while it lets everything else through."""
    server = guarded(*RISKS)
    key = (resources.ADMISSION_POLICY, "", "linnet-requests")
    server.objects[key]["spec"].update(change)
    [sentence] = await protections(server, Clock()).missing("ml")
    assert sentence.startswith("the admission policy requests is not as it was shipped")


async def test_a_binding_that_only_warns_is_told() -> None:
    """`validationActions: [Warn]` refuses nothing; so does one that is gone."""
    server = guarded(*RISKS)
    server.objects[resources.ADMISSION_BINDING, "", "linnet-authors"]["spec"]["validationActions"] = ["Warn"]
    del server.objects[resources.ADMISSION_BINDING, "", "linnet-children"]
    first, second = await protections(server, Clock()).missing("ml")
    assert "policy children is not as it was shipped" in first
    assert "policy authors is not as it was shipped" in second


async def test_an_outage_is_no_answer() -> None:
    """Nothing waits for it: the look goes on with what was known."""
    server, clock = guarded("children", "authors", "requests"), Clock()
    asked = protections(server, clock)
    known = await asked.missing("ml")
    assert len(known) == 1
    clock.now += 301
    server.fails["create"] = UnavailableError("down")
    assert await asked.missing("ml") == known
    plain = kube()
    plain.fails["get"] = UnavailableError("down")
    assert await protections(plain, Clock()).missing("ml") == ()


def test_the_version_that_authors_refuses_is_a_sound_one() -> None:
    """The schema is checked before the policy: an unsound object would prove nothing."""
    _, manifest = probe("authors", "ml")
    ModelVersionSpec.model_validate(manifest["spec"])
    assert manifest["metadata"]["name"].endswith("-v1")


def test_policies_are_read_as_they_were_shipped(tmp_path: Path) -> None:
    """Each file may hold several; without a folder nothing is compared."""
    (tmp_path / "children.yaml").write_text("\n# a comment\nkind: A\n---\nkind: B\n")
    found = admission_policies(read({"POD_NAMESPACE": "x", "LINNET_POLICIES_DIR": str(tmp_path)}))
    assert [m["kind"] for m in found] == ["A", "B"]
    assert admission_policies(read({"POD_NAMESPACE": "x"})) == ()
