"""Starts and stops the cluster: the list of steps, in order."""

import shutil
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from hack.cluster import layout
from hack.cluster.machine import cgroups, cleanup, network, packages, packets, preflight, processes
from hack.cluster.machine.locks import locked
from hack.cluster.machine.processes import Process
from hack.cluster.node import configuration, containerd
from hack.cluster.plane import addons, apiserver, pki
from hack.cluster.plane.api import Client
from hack.cluster.plane.apiserver import ApiServer
from hack.cluster.programs import parts
from hack.cluster.steps import ClusterError, say, wait

UP_SECONDS = 90.0
PKI = layout.STATE / "pki"
ADMISSION = "--enable-admission-plugins=NodeRestriction"
TO_KUBELET = "--kubelet-preferred-address-types=InternalIP"
SERVER = ApiServer(layout.STATE, PKI, layout.NODE_IP, layout.API_PORT)


def up(beside: Callable[[], object] = lambda: None) -> None:
    """Bring the cluster up; one that is up is left alone, one that is half dead is replaced.

    `beside` is done while programs are built, which wait for the network when that computes, and the other way around.
    """
    preflight.refuse_system()
    with locked(layout.LOCK):
        if is_up():
            say(f"the cluster is up: KUBECONFIG={layout.KUBECONFIG}")
            return
        prepare(beside)
        try:
            start()
        except (ClusterError, OSError) as error:
            raise ClusterError(f"{error}\nThe cluster did not start; its logs are in {keep_logs()}") from error
    say(f"the cluster is up: KUBECONFIG={layout.KUBECONFIG}")


def keep_logs() -> Path:
    """Take the logs of a failed start out of what is now removed."""
    kept = layout.cache() / "logs" / "failed-start"
    shutil.rmtree(kept, ignore_errors=True)
    shutil.copytree(layout.STATE / "logs", kept, dirs_exist_ok=True)
    cleanup.everything()
    return kept


def down() -> None:
    preflight.refuse(preflight.not_linux)
    preflight.refuse(preflight.not_root)
    with locked(layout.LOCK):
        if layout.STATE.exists():
            say("stop")
            stop_gently()
        cleanup.everything()
    say("nothing is left of the cluster")


def stop_gently() -> None:
    """With kubelet gone nothing restarts a container, and containerd can remove them all itself."""
    kubelet = [process for process in cleanup.host_processes() if process.name == "kubelet"]
    processes.stop(kubelet, within=2.0)
    containerd.empty()


def is_up() -> bool:
    """Whether all processes live and the API server answers."""
    found = cleanup.host_processes()
    if not layout.KUBECONFIG.exists() or not found or not all(map(processes.alive, found)):
        return False
    return admin().exists("/readyz")


def admin() -> Client:
    """An administrator's client of the running cluster."""
    return Client(SERVER.url, PKI, pki.ADMIN.name)


def prepare(beside: Callable[[], object]) -> None:
    """Everything that is needed before the first process: programs, a clean machine, free ports."""
    with ThreadPoolExecutor(1) as pool:
        other = pool.submit(told, beside)
        parts.build(("kubernetes", "versitygw", "network-policies"))
        other.result()
    packages.install(packages.NODE)
    if cleanup.leftovers():
        say("clean up what an earlier run left")
        cleanup.everything()
    preflight.refuse_occupied()


def told(task: Callable[[], object]) -> None:
    """Do something beside something else; how it fails is said at once, though both are waited for."""
    try:
        task()
    except (ClusterError, OSError) as error:
        say(f"failed: {error}")
        raise


def start() -> None:
    (layout.STATE / "logs").mkdir(parents=True)
    layout.STATE.chmod(0o700)
    say("network, cgroups, certificates")
    network.up()
    cgroups.make()
    pki.make(PKI, pki.NODE)
    say("etcd, kube-apiserver, containerd")
    started = [*start_api(), containerd.start()]
    client = admin()
    wait("kube-apiserver", lambda: client.exists("/readyz"), within=UP_SECONDS, alive=lambda: dead(started))
    say("controllers, scheduler, kubelet, kube-proxy, DNS, S3")
    started += start_controllers()
    wait("system namespaces", lambda: client.exists("/api/v1/namespaces/kube-system"), within=UP_SECONDS)
    addons.apply(client)
    started += [*start_node(), *start_addons()]
    started += start_policies()
    for what, ready in (("node", lambda: node_ready(client)), ("DNS", addons.dns_answers), ("S3", addons.s3_answers)):
        wait(what, ready, within=UP_SECONDS, alive=lambda: dead(started))
        say(f"{what} is ready")
    pki.kubeconfig(layout.KUBECONFIG, SERVER.url, PKI, pki.ADMIN.name)


def dead(started: list[Process]) -> str | None:
    return next(filter(None, map(processes.obituary, started)), None)


def start_api() -> list[Process]:
    pki.write_private(SERVER.tokens, "")
    to_kubelet = [
        f"--kubelet-client-certificate={PKI}/apiserver-kubelet-client.crt",
        f"--kubelet-client-key={PKI}/apiserver-kubelet-client.key",
        f"--kubelet-certificate-authority={PKI}/ca.crt",
    ]
    command = apiserver.kube_apiserver(SERVER, ADMISSION, TO_KUBELET, *to_kubelet)
    return [apiserver.start(SERVER, apiserver.etcd()), apiserver.start(SERVER, command)]


def start_controllers() -> list[Process]:
    manager = apiserver.kube_controller_manager(SERVER, apiserver.client(SERVER, "controller-manager"))
    scheduler = configuration.kube_scheduler(apiserver.client(SERVER, "scheduler"))
    return [apiserver.start(SERVER, command) for command in (manager, scheduler)]


def start_node() -> list[Process]:
    (layout.STATE / "resolv.conf").write_text(addons.resolv_conf())
    configuration.write(layout.STATE / "kubelet.json", configuration.kubelet_config(PKI))
    configuration.write(
        layout.STATE / "kube-proxy.json", configuration.kube_proxy_config(apiserver.client(SERVER, "kube-proxy"))
    )
    commands = (configuration.kubelet(apiserver.client(SERVER, "kubelet")), configuration.kube_proxy())
    return [apiserver.start(SERVER, command) for command in commands]


def start_addons() -> list[Process]:
    corefile = layout.STATE / "Corefile"
    corefile.write_text(addons.corefile(apiserver.client(SERVER, "coredns")))
    coredns = apiserver.start(SERVER, ["coredns", "-conf", str(corefile)])
    (name, *arguments), environment = addons.versitygw()
    s3 = processes.spawn(name, [layout.tool(name), *arguments], layout.STATE, env=environment)
    return [coredns, s3]


def start_policies() -> list[Process]:
    """Who enforces NetworkPolicies, before any pod is there; nobody where the kernel can't hand over packets."""
    if not packets.up():
        say("NetworkPolicies are not enforced: this kernel can't queue packets (NFQUEUE)")
        return []
    (name, *arguments), environment = addons.network_policies(apiserver.client(SERVER, "network-policies"))
    process = processes.spawn(name, [layout.tool(name), *arguments], layout.STATE, env=environment)
    wait("NetworkPolicies", packets.are_decided, within=UP_SECONDS, alive=lambda: processes.obituary(process))
    return [process]


def node_ready(client: Client) -> bool:
    path = f"/api/v1/nodes/{layout.NODE_NAME}"
    account = "/api/v1/namespaces/default/serviceaccounts/default"
    if not client.exists(path) or not client.exists(account):
        return False
    conditions = client.get(path)["status"].get("conditions", [])
    return any(c["type"] == "Ready" and c["status"] == "True" for c in conditions)
