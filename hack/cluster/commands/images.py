"""Images are built when their inputs change, and imported when the running cluster lacks them."""

from collections.abc import Iterable

from hack.cluster import layout
from hack.cluster.images import base, buildah
from hack.cluster.images.catalog import IMAGES, reference
from hack.cluster.machine import cleanup, packages
from hack.cluster.machine.locks import locked
from hack.cluster.node import containerd
from hack.cluster.steps import say


def ensure(only: str | None) -> dict[str, str]:
    """Build and import what is missing; the full names by short name."""
    packages.install(packages.NODE | packages.IMAGES)
    with locked(layout.cache() / "images.lock"):
        origin = base.ensure()
        names = {key: reference(image, origin) for key, image in IMAGES.items() if only in (None, key)}
        for key, name in names.items():
            if not buildah.has(name):
                say(f"image {name}")
                buildah.build(name, IMAGES[key].dockerfile, IMAGES[key].context, {"BASE": origin})
        current = {reference(image, origin) for image in IMAGES.values()}
        buildah.prune({origin, *current})
        if cleanup.answers(layout.CONTAINERD_SOCKET):
            load(names.values())
            containerd.prune(current)
    return names


def load(names: Iterable[str]) -> None:
    """Bring images into the running cluster."""
    present = containerd.images()
    for name in names:
        if name not in present:
            say(f"import {name}")
            containerd.load(name)
