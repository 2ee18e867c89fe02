"""Whose a pod is: by the uids of what made it, whatever its labels and names say."""

import asyncio
from typing import Any, cast

import pytest

from adapters.objects import made_by, own
from builders import NOW
from linnet.adapters.cache.cache import Cache
from linnet.adapters.cache.evidence import Recalled
from linnet.adapters.cache.gatherer import Gatherer, Sources
from linnet.adapters.cluster import resources
from linnet.api.labels import COMPONENT, DEPLOYMENT, MODEL_VERSION, RETRAIN_POLICY, REVISION
from linnet.core.observed import Platform, Scrape
from linnet.core.plan import Ref
from linnet.core.serving.runtimes import Catalogue

Json = dict[str, Any]
REVISION_NAME = "tumor-risk-v2-abcdef12"
SERVING = {DEPLOYMENT: "tumor-risk", REVISION: REVISION_NAME, COMPONENT: "serving"}
PARENTS = {
    "Deployment": own("Deployment", "tumor-risk", uid="mld", spec={"model": {"name": "tumor-risk"}}),
    "ModelVersion": own("ModelVersion", "tumor-risk-v2", uid="mv", spec={"model": {"name": "tumor-risk"}}),
    "RetrainPolicy": own("RetrainPolicy", "nightly", uid="rp", spec={"model": {"name": "tumor-risk"}}),
}
LABELS = {
    "Deployment": SERVING,
    "ModelVersion": {MODEL_VERSION: "tumor-risk-v2"},
    "RetrainPolicy": {RETRAIN_POLICY: "nightly"},
}


def replica_set(uid: str, owner: str, name: str = f"{REVISION_NAME}-7f9c") -> Json:
    return made_by("Deployment", owner, name, uid, SERVING)


class Place:
    """A cache with all that genuinely serves, validates and trains, and what a test adds to it."""

    def __init__(self) -> None:
        self.cache = Cache()
        for kind, obj in PARENTS.items():
            self.cache.put(resources.own(kind), obj)
        self.put(resources.WORKLOAD, made_by("Deployment", "mld", REVISION_NAME, "workload", SERVING))
        self.put(resources.REPLICA_SET, replica_set("rs", "workload"))
        self.put(resources.JOB, made_by("ModelVersion", "mv", "check-1", "check", LABELS["ModelVersion"]))
        self.put(resources.CRON_JOB, made_by("RetrainPolicy", "rp", "nightly", "cron", LABELS["RetrainPolicy"]))
        self.put(resources.JOB, made_by("CronJob", "cron", "run-1", "timed", LABELS["RetrainPolicy"]))
        self.put(resources.JOB, made_by("RetrainPolicy", "rp", "run-2", "asked", LABELS["RetrainPolicy"]))

    def put(self, resource: Any, obj: Json) -> None:
        self.cache.put(resource, obj)

    def pod(self, uid: str, owner_kind: str, owner: str, kind: str = "Deployment", name: str = "") -> None:
        obj = made_by(owner_kind, owner, name or uid, uid, LABELS[kind])
        self.put(resources.POD, {**obj, "status": {"phase": "Running", "podIP": "10.9.9.9"}})

    def pods(self, kind: str) -> set[str]:
        return {p.meta.uid for p in self.observed(kind).pods}

    def observed(self, kind: str) -> Any:
        async def nothing(*_: Any) -> Any:
            return {}

        async def scrape(_: Any) -> Scrape:
            return Scrape()

        async def recall(_: Any) -> Recalled:
            return Recalled()

        given: dict[str, Any] = dict.fromkeys(
            ("proof", "told", "unprotected", "accounts", "features", "ask", "call"), nothing
        )
        given |= {"session_kinds": nothing, "scrape": scrape, "evidence": recall, "now": lambda: NOW}
        sources = Sources(platform=lambda: Platform(Catalogue(), "linnet:test"), **given)
        gatherer = Gatherer(self.cache, sources)
        gather = {"Deployment": gatherer.deployment, "ModelVersion": gatherer.version, "RetrainPolicy": gatherer.policy}
        parent = gatherer.parent(_ref(kind))
        assert parent is not None
        return asyncio.run(cast("Any", gather[kind](parent)))


def _ref(kind: str) -> Any:
    return Ref(kind, "ml", PARENTS[kind]["metadata"]["name"])


@pytest.fixture
def place() -> Place:
    return Place()


def test_pods_that_our_own_objects_made_are_seen(place: Place) -> None:
    """By a ReplicaSet of a revision; by a validation's Job; by a training Job, asked for or timed by the CronJob."""
    place.pod("serving", "ReplicaSet", "rs")
    place.pod("checking", "Job", "check", "ModelVersion")
    place.pod("timed-run", "Job", "timed", "RetrainPolicy")
    place.pod("asked-run", "Job", "asked", "RetrainPolicy")
    assert place.pods("Deployment") == {"serving"}
    assert place.pods("ModelVersion") == {"checking"}
    assert place.pods("RetrainPolicy") == {"timed-run", "asked-run"}


