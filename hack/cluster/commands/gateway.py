"""A Gateway API gateway in the running cluster: Traefik as a process of the machine, and the API's definitions.

It is no part of `up`: Traefik takes minutes to build, and only those who route by weight need it.
"""

import os
import shutil
from pathlib import Path
from typing import Any

from hack.cluster import layout
from hack.cluster.commands import lifecycle
from hack.cluster.machine import processes
from hack.cluster.machine.locks import locked
from hack.cluster.node import configuration
from hack.cluster.plane import addons, apiserver
from hack.cluster.plane.api import Client
from hack.cluster.programs import golang, parts
from hack.cluster.steps import ClusterError, say, wait

FOLDER = parts.HERE / "traefik"
MODULE = "sigs.k8s.io/gateway-api"
GROUP = "gateway.networking.k8s.io"
STANDARD = "standard"
CHANNELS = (STANDARD, "experimental")
CLASS = "traefik"
CLASS_PATH = f"/apis/{GROUP}/v1/gatewayclasses/{CLASS}"
CONTROLLER = "traefik.io/gateway-controller"
USER = "linnet-traefik"
CONFIG = layout.STATE / "traefik.yaml"
READY_SECONDS = 60.0
IDLE = "3s"
"""Servers by uvicorn, such as MLServer, close a connection that is idle for 5 s: reused at that moment, it is a 502."""


def up(*, gently: bool = False) -> dict[str, str]:
    """Start it in the running cluster, or leave it alone where it runs; its class and its addresses.

    It is built first, if need be; gently, that takes nothing from the cluster meanwhile.
    """
    if not lifecycle.is_up():
        raise ClusterError("the embedded cluster is not up: make cluster")
    parts.build(("traefik",), gently=gently)
    with locked(layout.LOCK):
        if not running():
            start(lifecycle.admin())
    return {"class": CLASS} | addresses()


def running() -> bool:
    return any(process.name == "traefik" for process in processes.recorded(layout.STATE))


def addresses() -> dict[str, str]:
    """Where each entry point is reached, by pods and host alike; a Gateway's listener is at the port of one."""
    return {name: f"{layout.NODE_IP}:{port}" for name, port in layout.GATEWAY_PORTS.items()}


def start(client: Client) -> None:
    say("gateway")
    define(client)
    for path, body in objects():
        client.apply(path, body)
    process = launch()
    try:
        wait("gateway", lambda: ready(client), within=READY_SECONDS, alive=lambda: processes.obituary(process))
    except ClusterError:
        processes.stop([process])
        processes.forget(process, layout.STATE)
        raise
    say("gateway is ready")


def launch() -> processes.Process:
    """Traefik's environment is its own: it would prefer a surrounding cluster to ours, and a proxy to the pods."""
    configuration.write(CONFIG, config())
    environment = {"PATH": os.environ.get("PATH", ""), "KUBECONFIG": str(apiserver.client(lifecycle.SERVER, "traefik"))}
    command: list[str | Path] = [layout.tool("traefik"), f"--configfile={CONFIG}"]
    return processes.spawn("traefik", command, layout.STATE, env=environment)


def config() -> dict[str, Any]:
    """In a file of its own: with flags alone, Traefik reads the machine's /etc/traefik first."""
    return {
        "global": {"checkNewVersion": False, "sendAnonymousUsage": False},
        "log": {"level": "INFO", "noColor": True},
        "serversTransport": {"forwardingTimeouts": {"idleConnTimeout": IDLE}},
        "entryPoints": {name: {"address": address} for name, address in addresses().items()},
        "providers": {"kubernetesGateway": {"statusAddress": {"ip": layout.NODE_IP}}},
    }


def define(client: Client) -> None:
    """Apply the definitions; returns when the API server serves them."""
    kinds = {path.stem.removeprefix(f"{GROUP}_"): path for path in definitions().glob("*.yaml")}
    for kind, path in kinds.items():
        place = f"/apis/apiextensions.k8s.io/v1/customresourcedefinitions/{kind}.{GROUP}"
        client.apply(place, path.read_bytes())
    wait("Gateway API", lambda: all(served(client, kind) for kind in kinds), within=READY_SECONDS)


def served(client: Client, kind: str) -> bool:
    return any(client.exists(f"/apis/{GROUP}/{version}/{kind}") for version in ("v1", "v1beta1"))


def definitions(channel: str = STANDARD) -> Path:
    """The folder of the Gateway API's definitions, of the version that Traefik is built with.

    Kept beside the binaries: neither Go nor the network is needed a second time, and Traefik is not built for them.
    """
    version = parts.pinned((FOLDER / "go.mod").read_text(), MODULE)
    kept = layout.cache() / f"gateway-api-{version}{'' if channel == STANDARD else f'-{channel}'}"
    with locked(layout.cache() / "gateway-api.lock"):
        if not kept.exists():
            copy(golang.module(FOLDER, MODULE) / f"config/crd/{channel}", kept)
    return kept


def copy(source: Path, kept: Path) -> None:
    """Copies the content alone: folders of Go's module cache are read-only."""
    partial = kept.with_name(f"{kept.name}.partial")
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(parents=True)
    for path in source.glob(f"{GROUP}_*.yaml"):
        (partial / path.name).write_bytes(path.read_bytes())
    partial.rename(kept)


def objects() -> list[tuple[str, dict[str, Any]]]:
    """The class, and what Traefik may do: it waits for every kind that it watches, Secrets and ConfigMaps too."""
    kinds = ["gatewayclasses", "gateways", "httproutes", "grpcroutes", "referencegrants", "backendtlspolicies"]
    statuses = [f"{kind}/status" for kind in kinds if kind != "referencegrants"]
    rules = [
        addons.rule("", ["namespaces", "services", "secrets", "configmaps"]),
        addons.rule("discovery.k8s.io", ["endpointslices"]),
        addons.rule(GROUP, kinds),
        addons.rule(GROUP, statuses, ("update",)),
    ]
    named = {"apiVersion": f"{GROUP}/v1", "kind": "GatewayClass", "metadata": {"name": CLASS}}
    return [*addons.rights(USER, rules), (CLASS_PATH, {**named, "spec": {"controllerName": CONTROLLER}})]


def ready(client: Client) -> bool:
    """Whether it listens, and has said in the class's status that it serves it."""
    conditions = client.get(CLASS_PATH).get("status", {}).get("conditions", [])
    accepted = any(c["type"] == "Accepted" and c["status"] == "True" for c in conditions)
    return accepted and all(addons.answers(layout.NODE_IP, port) for port in layout.GATEWAY_PORTS.values())
