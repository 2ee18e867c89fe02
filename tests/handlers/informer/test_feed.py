"""Fan-out: which objects are looked at when another one changes."""

from typing import Any

import pytest

from adapters.objects import child, own
from linnet.adapters.cache.cache import Cache
from linnet.adapters.cluster import resources
from linnet.core.plan import Ref
from linnet.handlers.informer.feed import Feed

Json = dict[str, Any]
PAUSE: Json = {"target": {"kind": "Deployment", "name": "new"}, "verb": "pause", "user": "anna"}


class Heard:
    """A feed over a small cluster, and the keys that it asked for since."""

    def __init__(self) -> None:
        self.keys: set[str] = set()
        self.asked: set[str] = set()
        self.cache = Cache()
        self.feed = Feed(self.cache, self.enqueue)
        named: Json = {"model": {"name": "iris"}}
        self.feed.seen(resources.MODEL, own("Model", "iris", 1))
        self.feed.seen(resources.MODEL_VERSION, self.version(1, 1))
        self.feed.seen(resources.DEPLOYMENT, own("Deployment", "eu", 1, spec=named))
        self.feed.seen(resources.DEPLOYMENT, own("Deployment", "other", 1, spec={"model": {"name": "wine"}}))
        self.feed.seen(resources.RETRAIN_POLICY, own("RetrainPolicy", "weekly", 1, spec=named))
        self.policy(1)
        gentle = {**named, "policy": {"name": "gentle"}}
        self.feed.seen(resources.DEPLOYMENT, own("Deployment", "us", 1, spec={**gentle, "model": {"name": "tea"}}))
        self.keys.clear()
        self.asked.clear()

    def policy(self, resource_version: int, **spec: Any) -> None:
        self.feed.seen(resources.ROLLOUT_POLICY, own("RolloutPolicy", "gentle", resource_version, spec=spec))

    @staticmethod
    def version(number: int, resource_version: int, **status: Any) -> Json:
        spec = {"model": {"name": "iris"}, "version": number}
        return own("ModelVersion", f"iris-v{number}", resource_version, spec=spec, status=status)

    def enqueue(self, ref: Ref, asked: bool) -> None:
        self.keys.add(f"{ref.kind}/{ref.name}")
        if asked:
            self.asked.add(f"{ref.kind}/{ref.name}")


@pytest.fixture
def heard() -> Heard:
    return Heard()


def test_a_model_concerns_all_that_names_it(heard: Heard) -> None:
    """Its Deployments follow its current version."""
    heard.feed.seen(resources.MODEL, own("Model", "iris", 2))
    assert heard.keys == {"Model/iris", "ModelVersion/iris-v1", "Deployment/eu", "RetrainPolicy/weekly"}


def test_a_version_concerns_its_model_and_those_that_follow_it(heard: Heard) -> None:
    """A version that became ready is rolled out at once, not at the next resync."""
    heard.feed.seen(resources.MODEL_VERSION, heard.version(1, 2, digest="sha256:x"))
    assert heard.keys == {"Model/iris", "ModelVersion/iris-v1", "Deployment/eu", "RetrainPolicy/weekly"}


def test_a_policy_concerns_those_that_name_it(heard: Heard) -> None:
    """When it changes, when it goes, and when it is there again; nobody reconciles the policy itself."""
    for change in (
        lambda: heard.policy(2, deadlines={"ready": "5m"}),
        lambda: heard.feed.gone(resources.ROLLOUT_POLICY, "ml", "gentle", "RolloutPolicy-gentle"),
        lambda: heard.feed.seen(resources.ROLLOUT_POLICY, own("RolloutPolicy", "gentle", 4, uid="another")),
    ):
        heard.keys.clear()
        change()
        assert heard.keys == {"Deployment/us"}
    assert heard.asked == set()


def test_what_a_policy_does_not_say_concerns_nobody(heard: Heard) -> None:
    """A label of it, or what a GitOps tool notes there."""
    heard.policy(2)
    assert heard.keys == set()


def test_a_quarantine_concerns_every_deployment_of_the_namespace(heard: Heard) -> None:
    """It holds for the digest, whichever Model brings it back."""
    heard.feed.seen(resources.MODEL_VERSION, heard.version(1, 2, quarantine=[{"reason": "errors"}]))
    assert "Deployment/other" in heard.keys


