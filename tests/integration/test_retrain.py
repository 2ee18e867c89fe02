"""Retraining on a real API server with real Job and CronJob controllers: from a trigger to the version that serves."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from control_plane import as_user
from integration.harness import Json, World
from integration.kubelet import digest_of
from linnet.adapters.clock import now

pytestmark = pytest.mark.integration

NEW = "s3://models/iris/retrained"
SETTINGS: Json = {
    "resources": {"requests": {"cpu": "1", "memory": "1Gi"}, "limits": {"nvidia.com/gpu": 1}},
    "nodeSelector": {"pool": "gpu"},
    "tolerations": [{"key": "gpu", "operator": "Exists"}],
    "sharedMemory": "1Gi",
    "storage": {"size": "50Gi", "class": "fast"},
}


def claims(world: World, uri: str = NEW) -> None:
    """Training pods end well from now on, with this artifact."""
    world.kubelet.claim = {"uri": uri, "digest": digest_of(uri), "metrics": {"auc": 0.99}}


def job_of(**fields: Any) -> Json:
    return {"job": {"image": "train:1", "command": ["train"], "retries": 0, **fields}}


def runs(world: World, policy: str = "weekly") -> list[Json]:
    return list(world.status("RetrainPolicy", policy).get("runs") or [])


def until_run(world: World, outcome: str, policy: str = "weekly") -> Json:
    """The newest run, once it has this outcome."""
    world.until(lambda: [r["outcome"] for r in runs(world, policy)][:1] == [outcome], f"a run that is {outcome}")
    return runs(world, policy)[0]


def due(world: World, policy: str = "weekly") -> str:
    """What the CronJob controller does at its minute: a Job of the template, named by the minute."""
    cron = world.until(lambda: world.get("CronJob", f"{policy}-retrain", "batch/v1") or {}, "the CronJob")
    meta, template = cron["metadata"], cron["spec"]["jobTemplate"]
    name = f"{meta['name']}-{int(now().timestamp()) // 60 + 1}"
    owner = {"apiVersion": "batch/v1", "kind": "CronJob", "name": meta["name"], "uid": meta["uid"], "controller": True}
    metadata = {**template["metadata"], "name": name, "namespace": world.namespace, "ownerReferences": [owner]}
    body = {"apiVersion": "batch/v1", "kind": "Job", "metadata": metadata, "spec": template["spec"]}
    controller = as_user("system:serviceaccount:kube-system:cronjob-controller")
    answer = world.api.http.post(world.path("Job", "", "batch/v1"), json=body, headers=controller)
    assert answer.status_code == 201, answer.text
    return name


def schedule(world: World) -> str:
    cron = world.get("CronJob", "weekly-retrain", "batch/v1") or {}
    return str(cron["spec"]["schedule"])


def end_training(world: World) -> None:
    """Training pods that were kept pending end now."""
    world.kubelet.paused = False
    found: list[tuple[str, Json]] = world.until(lambda: list(world.kubelet.pods.items()), "a training pod")
    for name, pod in found:
        world.kubelet._play(name, pod)


def retrained(world: World, **spec: Any) -> None:
    """A Model with a validated first version, and a policy for it."""
    world.model("iris", "s3://models/iris/1")
    world.ready("Model", "iris")
    world.policy("weekly", "iris", training=job_of(), **spec)
    world.ready("RetrainPolicy", "weekly")


def weekly(cron: str = "0 3 * * 0", **schedule: str) -> list[Json]:
    return [{"name": "weekly", "schedule": {"cron": cron, **schedule}}]


def test_the_clock_makes_a_version_that_becomes_current(world: World) -> None:
    """Kubernetes' own CronJob makes the first Job; a second one within the cooldown is refused."""
    claims(world)
    retrained(world, triggers=weekly("* * * * *"), cooldown="30m")
    made = until_run(world, "Succeeded")
    assert made["version"] == 2
    assert made["trigger"] == "weekly"
    world.until(lambda: world.status("Model", "iris").get("current") == 2, "version 2 to be current")
    version = world.get("ModelVersion", "iris-v2") or {}
    assert version["spec"]["origin"] == {"type": "Retrain", "policy": "weekly", "job": made["job"]}
    assert version["spec"]["source"] == {"uri": NEW, "digest": digest_of(NEW)}
    assert version["status"]["digest"] == digest_of(NEW)
    world.policy("weekly", "iris", training=job_of(), triggers=weekly(), cooldown="30m")
    world.until(lambda: schedule(world) == "0 3 * * 0", "the CronJob to follow")
    due(world)
    refused = until_run(world, "Refused")
    assert "spec.cooldown: 30m since the run of" in refused["message"]
    world.until(lambda: world.get("Job", refused["job"], "batch/v1") is None, "the refused Job to be gone")
    assert world.status("RetrainPolicy", "weekly")["lastVersion"] == 2
    assert world.operator.tracebacks() == []


