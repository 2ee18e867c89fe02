"""What a cluster needs besides Kubernetes itself: DNS and S3, run on the host, found in the cluster by Services.

As host processes they need no image, and answer before the first pod is scheduled.
"""

import json
import os
import secrets
import socket
import struct
from pathlib import Path
from typing import Any

from hack.cluster import layout
from hack.cluster.plane import pki
from hack.cluster.plane.api import Client

S3_KEYS = layout.STATE / "s3.json"
S3_URL = f"http://{layout.NODE_IP}:{layout.S3_PORT}"
S3_BUCKET = "models"
S3_NAMESPACE = "linnet-s3"

COREFILE = """.:{port} {{
    bind {address}
    errors
    ready {address}:{ready}
    kubernetes {domain} in-addr.arpa ip6.arpa {{
        kubeconfig {kubeconfig}
        pods insecure
        ttl 5
        fallthrough in-addr.arpa ip6.arpa
    }}
    forward . {resolv}
    cache 5
}}
"""


def corefile(kubeconfig: Path) -> str:
    return COREFILE.format(
        port=layout.DNS_PORT,
        ready=layout.DNS_READY_PORT,
        address=layout.NODE_IP,
        domain=layout.DOMAIN,
        kubeconfig=kubeconfig,
        resolv=layout.STATE / "resolv.conf",
    )


def resolv_conf() -> str:
    """The machine's name servers; an address that never answers where it has none, so that CoreDNS starts."""
    path = Path("/etc/resolv.conf")
    servers = [line for line in path.read_text().splitlines() if line.startswith("nameserver")] if path.exists() else []
    return "\n".join(servers or ["nameserver 192.0.2.53"]) + "\n"


def versitygw() -> tuple[list[str], dict[str, str]]:
    """Command and environment of the S3 server; its keys are made anew with each cluster."""
    keys = {"access": "linnet", "secret": secrets.token_hex(20)}
    pki.write_private(S3_KEYS, json.dumps(keys))
    data = layout.STATE / "s3"
    (data / S3_BUCKET).mkdir(mode=0o700, parents=True)
    environment = {"ROOT_ACCESS_KEY_ID": keys["access"], "ROOT_SECRET_ACCESS_KEY": keys["secret"]}
    listen = ["--port", f"{layout.NODE_IP}:{layout.S3_PORT}", "--health", "/health"]
    return ["versitygw", *listen, "--quiet", "posix", str(data)], environment


def objects() -> list[tuple[str, dict[str, Any]]]:
    """The API objects, each with its path."""
    dns = {"name": "dns", "port": 53, "protocol": "UDP"}, {"name": "dns-tcp", "port": 53, "protocol": "TCP"}
    s3 = ({"name": "s3", "port": layout.S3_PORT, "protocol": "TCP"},)
    namespace = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": S3_NAMESPACE}}
    return [
        (f"/api/v1/namespaces/{S3_NAMESPACE}", namespace),
        *host_service("kube-system", "kube-dns", dns, layout.DNS_PORT, layout.DNS_SERVICE_IP),
        *host_service(S3_NAMESPACE, "s3", s3, layout.S3_PORT),
        *dns_rights(),
        *policy_rights(),
    ]


def host_service(
    namespace: str, name: str, ports: tuple[dict[str, Any], ...], target: int, address: str | None = None
) -> list[tuple[str, dict[str, Any]]]:
    """A Service whose one endpoint is a process on the host."""
    metadata = {"name": name, "namespace": namespace}
    spec: dict[str, Any] = {"ports": [*ports]} | ({"clusterIP": address} if address else {})
    labels = {"kubernetes.io/service-name": name, "endpointslice.kubernetes.io/managed-by": "linnet-cluster"}
    endpoints = {
        "apiVersion": "discovery.k8s.io/v1",
        "kind": "EndpointSlice",
        "metadata": {**metadata, "labels": labels},
        "addressType": "IPv4",
        "endpoints": [{"addresses": [layout.NODE_IP], "conditions": {"ready": True}}],
        "ports": [{**port, "port": target} for port in ports],
    }
    service = {"apiVersion": "v1", "kind": "Service", "metadata": metadata, "spec": spec}
    return [
        (f"/api/v1/namespaces/{namespace}/services/{name}", service),
        (f"/apis/discovery.k8s.io/v1/namespaces/{namespace}/endpointslices/{name}", endpoints),
    ]


def dns_rights() -> list[tuple[str, dict[str, Any]]]:
    rules = [
        rule("", ["services", "pods", "namespaces"]),
        rule("discovery.k8s.io", ["endpointslices"]),
    ]
    return rights("linnet-coredns", rules)


def policy_rights() -> list[tuple[str, dict[str, Any]]]:
    rules = [rule("", ["pods", "namespaces"]), rule("networking.k8s.io", ["networkpolicies"])]
    return rights("linnet-network-policies", rules)


def network_policies(kubeconfig: Path) -> tuple[list[str], dict[str, str]]:
    """Command and environment of who decides about packets; it is kept from the container runtimes of the machine."""
    flags = {
        "kubeconfig": kubeconfig,
        "node": layout.NODE_NAME,
        "queue": layout.PACKET_QUEUE,
        "table": layout.POLICY_TABLE,
    }
    command = ["kube-network-policies", *(f"--{name}={value}" for name, value in flags.items())]
    return command, {**os.environ, "NRI_PLUGIN_SOCKET": "none"}


def rule(group: str, resources: list[str], verbs: tuple[str, ...] = ("list", "watch")) -> dict[str, Any]:
    return {"apiGroups": [group], "resources": resources, "verbs": [*verbs]}


def rights(name: str, rules: list[dict[str, Any]]) -> list[tuple[str, dict[str, Any]]]:
    """A role of the whole cluster, bound to the user of the same name."""
    rbac = "rbac.authorization.k8s.io"
    head = {"apiVersion": f"{rbac}/v1", "metadata": {"name": name}}
    role = {**head, "kind": "ClusterRole", "rules": rules}
    binding = {
        **head,
        "kind": "ClusterRoleBinding",
        "roleRef": {"apiGroup": rbac, "kind": "ClusterRole", "name": name},
        "subjects": [{"apiGroup": rbac, "kind": "User", "name": name}],
    }
    base = f"/apis/{rbac}/v1"
    return [(f"{base}/clusterroles/{name}", role), (f"{base}/clusterrolebindings/{name}", binding)]


def apply(client: Client) -> None:
    for path, body in objects():
        client.apply(path, body)


def dns_answers() -> bool:
    """Whether DNS resolves the API server's Service through DNS's own Service: kube-proxy and CoreDNS both work."""
    name = b"".join(bytes([len(part)]) + part.encode() for part in f"kubernetes.default.svc.{layout.DOMAIN}".split("."))
    query = struct.pack(">6H", 7, 0x0100, 1, 0, 0, 0) + name + b"\0" + struct.pack(">2H", 1, 1)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asked:
        asked.settimeout(0.3)
        try:
            asked.sendto(query, (layout.DNS_SERVICE_IP, 53))
            return asked.recv(512).endswith(socket.inet_aton(layout.API_SERVICE_IP))
        except OSError:
            return False


def s3_answers() -> bool:
    return answers(layout.NODE_IP, layout.S3_PORT)


def answers(address: str, port: int) -> bool:
    """Whether anybody listens on a port."""
    try:
        socket.create_connection((address, port), timeout=0.3).close()
    except OSError:
        return False
    return True
