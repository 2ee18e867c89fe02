"""The engine on a real API server: from a person's apply to ready pods, one leader, and what others do beside it."""

import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import httpx
import pytest
from hack.cluster.machine import processes

import control_plane
from integration import harness
from integration.faults import InProcess, Proxy
from integration.harness import SHORT_LEASE, World, until
from integration.processes import begun
from linnet.handlers.informer import watches

pytestmark = pytest.mark.integration

NETWORKING = "networking.k8s.io/v1"


def serve(world: World) -> None:
    world.model("iris", "s3://models/iris/1")
    world.deployment("iris", "iris", replicas=2)


def test_model_and_deployment_serve(quiet_world: World) -> None:
    """Twelve lines by a person become ready pods behind a Service, by the command as the image runs it."""
    world = quiet_world
    world.start_operator(begun)
    serve(world)
    status = world.ready("Deployment", "iris")
    assert status["stable"]["version"] == 1
    assert status["readyReplicas"] == 2
    assert world.get("Service", "iris", "v1") is not None


def test_a_healthy_deployment_costs_few_requests_and_then_none(world: World) -> None:
    """At most ten requests from apply to ready pods, and no write at rest.

    The dry runs that prove the admission policies are not an object's: there are some in five minutes, for all of them.
    """
    world.model("iris", "s3://models/iris/1")
    world.until(lambda: world.condition("Model", "iris")["status"] == "True", "the version to be validated")
    before = looked_around(world)
    world.deployment("iris", "iris")
    world.ready("Deployment", "iris")
    world.until(lambda: loaded(world), "its pod to be isolated")
    assert world.at_rest(5) == 0
    made = requests(world) - before
    assert made.total() <= 10, "\n".join(f"{count} {series}" for series, count in made.items())


def requests(world: World) -> Counter[str]:
    """What was asked of the API server so far, by series."""
    lines = (line for line in world.operator.metrics().splitlines() if line.startswith("linnet_api_requests_total{"))
    return Counter(
        {series: int(float(n)) for series, n in (li.rsplit(" ", 1) for li in lines) if "dry-run" not in series}
    )


def looked_around(world: World) -> Counter[str]:
    """The requests so far, once the lists are through that follow the beginning of its watches."""
    counts = [Counter[str]()]

    def still() -> bool:
        time.sleep(1.5)
        counts.append(requests(world))
        return counts[-1] == counts[-2]

    world.until(still, "the operator to have looked around")
    return counts[-1]


def loaded(world: World) -> bool:
    """Whether every serving pod carries the label that comes last."""
    serving = [p for p in world.list("Pod", "v1") if p["metadata"]["labels"].get("linnet.dev/component") == "serving"]
    return bool(serving) and all("linnet.dev/loaded" in p["metadata"]["labels"] for p in serving)


def test_a_version_is_loaded_with_its_egress_denied_and_leaves_nothing(world: World) -> None:
    """Its pod goes on once it has the label that a policy of the version's selects; both are gone in the end."""
    world.kubelet.paused = True
    world.model("iris", "s3://models/iris/1")
    [policy] = world.until(lambda: world.list("NetworkPolicy", NETWORKING), "the policy")
    [pod] = world.until(lambda: world.list("Pod", "v1"), "the validation's pod")
    selector = policy["spec"]["podSelector"]["matchLabels"]
    assert selector.items() - pod["metadata"]["labels"].items() == {("linnet.dev/loaded", "true")}
    world.kubelet.paused = False
    world.kubelet.behave(1)
    world.until(lambda: world.condition("Model", "iris")["status"] == "True", "the version to be validated")
    world.until(lambda: not world.list("NetworkPolicy", NETWORKING) + world.list("Pod", "v1"), "nothing to be left")


def test_a_child_that_somebody_deletes_comes_back(world: World) -> None:
    """The Service that clients call is made again at once."""
    serve(world)
    world.ready("Deployment", "iris")
    world.delete("Service", "iris", "v1")
    world.until(lambda: world.get("Service", "iris", "v1"), "the Service to be made again")


def test_a_selector_that_somebody_edits_is_put_right(world: World) -> None:
    """Traffic goes where the rollout says, whoever edits the Service."""
    serve(world)
    world.ready("Deployment", "iris")
    wanted = selector(world)
    world.patch("Service", "iris", {"spec": {"selector": {"app": "something-else"}}}, "v1")
    world.until(lambda: selector(world) == wanted, "the selector to be put right")


