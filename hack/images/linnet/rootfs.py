"""Copies what Linnet needs of the image that runs this into a folder: the interpreter, libraries, certificates, zones.

The folder becomes the final image, which thus has no shell, no package manager, no perl and no pip: whoever gets
code to run in it finds no tool. It needs a base of glibc with `ldd`, and the standard library alone. Scanners find the
packages that files were taken from in /var/lib/dpkg/status.d, as in distroless images.

    python3 rootfs.py TARGET VENV
"""

import os
import re
import shutil
import subprocess
import sys
import sysconfig
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

UNUSED: Final = frozenset(
    {
        *("ensurepip", "idlelib", "lib2to3", "pydoc_data", "test", "tests", "tkinter", "turtledemo", "venv"),
        *("site-packages", "dist-packages"),
    }
)
"""Parts of the standard library's folder that an operator never imports, or that bring pip back."""
UNUSED_FILES: Final = ("config-", "_tkinter.", "_curses", "_dbm.", "_gdbm.", "_test", "nis.", "readline.", "xxlimited")
"""Files of that folder that begin so test or build Python, or bring libraries of windows and terminals."""
DATA: Final = (
    *("/etc/ssl/certs", "/etc/ssl/openssl.cnf", "/usr/lib/ssl", "/usr/share/ca-certificates"),
    *("/usr/share/zoneinfo", "/etc/nsswitch.conf", "/etc/ld.so.cache", "/etc/os-release", "/usr/lib/locale/C.utf8"),
)
USERS: Final = "root:x:0:0::/root:/nologin\nnonroot:x:65532:65532::/tmp:/nologin\n"
GROUPS: Final = "root:x:0:\nnonroot:x:65532:\n"
DPKG: Final = Path("/var/lib/dpkg")


@dataclass
class Rootfs:
    """The folder, and which files of this image it has so far."""

    target: Path
    taken: set[Path] = field(default_factory=set)

    def take(self, path: Path) -> None:
        """Copy a file or a whole folder, with every link on the way to it."""
        real = self._linked(path)
        if real in self.taken or not real.exists():
            return
        self.taken.add(real)
        copy = self._place(real)
        if real.is_dir():
            copy.mkdir(parents=True, exist_ok=True)
            for child in sorted(real.iterdir()):
                if used(child):
                    self.take(child)
        elif real.is_file():
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(real, copy)

    def write(self, path: str, text: str) -> None:
        place = self._place(Path(path))
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(text)

    def _linked(self, path: Path) -> Path:
        """The path without links, after each of them was made in the folder, too."""
        current = Path("/")
        for index, part in enumerate(path.parts[1:], start=1):
            current /= part
            if current.is_symlink():
                self._link(current)
                rest = path.parts[index + 1 :]
                return self._linked(Path(os.path.normpath(current.parent / current.readlink())).joinpath(*rest))
        return current

    def _link(self, link: Path) -> None:
        copy = self._place(link)
        if not copy.is_symlink():
            self._linked(link.parent)
            copy.parent.mkdir(parents=True, exist_ok=True)
            copy.symlink_to(link.readlink())

    def _place(self, path: Path) -> Path:
        return self.target / path.relative_to("/")


def used(path: Path) -> bool:
    return path.name not in UNUSED and not path.name.startswith(UNUSED_FILES)


def libraries(binaries: Iterable[Path]) -> set[Path]:
    """The shared libraries that these need, and the loader; one that lies beside a wheel's own is there already."""
    found = {each for pattern in ("lib", "usr/lib") for each in Path("/", pattern).glob("*/libgcc_s.so.1")}
    for binary in binaries:
        said = subprocess.run(["ldd", str(binary)], capture_output=True, text=True, check=False).stdout
        found |= {Path(path) for path in re.findall(r"(?:=> |^\s+)(/\S+) \(0x", said, re.MULTILINE)}
    return found


def shared_objects(*folders: Path) -> Iterator[Path]:
    for folder in folders:
        yield from (path for path in folder.rglob("*.so*") if path.is_file() and used(path))


def packages(taken: Iterable[Path]) -> set[str]:
    """The Debian packages that these files are of; none where the image has no dpkg."""
    files = {str(path) for path in taken}
    files |= {path.removeprefix("/usr") for path in files}  # /lib is a link to /usr/lib, and dpkg may know either
    lists = DPKG.glob("info/*.list")
    return {each.name.removesuffix(".list") for each in lists if files & set(_regular(each))}


def _regular(listing: Path) -> Iterator[str]:
    return (line for line in listing.read_text(errors="replace").splitlines() if not Path(line).is_dir())


def stanzas(names: set[str]) -> Iterator[tuple[str, str]]:
    """(package, what dpkg knows of it) of these packages."""
    status = DPKG / "status"
    for stanza in status.read_text(errors="replace").split("\n\n") if status.exists() else ():
        fields = dict(re.findall(r"^(Package|Architecture): (\S+)$", stanza, re.MULTILINE))
        name = fields.get("Package", "")
        if names & {name, f"{name}:{fields.get('Architecture', '')}"}:
            yield name, f"{stanza.strip()}\n"


def outside(venv: Path, link: Path) -> Path:
    """The first of an environment's links that leads out of it."""
    while link.is_relative_to(venv):
        link = Path(os.path.normpath(link.parent / link.readlink()))
    return link


def make(target: Path, venv: Path) -> None:
    root, standard = Rootfs(target), Path(sysconfig.get_paths()["stdlib"])
    python = outside(venv, venv / "bin/python3")
    needed = libraries([python, *shared_objects(venv, standard)])
    for path in (python, standard, *sorted(needed), *map(Path, DATA)):
        if not path.is_relative_to(venv):
            root.take(path)
    for name, stanza in stanzas(packages(root.taken)):
        root.write(f"/var/lib/dpkg/status.d/{name}", stanza)
        root.take(Path("/usr/share/doc", name, "copyright"))
    root.write("/etc/passwd", USERS)
    root.write("/etc/group", GROUPS)
    (target / "tmp").mkdir(exist_ok=True)
    (target / "tmp").chmod(0o1777)


if __name__ == "__main__":
    make(Path(sys.argv[1]), Path(sys.argv[2]))
