"""Builds what the cluster is made of from pinned Go modules, once for each set of pins."""

import hashlib
import os
import re
import shutil
from dataclasses import dataclass, field
from pathlib import Path

from hack.cluster import layout
from hack.cluster.machine.locks import locked
from hack.cluster.programs import golang
from hack.cluster.programs.compilation import Order, compile_programs
from hack.cluster.programs.stubs import Stub, modfile
from hack.cluster.steps import say


@dataclass(frozen=True)
class Part:
    """One build: the folder of its go.mod, what `go build` is given, what it builds, and how long that takes."""

    name: str
    folder: Path
    packages: tuple[str, ...]
    binaries: tuple[str, ...]
    work: int = 0
    """Seconds of one core's time that a first build took on the maintainers' machine, with all downloads."""
    renames: dict[str, str] = field(default_factory=dict)
    stubs: tuple[Stub, ...] = ()


HERE = Path(__file__).resolve().parent
KUBERNETES = HERE / "kubernetes"
COMPONENTS = ("kube-apiserver", "kube-controller-manager", "kube-scheduler", "kubelet", "kube-proxy", "kubectl")
TRAEFIK = "github.com/traefik/traefik/v3"
PARTS = (
    Part(
        "kubernetes",
        KUBERNETES,
        (
            *(f"k8s.io/kubernetes/cmd/{name}" for name in COMPONENTS),
            *("go.etcd.io/etcd/server/v3", "helm.sh/helm/v3/cmd/helm", "./coredns"),
        ),
        ("etcd", *COMPONENTS, "helm", "coredns"),
        work=810,
        renames={"server": "etcd"},  # etcd's main package is the root of the module .../etcd/server/v3
    ),
    Part("versitygw", HERE / "versitygw", ("tool",), ("versitygw",), work=110),
    Part("network-policies", HERE / "kube-network-policies", (".",), ("kube-network-policies",), work=100),
    Part("kubeconform", KUBERNETES, ("github.com/yannh/kubeconform/cmd/kubeconform",), ("kubeconform",), work=10),
    Part(
        "traefik",
        HERE / "traefik",
        ("tool",),
        ("traefik",),
        work=370,
        stubs=(Stub("github.com/go-acme/lego/v4", "providers/dns"), Stub(TRAEFIK, "pkg/provider/ecs")),
    ),
)


def pinned(go_mod: str, module: str) -> str:
    """The version of a module in a go.mod.

    >>> pinned("require k8s.io/kubernetes v1.35.4", "k8s.io/kubernetes")
    'v1.35.4'
    """
    found = re.search(rf"(?:^|\s){re.escape(module)} (v\S+)", go_mod)
    if not found:
        raise LookupError(f"{module} is not pinned")
    return found[1]


def ldflags(go_mod: str) -> str:
    """Stamps of the versions: without them components call themselves v0.0.0, and helm refuses charts."""
    stamps: dict[str, str] = {}
    if f"{TRAEFIK} " in go_mod:
        stamps = {f"{TRAEFIK}/pkg/version.Version": pinned(go_mod, TRAEFIK).removeprefix("v")}
    elif "k8s.io/kubernetes " in go_mod:
        stamps = kubernetes_stamps(go_mod)
    return " ".join(["-s -w", *(f"-X {name}={value}" for name, value in stamps.items())])


def kubernetes_stamps(go_mod: str) -> dict[str, str]:
    version = pinned(go_mod, "k8s.io/kubernetes")
    major, minor = version.removeprefix("v").split(".")[:2]
    stamps = {"helm.sh/helm/v3/internal/version.version": pinned(go_mod, "helm.sh/helm/v3")}
    for package in ("k8s.io/component-base/version", "k8s.io/client-go/pkg/version"):
        stamps |= {f"{package}.gitVersion": version, f"{package}.gitMajor": major, f"{package}.gitMinor": minor}
    for package in ("pkg/lint/rules", "pkg/chartutil"):
        stamps[f"helm.sh/helm/v3/{package}.k8sVersionMajor"] = major
        stamps[f"helm.sh/helm/v3/{package}.k8sVersionMinor"] = minor
    return stamps


def key(part: Part) -> str:
    """Changes whenever the part's pins, sources or flags do."""
    digest = hashlib.sha256()
    for path in sorted([part.folder / "go.mod", part.folder / "go.sum", *part.folder.rglob("*.go")]):
        digest.update(path.name.encode() + b"\0" + path.read_bytes() + b"\0")
    digest.update(ldflags((part.folder / "go.mod").read_text()).encode())
    return digest.hexdigest()[:16]


def stamp(part: Part) -> Path:
    return layout.bin_dir() / f".{part.name}.key"


def is_built(part: Part) -> bool:
    path = stamp(part)
    return path.exists() and path.read_text() == key(part) and all(layout.tool(b).exists() for b in part.binaries)


def build(names: tuple[str, ...] = (), *, gently: bool = False) -> None:
    """Build what is not built of the named parts, or of all; a part is built by one process at a time for each cache.

    A gentle build gets what the machine has to spare.
    """
    for part in (part for part in PARTS if not names or part.name in names):
        if not is_built(part):
            with locked(layout.cache() / f"build-{part.name}.lock"):
                if not is_built(part):
                    build_part(part, gently=gently)


def build_part(part: Part, *, gently: bool) -> None:
    say(f"build {part.name}: {', '.join(part.binaries)}; {first_time(part.work)}")
    partial = layout.cache() / f"partial-{part.name}"
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(parents=True)
    stamps = ldflags((part.folder / "go.mod").read_text())
    flags = ["-trimpath", "-buildvcs=false", "-ldflags", stamps, *modfile(part.folder, part.stubs)]
    order = Order(part.name, part.folder, flags, part.packages, partial)
    compile_programs(golang.find([each.folder for each in PARTS]), order, gently=gently)
    layout.bin_dir().mkdir(parents=True, exist_ok=True)
    for path in partial.iterdir():
        path.rename(layout.tool(part.renames.get(path.name, path.name)))
    partial.rmdir()
    stamp(part).write_text(key(part))


def first_time(work: int) -> str:
    """How long a first build takes on this machine, if it does nothing else."""
    cores = os.cpu_count() or 1
    return f"the first time about {max(1, round(work / cores / 60))} min on {cores} cores"
