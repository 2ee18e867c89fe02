"""Where everything of the embedded cluster lives: folders, addresses, ports.

The cache (`$LINNET_CACHE`, default `~/.cache/linnet`) survives `down`: binaries, Go, images, certificates of
loopback control planes. The state folder is one for the machine, because the bridge, the cgroup and the
nftables tables are too; so any run finds what any earlier run left, whichever cache that one used.
"""

import os
from pathlib import Path

REPO = Path(__file__).resolve().parents[2]

STATE = Path("/var/lib/linnet-cluster")
LOCK = Path("/run/lock/linnet-cluster.lock")
KUBECONFIG = STATE / "kubeconfig"
CONTAINERD_SOCKET = STATE / "containerd.sock"
CNI_PLUGINS = Path("/usr/lib/cni")

BRIDGE = "linnet0"
NODE_NAME = "linnet"
NODE_IP = "10.188.0.1"  # podman and docker take 10.88 and 172.17
POD_GATEWAY = "10.188.0.2"
POD_CIDR = "10.188.0.0/16"
POD_RANGE = ("10.188.1.0", "10.188.255.254")
SERVICE_CIDR = "10.189.0.0/16"
API_SERVICE_IP = "10.189.0.1"
DNS_SERVICE_IP = "10.189.0.10"
DOMAIN = "cluster.local"

# Every port is bound on the bridge's address only.
API_PORT = 6443
KUBELET_PORT = 10250
KUBE_PROXY_PORTS = (10249, 10256)
DNS_PORT, DNS_READY_PORT = 10053, 10054
S3_PORT = 7070
GATEWAY_PORTS = {"http": 7080, "grpc": 7081}
PORTS = (API_PORT, KUBELET_PORT, *KUBE_PROXY_PORTS, DNS_PORT, DNS_READY_PORT, S3_PORT, *GATEWAY_PORTS.values())

CGROUP = "linnet"
NFT_TABLE = "linnet"
POLICY_TABLE = "linnet-policies"
POLICY_CHAIN = "LINNET-POLICIES"
PACKET_QUEUE = 10188
CNI_NETWORK = "linnet"


def cache() -> Path:
    """The cache folder; not yet made."""
    given = os.environ.get("LINNET_CACHE")
    return Path(given).absolute() if given else Path.home() / ".cache" / "linnet"


def bin_dir() -> Path:
    """The one folder with every binary that was built: put it on PATH."""
    return cache() / "bin"


def tool(name: str) -> Path:
    """Path of a built binary, such as `kubectl`."""
    return bin_dir() / name
