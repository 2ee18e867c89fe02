"""Images are built when their inputs change, and imported when the running cluster lacks them."""

from collections.abc import Iterable, Mapping

from hack.cluster import layout
from hack.cluster.images import base, buildah
from hack.cluster.images.catalog import IMAGES, reference
from hack.cluster.machine import cleanup, packages
from hack.cluster.machine.locks import locked
from hack.cluster.node import containerd
from hack.cluster.steps import say

LOCK = "images.lock"
MINUTES = 1
"""Minutes that it takes to install Python packages into an image."""


def ensure(only: str | None) -> dict[str, str]:
    """Build and import what is missing; the full names by short name."""
    with locked(layout.cache() / LOCK):
        origin = install()
        names = {key: name for key, name in references(origin).items() if only in (None, key)}
        make(names, origin)
        if cleanup.answers(layout.CONTAINERD_SOCKET):
            load(names.values())
            containerd.prune({*references(origin).values()})
    return names


def build() -> None:
    """Build what is missing, for a cluster to come."""
    with locked(layout.cache() / LOCK):
        origin = install()
        make(references(origin), origin)


def install() -> str:
    """The name of the base, made if it is not there; so are the programs that make images."""
    packages.install(packages.NODE | packages.IMAGES)
    return base.ensure()


def references(origin: str) -> dict[str, str]:
    """Full names of all images by short name."""
    return {key: reference(image, origin) for key, image in IMAGES.items()}


def make(names: Mapping[str, str], origin: str) -> None:
    for key, name in names.items():
        if not buildah.has(name):
            say(f"image {name}; the first time about {MINUTES} min")
            buildah.build(name, IMAGES[key].dockerfile, IMAGES[key].context, {"BASE": origin})
    buildah.prune({origin, *references(origin).values()})


def load(names: Iterable[str]) -> None:
    """Bring images into the running cluster."""
    present = containerd.images()
    for name in names:
        if name not in present:
            say(f"import {name}")
            containerd.load(name)
        containerd.pin(name)
