"""Revisions serve by the digest of the image that was validated, and no upgrade makes new ones of them."""

import pytest

from core.rollout.test_transitions import QUICK
from linnet.core.serving.images import repository
from simulator import DIGESTS, Cluster


def image(cluster: Cluster, number: int) -> str:
    spec = cluster.workloads[cluster.revision(number)]["spec"]["template"]["spec"]
    return next(str(c["image"]) for c in spec["containers"] if c["name"] == "server")


def tagged(cluster: Cluster, number: int) -> str:
    return str(cluster.versions[number]["spec"]["runtime"]["image"])


def published(cluster: Cluster, number: int, digest: str | None) -> Cluster:
    cluster.publish(number)
    if digest is not None:
        cluster.versions[number]["status"]["imageDigest"] = digest
    return cluster


def test_a_version_is_served_by_the_digest_of_its_image() -> None:
    """The tag may come to mean another image: the pods that scaling adds are of the one that was judged."""
    cluster = published(Cluster(), 1, DIGESTS[9]).run(10)
    assert image(cluster, 1) == f"{repository(tagged(cluster, 1))}@{DIGESTS[9]}"


def test_a_version_that_was_validated_before_keeps_its_tag_and_its_revision() -> None:
    """An upgrade of the operator rolls nothing out anew; nor does a digest that becomes known."""
    cluster = Cluster().run(10)
    assert image(cluster, 1) == tagged(cluster, 1)
    former, writes = dict(cluster.workloads), cluster.writes
    cluster.versions[1]["status"]["imageDigest"] = DIGESTS[9]
    cluster.run(30)
    assert cluster.workloads == former
    assert cluster.writes == writes


@pytest.mark.rollouts
def test_a_rollback_brings_back_the_very_image() -> None:
    """Version 1 is made again, from its record, as it was."""
    cluster = published(Cluster().edit(**QUICK), 1, DIGESTS[9]).run(10)
    published(cluster, 2, DIGESTS[8]).run(300, until=lambda c: c.phase == "AtRest")
    assert image(cluster, 2).endswith(f"@{DIGESTS[8]}")
    former = cluster.revision(1)
    del cluster.workloads[former]
    cluster.current = 1
    cluster.run(300, until=lambda c: c.revision(1) in c.workloads and c.phase == "AtRest")
    assert cluster.revision(1) == former
    assert image(cluster, 1).endswith(f"@{DIGESTS[9]}")
