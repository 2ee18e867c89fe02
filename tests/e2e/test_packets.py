"""Models that open connections while they are loaded, and whom they reach: packets are tested, and no policy's text.

Each is a pickle that fails to load unless what it tries turns out as it expects. So a version that is validated was
loaded by code that ran and found it so, and pods that are ready likewise.
"""

import pickle
from collections.abc import Iterator
from typing import Any

import pytest

from cluster.running import pod, service, web
from e2e.stage import Stage, deployment, model

pytestmark = pytest.mark.e2e

CALL = """
import socket
def reached(place):
    host, _, port = place.rpartition(":")
    try:
        socket.create_connection((host, int(port)), timeout=3).close()
    except OSError:
        return False
    return True
found = [place for place in {places!r} if reached(place)]
assert found == {expected!r}, f"reached {{found}}"
"""
LOADED = "__import__('sklearn.dummy', fromlist=['x']).DummyClassifier(strategy='constant', constant=1).fit([[0]], [1])"
ASK = "import sys, urllib.request as u; print(u.urlopen(sys.argv[1], timeout=10).status)"
INFER = """
import json, sys, urllib.request as u
body = {"inputs": [{"name": "x", "shape": [1, 1], "datatype": "FP64", "data": [0]}]}
head = {"Content-Type": "application/json"}
print(u.urlopen(u.Request(sys.argv[1], json.dumps(body).encode(), head), timeout=10).read().decode())
"""


class Calls:
    """What a pickle of it does where it is loaded: it runs the code, and becomes a model that always answers 1."""

    def __init__(self, code: str) -> None:
        self.code = code

    def __reduce__(self) -> tuple[Any, ...]:
        return eval, (f"[exec({self.code!r}, {{}}), {LOADED}][1]",)


@pytest.fixture(scope="module")
def places(stage: Stage) -> Iterator[list[str]]:
    """A pod, a Service, the store that the fetcher has just reached, and the API server; and who asks models."""
    stage.apply(web("home", stage.place.images.mlserver), service("house", "home"))
    stage.apply(pod("asks", stage.place.images.mlserver, ["sleep", "3600"]))
    stage.kubectl("wait", "pod/home", "pod/asks", "--for=condition=Ready", "--timeout=90s")
    home = stage.get("pod/home")["status"]["podIP"]
    house = stage.get("service/house")["spec"]["clusterIP"]
    store = stage.place.store.endpoint.removeprefix("http://")
    yield [f"{home}:8080", f"{house}:80", store, f"{store.partition(':')[0]}:6443"]
    stage.kubectl("delete", "pod/home", "pod/asks", "service/house", "--wait=false")


def publish(stage: Stage, name: str, places: list[str], expected: list[str]) -> None:
    """The model and its Deployment: it loads only where the expected ones of the places are reached."""
    artifact = pickle.dumps(Calls(CALL.format(places=places, expected=expected)))
    stage.apply(model(name, stage.put(name, {"model.joblib": artifact})), deployment(name, replicas=1))


def settled(stage: Stage, what: str) -> dict[str, Any]:
    """The condition Ready of one that is not under way any more."""
    stage.until(lambda: stage.kubectl("get", what, "-o", "name", "--ignore-not-found"), f"{what} to be made")
    stage.until(lambda: stage.condition(what)["status"] in {"True", "False"}, f"{what} to be settled")
    return stage.condition(what)


def serving(stage: Stage, name: str) -> str:
    """The address of its serving pod."""
    chosen = f"linnet.dev/deployment={name},linnet.dev/component=serving"
    return stage.kubectl("get", "pods", "-l", chosen, "-o", "jsonpath={.items[0].status.podIP}")


def test_a_model_that_is_loaded_reaches_nobody(stage: Stage, places: list[str]) -> None:
    """Neither in its validation nor where it serves, though the fetcher before it reached the store."""
    publish(stage, "isolated", places, expected=[])
    said = settled(stage, "mv/isolated-v1")
    assert said["reason"] == "Validated", said
    stage.until(lambda: stage.condition("mld/isolated")["status"] == "True", "the Deployment to be Ready")
    stage.until(
        lambda: "isolated-v1-loaded" not in stage.kubectl("get", "networkpolicies"), "no policy to be left over"
    )


def test_who_asks_a_model_that_reaches_nobody_is_answered(stage: Stage, places: list[str]) -> None:
    """Its clients, and who reads its metrics: answers are no egress."""
    assert places
    address = stage.until(lambda: serving(stage, "isolated"), "its serving pod")
    stage.until(lambda: stage.condition("mld/isolated")["status"] == "True", "the Deployment to be Ready")
    asks = ("exec", "asks", "--", "python", "-c")
    assert stage.kubectl(*asks, ASK, f"http://{address}:8082/metrics").strip() == "200"
    assert '"data":[1' in stage.kubectl(*asks, INFER, "http://isolated/v2/models/isolated/infer").replace(" ", "")


def test_a_model_reaches_whom_its_namespace_allows(stage: Stage, places: list[str]) -> None:
    """All that the other one tried is there to be reached: a policy of the namespace's own makes the difference."""
    allow = {"podSelector": {"matchLabels": {"linnet.dev/model": "connected"}}, "policyTypes": ["Egress"]}
    policy = {"apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy", "metadata": {"name": "connected"}}
    stage.apply({**policy, "spec": {**allow, "egress": [{}]}})
    publish(stage, "connected", places, expected=places)
    said = settled(stage, "mv/connected-v1")
    assert said["reason"] == "Validated", said
    stage.until(lambda: stage.condition("mld/connected")["status"] == "True", "the Deployment to be Ready")
