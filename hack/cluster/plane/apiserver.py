"""Command lines of etcd, kube-apiserver and kube-controller-manager, shared by the cluster and by
control planes without nodes.

etcd listens on a socket in its own folder: no port to collide on, and nobody else on the machine can read it.
Its name must look like host:port, and is relative to the folder that both processes run in.
"""

import os
from dataclasses import dataclass
from pathlib import Path

from hack.cluster import layout
from hack.cluster.machine import processes
from hack.cluster.machine.processes import Process
from hack.cluster.plane import pki

ETCD_SOCKET = "unix://etcd:0"
COLLECTOR = {"GOGC": "400", "GOMEMLIMIT": "1GiB"}
"""A fifth of a small API server's time is garbage collection, which memory buys back."""
ISSUER = f"https://kubernetes.default.svc.{layout.DOMAIN}"


@dataclass(frozen=True)
class ApiServer:
    """Where an API server keeps its state and is found."""

    folder: Path
    pki: Path
    address: str
    port: int

    @property
    def url(self) -> str:
        return f"https://{self.address}:{self.port}"

    @property
    def tokens(self) -> Path:
        return self.folder / "tokens.csv"


def etcd() -> list[str]:
    """Durability is given up: a cluster that is thrown away needs no fsync, which is most of etcd's time."""
    urls = {
        "listen-client-urls": ETCD_SOCKET,
        "advertise-client-urls": ETCD_SOCKET,
        "listen-peer-urls": "unix://peer:0",
        "initial-advertise-peer-urls": "unix://peer:0",
        "initial-cluster": "linnet=unix://peer:0",
    }
    flags = [f"--{name}={value}" for name, value in urls.items()]
    return ["etcd", "--name=linnet", "--data-dir=etcd-data", "--unsafe-no-fsync", "--log-level=warn", *flags]


def kube_apiserver(server: ApiServer, *extra: str) -> list[str]:
    flags = {
        "etcd-servers": ETCD_SOCKET,
        "bind-address": server.address,
        "advertise-address": server.address,
        "secure-port": server.port,
        "client-ca-file": server.pki / "ca.crt",
        "tls-cert-file": server.pki / "apiserver.crt",
        "tls-private-key-file": server.pki / "apiserver.key",
        "token-auth-file": server.tokens,
        "service-account-issuer": ISSUER,
        "service-account-key-file": server.pki / "sa.pub",
        "service-account-signing-key-file": server.pki / "sa.key",
        "service-cluster-ip-range": layout.SERVICE_CIDR,
        "authorization-mode": "Node,RBAC",
        "allow-privileged": "true",
        "profiling": "false",
    }
    return ["kube-apiserver", *(f"--{name}={value}" for name, value in flags.items()), *extra]


def kube_controller_manager(server: ApiServer, kubeconfig: Path, *extra: str) -> list[str]:
    flags = {
        "kubeconfig": kubeconfig,
        "secure-port": 0,
        "leader-elect": "false",
        "use-service-account-credentials": "true",
        "root-ca-file": server.pki / "ca.crt",
        "service-account-private-key-file": server.pki / "sa.key",
        "cluster-signing-cert-file": server.pki / "ca.crt",
        "cluster-signing-key-file": server.pki / "ca.key",
        "kube-api-qps": 500,
        "kube-api-burst": 1000,
    }
    return ["kube-controller-manager", *(f"--{name}={value}" for name, value in flags.items()), *extra]


def start(server: ApiServer, command: list[str]) -> Process:
    """Start one of the above; the first word is the binary's name."""
    name, *arguments = command
    return processes.spawn(name, [layout.tool(name), *arguments], server.folder, env={**os.environ, **COLLECTOR})


def client(server: ApiServer, identity: str) -> Path:
    """The kubeconfig of one identity, beside the state."""
    return pki.kubeconfig(server.folder / "kubeconfigs" / identity, server.url, server.pki, identity)
