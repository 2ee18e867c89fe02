"""`make cli`: the command line as one file, build/kubectl-linnet.pyz, for any Python from 3.11 on.

Inside are Linnet's own modules and PyYAML without its compiled part. pydantic and CEL's library are compiled and stay
outside: the commands that need them say so. Beside it: build/kubectl-linnet.tar.gz and build/krew/linnet.yaml, with
which krew installs it; its address begins with what --releases says.
"""

import argparse
import gzip
import hashlib
import io
import sys
import tarfile
import zipfile
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path
from string import Template

import yaml

REPO = Path(__file__).resolve().parents[1]
LINNET = REPO / "operator" / "linnet"
PARTS = ("api", "cli", "core", "foreign", "runtimes")
SHEBANG = b"#!/usr/bin/env python3\n"
MAIN = """\
import sys

if sys.version_info < (3, 11):
    sys.exit("kubectl linnet needs Python 3.11 or newer; this is " + sys.version.split()[0])

from linnet.cli.main import main

sys.exit(main())
"""
TEMPLATE = REPO / "deploy/krew/linnet.yaml"
NOWHERE = "https://releases.invalid/linnet"
"""An address that nobody has: with --archive krew asks none."""
EPOCH = (1980, 1, 1, 0, 0, 0)
"""Every file in the archive has this time, so that the same sources make the same archive."""


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("target", nargs="?", type=Path, default=REPO / "build" / "kubectl-linnet.pyz")
    parser.add_argument("--releases", default=NOWHERE, metavar="URL", help="where releases are published")
    given = parser.parse_args()
    given.target.parent.mkdir(parents=True, exist_ok=True)
    write_archive(given.target)
    package = given.target.with_suffix(".tar.gz")
    package.write_bytes(packaged(given.target))
    manifest = given.target.parent / "krew" / "linnet.yaml"
    manifest.parent.mkdir(exist_ok=True)
    manifest.write_text(filled(TEMPLATE.read_text(), package, given.releases))
    print(given.target, package, manifest, sep="\n")
    return 0


def write_archive(target: Path) -> None:
    with target.open("wb") as file:
        file.write(SHEBANG)
        with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
            for name, content in sorted(contents()):
                archive.writestr(zipfile.ZipInfo(name, EPOCH), content, zipfile.ZIP_DEFLATED)
    target.chmod(0o755)


def packaged(target: Path) -> bytes:
    """What krew unpacks: the program by its name, and the license. The same sources make the same bytes."""
    tar = io.BytesIO()
    with tarfile.open(fileobj=tar, mode="w", format=tarfile.USTAR_FORMAT) as archive:
        for name, path, mode in (("LICENSE", REPO / "LICENSE", 0o644), ("kubectl-linnet", target, 0o755)):
            content = path.read_bytes()
            about = tarfile.TarInfo(name)
            about.size, about.mode = len(content), mode
            archive.addfile(about, io.BytesIO(content))
    return gzip.compress(tar.getvalue(), mtime=0)


def filled(template: str, package: Path, releases: str) -> str:
    """The manifest with version, address and checksum."""
    digest = hashlib.sha256(package.read_bytes()).hexdigest()
    about = {"version": metadata.version("linnet"), "sha256": digest, "releases": releases.rstrip("/")}
    return "".join(Template(template).substitute(about).splitlines(keepends=True)[1:])


def contents() -> Iterator[tuple[str, bytes]]:
    """(name, content) of each file inside."""
    about = metadata.distribution("linnet")
    yield "__main__.py", MAIN.encode()
    yield f"linnet-{about.version}.dist-info/METADATA", (about.read_text("METADATA") or "").encode()
    yield "linnet/__init__.py", b""
    for part in PARTS:
        yield from _files(LINNET / part, f"linnet/{part}")
    yield from _files(Path(yaml.__file__).parent, "yaml")


def _files(folder: Path, name: str) -> Iterator[tuple[str, bytes]]:
    for path in folder.rglob("*"):
        if path.suffix in {".py", ".yaml", ".css"}:
            yield f"{name}/{path.relative_to(folder)}", path.read_bytes()


if __name__ == "__main__":
    sys.exit(main())
