"""Whatever the API server does not say, a look at a Deployment goes on with what is known, and with what is asked."""

import asyncio
from dataclasses import fields
from typing import Any, Final, cast

import pytest

from adapters.fake_kube import FakeKube
from adapters.objects import Clock, own
from linnet.adapters.cache.cache import Cache
from linnet.adapters.cache.evidence import EvidenceStore
from linnet.adapters.cache.gateways import Gateways
from linnet.adapters.cache.gatherer import Gatherer, Sources, as_parent
from linnet.adapters.cache.service_accounts import ServiceAccounts
from linnet.adapters.cluster import live, resources
from linnet.adapters.cluster.errors import (
    ForbiddenError,
    GoneError,
    InvalidError,
    KubeError,
    NotFoundError,
    TooLargeError,
    UnavailableError,
    UnreadableError,
)
from linnet.adapters.cluster.protections import Protections
from linnet.adapters.cluster.request_policy import RequestPolicy
from linnet.core.observed import DeploymentObserved
from linnet.core.requests.waiting import Proof
from simulator import PLATFORM, START

LIVE: Final = {
    "proof": "dry run of a forgery, GET of the policy and its binding: the last proof, for the way back",
    "unprotected": "dry runs, GETs of the policies: what was known last",
    "accounts": "GET of a ServiceAccount: what was known last, or that it is not known",
    "features": "GET of a Gateway and its class: what was known last, or that it can't be asked",
    "session_kinds": "the schema of routes: what was known last, or that it can't be read",
    "evidence": "GET of the ConfigMap: what is seen meanwhile, and is not saved over it",
    "confirm": "GET of a ModelVersion that the cache lacks: it may be there",
}
"""Each read of the API server before a plan, and what the look goes on with."""
ELSEWHERE: Final = {"told", "scrape", "ask", "call"}
"""Pods and the platform's servers, whose silence is an answer: tests/adapters/outbound."""
ANSWERS: Final = {
    "403": ForbiddenError("RBAC: clusterrole not found"),
    "404": NotFoundError("no such resource"),
    "422": InvalidError("is invalid"),
    "410": GoneError("expired"),
    "500": UnavailableError("a webhook failed"),
    "too large": TooLargeError("the API server answered more than 64 MiB"),
    "a proxy's page": UnreadableError("no JSON"),
    "no answer": None,
}


class Refusing(FakeKube):
    """Nothing can be read or tried while `answers` is set."""

    answers: "str | None" = None

    async def _answer(self) -> None:
        if self.answers is None:
            return
        if (error := ANSWERS[self.answers]) is None:
            await asyncio.Event().wait()
        raise cast("KubeError", error)

    async def get(self, *what: Any) -> Any:
        await self._answer()
        return await super().get(*what)

    async def create(self, *what: Any, **options: Any) -> Any:
        await self._answer()
        return await super().create(*what, **options)

    async def schemas(self, *what: Any) -> Any:
        await self._answer()
        return await super().schemas(*what)


SPEC: Final = {
    "model": {"name": "iris"},
    "pod": {"serviceAccountName": "models"},
    "traffic": {"type": "Gateway", "parentRefs": [{"name": "public"}], "sessionPersistence": {}},
}
STATUS: Final = {
    "rollout": {
        "id": "v2-1",
        "phase": "Stepping",
        "from": {"name": "iris-v1-a", "version": 1},
        "to": {"name": "iris-v2-b", "version": 2},
        "evidence": ["a" * 64],
    }
}
ASKED: Final = {"target": {"kind": "Deployment", "name": "iris"}, "verb": "abort", "user": "jane"}


