"""Builds images with buildah, in a storage of the cache's own."""

import os
import re
from functools import cache
from pathlib import Path

from hack.cluster import layout
from hack.cluster.machine import mounts
from hack.cluster.steps import attempt, follow, run, say

Words = list[str | Path]
MANY = 400  # some 50 changes of code
CA_VARIABLES = ("PIP_CERT", "REQUESTS_CA_BUNDLE", "SSL_CERT_FILE")
PIP_CONFIGS = (Path("/etc/pip.conf"), Path.home() / ".config/pip/pip.conf")


@cache
def command() -> Words:
    """The program with its storage; overlay where the cache's file system allows it, else plain copies."""
    root = layout.cache() / "buildah"
    root.mkdir(parents=True, exist_ok=True)
    driver = "vfs" if mounts.filesystem_of(root) == "overlay" else "overlay"
    return ["buildah", "--root", root, "--runroot", layout.cache() / "buildah-run", "--storage-driver", driver]


def has(name: str) -> bool:
    return attempt([*command(), "inspect", "--type", "image", name])


def build(name: str, dockerfile: Path, context: Path, arguments: dict[str, str]) -> None:
    """Build one image, telling its long steps; `arguments` are build arguments. The log is in the cache."""
    short = Path(name).name.partition(":")[0]
    log = layout.cache() / "logs" / f"image-{short}.log"

    def heard(line: str) -> None:
        if step := long_step(line):
            say(f"image {short}: {step}")

    options: Words = ["--isolation", "chroot", "--layers", "--tag", name, "--file", dockerfile, *secrets()]
    for key, value in arguments.items():
        options += ["--build-arg", f"{key}={value}"]
    follow([*command(), "build", *options, context], heard, log=log)


def long_step(line: str) -> str | None:
    """The step that a line of buildah's announces, if it runs a program: the others take no time.

    >>> long_step("[1/2] STEP 5/5: RUN pip install"), long_step("[2/2] STEP 1/6: FROM base")
    ('stage 1 of 2, step 5 of 5', None)
    """
    found = re.match(r"\[(\d+)/(\d+)\] STEP (\d+)/(\d+): RUN ", line)
    return "stage {} of {}, step {} of {}".format(*found.groups()) if found else None


def secrets() -> Words:
    """The machine's certificate authorities and pip settings, mounted while pip runs, kept in no layer."""
    found: Words = []
    ca = next((os.environ[name] for name in CA_VARIABLES if Path(os.environ.get(name, "")).is_file()), None)
    if ca:
        found += ["--secret", f"id=ca,src={ca}"]
    config = next((path for path in pip_configs() if path.is_file()), None)
    if config:
        found += ["--secret", f"id=pip,src={config}"]
    return found


def pip_configs() -> list[Path]:
    named = os.environ.get("PIP_CONFIG_FILE")
    return [*([Path(named)] if named else []), *PIP_CONFIGS]


def save(name: str, archive: Path) -> None:
    """Write an image to a file that containerd can import, uncompressed."""
    archive.parent.mkdir(parents=True, exist_ok=True)
    archive.unlink(missing_ok=True)
    run([*command(), "push", "-q", name, f"docker-archive:{archive}:{name}"])


def prune(names: set[str]) -> None:
    """Once there are many, remove the images that no source builds any more, and all cached layers of theirs."""
    listed = run([*command(), "images", "--all", "--format", "{{.Name}}:{{.Tag}}"]).splitlines()
    if len(listed) <= MANY:
        return
    for name in set(listed) - names - {"<none>:<none>"}:
        attempt([*command(), "rmi", name])
    attempt([*command(), "rmi", "--prune", "--force"])