def selector(world: World) -> dict[str, str]:
    return dict((world.get("Service", "iris", "v1") or {"spec": {}})["spec"].get("selector", {}))


def test_a_foreign_service_is_left_alone_and_reported(world: World) -> None:
    """A Service of the Deployment's name that somebody else made stays theirs; the condition says which it is."""
    theirs = {"selector": {"app": "theirs"}, "ports": [{"port": 80}]}
    world.apply("Service", "iris", theirs, "v1")
    serve(world)
    said = world.until(lambda: foreign(world), "Ready to say ForeignObject")
    assert "Service iris" in said["message"]
    assert selector(world) == {"app": "theirs"}
    assert world.at_rest(3) == 0
    world.delete("Service", "iris", "v1")
    world.ready("Deployment", "iris")


def foreign(world: World) -> dict[str, str]:
    found = world.condition("Deployment", "iris")
    return dict(found) if found["reason"] == "ForeignObject" else {}


def test_what_the_api_server_refuses_stands_in_the_condition(world: World) -> None:
    """A pod setting that only the API server can judge is reported in its words, and mending it helps."""
    world.model("iris", "s3://models/iris/1")
    wrong: dict[str, Any] = {
        "nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": []}}
    }
    world.deployment("iris", "iris", pod={"affinity": wrong})
    refused = "Required value: must have at least one node selector term"
    world.until(lambda: refused in world.condition("Deployment", "iris")["message"], "the refusal to be told")
    assert world.operator.metric("linnet_reconcile_errors_total", error="InvalidError") > 0
    world.deployment("iris", "iris")
    world.until(lambda: refused not in world.condition("Deployment", "iris")["message"], "the refusal to be gone")


def test_a_namesake_does_not_adopt_old_children(quiet_world: World) -> None:
    """A Deployment that was deleted and made again has children of its own."""
    world = quiet_world
    world.start_operator()
    serve(world)
    world.ready("Deployment", "iris")
    former = (world.get("Service", "iris", "v1") or {})["metadata"]["uid"]
    world.delete("Deployment", "iris")
    world.deployment("iris", "iris", replicas=1)
    world.ready("Deployment", "iris")
    made = world.get("Service", "iris", "v1") or {}
    owner = (world.get("Deployment", "iris") or {})["metadata"]["uid"]
    assert made["metadata"]["uid"] != former
    assert made["metadata"]["ownerReferences"][0]["uid"] == owner


def test_everything_goes_with_its_owner_while_the_operator_is_gone(quiet_world: World) -> None:
    """Nothing carries a finalizer of ours: a namespace can be deleted after the operator was."""
    world = quiet_world
    operator = world.start_operator()
    serve(world)
    world.ready("Deployment", "iris")
    operator.kill()
    for kind in ("Deployment", "Model"):
        world.delete(kind, "iris")
    left = [("Deployment", "apps/v1"), ("Service", "v1"), ("ModelVersion", "linnet.dev/v1alpha1")]
    world.until(lambda: not any(world.list(kind, version) for kind, version in left), "the children to be gone")


def test_the_standby_is_ready_and_does_nothing(quiet_world: World) -> None:
    """Two replicas: one leads, and the other could."""
    leader, standby = quiet_world.start_operator(), quiet_world.start_operator()
    until(leader.leads, "the first to lead")
    serve(quiet_world)
    quiet_world.ready("Deployment", "iris")
    assert standby.ready()
    assert standby.healthy()
    assert not standby.leads()
    assert standby.writes() == 0


def test_the_standby_takes_over_at_once_when_the_leader_is_stopped(quiet_world: World) -> None:
    """A rolling update of the operator hands the lease over, and does not wait for it to expire."""
    long = {"LINNET_LEASE_SECONDS": "600", "LINNET_LEASE_RENEW_SECONDS": "300"}
    leader = quiet_world.start_operator(**long)
    until(leader.leads, "the first to lead")
    standby = quiet_world.start_operator(**long)
    assert leader.stop() == 0
    until(standby.leads, "the standby to lead")
    serve(quiet_world)
    quiet_world.ready("Deployment", "iris")


