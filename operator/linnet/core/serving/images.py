"""Names of images: what a name says by its digest, which names are of the same image, and a name that is pinned.

An image is `[host/]path[:tag][@sha256:…]`. A runtime tells of a container's image either so, with the digest that the
registry gave, or, of an image that came from no registry, by the bare digest of its configuration.
"""

import re
from typing import Final

_DIGEST: Final = re.compile(r"sha256:[0-9a-f]{64}\Z")
_SCHEMES: Final = ("docker-pullable://", "docker://")
_HUB: Final = ("docker.io/library/", "docker.io/", "index.docker.io/library/", "index.docker.io/")


def digest(image: str) -> str | None:
    """The digest that an image's name carries.

    >>> digest("reg.example:5000/a/b:1") is None
    True
    """
    found = image.rpartition("@")[2] if "@" in image else ""
    return found if _DIGEST.match(found) else None


def repository(image: str) -> str:
    """The name without tag and digest.

    >>> repository("reg.example:5000/a/b:1@sha256:00")
    'reg.example:5000/a/b'
    """
    name = image.partition("@")[0]
    head, slash, last = name.rpartition("/")
    return f"{head}{slash}{last.partition(':')[0]}"


def pinned(image: str, found: str | None) -> str:
    """The name with this digest instead of a tag; one that has a digest, or gets none, stays as it is."""
    return image if found is None or digest(image) is not None else f"{repository(image)}@{found}"


def same(wanted: str, seen: str) -> bool:
    """Whether a name is of the image that was wanted: word for word, with a digest put to it, or by its digest.

    By its digest, an image is the same from whichever registry: a mirror's name may have been put in its place.
    """
    if wanted == seen or seen.startswith(f"{wanted}@"):
        return True
    return digest(wanted) is not None and digest(wanted) == digest(seen)


def digest_of_run(image: str, image_id: str) -> str | None:
    """The digest to serve this image by, from what the runtime says of a container that runs it; None if it can't tell.

    A digest counts for the repository that it was told with: the same layers may have another one elsewhere.
    """
    if (known := digest(image)) is not None:
        return known
    said = image_id
    for scheme in _SCHEMES:
        said = said.removeprefix(scheme)
    return digest(said) if _short(repository(said)) == _short(repository(image)) else None


def _short(name: str) -> str:
    return next((name.removeprefix(prefix) for prefix in _HUB if name.startswith(prefix)), name)
