"""The private containerd: its start, the one image it cannot do without, and what it keeps from run to run.

Its root is in the cache, so that images are unpacked once. That root is trusted only if the run before has
removed its containers: else containerd would adopt them for a cluster that knows nothing of them.
"""

import contextlib
import hashlib
import shutil
import tomllib
from pathlib import Path

from hack.cluster import layout
from hack.cluster.images import buildah, oci, transfer
from hack.cluster.machine import mounts, network, processes
from hack.cluster.machine.processes import Process
from hack.cluster.node import configuration
from hack.cluster.programs import golang
from hack.cluster.steps import ClusterError, attempt, run, say, wait

PAUSE_SOURCE = layout.REPO / "hack/images/pause"
START_SECONDS = 30.0
MANY = 12


CONFIG = layout.STATE / "containerd.toml"


def root() -> Path:
    """Where images and containers are: in the cache of whoever started the cluster that is running."""
    if CONFIG.exists():
        return Path(str(tomllib.loads(CONFIG.read_text())["root"]))
    return layout.cache() / "containerd"


def clean_marker() -> Path:
    return root().with_name("containerd-is-clean")


def ctr(*arguments: str | Path) -> list[str | Path]:
    """A command line of containerd's client, in the namespace that kubelet uses."""
    return ["ctr", "--address", layout.CONTAINERD_SOCKET, "--namespace", "k8s.io", *arguments]


def start() -> Process:
    """Start containerd and import the pause image; returns when containers can be made."""
    archive, image = pause()
    networks = layout.STATE / "cni/net.d"
    networks.mkdir(parents=True)
    (networks / "10-linnet.conflist").write_text(network.cni_config())
    if root().exists() and not clean_marker().exists():
        recover(image)
    clean_marker().unlink(missing_ok=True)
    process = launch(image, kubernetes=True)
    run(ctr("images", "import", archive))
    return process


def launch(image: str, *, kubernetes: bool) -> Process:
    root().mkdir(parents=True, exist_ok=True)
    snapshotter = "native" if mounts.filesystem_of(root()) == "overlay" else "overlayfs"
    CONFIG.write_text(configuration.containerd_config(image, root(), snapshotter, kubernetes=kubernetes))
    process = processes.spawn("containerd", ["containerd", "--config", CONFIG], layout.STATE)
    wait("containerd", lambda: attempt(ctr("version")), within=START_SECONDS, alive=lambda: processes.obituary(process))
    return process


def recover(image: str) -> None:
    """Remove what a killed run left in the root but its images; where that fails, the root itself."""
    say("containers of a killed run")
    with contextlib.suppress(ClusterError):
        launch(image, kubernetes=False)
        empty()
    processes.stop([process for process in processes.recorded(layout.STATE) if process.name == "containerd"])
    if not clean_marker().exists():
        shutil.rmtree(root(), ignore_errors=True)
    shutil.rmtree(root() / "io.containerd.grpc.v1.cri", ignore_errors=True)


def pause() -> tuple[Path, str]:
    """Archive and name of the pause image, built from our own source."""
    text = (PAUSE_SOURCE / "main.go").read_bytes()
    tag = hashlib.sha256(text).hexdigest()[:12]
    archive = layout.cache() / "images" / f"pause-{tag}.tar"
    name = f"localhost/linnet-pause:{tag}"
    if not archive.exists():
        archive.parent.mkdir(parents=True, exist_ok=True)
        binary = archive.parent / "pause"
        command: list[str | Path] = [
            golang.find([PAUSE_SOURCE]),
            "build",
            "-trimpath",
            "-buildvcs=false",
            "-ldflags=-s -w",
        ]
        run([*command, "-o", binary, "."], cwd=PAUSE_SOURCE, env=golang.environment())
        oci.archive(binary, name, archive)
    return archive, name


def images() -> set[str]:
    """Names of the images that pods can use now."""
    return set(run(ctr("images", "list", "-q")).split())


def load(name: str) -> None:
    """Import an image of buildah's."""
    whole, slim = (layout.cache() / "images" / f"{kind}.tar" for kind in ("whole", "slim"))
    buildah.save(name, whole)
    transfer.slim(whole, name, set(run(ctr("content", "list", "-q")).split()), slim)
    whole.unlink()
    run(ctr("images", "import", slim))
    slim.unlink()


def by_digest(name: str) -> str:
    """The image's other name, `localhost/linnet-x@sha256:…`."""
    found = next(w for w in run(ctr("images", "list", f"name=={name}")).split() if w.startswith("sha256:"))
    return f"{name.rpartition(':')[0]}@{found}"


def pin(name: str) -> None:
    """Name an imported image by its digest as well, as one from a registry is: kubelet tells it, and pods name it."""
    run(ctr("images", "tag", "--force", name, by_digest(name)))


def prune(keep: set[str]) -> None:
    """Once there are many, remove the images that nothing builds or runs any more, by both of their names."""
    known = images()
    kept = keep | {by_digest(name) for name in keep & known}
    old = {name for name in known - kept if name.startswith("localhost/linnet") and "-pause:" not in name}
    if len(old) <= 2 * MANY:
        return
    used = set(run(ctr("containers", "list")).split())
    for name in old - used:
        attempt(ctr("images", "remove", name))


def empty() -> None:
    """Remove all containers, so that the next run can trust what is in the cache."""
    try:
        for name in run(ctr("tasks", "list", "-q")).split():
            attempt(ctr("tasks", "delete", "--force", name))
        for name in run(ctr("containers", "list", "-q")).split():
            run(ctr("containers", "delete", name))
    except ClusterError:
        return
    clean_marker().touch()
