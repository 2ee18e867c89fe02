"""Training Jobs: restricted pods with what the policy says, the same by the clock and by a person's request."""

from typing import Any

import pytest

from builders_retrain import NOW, World, retrain_, standing
from linnet.core.retraining.triggers.request import job_name


def pod(world: World) -> dict[str, Any]:
    """The pod of the policy's CronJob."""
    assert world.cron is not None
    spec: dict[str, Any] = world.cron["spec"]["jobTemplate"]["spec"]["template"]["spec"]
    return spec


def train(world: World) -> dict[str, Any]:
    container: dict[str, Any] = pod(world)["containers"][0]
    return container


def variables(world: World) -> dict[str, Any]:
    return {v["name"]: v.get("value", v.get("valueFrom")) for v in train(world)["env"]}


def training(**job: Any) -> World:
    return retrain_().weekly().job_spec(**job).look()


def test_a_person_gets_the_same_job_as_the_clock() -> None:
    """Only the trigger and the suspension differ."""
    world = standing().asks("run - 1 alice").look()
    assert world.cron is not None
    (manual,) = world.jobs.values()
    scheduled = world.cron["spec"]["jobTemplate"]
    assert manual["metadata"]["labels"] == {**scheduled["metadata"]["labels"], "linnet.dev/trigger": "run"}
    text = str(manual["spec"]).replace("'value': 'run'", "'value': 'weekly'")
    text = text.replace("'linnet.dev/trigger': 'run'", "'linnet.dev/trigger': 'weekly'")
    assert text == str({k: v for k, v in scheduled["spec"].items() if k != "suspend"})


def test_jobs_and_pods_carry_our_labels() -> None:
    """The operator finds them, and they name the Model that they train."""
    world = training()
    assert world.cron is not None
    template = world.cron["spec"]["jobTemplate"]
    wanted = {
        "linnet.dev/managed": "true",
        "linnet.dev/retrainpolicy": "weekly",
        "linnet.dev/model": "tumor",
        "linnet.dev/component": "training",
        "linnet.dev/trigger": "weekly",
    }
    assert template["metadata"]["labels"] == wanted
    assert template["spec"]["template"]["metadata"]["labels"] == wanted


