"""The images' base: a small Debian with Python, made from the machine's own package sources.

There is no image registry to pull a base from where only package sources are reached.
"""

import hashlib
import re
from pathlib import Path

from hack.cluster import layout
from hack.cluster.images import buildah
from hack.cluster.steps import ClusterError, attempt, follow, run, say

# libstdc++6: the wheels of numpy and its like link to it.
PACKAGES = ("ca-certificates", "libstdc++6", "python3", "python3-venv", "tzdata")
EXCLUDED = ("/usr/share/doc/*", "/usr/share/man/*", "/usr/share/locale/*", "/usr/share/info/*")
RECIPE = "1"
TARGETS = [
    "apt-get",
    "indextargets",
    "--format",
    "$(ORIGIN)|$(REPO_URI)|$(RELEASE)|$(COMPONENT)",
    "Identifier: Packages",
]
PROXY = re.compile(r"^Acquire::https?::.*(Proxy|CaInfo).*;$")


def sources(targets: str) -> list[str]:
    r"""Debian's own entries among the machine's package sources, as lines of a sources.list.

    >>> sources("Debian|http://d/debian/|bookworm|main\nElse|http://e/|x|main\n")
    ['deb http://d/debian/ bookworm main']
    """
    fields = (line.split("|") for line in targets.splitlines())
    return [f"deb {uri} {release} {component}" for origin, uri, release, component in fields if origin == "Debian"]


def package_sources() -> list[str]:
    """The machine's; who made a source is known only once its lists are fetched, which container images are not."""
    lines = sources(run(TARGETS))
    if not lines and attempt(["apt-get", "update", "-qq"]):
        lines = sources(run(TARGETS))
    if not lines:
        raise ClusterError("no image can be built: this machine has no Debian package sources")
    return lines


def release() -> str:
    found = re.search(r"^VERSION_CODENAME=(\S+)", Path("/etc/os-release").read_text(), re.MULTILINE)
    return found[1] if found else "bookworm"


def ensure() -> str:
    """Name of the base image in buildah's storage; made if it is not there."""
    lines = package_sources()
    key = hashlib.sha256("\n".join([RECIPE, release(), *lines, *PACKAGES, *EXCLUDED]).encode()).hexdigest()[:12]
    name = f"localhost/linnet-base:{key}"
    if not buildah.has(name):
        say(f"base image: Debian {release()} with Python; the first time about 1 min")
        make(name, lines)
    return name


def heard(line: str) -> None:
    """A line of mmdebstrap's: what it begins is told."""
    if line.startswith("I: ") and line.endswith("..."):
        say(f"base image: {line[3:-3]}")


def make(name: str, lines: list[str]) -> None:
    context = layout.cache() / "images" / "base"
    context.mkdir(parents=True, exist_ok=True)
    archive = context / "base.tar"
    options = [f"--aptopt={line}" for line in run(["apt-config", "dump"]).splitlines() if PROXY.match(line)]
    options += [f"--dpkgopt=path-exclude={path}" for path in EXCLUDED]
    command = ["mmdebstrap", "--mode=root", "--variant=essential", f"--include={','.join(PACKAGES)}"]
    log = layout.cache() / "logs" / "mmdebstrap.log"
    wanted = context / "sources.list"
    wanted.write_text("\n".join(lines) + "\n")
    follow([*command, *options, release(), archive, wanted], heard, log=log)
    (context / "Dockerfile").write_text("FROM scratch\nADD base.tar /\n")
    buildah.build(name, context / "Dockerfile", context, {})
    archive.unlink()
