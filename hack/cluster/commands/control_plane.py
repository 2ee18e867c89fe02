"""A control plane without nodes: etcd, API server and controllers in a private folder, on loopback.

For integration tests and benches. Needs neither root nor namespaces, and any number run at once.
Where nothing plays the kubelet, controllers that punish silent nodes are off.
"""

import json
import secrets
import shutil
import socket
from pathlib import Path
from typing import Any

from hack.cluster import layout
from hack.cluster.machine import processes
from hack.cluster.plane import apiserver, pki
from hack.cluster.plane.api import Client
from hack.cluster.plane.apiserver import ApiServer
from hack.cluster.programs import parts
from hack.cluster.steps import ClusterError, wait

UP_SECONDS = 60.0
ATTEMPTS = 3
CONTROLLERS = ("*", "-node-lifecycle-controller", "-taint-eviction-controller", "-pod-garbage-collector-controller")
PKI = "pki-loopback-1"


def up(folder: Path, port: int | None) -> dict[str, Any]:
    """Start one in a folder and describe it; a control plane that is up already is described as it is.

    A free port can be taken by somebody else before the API server binds it: then another one is tried.
    """
    summary = folder / "summary.json"
    if summary.exists() and is_up(folder):
        return dict(json.loads(summary.read_text()))
    parts.build(("kubernetes",))
    for attempt in range(ATTEMPTS):
        down(folder)
        try:
            return start(folder, port or free_port())
        except ClusterError as error:
            if port or attempt + 1 == ATTEMPTS or "address already in use" not in str(error):
                raise
    raise AssertionError


def start(folder: Path, port: int) -> dict[str, Any]:
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    authority = layout.cache() / PKI
    if not authority.exists():
        pki.make(authority, pki.LOOPBACK)
    server = ApiServer(folder, authority, "127.0.0.1", port)
    token = write_token(server)
    kubeconfig = pki.kubeconfig(folder / "kubeconfig", server.url, authority, pki.ADMIN.name)
    launch(server)
    summary = {
        "url": server.url,
        "kubeconfig": str(kubeconfig),
        "token": token,
        "ca": str(authority / "ca.crt"),
        "cert": str(authority / "admin.crt"),
        "key": str(authority / "admin.key"),
        "bin": str(layout.bin_dir()),
        "logs": str(folder / "logs"),
        "pids": {process.name: process.pid for process in processes.recorded(folder)},
    }
    pki.write_private(folder / "summary.json", json.dumps(summary))
    return summary


def launch(server: ApiServer) -> None:
    """Start all three at once, each waits for the one before it; ready means that controllers act."""
    admin = Client(server.url, server.pki, pki.ADMIN.name)
    controllers = apiserver.client(server, pki.CONTROLLERS.name)
    names = f"--controllers={','.join(CONTROLLERS)}"
    started = [
        apiserver.start(server, apiserver.etcd()),
        apiserver.start(server, apiserver.kube_apiserver(server, "--endpoint-reconciler-type=none")),
    ]
    wait("kube-apiserver", lambda: admin.exists("/readyz"), within=UP_SECONDS, alive=lambda: dead(started))
    started.append(apiserver.start(server, apiserver.kube_controller_manager(server, controllers, names)))
    account = "/api/v1/namespaces/default/serviceaccounts/default"
    wait("kube-controller-manager", lambda: admin.exists(account), within=UP_SECONDS, alive=lambda: dead(started))


def dead(started: list[processes.Process]) -> str | None:
    return next(filter(None, map(processes.obituary, started)), None)


def is_up(folder: Path) -> bool:
    found = processes.recorded(folder)
    return bool(found) and all(map(processes.alive, found))


def down(folder: Path) -> None:
    """Stop what was started in a folder and remove what it wrote there; the folder itself is the caller's."""
    processes.stop([*processes.recorded(folder), *processes.marked(folder)], within=0)
    for name in ("etcd-data", "run", "logs", "kubeconfigs"):
        shutil.rmtree(folder / name, ignore_errors=True)
    for name in ("etcd:0", "peer:0", "tokens.csv", "kubeconfig", "summary.json"):
        (folder / name).unlink(missing_ok=True)


def write_token(server: ApiServer) -> str:
    """A bearer token of a cluster administrator, for clients to whom certificates are a burden."""
    token = secrets.token_hex(16)
    pki.write_private(server.tokens, f"{token},linnet-admin,linnet-admin,system:masters\n")
    return token


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