def test_the_pod_is_restricted_and_has_no_token() -> None:
    """What PodSecurity's restricted profile asks for, and nothing to talk to the API server with."""
    spec = pod(training())
    assert spec["automountServiceAccountToken"] is False
    assert spec["securityContext"]["runAsNonRoot"] is True
    assert spec["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    security = spec["containers"][0]["securityContext"]
    assert security["allowPrivilegeEscalation"] is False
    assert security["capabilities"] == {"drop": ["ALL"]}
    assert not any("hostPath" in v for v in spec["volumes"])


def test_the_training_code_knows_who_it_is() -> None:
    """It can name its output by the run, which is the Job's name."""
    env = variables(training())
    assert (env["LINNET_MODEL"], env["LINNET_POLICY"], env["LINNET_TRIGGER"]) == ("tumor", "weekly", "weekly")
    assert env["LINNET_RUN"] == {"fieldRef": {"fieldPath": "metadata.labels['batch.kubernetes.io/job-name']"}}
    assert env["HOME"] == "/tmp"


def test_a_variable_stands_once_and_ours_win() -> None:
    """Server-side apply refuses a list that names one twice."""
    world = training(
        env=[
            {"name": "A", "value": "1"},
            {"name": "HOME", "value": "/work"},
            {"name": "LINNET_MODEL", "value": "other"},
            {"name": "A", "value": "2"},
        ],
    )
    names = [v["name"] for v in train(world)["env"]]
    assert len(names) == len(set(names))
    assert (variables(world)["A"], variables(world)["HOME"]) == ("2", "/work")
    assert variables(world)["LINNET_MODEL"] == "tumor"


def test_a_secret_reaches_training_code_only_with_its_owners_consent() -> None:
    """An init container of Linnet's own looks for the key allowTraining, and fails the Job at once without it."""
    world = training(credentials={"secretName": "models-write"})
    [consent] = pod(world)["initContainers"]
    assert consent["args"] == ["consent", "--credentials", "/mnt/credentials"]
    assert world.cron is not None
    rules = world.cron["spec"]["jobTemplate"]["spec"]["podFailurePolicy"]["rules"]
    assert [r["onExitCodes"]["containerName"] for r in rules if r["action"] == "FailJob"] == ["consent"]
    [volume] = [v for v in pod(world)["volumes"] if v["name"] == "credentials"]
    [source] = volume["projected"]["sources"]
    assert (source["secret"]["name"], source["secret"]["optional"]) == ("models-write", True)
    assert {"AWS_ACCESS_KEY_ID", "allowTraining"} <= {item["key"] for item in source["secret"]["items"]}
    for container in (consent, train(world)):
        assert {"name": "credentials", "mountPath": "/mnt/credentials", "readOnly": True} in container["volumeMounts"]
    assert variables(world)["LINNET_CREDENTIALS"] == "/mnt/credentials"


def test_without_a_secret_nobody_is_asked() -> None:
    """No init container, no files."""
    assert pod(training())["initContainers"] == []
    assert "credentials" not in str(pod(training()))


def test_deadline_and_retries_are_the_jobs() -> None:
    """With defaults of six hours and one more try; a suspended Job's clock stands still."""
    for world, wanted in ((training(), (6 * 3600, 1)), (training(deadline="90m", retries=0), (5400, 0))):
        assert world.cron is not None
        spec = world.cron["spec"]["jobTemplate"]["spec"]
        assert (spec["activeDeadlineSeconds"], spec["backoffLimit"]) == wanted
        assert spec["template"]["spec"]["restartPolicy"] == "Never"


def test_the_scratch_folder_has_the_size_that_was_asked_for() -> None:
    """A training that needs half a terabyte says so in pod.storage."""
    world = training(pod={"storage": {"size": "500Gi", "class": "fast"}})
    (volume,) = pod(world)["volumes"]
    claim = volume["ephemeral"]["volumeClaimTemplate"]["spec"]
    assert claim["storageClassName"] == "fast"
    assert train(world)["volumeMounts"] == [{"name": volume["name"], "mountPath": "/tmp"}]
    assert train(training())["volumeMounts"] == [{"name": "tmp", "mountPath": "/tmp"}]


def test_settings_of_the_pod_arrive() -> None:
    """GPU, shared memory, scheduling."""
    world = training(
        command=["python"],
        args=["train.py"],
        pod={
            "resources": {"limits": {"nvidia.com/gpu": 1}},
            "nodeSelector": {"pool": "gpu"},
            "sharedMemory": "2Gi",
            "gracePeriod": "2m",
        },
    )
    assert train(world)["command"] == ["python"]
    assert train(world)["args"] == ["train.py"]
    assert train(world)["resources"] == {"limits": {"nvidia.com/gpu": "1"}}
    assert pod(world)["nodeSelector"] == {"pool": "gpu"}
    assert pod(world)["terminationGracePeriodSeconds"] == 120
    assert "/dev/shm" in {m["mountPath"] for m in train(world)["volumeMounts"]}


@pytest.mark.parametrize("policy", ["w", "p" * 40])
def test_names_of_jobs_stay_valid(policy: str) -> None:
    """The same request gives the same name, another request another, and none is too long for a label."""
    names = {job_name(policy, str(n)) for n in range(50)}
    assert len(names) == 50
    assert all(len(name) <= 63 for name in names)
    assert job_name(policy, "1") == job_name(policy, "1")


def test_a_cronjob_never_stops_for_missed_starts() -> None:
    """Without a deadline CronJob gives up for good after a hundred of them."""
    world = training()
    assert world.cron is not None
    assert world.cron["spec"]["startingDeadlineSeconds"] == 300
    assert world.cron["spec"]["concurrencyPolicy"] == "Forbid"
    assert world.cron["metadata"]["annotations"]["linnet.dev/since"] == NOW.strftime("%Y-%m-%dT%H:%M:%SZ")
