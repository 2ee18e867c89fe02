"""Helm against a real API server: install, upgrade, uninstall; and what stays."""

import json
import os
import re
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import yaml
from hack import chart

from control_plane import REPO, ApiServer
from samples import model

pytestmark = pytest.mark.integration

RELEASE = "trial"
NAMESPACE = "trial-system"
CHART = str(REPO / "charts" / "linnet")
WHERE = ["--namespace", NAMESPACE]
BARE = ["--take-ownership", "--set", "replicaCount=0", "--set", f"watchNamespaces={{{NAMESPACE}}}"]
"""The tests' API server has the CRDs already, and no node to run a pod on."""


@pytest.fixture(name="installed")
def release(api: ApiServer) -> Iterator[ApiServer]:
    """The chart installed under a name of its own, so that no other test's policy is touched."""
    said = api.helm("install", RELEASE, CHART, *WHERE, "--create-namespace", *BARE)
    assert said.code == 0, said.err
    try:
        yield api
    finally:
        api.helm("uninstall", RELEASE, *WHERE, "--ignore-not-found")


def test_an_install_says_what_to_type_next(installed: ApiServer, tmp_path: Path) -> None:
    """The notes hold a Model and a Deployment that the API server takes as they are pasted."""
    notes = installed.helm("get", "notes", RELEASE, *WHERE).out
    [paste] = re.findall(r"^kubectl apply -f - <<EOF\n.*?^EOF$", notes, re.MULTILINE | re.DOTALL)
    path = f"{installed.bin}:{os.environ['PATH']}"
    done = subprocess.run(
        ["bash", "-c", paste.replace("apply", "apply --dry-run=server", 1)],
        env={"PATH": path, "KUBECONFIG": str(installed.kubeconfig), "HOME": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert len(done.stdout.splitlines()) == 2
    assert f"kubectl -n {NAMESPACE} rollout status deployment {RELEASE}-linnet" in notes


def test_an_upgrade_with_every_switch_is_taken(installed: ApiServer, tmp_path: Path) -> None:
    """The API server itself accepts what the fullest values render, and a rollback to the former ones."""
    values = yaml.safe_load((chart.CHART / "ci" / "everything-values.yaml").read_text())
    for needs_prometheus_operator in ("serviceMonitor", "prometheusRule"):
        values[needs_prometheus_operator]["enabled"] = False
    file = tmp_path / "values.yaml"
    file.write_text(yaml.dump({**values, "replicaCount": 0}))
    said = installed.helm("upgrade", RELEASE, CHART, *WHERE, "--values", str(file), "--take-ownership")
    assert said.code == 0, said.err
    assert installed.helm("rollback", RELEASE, "1", *WHERE).code == 0


def test_an_uninstall_keeps_every_model(installed: ApiServer) -> None:
    """The CRDs stay, and with them what people wrote; the operator's rights and the policy go."""
    kept = model("kept-through-uninstall")
    installed.create(kept)
    said = installed.helm("uninstall", RELEASE, *WHERE)
    assert said.code == 0, said.err
    assert installed.get(kept)["metadata"].get("deletionTimestamp") is None
    left = json.loads(installed.must("get", "clusterrole,validatingadmissionpolicy", "-o", "json"))["items"]
    assert [i["metadata"]["name"] for i in left if i["metadata"]["name"].startswith(RELEASE)] == []


@pytest.mark.parametrize("kind", ["Deployment", "Pod"])
def test_the_restricted_pod_security_standard_lets_it_in(api: ApiServer, kind: str) -> None:
    """The API server's own admission says so, for the operator and for the pod of `helm test`."""
    enforce = {"pod-security.kubernetes.io/enforce": "restricted"}
    meta = {"name": "restricted", "labels": enforce}
    assert api.http.post("/api/v1/namespaces", json={"metadata": meta}).status_code in {201, 409}
    [item] = [i for i in yaml.safe_load_all(chart.render([])) if i and i["kind"] == kind]
    spec = item["spec"]["template"]["spec"] if kind == "Deployment" else item["spec"]
    body = {"metadata": {"name": "probe"}, "spec": {**spec, "serviceAccountName": "default"}}
    account = "/api/v1/namespaces/restricted/serviceaccounts/default"
    until(lambda: api.http.get(account).status_code == 200, "the namespace's account")
    answer = api.http.post("/api/v1/namespaces/restricted/pods", params={"dryRun": "All"}, json=body)
    assert answer.status_code == 201, answer.text


def until(holds: Callable[[], bool], what: str) -> None:
    end = time.monotonic() + 60
    while not holds():
        assert time.monotonic() < end, f"waited a minute for {what}"
        time.sleep(0.1)


def test_the_archive_holds_the_crds(tmp_path: Path, api: ApiServer) -> None:
    """The chart's link to crds/ is followed when it is packaged."""
    assert chart.main(["package", str(tmp_path)]) == 0
    [archive] = tmp_path.glob("linnet-*.tgz")
    rendered = api.helm("template", "linnet", str(archive)).out
    kinds = [
        item["spec"]["names"]["kind"]
        for item in yaml.safe_load_all(rendered)
        if "group" in (item or {}).get("spec", {})
    ]
    assert sorted(kinds) == ["Deployment", "Model", "ModelVersion", "Request", "RetrainPolicy", "RolloutPolicy"]