def test_an_adopted_replica_set_stays_a_strangers(place: Place) -> None:
    """The Deployment controller adopts whatever bears a revision's label and has no owner."""
    orphan = replica_set("evil", "", "evil")
    adopted = replica_set("evil", "workload", "evil")
    place.put(resources.REPLICA_SET, orphan)
    place.put(resources.REPLICA_SET, {**adopted, "metadata": {**adopted["metadata"], "resourceVersion": "2"}})
    place.pod("forged", "ReplicaSet", "evil")
    assert place.pods("Deployment") == set()


FORGED = {
    "no owner": ("", ""),
    "an invented uid": ("ReplicaSet", "no-such"),
    "a ReplicaSet of the attacker's own": ("ReplicaSet", "attackers-rs"),
    "a ReplicaSet of the attacker's Deployment": ("ReplicaSet", "attackers-rs-2"),
    "our object itself": ("Deployment", "mld"),
    "the apps/v1 Deployment itself": ("Deployment", "workload"),
    "a Job that is ours": ("Job", "check"),
    "another pod": ("Pod", "serving"),
}


@pytest.mark.parametrize("owner", FORGED.values(), ids=FORGED.keys())
def test_a_made_up_pod_is_not_seen_by_a_rollout(place: Place, owner: tuple[str, str]) -> None:
    """Labels, a name and an owner that anybody can write give nobody a say: it is not read, and blocks nothing."""
    place.put(resources.REPLICA_SET, replica_set("attackers-rs", "", f"{REVISION_NAME}-evil"))
    place.put(resources.WORKLOAD, made_by("", "", f"{REVISION_NAME}-x", "attackers-workload", SERVING))
    place.put(resources.REPLICA_SET, replica_set("attackers-rs-2", "attackers-workload", f"{REVISION_NAME}-y"))
    place.pod("serving", "ReplicaSet", "rs")
    place.pod("forged", *owner, name=f"{REVISION_NAME}-7f9c-abcde")
    assert place.pods("Deployment") == {"serving"}


@pytest.mark.parametrize("kind", ["ModelVersion", "RetrainPolicy"])
@pytest.mark.parametrize("owner", [("", ""), ("Job", "no-such"), ("Job", "strangers-job"), ("ReplicaSet", "rs")])
def test_a_made_up_pod_says_nothing_of_a_validation_or_a_training(
    place: Place, kind: str, owner: tuple[str, str]
) -> None:
    """Neither without an owner nor with a Job that is not ours, whatever that Job's labels say."""
    place.put(resources.JOB, made_by("", "", "check-1x", "strangers-job", LABELS[kind]))
    place.pod("forged", *owner, kind=kind)
    assert place.pods(kind) == set()


def test_a_job_of_a_strangers_cron_job_is_no_run(place: Place) -> None:
    """The policy's label on somebody else's CronJob makes no training of its Jobs."""
    place.put(resources.CRON_JOB, made_by("", "", "nightly-x", "strangers-cron", LABELS["RetrainPolicy"]))
    place.put(resources.JOB, made_by("CronJob", "strangers-cron", "run-3", "forged", LABELS["RetrainPolicy"]))
    assert {j.meta.uid for j in place.observed("RetrainPolicy").jobs} == {"timed", "asked"}


def test_pods_of_a_namesake_that_was_deleted_are_not_its_successors(place: Place) -> None:
    """The chain ends at the uid of the object as it is now."""
    place.put(resources.WORKLOAD, made_by("Deployment", "former-mld", f"{REVISION_NAME}-o", "old", SERVING))
    place.put(resources.REPLICA_SET, replica_set("old-rs", "old", f"{REVISION_NAME}-o-1"))
    place.pod("leftover", "ReplicaSet", "old-rs")
    assert place.pods("Deployment") == set()


def test_a_pod_stays_ours_until_it_has_ended(place: Place) -> None:
    """Its ReplicaSet may be gone before it: a failed canary's pods are waited for, and ended at once."""
    place.pod("ending", "ReplicaSet", "rs")
    place.cache.drop(resources.REPLICA_SET, "ml", f"{REVISION_NAME}-7f9c", "rs")
    place.cache.drop(resources.WORKLOAD, "ml", REVISION_NAME, "workload")
    assert place.pods("Deployment") == {"ending"}


def test_a_pod_that_is_heard_of_before_its_replica_set_is_seen_once_that_is(place: Place) -> None:
    """Watches of different kinds run apart."""
    place.pod("early", "ReplicaSet", "late-rs")
    assert place.pods("Deployment") == set()
    place.put(resources.REPLICA_SET, replica_set("late-rs", "workload", f"{REVISION_NAME}-2"))
    assert place.pods("Deployment") == {"early"}
