"""Leaves out of a module what is long to build and serves nobody here: a package of ours stands in its place.

Go replaces whole modules alone. So the module's verified sources are copied, and one folder of the copy is ours.
"""

import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from hack.cluster import layout
from hack.cluster.programs import golang
from hack.cluster.steps import run


@dataclass(frozen=True)
class Stub:
    """A package, by its path within its module; ours is in the folder of the same name below `stubs`."""

    module: str
    package: str


def modfile(folder: Path, stubs: Sequence[Stub]) -> list[str]:
    """Flags of `go` by which the go.mod of a folder counts with the stubs in place; none where there are no stubs."""
    if not stubs:
        return []
    place = layout.cache() / "stubbed" / folder.name
    shutil.rmtree(place, ignore_errors=True)
    replaced = [f"replace {stub.module} => {copy(folder, stub, place)}\n" for stub in stubs]
    (place / "go.mod").write_text("".join([(folder / "go.mod").read_text(), "\n", *replaced]))
    shutil.copyfile(folder / "go.sum", place / "go.sum")
    return [f"-modfile={place / 'go.mod'}"]


def copy(folder: Path, stub: Stub, place: Path) -> Path:
    """The module's sources with the stub in them; writable, which those in Go's own cache are not."""
    target = place / stub.module
    target.parent.mkdir(parents=True, exist_ok=True)
    run(["cp", "-r", "--no-preserve=mode", golang.module(folder, stub.module), target])
    shutil.rmtree(target / stub.package)
    shutil.copytree(folder / "stubs" / Path(stub.package).name, target / stub.package)
    return target
