"""Real pods, a real model server and a real store: what a data scientist sees on the first day."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from demo.settings import NAME, ROOT, SYSTEM

from e2e.stage import Stage, deployment, model

pytestmark = pytest.mark.e2e


def test_twelve_lines_serve_a_model(served: Stage) -> None:
    """The Service answers with the model's prediction."""
    answer = served.infer([17.99, 10.38] + [0.0] * 28)
    assert answer["model_name"] == NAME
    assert answer["outputs"][0]["data"][0] in {0, 1}


def test_kubectl_get_tells_the_state(served: Stage) -> None:
    """The columns say what serves and whether it is as desired."""
    said = served.kubectl("get", "mld", NAME).splitlines()
    assert said[0].split()[:3] == ["NAME", "MODEL", "VERSION"]
    assert "AsDesired" in said[1]
    version = served.kubectl("get", "mv", f"{NAME}-v1", "-o", "jsonpath={.status.metrics.auc}")
    assert float(version) > 0.9


def test_pods_run_the_image_that_was_validated(served: Stage) -> None:
    """By its digest, which the node told: containerd finds the image by that name, too."""
    digest = served.get(f"mv/{NAME}-v1")["status"]["imageDigest"]
    assert served.condition(f"mv/{NAME}-v1", "ImagePinned")["status"] == "True"
    pods = [p for p in served.get("pods")["items"] if p["metadata"]["labels"].get("linnet.dev/component") == "serving"]
    images = {c["image"] for p in pods for c in p["spec"]["containers"] if c["name"] == "server"}
    assert [image.rpartition("@")[2] for image in images] == [digest]


def test_kubectl_explain_reads_well(served: Stage) -> None:
    """Field documentation is in the cluster."""
    said = served.kubectl("explain", "mld.spec.analysis.alpha")
    assert "chance of rolling back a good version" in said


@pytest.fixture(scope="module")
def bad(stage: Stage) -> Stage:
    """Versions that can't serve, all at once: each is tried for as long as it takes to be sure."""
    stage.apply(stage.secret("wrong-key", AWS_SECRET_ACCESS_KEY="no-such-key"))
    garbage = stage.put("garbage", {"model.joblib": b"this is no model"})
    stage.apply(
        model("missing", stage.uri("nothing-here")),
        model("wrong-digest", stage.uri("v1"), digest=f"sha256:{'0' * 64}"),
        model("wrong-key", stage.uri("v1"), secret="wrong-key"),
        model("not-allowed", f"s3://{stage.place.store.bucket}/somebody-else/1"),
        model("garbage", garbage),
    )
    return stage


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("missing", "NotFound"),
        ("wrong-digest", "DigestMismatch"),
        ("wrong-key", "Forbidden"),
        ("not-allowed", "Forbidden"),
        ("garbage", "LoadFailed"),
    ],
)
def test_a_bad_version_says_what_is_wrong(bad: Stage, name: str, reason: str) -> None:
    """Each failure has its own reason and a way out, and never serves."""
    bad.until(lambda: bad.condition(f"mdl/{name}")["status"] == "False", f"{name} to be refused", within=900)
    said = bad.condition(f"mdl/{name}")
    assert said["reason"] == reason, said


def test_an_artifact_on_a_volume_serves(stage: Stage, served: Stage) -> None:
    """pvc:// reads a claim of the namespace."""
    script = str(ROOT / "hack/cluster/cluster.py")
    command = [sys.executable, script, "volume", "--namespace", stage.namespace, "--claim", "models"]
    folder = subprocess.run(command, check=True, capture_output=True, text=True).stdout.split()[-1]
    mine = f"linnet.dev/component=serving,linnet.dev/deployment={NAME}"  # other tests' models are other ones
    pod = stage.kubectl("get", "pods", "-l", mine, "-o", "jsonpath={.items[0].metadata.name}")
    copied = subprocess.run(
        ["kubectl", "-n", stage.namespace, "exec", pod, "-c", "server", "--", "cat", "/mnt/models/model.joblib"],
        capture_output=True,
        check=True,
        env=stage.environment,
    )
    (Path(folder) / "model.joblib").write_bytes(copied.stdout)
    plain = model("on-a-volume", "pvc://models")
    plain["spec"]["source"] = {"uri": "pvc://models/", "include": ["*.joblib"]}
    stage.apply(plain, deployment("on-a-volume"))
    stage.until(lambda: stage.condition("mld/on-a-volume")["status"] == "True", "the Deployment to be Ready")


def test_nothing_secret_is_told(served: Stage) -> None:
    """The store's key is in no log, event, status or annotation (a canary token)."""
    token = served.place.store.secret_key
    seen = [
        served.kubectl("get", "mdl,mv,mld,events,pods,configmaps", "-o", "json"),
        served.kubectl("logs", "-n", SYSTEM, "-l", "app.kubernetes.io/name=linnet", "--tail=-1"),
    ]
    assert all(token not in text for text in seen)


def test_serving_pods_have_no_token(served: Stage) -> None:
    """Whoever breaks a model server gets no identity of the cluster's."""
    pods = [p for p in served.get("pods")["items"] if p["metadata"]["labels"].get("linnet.dev/component") == "serving"]
    assert pods
    for pod in pods:
        mounts = [m["mountPath"] for c in pod["spec"]["containers"] for m in c["volumeMounts"]]
        assert not [m for m in mounts if "serviceaccount" in m]


def test_serving_pods_open_no_connection_once_they_have_loaded(served: Stage) -> None:
    """They are what the Deployment's NetworkPolicy selects; it still lets the clients in."""
    policy = served.get(f"networkpolicy/{NAME}-loaded")["spec"]
    assert policy["policyTypes"] == ["Egress"]
    assert "egress" not in policy
    chosen = ",".join(f"{k}={v}" for k, v in policy["podSelector"]["matchLabels"].items())
    served.until(lambda: f"{NAME}-v1" in served.kubectl("get", "pods", "-l", chosen, "-o", "name"), "its pods' label")


def test_a_model_is_loaded_after_egress_was_denied(served: Stage) -> None:
    """Every pod waited for its label, got it in time, and started its server afterwards."""
    chosen = f"linnet.dev/deployment={NAME},linnet.dev/version=1"
    pods = json.loads(served.kubectl("get", "pods", "-l", chosen, "-o", "json"))["items"]
    assert pods
    for pod in pods:
        [isolated] = [c for c in pod["status"]["initContainerStatuses"] if c["name"] == "isolate"]
        said = json.loads(isolated["state"]["terminated"]["message"])
        assert said["outcome"] == "Isolated"
        assert "warning" not in said, served.kubectl("logs", pod["metadata"]["name"], "-c", "isolate")
        [server] = pod["status"]["containerStatuses"]
        assert server["state"]["running"]["startedAt"] >= isolated["state"]["terminated"]["finishedAt"]


def test_helm_tests_the_release(stage: Stage) -> None:
    """What `helm test linnet` says right after an installation, with the pod's own words."""
    command = ["helm", "test", "linnet", "-n", SYSTEM, "--logs", "--timeout", "180s"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=stage.environment)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "the operator is ready: 200" in done.stdout