def test_the_standby_takes_over_when_the_leader_is_killed(quiet_world: World) -> None:
    """After SIGKILL the lease expires, and the rollout goes on."""
    leader, standby = (quiet_world.start_operator(**SHORT_LEASE) for _ in range(2))
    until(leader.leads, "the first to lead")
    leader.kill()
    serve(quiet_world)
    quiet_world.ready("Deployment", "iris")
    assert standby.leads()


def test_a_full_quota_keeps_a_version_waiting_and_fails_none(world: World) -> None:
    """The Model has the quota's words; once there is room the version is validated, and nobody had to ask for it."""
    path = f"/api/v1/namespaces/{world.namespace}/resourcequotas"
    meta = {"name": "none", "namespace": world.namespace}
    quota = {"apiVersion": "v1", "kind": "ResourceQuota", "metadata": meta, "spec": {"hard": {"count/jobs.batch": "0"}}}
    world.api.http.post(path, json=quota).raise_for_status()
    world.until(lambda: (world.api.http.get(f"{path}/none").json().get("status") or {}).get("hard"), "the quota")
    world.model("iris", "s3://models/iris/1")
    world.until(lambda: "exceeded quota" in world.condition("Model", "iris")["message"], "the quota's words")
    assert world.condition("ModelVersion", "iris-v1")["status"] == "Unknown"
    world.api.http.delete(f"{path}/none").raise_for_status()
    world.ready("Model", "iris")


def test_an_api_server_that_restarts_is_waited_for(tmp_path: Path) -> None:
    """An outage longer than many retries ends neither the lease's holder nor the watch."""
    with control_plane.running(tmp_path) as api, harness.world(api) as world:
        operator = world.start_operator()
        world.model("iris", "s3://models/iris/1")
        world.ready("Model", "iris")
        with stopped_api_server(tmp_path, world):
            until(lambda: any("will retry" in line["message"] for line in operator.lines()), "kopf to notice")
        world.deployment("iris", "iris")
        world.ready("Deployment", "iris")
        assert operator.leads()
        assert operator.tracebacks() == []


@contextmanager
def stopped_api_server(folder: Path, world: World) -> Iterator[None]:
    """Kills the kube-apiserver of a control plane, and starts it again with the same arguments and state."""
    server = next(p for p in processes.recorded(folder) if p.name == "kube-apiserver")
    command = Path(f"/proc/{server.pid}/cmdline").read_text().rstrip("\0").split("\0")
    processes.stop([server], within=0)
    yield
    processes.spawn("kube-apiserver", command, folder)

    def answers() -> bool:
        with suppress(httpx.HTTPError):
            return bool(world.api.http.get("/readyz").is_success)
        return False

    until(answers, "the API server")


def test_a_silent_watch_is_given_up(quiet_world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A half-open connection tells nothing for ever: after a while of silence the watch begins anew."""
    monkeypatch.setattr(watches, "INACTIVITY_SECONDS", 3.0)
    with (
        Proxy(quiet_world.api).running() as proxy,
        InProcess(proxy.kubeconfig(tmp_path), quiet_world.namespace),
    ):
        quiet_world.model("first", "s3://models/first/1")
        quiet_world.ready("Model", "first")
        proxy.freeze_watches()
        quiet_world.model("second", "s3://models/second/1")
        quiet_world.ready("Model", "second")


def test_a_request_is_obeyed_once_the_policy_is_proven(world: World) -> None:
    """With the admission policy in force a person's request gets its answer, from a real dry run."""
    world.model("iris", "s3://models/iris/1")
    world.deployment("iris", "iris")
    world.ready("Deployment", "iris")
    answer = world.answer(world.request("Deployment", "iris", "pause"))
    assert (answer["outcome"], answer["message"]) == (
        "Refused",
        "pause does nothing at rest: no rollout is under way",
    )


def test_a_bad_setting_is_one_line(quiet_world: World) -> None:
    """The variable, its value and the way out, and no traceback."""
    bad = {"LINNET_WORKERS": "many"}
    operator = harness.Operator(quiet_world.api.kubeconfig, (quiet_world.namespace,), "x", bad, begun)
    with pytest.raises(AssertionError, match="the operator ended with 2"):
        operator.start()
    assert operator.log.read_text() == "linnet: LINNET_WORKERS='many' is not a number: give one from 1 to 256\n"
