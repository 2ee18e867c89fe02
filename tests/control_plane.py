"""A real API server for tests: etcd, kube-apiserver and controllers on loopback, with the CRDs applied."""

import json
import ssl
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
from hack import chart_install

import shared

REPO = Path(__file__).parents[1]
CLUSTER = [sys.executable, str(REPO / "hack" / "cluster" / "cluster.py"), "control-plane"]
Object = dict[str, Any]


@dataclass(frozen=True)
class Said:
    """What a command printed."""

    code: int
    out: str
    err: str


@dataclass(frozen=True)
class ApiServer:
    """The server, and the two ways to talk to it: kubectl as people do, and plain HTTP where many calls are made."""

    bin: Path
    kubeconfig: Path
    http: httpx.Client

    @property
    def operator(self) -> Path:
        """A kubeconfig with the rights that the chart gives the operator, and no others."""
        return self.kubeconfig.with_name("operator-kubeconfig")

    def kubectl(self, *words: str, stdin: str | None = None) -> Said:
        command = [str(self.bin / "kubectl"), "--kubeconfig", str(self.kubeconfig), *words]
        done = subprocess.run(command, input=stdin, capture_output=True, text=True, check=False)
        return Said(done.returncode, done.stdout, done.stderr)

    def must(self, *words: str, stdin: str | None = None) -> str:
        """The output of a kubectl command that has to succeed."""
        said = self.kubectl(*words, stdin=stdin)
        assert said.code == 0, said.err
        return said.out

    def helm(self, *words: str) -> Said:
        command = [str(self.bin / "helm"), "--kubeconfig", str(self.kubeconfig), *words]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        return Said(done.returncode, done.stdout, done.stderr)

    def create(self, item: Object, *, user: str | None = None, dry_run: bool = False) -> httpx.Response:
        """POST, with unknown fields refused as kubectl has it."""
        query = {"fieldValidation": "Strict"} | ({"dryRun": "All"} if dry_run else {})
        return self.http.post(collection(item), params=query, json=item, headers=as_user(user))

    def replace(self, item: Object, *, subresource: str = "", user: str | None = None) -> httpx.Response:
        return self.http.put(path(item) + subresource, json=item, headers=as_user(user))

    def patch(self, item: Object, body: Object, *, subresource: str = "", user: str | None = None) -> httpx.Response:
        headers = {"Content-Type": "application/merge-patch+json", **as_user(user)}
        return self.http.patch(path(item) + subresource, content=json.dumps(body), headers=headers)

    def get(self, item: Object) -> Object:
        return dict(self.http.get(path(item)).raise_for_status().json())

    def namespace(self, name: str, **annotations: str) -> None:
        meta = {"name": name, "annotations": {f"linnet.dev/{key}": value for key, value in annotations.items()}}
        answer = self.http.post("/api/v1/namespaces", json={"metadata": meta})
        assert answer.status_code in {201, 409}, answer.text


def as_user(user: str | None) -> dict[str, str]:
    """Impersonation: the administrator speaks as somebody else."""
    return {"Impersonate-User": user, "Impersonate-Group": "system:authenticated"} if user else {}


def collection(item: Object) -> str:
    kind = item["kind"].lower()
    plural = f"{kind.removesuffix('y')}ies" if kind.endswith("y") else f"{kind}s"
    root = "apis" if "/" in item["apiVersion"] else "api"
    return f"/{root}/{item['apiVersion']}/namespaces/{item['metadata']['namespace']}/{plural}"


def path(item: Object) -> str:
    return f"{collection(item)}/{item['metadata']['name']}"


OPERATOR_NAMESPACE = chart_install.NAMESPACE
DELEGATE = "system:serviceaccount:argocd:argocd-application-controller"
VALUES = ("--set", f"authors.delegates={{{DELEGATE}}}")
LEASES = """\
{apiVersion: rbac.authorization.k8s.io/v1, kind: Role, metadata: {name: tests, namespace: linnet-system},
 rules: [{apiGroups: [coordination.k8s.io], resources: [leases], verbs: [get, create, update]}]}
---
{apiVersion: rbac.authorization.k8s.io/v1, kind: RoleBinding, metadata: {name: tests, namespace: linnet-system},
 roleRef: {apiGroup: rbac.authorization.k8s.io, kind: Role, name: tests},
 subjects: [{kind: ServiceAccount, name: linnet, namespace: linnet-system}]}
"""
"""The operators of many tests run at once, each with a lease of its own."""


def install(api: ApiServer) -> None:
    """The chart without its pods: every operator of these tests has the chart's rights, and the chart's policies."""
    api.must("annotate", "namespace", "default", "linnet.dev/hostnames=*", "--overwrite")
    chart_install.install(api.kubeconfig, *VALUES)
    api.must("apply", "-f", "-", stdin=LEASES)


@contextmanager
def running(folder: Path) -> Iterator[ApiServer]:
    """A control plane with the CRDs, its state below the folder; stopped at the end."""
    try:
        with _up(folder) as api:
            _define(api)
            yield api
    finally:
        _down(folder)


@contextmanager
def shared_by_all(name: str, prepare: Callable[[ApiServer], None] = lambda _: None) -> Iterator[ApiServer]:
    """The control plane of this name: who asks first starts and prepares it, and all workers of the run use it."""

    def start(folder: Path) -> None:
        with _up(folder) as api:
            _define(api)
            prepare(api)

    with _up(shared.once(name, start)) as api:
        yield api


@contextmanager
def stopped_at_the_end() -> Iterator[None]:
    """Around a whole run, in the process that starts the workers: no shared control plane outlives it."""
    with shared.folder() as run:
        try:
            yield
        finally:
            for summary in run.glob("*/summary.json"):
                _down(summary.parent)


@contextmanager
def _up(folder: Path) -> Iterator[ApiServer]:
    """Describes the one that runs in the folder already, if there is one."""
    command = [*CLUSTER, "up", "--dir", str(folder)]
    summary = json.loads(subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True).stdout)
    headers = {"Authorization": f"Bearer {summary['token']}"}
    trust = ssl.create_default_context(cafile=summary["ca"])
    with httpx.Client(base_url=summary["url"], verify=trust, headers=headers, timeout=30) as http:
        yield ApiServer(Path(summary["bin"]), Path(summary["kubeconfig"]), http)


def _define(api: ApiServer) -> None:
    api.must("apply", "-f", str(REPO / "crds"))
    api.must("wait", "--for=condition=Established", "crd", "--all", "--timeout=60s")
    install(api)


def _down(folder: Path) -> None:
    subprocess.run([*CLUSTER, "down", "--dir", str(folder)], check=True)


@pytest.fixture(scope="session", name="api")
def api_fixture() -> Iterator[ApiServer]:
    """The control plane of all tests that don't change what holds for a whole cluster."""
    with shared_by_all("api") as api:
        yield api
