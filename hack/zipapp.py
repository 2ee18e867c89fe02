"""`make cli`: the command line as one file, build/kubectl-linnet.pyz, for any Python from 3.11 on.

Inside are Linnet's own modules and PyYAML without its compiled part. pydantic is compiled and stays outside: the
commands that need it say so.
"""

import argparse
import sys
import zipfile
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path

import yaml

REPO = Path(__file__).resolve().parents[1]
LINNET = REPO / "operator" / "linnet"
PARTS = ("api", "cli", "core", "runtimes")
SHEBANG = b"#!/usr/bin/env python3\n"
MAIN = """\
import sys

if sys.version_info < (3, 11):
    sys.exit("kubectl linnet needs Python 3.11 or newer; this is " + sys.version.split()[0])

from linnet.cli.main import main

sys.exit(main())
"""
EPOCH = (1980, 1, 1, 0, 0, 0)
"""The same sources make the same file."""


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("target", nargs="?", type=Path, default=REPO / "build" / "kubectl-linnet.pyz")
    target = parser.parse_args().target
    target.parent.mkdir(parents=True, exist_ok=True)
    with target.open("wb") as file:
        file.write(SHEBANG)
        with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
            for name, content in sorted(contents()):
                archive.writestr(zipfile.ZipInfo(name, EPOCH), content, zipfile.ZIP_DEFLATED)
    target.chmod(0o755)
    print(target)
    return 0


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
