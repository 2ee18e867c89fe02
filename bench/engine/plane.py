"""A control plane to measure on: Linnet's kinds, rights and policies as its chart installs them, and no controllers."""

import json
import os
import signal
import ssl
import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import aiohttp
from bench.engine.api import AUTHOR, NAMESPACE, Api
from bench.engine.process import Operator, cpu_of
from bench.results import REPO
from hack import chart_install
from hack.chart_install import kubectl

CLUSTER = [sys.executable, str(REPO / "hack/cluster/cluster.py")]
RIGHTS = ("linnet-edit", "system:aggregate-to-edit")
"""What whoever may edit in a namespace has there; nobody is left to aggregate it."""


@dataclass(frozen=True)
class Plane:
    """The API server, its process, and the operator's way to it."""

    api: Api
    pid: int
    operators: Path
    """The kubeconfig with the operator's rights."""
    shipped: Path
    """The policies as the chart mounts them."""

    def operator(self) -> Operator:
        """Starts one."""
        return Operator.start(self.operators, LINNET_POLICIES_DIR=str(self.shipped))

    def cpu(self) -> float:
        """The seconds of CPU that the API server has used so far."""
        return cpu_of(self.pid)


@asynccontextmanager
async def plane(*, policies: bool = True, gateway: bool = False) -> AsyncIterator[Plane]:
    """Starts it, with the kinds of the Gateway API if asked; stopped at the end."""
    with tempfile.TemporaryDirectory(prefix="linnet-bench-") as folder:
        command = [*CLUSTER, "control-plane"]
        up = subprocess.run([*command, "up", "--dir", folder], stdout=subprocess.PIPE, check=True)
        try:
            server = json.loads(up.stdout)
            os.kill(server["pids"]["kube-controller-manager"], signal.SIGKILL)  # fake controllers take its part
            operators, shipped = _prepare(Path(server["kubeconfig"]), policies=policies, gateway=gateway)
            trust = ssl.create_default_context(cafile=server["ca"])
            headers = {"Authorization": f"Bearer {server['token']}"}
            connector = aiohttp.TCPConnector(limit=200, ssl=trust)
            async with aiohttp.ClientSession(connector=connector, headers=headers, read_bufsize=2**24) as session:
                yield Plane(Api(session, server["url"]), server["pids"]["kube-apiserver"], operators, shipped)
        finally:
            subprocess.run([*command, "down", "--dir", folder], check=True)


def _prepare(admin: Path, *, policies: bool, gateway: bool) -> tuple[Path, Path]:
    """The operator's kubeconfig, and the folder of its policies."""
    kubectl(admin, "apply", "-f", REPO / "crds")
    if gateway:
        _define_routes(admin)
    kubectl(admin, "wait", "--for=condition=Established", "crd", "--all")
    kubectl(admin, "create", "namespace", NAMESPACE)
    kubectl(admin, "annotate", "namespace", NAMESPACE, "linnet.dev/hostnames=*")
    kubectl(admin, "create", "serviceaccount", "default", "-n", NAMESPACE)
    operators = chart_install.install(admin, policies=policies)
    for role in RIGHTS:
        name = role.rpartition(":")[2]
        kubectl(admin, "create", "rolebinding", name, "-n", NAMESPACE, "--clusterrole", role, "--user", AUTHOR)
    (shipped := admin.with_name("policies")).mkdir()
    return operators, chart_install.shipped(shipped)


def _define_routes(admin: Path) -> None:
    """Applies the Gateway API's definitions."""
    command = [*CLUSTER, "gateway", "--definitions"]
    folder = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout.strip()
    kubectl(admin, "apply", "--server-side", "-f", folder)