class Place:
    """A Deployment in mid-rollout, of which somebody asks something."""

    def __init__(self) -> None:
        self.kube, self.clock, self.cache = Refusing(), Clock(), Cache()
        self.cache.put(resources.DEPLOYMENT, own("Deployment", "iris", spec=SPEC, status=STATUS))
        request = own("Request", "abort-1", spec=ASKED, status={})
        request["metadata"]["creationTimestamp"] = "2026-01-01T00:00:00Z"
        self.cache.put(resources.REQUEST, request)
        kube = cast("Any", self.kube)
        gateways = Gateways(kube, self.clock)
        self.evidence = EvidenceStore(kube, self.clock)

        async def confirm(namespace: str, name: str) -> None:
            await live.in_time(kube.get(resources.MODEL_VERSION, namespace, name))

        self.gatherer = Gatherer(
            self.cache,
            Sources(
                platform=lambda: PLATFORM,
                now=lambda: START,
                proof=RequestPolicy(kube, self.clock).proof,
                told=_nothing,
                unprotected=Protections(kube, self.clock, (), lambda *_: None).missing,
                accounts=ServiceAccounts(kube, self.clock).prefixes,
                features=gateways.features,
                session_kinds=gateways.session_kinds,
                evidence=self.evidence.recall,
                scrape=_nothing,
                ask=_nothing,
                call=_nothing,
                confirm=confirm,
            ),
        )

    async def observed(self) -> DeploymentObserved:
        found = self.cache.get(resources.DEPLOYMENT, "ml", "iris")
        assert found is not None
        return await self.gatherer.deployment(as_parent(found))


async def _nothing(*_: Any) -> Any:
    return {}


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live, "PATIENCE_SECONDS", 0.01)


def test_every_live_read_is_known() -> None:
    """Who adds one says what a look goes on with where it fails."""
    awaited = {f.name for f in fields(Sources) if "Awaitable" in str(f.type)}
    assert awaited == {*LIVE, *ELSEWHERE}


@pytest.mark.parametrize("answer", ANSWERS)
async def test_the_look_goes_on(answer: str) -> None:
    """What waits for an answer is there; nothing is taken for deleted, forbidden or unsaid that was not read."""
    place = Place()
    place.kube.answers = answer
    observed = await place.observed()
    assert [r.name for r in observed.requests.waiting] == ["abort-1"]
    assert observed.gateway_features == {"public": None}
    assert observed.session_kinds is None
    if answer == "404":  # that is an answer
        return
    assert observed.unread == {"iris-v2"}
    assert observed.evidence_unread
    assert observed.allowed_service_accounts == {"models": None}
    assert observed.unprotected == () or answer in {"403", "422"}


async def test_what_was_seen_while_evidence_can_not_be_read_counts() -> None:
    """After half a minute it is all that there is, which is told once; before, it is not saved over the former."""
    place = Place()
    place.kube.answers = "500"
    parent = (await place.observed()).deployment
    place.evidence.keep(parent, {"rollout": "v2-1", "n": "1"})
    meanwhile = await place.evidence.recall(parent)
    assert (meanwhile.data, meanwhile.held, meanwhile.unread) == ({"rollout": "v2-1", "n": "1"}, ("a" * 64,), True)
    place.clock.now += 31
    given_up = await place.evidence.recall(parent)
    assert given_up.loss is not None
    assert given_up.loss.message == ("The rollout's evidence can't be read (a webhook failed). It is counted anew")
    assert (given_up.data, given_up.unread) == ({"rollout": "v2-1", "n": "1"}, False)
    assert (await place.evidence.recall(parent)).loss is None


async def test_the_proof_of_before_stands_for_the_way_back() -> None:
    """What is proven is remembered while it can't be renewed; where nothing was, a request waits."""
    place = Place()
    place.kube.answers = "500"
    assert (await place.observed()).requests.proof == Proof(lapsed=True)
    place.kube.answers = None
    policy = RequestPolicy(cast("Any", place.kube), place.clock)
    policy._proofs["ml"] = place.clock.now, Proof(since=START)
    place.clock.now += 6
    place.kube.answers = "no answer"
    assert await policy.proof("ml") == Proof(since=START, lapsed=True)


async def test_an_account_that_was_read_stands_while_it_can_not_be_read() -> None:
    """A permission that was given is not taken back by an outage."""
    place = Place()
    accounts = ServiceAccounts(cast("Any", place.kube), place.clock)
    meta = {"name": "models", "namespace": "ml", "labels": {"linnet.dev/allow-pods": "true"}}
    place.kube.put(resources.SERVICE_ACCOUNT, {"metadata": meta})
    assert await accounts.prefixes("ml", ["models"]) == {"models": ""}
    place.clock.now += 61
    place.kube.answers = "a proxy's page"
    assert await accounts.prefixes("ml", ["models"]) == {"models": ""}