def test_a_person_starts_a_run(world: World) -> None:
    """One Request is answered and becomes a run, also without any schedule."""
    claims(world)
    retrained(world)
    assert world.answer(world.request("RetrainPolicy", "weekly", "run"))["outcome"] == "Accepted"
    made = until_run(world, "Succeeded")
    assert (made["trigger"], made["version"]) == ("run", 2)
    world.until(lambda: world.status("Model", "iris").get("current") == 2, "version 2 to be current")
    assert world.operator.metric("linnet_retrain_runs_total", outcome="Succeeded") == 1
    events = world.api.must(
        "get", "events", "-n", world.namespace, "-o", "name", "--field-selector=reason=RunSucceeded"
    )
    assert events.count("\n") == 1


def test_an_operator_that_dies_during_a_run_makes_one_version(quiet_world: World) -> None:
    """The training ends while no operator is there; the next one reads the claim, once."""
    world = quiet_world
    world.start_operator()
    retrained(world, triggers=weekly())
    world.kubelet.paused = True
    job = due(world)
    until_run(world, "Running")
    world.kill_operator()
    claims(world)
    end_training(world)
    world.until(lambda: ((world.get("Job", job, "batch/v1") or {}).get("status") or {}).get("succeeded") == 1)
    world.start_operator()
    assert until_run(world, "Succeeded")["version"] == 2
    assert {v["metadata"]["name"] for v in world.list("ModelVersion")} == {"iris-v1", "iris-v2"}
    assert [r["job"] for r in runs(world)] == [job]


def test_a_second_run_is_refused_while_one_runs(world: World) -> None:
    """A person's run stands in the way of the clock's: the CronJob knows nothing of it, Linnet does."""
    retrained(world, triggers=weekly())
    world.kubelet.paused = True
    world.request("RetrainPolicy", "weekly", "run -")
    until_run(world, "Running")
    job = due(world)
    refused = until_run(world, "Refused")
    assert refused["job"] == job
    assert "one run at a time" in refused["message"]
    world.until(lambda: world.get("Job", job, "batch/v1") is None, "the refused Job to be gone")
    assert world.condition("RetrainPolicy", "weekly", "Running")["status"] == "True"


@pytest.mark.parametrize(
    ("claim", "exits", "outcome", "words"),
    [
        ({"uri": "gs://elsewhere/1", "digest": digest_of(NEW)}, 0, "ClaimRefused", "uri: gs:// is not supported yet"),
        ({"uri": NEW}, 0, "ClaimRefused", "digest: is required"),
        ({"error": "no rows"}, 1, "Failed", 'exit code 1: {"error": "no rows"}'),
    ],
)
def test_what_went_wrong_stands_in_status(world: World, claim: Json, exits: int, outcome: str, words: str) -> None:
    """A refused claim and a failed training say why; no version is made of them."""
    world.kubelet.claim, world.kubelet.training_exits = claim, exits
    retrained(world, triggers=weekly())
    due(world)
    assert words in until_run(world, outcome)["message"]
    assert words in world.condition("RetrainPolicy", "weekly", "Running")["message"]
    assert len(world.list("ModelVersion")) == 1


