"""A rollout whose ModelVersion somebody deletes: nothing can be judged or recorded of it, so that it goes back."""

import pytest

from simulator import Cluster


@pytest.fixture
def cluster() -> Cluster:
    """In mid-rollout of version 2, whose record is deleted."""
    made = Cluster()
    made.edit(strategy={"canary": {"steps": [{"setWeight": 50}, {"pause": {}}, {"setWeight": 50}]}})
    made.run(5).publish(2).run(60, until=lambda c: c.typed.rollout is not None and c.typed.rollout.step == 1)
    assert made.phase == "Stepping"
    del made.versions[2]
    made.current = 1
    return made


@pytest.mark.rollouts
class TestVersionGone:
    @pytest.mark.parametrize("asked", ["", "promote - 1 ann", "abort - 1 ann"])
    def test_it_ends_as_aborted(self, cluster: Cluster, asked: str) -> None:
        """It does not hang, whoever asks what, and nobody is blamed."""
        if asked:
            cluster.ask(asked)
        cluster.run(120, until=lambda c: c.typed.rollout is None)
        assert cluster.typed.rollout is None
        assert cluster.typed.last_rollout is not None
        assert cluster.typed.last_rollout.outcome == "Aborted"
        assert cluster.selected()["linnet.dev/revision"] == cluster.revision(1)
        assert not cluster.typed.quarantine

    def test_promote_is_refused_and_says_why(self, cluster: Cluster) -> None:
        """Without rules there is no next step: a promotion would pass all that are left."""
        cluster.ask("promote - 1 ann").run(2)
        answer = cluster.answered
        assert answer is not None
        assert answer.outcome == "Refused"
        assert "its ModelVersion is gone" in answer.message

    def test_the_next_version_starts_afterwards(self, cluster: Cluster) -> None:
        """A version that is made of the same artifact is tried in its turn."""
        digest = "sha256:" + "2".zfill(64)
        cluster.publish(3, digest=digest).run(60)
        assert cluster.typed.rollout is not None
        assert cluster.typed.rollout.to.version == 3
