"""Compiles the programs of one Go module, and tells how far it is."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from hack.cluster import layout
from hack.cluster.programs import golang
from hack.cluster.steps import follow, say

PARTS_OF_THE_WAY = 10
MANY_MODULES = 100


@dataclass
class Compilation:
    """What `go` said so far of one part: the modules that it fetched, the packages to compile, those that it began."""

    name: str
    fetched: int = 0
    stale: list[str] = field(default_factory=list)
    begun: int = 0

    def list_line(self, line: str) -> None:
        """A line of `go list`: a package, or a module that is fetched, of which each hundredth is told."""
        if line.startswith("go: downloading"):
            self.fetched += 1
            if self.fetched % MANY_MODULES == 0:
                say(f"{self.name}: {self.fetched} Go modules are fetched")
        elif is_package(line):
            self.stale.append(line)

    def build_line(self, line: str) -> None:
        """A line of `go build -v`: a package that it begins to compile; each tenth of the way is told."""
        if not is_package(line):
            return
        before, self.begun = self._tenths(), self.begun + 1
        if self._tenths() > before:
            say(f"{self.name}: {self.begun:,} of {len(self.stale):,} packages")

    def _tenths(self) -> int:
        """Whole tenths of the way; where only programs are linked anew, no package is compiled."""
        return min(PARTS_OF_THE_WAY, PARTS_OF_THE_WAY * self.begun // max(1, len(self.stale)))


def is_package(line: str) -> bool:
    """Whether a line is an import path, and no message.

    >>> is_package("k8s.io/api/core/v1"), is_package("go: downloading k8s.io/api v0.35.4"), is_package("# command")
    (True, False, False)
    """
    return bool(line) and " " not in line


@dataclass(frozen=True)
class Order:
    """One call of `go build`: the folder of the go.mod, its flags, the packages, and the folder for the programs."""

    name: str
    folder: Path
    flags: Sequence[str]
    packages: Sequence[str]
    target: Path


def compile_programs(go: Path, order: Order, *, gently: bool) -> None:
    """Fetch what is missing, then build; raises ClusterError with the compiler's words."""
    told = Compilation(order.name)
    run_go(go, order, ["list", "-deps", "-f", "{{if .Stale}}{{.ImportPath}}{{end}}"], told.list_line, gently=gently)
    say(f"{order.name}: {len(told.stale):,} packages to compile")
    run_go(go, order, ["build", "-v", "-o", f"{order.target}/"], told.build_line, gently=gently)


def run_go(go: Path, order: Order, words: Sequence[str], heard: Callable[[str], None], *, gently: bool) -> None:
    log = layout.cache() / "logs" / f"build-{order.name}.log"
    command: list[str | Path] = [go, *words, *order.flags, *order.packages]
    follow(command, heard, log=log, env=golang.environment(), cwd=order.folder, gently=gently)
