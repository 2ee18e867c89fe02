"""The cluster's own network: an address that only this machine has, routes, and pods on wires of their own.

Pods are joined by CNI's `ptp` plugin, not `bridge`: every packet between two pods is then routed by the host,
where kube-proxy's tables see the answer as well, with or without the br_netfilter module. The bridge has no
port; it carries the node's address, where the API server, DNS and S3 listen.
"""

import json
from pathlib import Path

from hack.cluster import layout
from hack.cluster.machine import packets
from hack.cluster.steps import attempt, run

# kubelet and kube-proxy set these for the whole machine; `down` puts back what was there.
SYSCTLS = (
    *("net/ipv4/ip_forward", "vm/overcommit_memory", "vm/panic_on_oom", "kernel/panic", "kernel/panic_on_oops"),
    *("kernel/keys/root_maxkeys", "kernel/keys/root_maxbytes"),
)
SAVED = layout.STATE / "sysctls.json"

MASQUERADE = f"""
table ip {layout.NFT_TABLE} {{
  chain postrouting {{
    type nat hook postrouting priority srcnat; policy accept;
    ip saddr {layout.POD_CIDR} ip daddr != {{ {layout.POD_CIDR}, {layout.SERVICE_CIDR} }} masquerade
  }}
}}
"""


def up() -> None:
    save_sysctls()
    sysctl("net/ipv4/ip_forward").write_text("1")
    run(["ip", "link", "add", layout.BRIDGE, "type", "bridge"])
    run(["ip", "address", "add", f"{layout.NODE_IP}/32", "dev", layout.BRIDGE])
    run(["ip", "link", "set", layout.BRIDGE, "up"])
    run(["ip", "route", "add", layout.SERVICE_CIDR, "dev", layout.BRIDGE, "src", layout.NODE_IP])
    run(["nft", "-f", "-"], stdin=MASQUERADE)
    for rule in forward_rules():
        attempt(["iptables", "-w", "-I", *rule])


def down() -> None:
    """Remove all of it, whatever of it is there."""
    attempt(["ip", "link", "del", layout.BRIDGE])
    packets.down()
    for family, table in tables():
        attempt(["nft", "delete", "table", family, table])
    for rule in forward_rules():
        attempt(["iptables", "-w", "-D", *rule])
    restore_sysctls()


def tables() -> list[tuple[str, str]]:
    """Families and names of our nftables tables that may exist.

    The names of kube-proxy's are the same in every cluster: they are ours only while our state is there, since
    a machine with somebody else's was refused.
    """
    proxy = [("ip", "kube-proxy"), ("ip6", "kube-proxy")] if layout.STATE.exists() else []
    return [("ip", layout.NFT_TABLE), ("inet", layout.POLICY_TABLE), *proxy]


def forward_rules() -> list[list[str]]:
    """Exceptions from the DROP that Docker puts on all forwarding; none where forwarding is free anyway."""
    if not attempt(["sh", "-c", "iptables -w -S FORWARD | grep -q -e '-P FORWARD DROP'"]):
        return []
    comment = ["-m", "comment", "--comment", "linnet", "-j", "ACCEPT"]
    return [["FORWARD", way, layout.POD_CIDR, *comment] for way in ("-s", "-d")]


def cni_config() -> str:
    """The network configuration that containerd reads."""
    ipam = {
        "type": "host-local",
        "dataDir": str(layout.STATE / "cni/addresses"),
        "routes": [{"dst": "0.0.0.0/0"}],
        "ranges": [
            [
                {
                    "subnet": layout.POD_CIDR,
                    "rangeStart": layout.POD_RANGE[0],
                    "rangeEnd": layout.POD_RANGE[1],
                    "gateway": layout.POD_GATEWAY,
                }
            ]
        ],
    }
    plugin = {"type": "ptp", "ipMasq": False, "mtu": 1500, "ipam": ipam}
    return json.dumps({"cniVersion": "0.4.0", "name": layout.CNI_NETWORK, "plugins": [plugin]})


def sysctl(name: str) -> Path:
    return Path("/proc/sys") / name


def save_sysctls() -> None:
    SAVED.write_text(json.dumps({n: sysctl(n).read_text().strip() for n in SYSCTLS if sysctl(n).exists()}))


def restore_sysctls() -> None:
    if SAVED.exists():
        for name, value in json.loads(SAVED.read_text()).items():
            sysctl(name).write_text(value)
