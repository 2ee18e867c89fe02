"""`down` leaves nothing, and `up` copes with what it finds. Last of all tests: they stop the shared cluster."""

import os
import signal
import subprocess
from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest
from hack.cluster import layout, steps
from hack.cluster.machine import cgroups, processes

from cluster.running import Namespace, answer, cluster, web

pytestmark = pytest.mark.e2e

MACHINE = {
    "interfaces": ["ip", "-o", "link", "show"],
    "routes": ["ip", "route", "show", "table", "all"],
    "tables": ["nft", "list", "tables"],
}
SETTINGS = ("net/ipv4/ip_forward", "vm/overcommit_memory", "kernel/panic", "kernel/panic_on_oops")


def snapshot() -> dict[str, set[str]]:
    """What a cluster could leave behind, as the machine's own tools list it."""
    found = {
        name: set(subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines())
        for name, command in MACHINE.items()
    }
    mounted = [line.split()[4] for line in Path("/proc/self/mountinfo").read_text().splitlines()]
    found["mounts"] = {path for path in mounted if path.startswith(str(layout.STATE))}
    found["cgroups"] = {str(path) for path in Path("/sys/fs/cgroup").glob("**/linnet*")}
    found["settings"] = {f"{name}={Path('/proc/sys', name).read_text().strip()}" for name in SETTINGS}
    found["processes"] = {line for line in commands() if str(layout.STATE) in line and "kubectl" not in line}
    found["folders"] = {str(path) for path in Path("/var/lib").iterdir()}
    return found


def networks(pids: Iterable[int | str] = ()) -> set[str]:
    """Network namespaces of the given processes, or of all."""
    chosen = [str(pid) for pid in pids] or ["[0-9]*"]
    found = set()
    for link in (path for pid in chosen for path in Path("/proc").glob(f"{pid}/ns/net")):
        try:
            found.add(str(link.readlink()))
        except OSError:
            continue
    return found


def commands() -> list[str]:
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            found.append(path.read_text().replace("\0", " "))
        except OSError:
            continue
    return found


@pytest.fixture(autouse=True)
def restored() -> Iterator[None]:
    """Whoever comes after finds the cluster up, as it was."""
    yield
    assert cluster("up").returncode == 0


def with_a_pod() -> None:
    """Bring the cluster up with one pod that runs: netns, mounts, cgroups and a shim of its own."""
    assert cluster("up").returncode == 0
    place = Namespace("default", answer("images", "--only", "mlserver")["mlserver"], answer("env"))
    place.apply(web("lifecycle", place.image))
    place.kubectl("wait", "pod/lifecycle", "--for=condition=Ready", "--timeout=90s")


def test_down_leaves_nothing() -> None:
    """No process, mount, interface, route, table, namespace, cgroup or setting differs from before the cluster."""
    cluster("down")
    before = snapshot()
    with_a_pod()
    assert cluster("gateway").returncode == 0
    pods = networks(cgroups.members()) - networks([os.getpid()])
    assert pods
    assert snapshot() != before
    assert cluster("down").returncode == 0
    assert snapshot() == before
    assert not pods & networks()
    assert cluster("verify-clean").returncode == 0


def test_up_replaces_a_cluster_whose_processes_were_killed() -> None:
    """After a crash of everything at once, with pods running, up cleans and starts again."""
    with_a_pod()
    for process in processes.recorded(layout.STATE):
        os.kill(process.pid, signal.SIGKILL)
    assert cluster("verify-clean").returncode == 1
    done = cluster("up")
    assert done.returncode == 0, done.stderr
    assert "clean up what an earlier run left" in done.stderr
    with_a_pod()


def test_up_replaces_a_cluster_that_is_half_dead() -> None:
    """One part missing is no cluster: it is replaced, not reported as up."""
    with_a_pod()
    (kubelet,) = [process for process in processes.recorded(layout.STATE) if process.name == "kubelet"]
    os.kill(kubelet.pid, signal.SIGKILL)
    steps.wait("its end", lambda: not processes.alive(kubelet), within=10)
    assert cluster("up").returncode == 0
    assert "DEAD" not in cluster("status").stdout
    with_a_pod()


def test_down_cleans_up_after_a_start_that_was_killed() -> None:
    """A start that was interrupted anywhere leaves nothing that down does not find."""
    cluster("down")
    before = snapshot()
    started = subprocess.Popen(["python3", "hack/cluster/cluster.py", "up"], cwd=layout.REPO, stderr=subprocess.DEVNULL)
    steps.wait("kubelet", (layout.STATE / "run" / "kubelet.json").exists, within=60)
    started.kill()
    started.wait()
    assert cluster("down").returncode == 0
    assert snapshot() == before


def test_up_says_at_once_that_it_is_up() -> None:
    """A cluster that runs is left alone: the same processes, no step but one line."""
    assert cluster("up").returncode == 0
    before = cluster("status").stdout
    done = cluster("up")
    assert "the cluster is up" in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert cluster("status").stdout == before
