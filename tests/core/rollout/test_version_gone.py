"""A rollout whose ModelVersion somebody deletes: nobody knows its rules any more, so that only a person moves it."""

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
    def test_it_stays_where_it_is(self, cluster: Cluster) -> None:
        """No step is left, nothing is promoted, and no request is lost."""
        cluster.run(120)
        assert cluster.typed.rollout is not None
        assert (cluster.phase, cluster.typed.rollout.step) == ("Stepping", 1)

    def test_promote_is_refused_and_says_why(self, cluster: Cluster) -> None:
        """Without rules there is no next step: a promotion would pass all that are left."""
        cluster.ask("promote - 1 ann").run(2)
        answer = cluster.answered
        assert answer is not None
        assert answer.outcome == "Refused"
        assert "its ModelVersion is gone" in answer.message
        assert cluster.phase == "Stepping"

    def test_abort_brings_the_traffic_back(self, cluster: Cluster) -> None:
        """The way back needs no rules, and comes to its end once the canary's pods are gone."""
        cluster.ask("abort - 1 ann").run(120, until=lambda c: c.typed.rollout is None)
        assert cluster.typed.rollout is None
        assert cluster.typed.last_rollout is not None
        assert cluster.typed.last_rollout.outcome == "Aborted"
        assert cluster.selected()["linnet.dev/revision"] == cluster.revision(1)