def test_restricted_namespaces_take_every_setting(world: World) -> None:
    """PodSecurity's restricted profile, enforced, lets the pods in; settings come and go on the CronJob that stands."""
    labels = {"metadata": {"labels": {"pod-security.kubernetes.io/enforce": "restricted"}}}
    world.api.must("patch", "namespace", world.namespace, "-p", json.dumps(labels))
    claims(world)
    retrained(world, triggers=weekly(timeZone="Europe/Berlin"))
    settled = world.get("CronJob", "weekly-retrain", "batch/v1") or {}
    every = job_of(pod=SETTINGS, credentials={"secretName": "models-write"}, deadline="2h")
    applied(world, every, lambda made: made["activeDeadlineSeconds"] == 7200, triggers=weekly())
    literal = job_of(env=[{"name": "AWS_REGION", "value": "eu-central-1"}])
    applied(world, literal, lambda made: "eu-central-1" in json.dumps(made), triggers=weekly())
    applied(world, every, lambda made: made["activeDeadlineSeconds"] == 7200, triggers=weekly())
    due(world)
    assert until_run(world, "Succeeded")["version"] == 2
    before = settled["spec"]["jobTemplate"]["spec"]
    applied(world, job_of(), lambda made: made == before, triggers=weekly(timeZone="Europe/Berlin"))


def applied(world: World, training: Json, follows: Callable[[Json], bool], **spec: Any) -> None:
    """The policy is changed, and its CronJob's template follows.

    A generation that grows would not tell: what takes fields away is written in two requests.
    """
    world.policy("weekly", "iris", training=training, **spec)

    def made() -> Json:
        cron = world.get("CronJob", "weekly-retrain", "batch/v1") or {}
        return dict(cron["spec"]["jobTemplate"]["spec"])

    world.until(lambda: follows(made()), "the CronJob to follow", within=30)


def test_a_time_zone_that_kubernetes_does_not_know_is_its_condition(world: World) -> None:
    """What only the API server can know is said in its words; mending it is enough."""
    world.model("iris", "s3://models/iris/1")
    world.policy("weekly", "iris", triggers=weekly(timeZone="Europe/Nowhere"))
    world.until(lambda: world.condition("RetrainPolicy", "weekly")["reason"] == "InvalidSpec", "the condition")
    assert "Europe/Nowhere" in world.condition("RetrainPolicy", "weekly")["message"]
    world.policy("weekly", "iris", triggers=weekly(timeZone="Europe/Berlin"))
    world.ready("RetrainPolicy", "weekly")


def test_a_deleted_policy_takes_its_children_and_leaves_its_versions(world: World) -> None:
    """Owner references clean up, without a finalizer; what was trained stays."""
    claims(world)
    retrained(world, triggers=weekly())
    due(world)
    until_run(world, "Succeeded")
    world.delete("RetrainPolicy", "weekly")
    world.until(lambda: world.list("CronJob", "batch/v1") == [], "the CronJob to be collected")
    world.until(lambda: world.list("Job", "batch/v1", "linnet.dev/component=training") == [], "its Jobs too")
    assert len(world.list("ModelVersion")) == 2


def test_a_policy_at_rest_is_not_written(world: World) -> None:
    """Neither the policy nor its CronJob changes while nothing happens, the operator's restart included."""
    retrained(world, triggers=weekly())
    before = [world.get("RetrainPolicy", "weekly"), world.get("CronJob", "weekly-retrain", "batch/v1")]
    world.kill_operator()
    world.start_operator()
    # Something that comes after it in the same queue has been dealt with.
    world.model("later", "s3://models/later/1")
    world.ready("Model", "later")
    after = [world.get("RetrainPolicy", "weekly"), world.get("CronJob", "weekly-retrain", "batch/v1")]
    assert [o and o["metadata"]["resourceVersion"] for o in after] == [
        o and o["metadata"]["resourceVersion"] for o in before
    ]