def test_a_child_concerns_its_owner_alone(heard: Heard) -> None:
    """A pod that becomes ready is nobody else's business, although it names the Model."""
    heard.feed.seen(resources.POD, child("Pod", "eu-1", "eu"))
    assert heard.keys == {"Deployment/eu"}


def test_a_deployment_concerns_its_model_when_it_serves_another_version(heard: Heard) -> None:
    """Which versions are served decides which may be collected."""
    spec = {"model": {"name": "iris"}}
    heard.feed.seen(resources.DEPLOYMENT, own("Deployment", "eu", 2, spec=spec, status={"replicas": 1}))
    assert heard.keys == {"Deployment/eu"}
    heard.feed.seen(resources.DEPLOYMENT, own("Deployment", "eu", 3, spec=spec, status={"stable": {"version": 1}}))
    assert heard.keys == {"Deployment/eu", "Model/iris"}


def test_an_old_event_concerns_nobody(heard: Heard) -> None:
    """The echo of one's own write is no news."""
    heard.feed.event(resources.MODEL, "MODIFIED", own("Model", "iris", 1))
    assert heard.keys == set()


def test_a_deleted_child_concerns_its_owner(heard: Heard) -> None:
    """Somebody deleted a Service: it must be made again."""
    service = child("Service", "eu", "eu", 5)
    heard.feed.event(resources.SERVICE, "ADDED", service)
    heard.keys.clear()
    heard.feed.event(resources.SERVICE, "DELETED", service)
    assert heard.keys == {"Deployment/eu"}


def test_what_a_person_asks_comes_before_what_the_operator_has_written(heard: Heard) -> None:
    """A new object, a new spec and a request are urgent; a status is the operator's own word."""
    spec = {"model": {"name": "iris"}}
    heard.feed.seen(resources.DEPLOYMENT, own("Deployment", "new", 2, spec=spec))
    assert heard.asked == {"Deployment/new"}
    heard.asked.clear()
    heard.feed.seen(resources.DEPLOYMENT, own("Deployment", "new", 3, spec=spec, status={"stable": {"version": 1}}))
    assert not heard.asked
    heard.feed.seen(resources.REQUEST, own("Request", "new-pause", 4, spec=PAUSE))
    assert heard.asked == {"Deployment/new"}


def test_a_request_concerns_its_target_until_it_is_put_away(heard: Heard) -> None:
    """With the label it is not watched any more, and what waits behind it is looked at."""
    heard.feed.seen(resources.REQUEST, own("Request", "new-pause", 4, spec=PAUSE))
    assert heard.keys == {"Request/new-pause", "Deployment/new"}
    heard.keys.clear()
    answered = own("Request", "new-pause", 5, spec=PAUSE, status={"outcome": "Accepted"})
    answered["metadata"]["labels"] = {"linnet.dev/answered": "true"}
    heard.feed.seen(resources.REQUEST, answered)
    assert heard.keys == {"Request/new-pause", "Deployment/new"}
    assert heard.cache.requests(("ml", "Deployment", "new"))[0] == []


def test_an_event_that_can_not_be_taken_in_costs_the_others_nothing() -> None:
    """One without a uid, or with a spec that is none: it is told by name, and the next one arrives."""
    told: list[tuple[str, ...]] = []
    enqueued: list[Ref] = []
    feed = Feed(Cache(), lambda ref, _: enqueued.append(ref), lambda what, who, _: told.append((what, *who)))
    feed.event(resources.DEPLOYMENT, "ADDED", {"metadata": {"namespace": "ml", "name": "bad"}})
    feed.event(resources.DEPLOYMENT, "DELETED", {"metadata": {"namespace": "ml", "name": "bad"}})
    feed.event(resources.SERVICE, "ADDED", {"metadata": None})
    feed.event(resources.DEPLOYMENT, "ADDED", own("Deployment", "worse", spec=["no", "spec"]))
    feed.event(resources.DEPLOYMENT, "ADDED", own("Deployment", "iris"))
    assert enqueued == [Ref("Deployment", "ml", "iris")]
    assert [who for _, who in told] == ["ml/bad", "ml/bad", "?", "ml/worse"]
