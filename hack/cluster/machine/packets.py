"""Hands each new connection of a pod to who decides about it by the cluster's NetworkPolicies.

The decider, kube-network-policies, has rules of its own in nftables, which not every kernel lets queue packets. Those
of iptables can wherever the kernel can at all. What the machine itself asks a pod, such as a probe, is never held up.
"""

from pathlib import Path

from hack.cluster import layout
from hack.cluster.steps import attempt, run

IPTABLES = ("iptables", "-w", "-t", "security")
"""The table that nobody else uses: rules for marks of SELinux, after all others have let a packet pass."""
QUEUES = Path("/proc/net/netfilter/nfnetlink_queue")


def up() -> bool:
    """Make the rules; false where the kernel can't queue packets, and nothing was changed."""
    run([*IPTABLES, "-N", layout.POLICY_CHAIN])
    queue = ["-m", "conntrack", "--ctstate", "NEW", "-j", "NFQUEUE", "--queue-num", str(layout.PACKET_QUEUE)]
    if not attempt([*IPTABLES, "-A", layout.POLICY_CHAIN, *queue]):
        down()
        return False
    for jump in jumps():
        run([*IPTABLES, "-A", *jump])
    return True


def jumps() -> list[list[str]]:
    """From pods to pods and elsewhere, from elsewhere to pods, and from pods to the machine: Services have become pods.

    The machine's own connections to its address among the pods' come by loopback.
    """
    to = ["-j", layout.POLICY_CHAIN]
    pods = layout.POD_CIDR
    return [["FORWARD", "-s", pods, *to], ["FORWARD", "-d", pods, *to], ["INPUT", "!", "-i", "lo", "-s", pods, *to]]


def down() -> None:
    """Remove the rules, and the table where it held nothing else."""
    for jump in jumps():
        attempt([*IPTABLES, "-D", *jump])
    attempt([*IPTABLES, "-F", layout.POLICY_CHAIN])
    attempt([*IPTABLES, "-X", layout.POLICY_CHAIN])
    attempt(["sh", "-c", "nft list table ip security | grep -q jump || nft delete table ip security"])


def are_queued() -> bool:
    """Whether the rules are there."""
    return attempt([*IPTABLES, "-S", layout.POLICY_CHAIN])


def are_decided() -> bool:
    """Whether somebody takes packets out of the queue: its number leads a line of the kernel's list."""
    return any(line.split()[0] == str(layout.PACKET_QUEUE) for line in QUEUES.read_text().splitlines())
