"""Configuration and command lines of what makes this machine a node: containerd, kubelet, kube-proxy."""

import json
from pathlib import Path
from typing import Any

from hack.cluster import layout

STATE = layout.STATE

# restrict_oom_score_adj: without CAP_SYS_RESOURCE runc may not lower the score of the pause container.
CONTAINERD = """version = 2
root = "{root}"
state = "{state}/containerd-state"
disabled_plugins = ["io.containerd.snapshotter.v1.aufs", "io.containerd.snapshotter.v1.btrfs",
  "io.containerd.snapshotter.v1.devmapper", "io.containerd.snapshotter.v1.zfs", "io.containerd.internal.v1.opt",
  "io.containerd.internal.v1.tracing"{more}]

[grpc]
  address = "{socket}"

[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "{pause}"
  restrict_oom_score_adj = true
  netns_mounts_under_state_dir = true
  [plugins."io.containerd.grpc.v1.cri".containerd]
    snapshotter = "{snapshotter}"
    default_runtime_name = "runc"
    [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
      runtime_type = "io.containerd.runc.v2"
      [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc.options]
        SystemdCgroup = false
  [plugins."io.containerd.grpc.v1.cri".cni]
    bin_dir = "{cni}"
    conf_dir = "{state}/cni/net.d"
"""


CRI = ', "io.containerd.grpc.v1.cri"'


def containerd_config(pause: str, root: Path, snapshotter: str, *, kubernetes: bool = True) -> str:
    """The configuration; without `kubernetes` it is a containerd that adopts no pod, to clean up with."""
    places = {"root": root, "state": STATE, "socket": layout.CONTAINERD_SOCKET, "cni": layout.CNI_PLUGINS}
    return CONTAINERD.format(**places, pause=pause, snapshotter=snapshotter, more="" if kubernetes else CRI)


def kubelet_config(pki: Path) -> dict[str, Any]:
    """Disk pressure evicts nothing, since the disk is the developer's; no part writes outside the state folder."""
    return {
        "apiVersion": "kubelet.config.k8s.io/v1beta1",
        "kind": "KubeletConfiguration",
        "address": layout.NODE_IP,
        "port": layout.KUBELET_PORT,
        "healthzPort": 0,
        "authentication": {
            "anonymous": {"enabled": False},
            "webhook": {"enabled": True, "cacheTTL": "1m"},
            "x509": {"clientCAFile": str(pki / "ca.crt")},
        },
        "authorization": {"mode": "Webhook"},
        "tlsCertFile": str(pki / "kubelet.crt"),
        "tlsPrivateKeyFile": str(pki / "kubelet.key"),
        "containerRuntimeEndpoint": f"unix://{layout.CONTAINERD_SOCKET}",
        "clusterDNS": [layout.DNS_SERVICE_IP],
        "clusterDomain": layout.DOMAIN,
        "resolvConf": str(STATE / "resolv.conf"),
        "cgroupDriver": "cgroupfs",
        "cgroupRoot": f"/{layout.CGROUP}",
        "enforceNodeAllocatable": [],
        "failCgroupV1": False,
        "failSwapOn": False,
        "oomScoreAdj": 0,
        "makeIPTablesUtilChains": False,
        "protectKernelDefaults": False,
        "evictionHard": {"memory.available": "100Mi", "nodefs.available": "0%", "imagefs.available": "0%"},
        "imageGCHighThresholdPercent": 100,
        "imageGCLowThresholdPercent": 99,
        "maxPods": 250,
        "serializeImagePulls": False,
        "syncFrequency": "10s",
        "nodeStatusUpdateFrequency": "4s",
        "podLogsDir": str(STATE / "pod-logs"),
        "volumePluginDir": str(STATE / "volume-plugins"),
        "kubeAPIQPS": 200,
        "kubeAPIBurst": 400,
    }


def kubelet(kubeconfig: Path) -> list[str]:
    flags = {
        "config": STATE / "kubelet.json",
        "kubeconfig": kubeconfig,
        "root-dir": STATE / "kubelet",
        "cert-dir": STATE / "kubelet/pki",
        "hostname-override": layout.NODE_NAME,
        "node-ip": layout.NODE_IP,
    }
    return ["kubelet", *(f"--{name}={value}" for name, value in flags.items())]


def kube_proxy_config(kubeconfig: Path) -> dict[str, Any]:
    """Zero in conntrack means: leave the machine's limits as they are."""
    metrics, health = layout.KUBE_PROXY_PORTS
    return {
        "apiVersion": "kubeproxy.config.k8s.io/v1alpha1",
        "kind": "KubeProxyConfiguration",
        "mode": "nftables",
        "nftables": {"minSyncPeriod": "100ms", "syncPeriod": "30s"},
        "clientConnection": {"kubeconfig": str(kubeconfig)},
        "clusterCIDR": layout.POD_CIDR,
        "hostnameOverride": layout.NODE_NAME,
        "metricsBindAddress": f"{layout.NODE_IP}:{metrics}",
        "healthzBindAddress": f"{layout.NODE_IP}:{health}",
        "oomScoreAdj": 0,
        "conntrack": {
            "maxPerCore": 0,
            "min": 0,
            "tcpEstablishedTimeout": "0s",
            "tcpCloseWaitTimeout": "0s",
        },
    }


def kube_proxy() -> list[str]:
    return ["kube-proxy", f"--config={STATE / 'kube-proxy.json'}"]


def kube_scheduler(kubeconfig: Path) -> list[str]:
    flags = {"kubeconfig": kubeconfig, "leader-elect": "false", "secure-port": 0, "kube-api-qps": 200}
    return ["kube-scheduler", *(f"--{name}={value}" for name, value in flags.items())]


def write(path: Path, content: dict[str, Any]) -> None:
    path.write_text(json.dumps(content, indent=1))
