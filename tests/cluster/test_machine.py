"""What the cluster reads from the kernel: mounts, listeners, routes; and what it says when it cannot run."""

import ipaddress
import json
import multiprocessing
import os
import socket
from pathlib import Path

import pytest
from hack.cluster import cli, layout, steps
from hack.cluster.machine import cleanup, mounts, network, preflight

MOUNTINFO = r"""22 27 0:21 / /proc rw,relatime - proc proc rw
30 27 254:0 / / rw shared:1 - ext4 /dev/vda rw
31 30 0:44 / /state/kubelet/pods/a\040b rw,relatime shared:2 master:1 - tmpfs tmpfs rw
32 31 0:45 / /state/kubelet/pods/a\040b/deep rw - overlay overlay rw
33 30 0:46 / /statement rw - tmpfs tmpfs rw
"""


def test_mounts_below_a_folder_come_newest_first(monkeypatch: pytest.MonkeyPatch) -> None:
    """Inner mounts are undone before the ones that they are in; a folder of a similar name is not ours."""
    monkeypatch.setattr(mounts, "current", lambda: mounts.parse(MOUNTINFO))
    inner, outer = Path("/state/kubelet/pods/a b/deep"), Path("/state/kubelet/pods/a b")
    assert mounts.below(Path("/state")) == [inner, outer]


def test_the_innermost_mount_tells_the_file_system(monkeypatch: pytest.MonkeyPatch) -> None:
    """containerd's overlay cannot be on an overlay, so what holds its root has to be known."""
    monkeypatch.setattr(mounts, "current", lambda: mounts.parse(MOUNTINFO))
    assert mounts.filesystem_of(Path("/state/kubelet/pods/a b/deep/x")) == "overlay"
    assert mounts.filesystem_of(Path("/statements")) == "ext4"


def test_a_folder_with_a_mount_in_it_is_not_deleted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A volume that could not be unmounted keeps its files."""
    (tmp_path / "kept").write_text("a model")
    monkeypatch.setattr(mounts, "below", lambda folder: [folder / "volume"])
    with pytest.raises(steps.ClusterError, match="still mounted"):
        cleanup.remove_tree(tmp_path)
    assert (tmp_path / "kept").exists()


def test_a_taken_port_is_named_with_its_owner(monkeypatch: pytest.MonkeyPatch) -> None:
    """Who has the port is said, so that the reader knows what to stop."""
    with socket.socket() as server:
        server.bind(("0.0.0.0", 0))
        server.listen()
        port = server.getsockname()[1]
        monkeypatch.setattr(layout, "PORTS", (port,))
        said = preflight.taken_port() or ""
    assert f"port {port} is taken by" in said
    assert f"(process {os.getpid()})" in said


def test_a_port_on_loopback_is_not_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    """The cluster listens on its own bridge only, so another server on loopback is no obstacle."""
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen()
        monkeypatch.setattr(layout, "PORTS", (server.getsockname()[1],))
        assert preflight.taken_port() is None


def test_a_refusal_names_the_other_way() -> None:
    """One sentence says what is missing, the next which command uses another cluster."""
    with pytest.raises(steps.ClusterError, match=r"cannot run here: no legs\. .*make demo KUBECONFIG="):
        preflight.refuse(lambda: "no legs")


def test_without_root_the_commands_refuse(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """Neither up nor down starts anything that it could not finish."""
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    assert [cli.main([command]) for command in ("up", "down")] == [1, 1]
    assert capsys.readouterr().err.count("it needs root") == 2


def test_another_system_is_refused(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """On a Mac the reader is sent to another cluster at once."""
    monkeypatch.setattr("sys.platform", "darwin")
    assert cli.main(["up"]) == 1
    assert "it needs Linux, and this is darwin" in capsys.readouterr().err


def test_an_overlapping_route_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A company network that uses the cluster's addresses is named before it is cut off; a default route is none."""
    head = "Iface Destination Gateway Flags RefCnt Use Metric Mask MTU Window IRTT\n"
    table = tmp_path / "route"
    monkeypatch.setattr(preflight, "ROUTES", table)
    table.write_text(head + "eth0 00000000 010200C0 0003 0 0 0 00000000 0 0 0\n")
    assert preflight.taken_network() is None
    table.write_text(head + "tun0 0000BC0A 00000000 0001 0 0 0 0000FFFF 0 0 0\n")
    assert "the route 10.188.0.0/16 of tun0" in (preflight.taken_network() or "")


def test_the_clusters_addresses_do_not_collide() -> None:
    """Node, gateway and pods share a network without sharing an address, and Services are outside of it."""
    pods, services = ipaddress.ip_network(layout.POD_CIDR), ipaddress.ip_network(layout.SERVICE_CIDR)
    first, last = map(ipaddress.ip_address, layout.POD_RANGE)
    fixed = [ipaddress.ip_address(address) for address in (layout.NODE_IP, layout.POD_GATEWAY)]
    assert not pods.overlaps(services)
    assert all(address in pods and not first <= address <= last for address in fixed)  # type: ignore[operator]
    assert ipaddress.ip_address(layout.DNS_SERVICE_IP) in services


def test_pods_are_routed_not_bridged() -> None:
    """A bridge would need br_netfilter for Services; ptp does not."""
    (plugin,) = json.loads(network.cni_config())["plugins"]
    assert plugin["type"] == "ptp"
    assert plugin["ipam"]["ranges"][0][0]["gateway"] == layout.POD_GATEWAY


def test_waiting_ends_when_the_process_has_died() -> None:
    """Nobody waits a minute for a server that crashed in its first second."""
    with pytest.raises(steps.ClusterError, match="etcd: it crashed"):
        steps.wait("etcd", lambda: False, within=60, alive=lambda: "it crashed")


def test_a_failed_command_says_what_it_said() -> None:
    """The reader sees the program's own last words, not a Python traceback."""
    with pytest.raises(steps.ClusterError, match=r"ended with 3:\nno such file"):
        steps.run(["sh", "-c", "echo no such file >&2; exit 3"])


def test_a_missing_program_is_one_sentence(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """Also what nobody expected ends in a sentence and an exit code."""
    monkeypatch.setattr("hack.cluster.commands.report.status", lambda: steps.run(["/no/such/program"]))
    assert cli.main(["status"]) == 1
    assert "/no/such/program" in capsys.readouterr().err


def test_another_clusters_rules_are_not_ours(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every kube-proxy names its tables alike: without our state on the machine they are somebody else's."""
    monkeypatch.setattr(layout, "STATE", tmp_path / "state")
    assert network.tables() == [("ip", "linnet"), ("inet", "linnet-policies")]
    (tmp_path / "state").mkdir()
    assert ("ip6", "kube-proxy") in network.tables()


def probed(_: int) -> set[str | None]:
    return {preflight.no_cgroups() for _ in range(200)}


@pytest.mark.slow
def test_starts_at_the_same_time_do_not_disturb_each_other() -> None:
    """Two tests that need the cluster ask for it at once: each finds the machine as it is."""
    with multiprocessing.get_context("spawn").Pool(4) as starts:
        assert len(set.union(*starts.map(probed, range(4)))) == 1
