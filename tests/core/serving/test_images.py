"""Names of images: which are the same, and by what digest one is served that ran."""

import pytest

from linnet.core.serving import images

A, B = f"sha256:{'a' * 64}", f"sha256:{'b' * 64}"


@pytest.mark.parametrize(
    ("wanted", "seen"),
    [
        ("linnet:1", "linnet:1"),
        ("linnet:1", f"linnet:1@{A}"),
        (f"reg.example/linnet:1@{A}", f"mirror.example/linnet@{A}"),
    ],
)
def test_an_image_is_known_by_its_name_or_its_digest(wanted: str, seen: str) -> None:
    """A digest put to the name, or a mirror's name with the digest that was asked for, is the same image."""
    assert images.same(wanted, seen)


@pytest.mark.parametrize(
    ("wanted", "seen"),
    [
        ("linnet:1", "linnet:10"),
        ("linnet:1", "evil.example/linnet:1"),
        (f"linnet:1@{A}", "linnet:1"),
        (f"linnet:1@{A}", f"linnet:1@{B}"),
        (f"linnet@{A}", f"linnet@{A}x"),
        ("", "evil:1"),
    ],
)
def test_another_image_is_not_taken_for_it(wanted: str, seen: str) -> None:
    """A longer name, another registry without a digest, another digest, or a tag where a digest was asked for."""
    assert not images.same(wanted, seen)


@pytest.mark.parametrize(
    ("image", "image_id", "digest"),
    [
        ("reg.example:5000/ml/server:1.7", f"reg.example:5000/ml/server@{A}", A),
        ("seldonio/mlserver:1.7", f"docker.io/seldonio/mlserver@{A}", A),
        ("busybox", f"docker.io/library/busybox@{A}", A),
        ("server:1", f"docker-pullable://server@{A}", A),
        (f"server@{A}", f"sha256:{'b' * 64}", A),
        ("server:1", A, None),
        ("server:1", f"docker://{A}", None),
        ("server:1", f"other.example/server@{A}", None),
        ("server:1", "server@sha256:abc", None),
        ("server:1", f"server@{A}0", None),
        ("server:1", "", None),
    ],
)
def test_the_digest_of_what_ran_is_read_from_what_the_runtime_says(
    image: str, image_id: str, digest: str | None
) -> None:
    """The registry's digest of this very repository counts; a configuration's bare digest names nothing to pull."""
    assert images.digest_of_run(image, image_id) == digest


@pytest.mark.parametrize(
    ("image", "name"),
    [
        ("reg.example:5000/ml/server:1.7", f"reg.example:5000/ml/server@{A}"),
        ("server", f"server@{A}"),
        (f"server:1@{B}", f"server:1@{B}"),
    ],
)
def test_an_image_is_pinned_by_its_repository(image: str, name: str) -> None:
    """The tag goes, the registry with its port stays, and a digest that a person chose stays."""
    assert images.pinned(image, A) == name
    assert images.pinned(image, None) == image
