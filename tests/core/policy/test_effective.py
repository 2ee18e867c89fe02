"""A Deployment that names a RolloutPolicy: which blocks count, what can't go together, and when a change counts."""

from collections.abc import Callable
from typing import Any

import pytest

from core.rollout.test_transitions import QUICK, at_rest
from linnet.api.kinds.deployment import DeploymentSpec
from linnet.api.kinds.model_version import ModelVersionSpec
from linnet.api.kinds.rollout_policy import RolloutPolicySpec
from linnet.api.parts.conditions import Reason
from linnet.core.parse import parse_spec
from linnet.core.policy import effective as shared_policy
from linnet.core.policy.effective import Effective, effective, merged
from linnet.core.resources.objects import Parent
from linnet.core.serving import revision as serving
from simulator import DIGESTS, Behavior, Cluster

NAMED: dict[str, Any] = {"model": {"name": "tumor-risk"}, "replicas": 2, "policy": {"name": "gentle"}}
SLOWER: dict[str, Any] = {
    **QUICK,
    "strategy": {**QUICK["strategy"], "canary": {"steps": [{"setWeight": 25}, {"pause": {}}]}},
}


def spec(**fields: Any) -> DeploymentSpec:
    found = parse_spec(DeploymentSpec, {**NAMED, **fields})
    assert isinstance(found, DeploymentSpec)
    return found


def gentle(**blocks: Any) -> Parent:
    return Parent("gentle", "ml", "uid", 1, {}, False, blocks, {})


def under(policy: dict[str, Any], **fields: Any) -> Effective:
    return effective(spec(**fields), gentle(**policy))


def steps(*given: dict[str, Any]) -> dict[str, Any]:
    return {"strategy": {"canary": {"steps": list(given)}}}


def test_a_block_that_is_left_out_is_the_policys() -> None:
    """The Deployment repeats nothing."""
    policy = {**steps({"setWeight": 20}), "analysis": {"interval": "7s"}, "deadlines": {"ready": "3m"}}
    found = under(policy).spec.wire()
    assert {block: found[block] for block in shared_policy.BLOCKS} == policy


def test_a_block_of_its_own_replaces_the_whole_block() -> None:
    """Nothing of the policy's strategy is mixed into it; the other blocks stay the policy's."""
    policy = {
        "strategy": {"canary": {}, "onNewVersion": "Reject", "revisionHistory": 3},
        "analysis": {"interval": "7s"},
    }
    found = under(policy, strategy={"allAtOnce": {}}).spec.wire()
    assert found["strategy"] == {"allAtOnce": {}}
    assert found["analysis"] == {"interval": "7s"}


def test_a_deployment_without_a_policy_is_as_it_is_written() -> None:
    """What a RolloutPolicy of the namespace says is nobody's default."""
    own = spec(policy=None)
    assert effective(own, None) == Effective(own)


def test_the_revision_does_not_depend_on_the_policy() -> None:
    """Another policy restarts no pod."""
    version = ModelVersionSpec.model_validate(Cluster().versions[1]["spec"])
    names = {
        serving.revision("tumor-risk", version, DIGESTS[1], each).name
        for each in (
            spec(policy=None),
            merged(spec(), RolloutPolicySpec.model_validate({"deadlines": {"ready": "9m"}})),
        )
    }
    assert len(names) == 1


MISFITS: list[tuple[dict[str, Any], dict[str, Any], Reason, str]] = [
    (
        steps({"setWeight": 10}, {"setWeight": 60}),
        {},
        Reason.INVALID_SPEC,
        "policy.spec.strategy.canary.steps[1].setWeight: with traffic type Replicas a weight is at most 50 (got 60): "
        "beyond it, promote (RolloutPolicy gentle)",
    ),
    (
        steps({"mirror": {"percent": 5}}),
        {},
        Reason.INVALID_SPEC,
        "policy.spec.strategy.canary.steps[0].mirror: needs traffic type Gateway",
    ),
    (
        steps({"matchHeaders": [{"name": "x", "exact": "y"}]}),
        {},
        Reason.INVALID_SPEC,
        "policy.spec.strategy.canary.steps[0].matchHeaders: needs traffic type Gateway",
    ),
    (
        steps({"setReplicas": 2}),
        {},
        Reason.INVALID_SPEC,
        "policy.spec.strategy.canary.steps[0].setReplicas: needs traffic type Gateway",
    ),
    (
        steps({"setWeight": 10}, {"analyze": {"for": "1m", "checks": ["errors", "nope"]}}),
        {},
        Reason.INVALID_SPEC,
        "policy.spec.strategy.canary.steps[1].analyze.checks[1]: no check is named nope: the checks are errors",
    ),
    (
        {
            **steps({"analyze": {"for": "1m", "checks": ["latency"]}}),
            "analysis": {"defaultChecks": False, "checks": [{"name": "e", "signal": "Errors", "max": "0.1"}]},
        },
        {},
        Reason.INVALID_SPEC,
        "policy.spec.strategy.canary.steps[0].analyze.checks[0]: no check is named latency: the checks are e",
    ),
    (
        {"strategy": {"canary": {}, "capacity": "InPlace"}},
        {"replicas": 1},
        Reason.INVALID_SPEC,
        "policy.spec.strategy.capacity: InPlace with one replica needs strategy allAtOnce",
    ),
    (
        {"analysis": {"defaultChecks": False, "checks": [{"name": "pod-health", "signal": "Errors", "max": "0.1"}]}},
        {},
        Reason.NOT_YET_SUPPORTED,
        "policy.spec.analysis.checks[0].name: pod-health is the name of the built-in check",
    ),
    (
        {"deadlines": {"ready": "soon"}},
        {},
        Reason.INVALID_SPEC,
        "policy.spec.deadlines.ready: 'soon' is not a duration such as 30s, 5m or 1h30m (RolloutPolicy gentle)",
    ),
]


@pytest.mark.parametrize(("policy", "fields", "reason", "words"), MISFITS, ids=[m[3].split(":")[0] for m in MISFITS])
def test_what_cannot_go_together_is_said_with_the_policys_path(
    policy: dict[str, Any], fields: dict[str, Any], reason: Reason, words: str
) -> None:
    """The API server sees one object at a time; the operator names field, policy and way out."""
    found = under(policy, **fields).obstacle
    assert found is not None
    assert found[0] == reason
    assert found[1].startswith(words)
    assert found[1].endswith("(RolloutPolicy gentle)")


def test_with_a_gateway_any_weight_goes() -> None:
    """The same policy fits the one Deployment and not the other."""
    traffic = {"type": "Gateway", "parentRefs": [{"name": "public"}]}
    assert list(shared_policy.misfits(under(steps({"setWeight": 100}), traffic=traffic).spec)) == []


def test_a_field_of_its_own_block_keeps_its_path() -> None:
    """Who wrote the block reads where it stands."""
    found = under({"analysis": {"interval": "7s"}}, strategy={"canary": {"steps": [{"setWeight": 60}]}}).obstacle
    assert found is not None
    assert found[1].startswith("spec.strategy.canary.steps[0].setWeight: ")


def test_of_an_unknown_policy_no_former_revision_is_forgotten() -> None:
    """How many it keeps is not known."""
    found = effective(spec(), None).spec.strategy
    assert found is not None
    assert found.revision_history == 50


def serves(number: int) -> Callable[[Cluster], bool]:
    return lambda c: at_rest(c) and c.typed.stable is not None and c.typed.stable.version == number


def shares(**fields: Any) -> Cluster:
    """A Deployment that names a policy, by which its version 1 serves."""
    return Cluster(spec={**NAMED, **fields}).share(**QUICK).run(5)


def test_a_missing_policy_is_named_with_the_way_out() -> None:
    """Nothing starts by defaults that nobody chose."""
    cluster = Cluster(spec=NAMED).run(3)
    assert cluster.ready_reason() == "False/PolicyNotFound"
    assert cluster.message().startswith("spec.policy.name: there is no RolloutPolicy gentle in this namespace: create")
    assert cluster.workloads == {}


@pytest.mark.rollouts
class TestRollouts:
    """Whole ones, in memory."""

    def test_a_first_version_starts_when_the_policy_appears(self) -> None:
        """Nobody has to touch the Deployment."""
        cluster = Cluster(spec=NAMED).run(3).share(**QUICK).run(5)
        assert cluster.ready_reason() == "True/AsDesired"

    def test_a_rollout_goes_by_the_policy(self) -> None:
        """Its steps and its bake, under its name and hash."""
        cluster = shares().publish(2).run(60, until=lambda c: c.phase == "Stepping")
        rollout = cluster.typed.rollout
        assert rollout is not None
        assert (rollout.weight, rollout.policy) == (25, "gentle")
        cluster.run(900, until=at_rest)
        assert cluster.typed.stable is not None
        assert cluster.typed.stable.version == 2
        decision = (cluster.version_status(2).decisions or [])[-1]
        assert (decision.policy, decision.policy_hash) == ("gentle", rollout.policy_hash)

    def test_the_same_rules_have_the_same_hash_wherever_they_are_written(self) -> None:
        """Who moves a block into a policy can prove that nothing has changed."""
        hashes = set()
        for cluster in (shares(), Cluster().edit(**QUICK).run(5)):
            rollout = cluster.publish(2).run(60, until=lambda c: c.phase == "Stepping").typed.rollout
            assert rollout is not None
            hashes.add(rollout.policy_hash)
        assert len(hashes) == 1

    def test_an_edit_moves_no_rollout_under_way_and_starts_none(self) -> None:
        """The next one goes by it."""
        cluster = shares().share(**SLOWER).run(20)
        assert at_rest(cluster)
        assert cluster.ready_reason() == "True/AsDesired"
        cluster.publish(2).run(60, until=lambda c: c.ready_reason() == "Unknown/Paused")
        cluster.share(**QUICK).restart_operator().run(60)
        assert cluster.ready_reason() == "Unknown/Paused"
        cluster.ask("abort v2 id1 jane").run(60, until=at_rest)
        cluster.publish(3).run(900, until=serves(3))
        assert cluster.typed.stable is not None
        assert cluster.typed.stable.version == 3

    @pytest.mark.parametrize(("errors", "stable"), [(0.0, 2), (0.4, 1)])
    def test_without_its_policy_a_rollout_goes_on_by_the_frozen_one(self, errors: float, stable: int) -> None:
        """A good version is promoted, a bad one rolled back; afterwards the missing policy is told of."""
        cluster = shares().publish(2, Behavior(errors=errors)).run(60, until=lambda c: c.phase == "Stepping")
        cluster.shared = None
        cluster.restart_operator().run(900, until=at_rest)
        assert cluster.typed.stable is not None
        assert cluster.typed.stable.version == stable
        assert cluster.ready_reason() == "False/PolicyNotFound"
        assert cluster.message().endswith(f"Version {stable} serves.")

    def test_a_missing_policy_leaves_the_pods_and_can_be_scaled(self) -> None:
        """A person may still need more of them; a new version waits, and starts when the policy is there again."""
        cluster = shares()
        cluster.shared = None
        cluster.publish(2).edit(replicas=3).run(20)
        assert cluster.ready_reason() == "False/PolicyNotFound"
        assert {p["metadata"]["labels"]["linnet.dev/version"] for p in cluster.answering()} == {"1"}
        assert len(cluster.answering()) == 3
        before = cluster.writes
        assert cluster.run(60).writes == before
        cluster.share(**QUICK).run(60, until=lambda c: c.phase == "Stepping")
        assert cluster.phase == "Stepping"

    def test_a_policy_that_does_not_fit_stops_rollouts_only(self) -> None:
        """What serves goes on to serve, and the condition says which field of which object."""
        cluster = shares().share(**steps({"setWeight": 80})).publish(2).run(20)
        assert cluster.ready_reason() == "False/InvalidSpec"
        assert cluster.message().startswith("policy.spec.strategy.canary.steps[0].setWeight: ")
        assert cluster.message().endswith("(RolloutPolicy gentle). Version 1 serves.")
        assert at_rest(cluster)

    def test_a_gateway_taken_away_in_mid_rollout_makes_no_crowd(self) -> None:
        """The frozen weight of 99 % is no longer the routes': of the canary there are as many pods as of stable."""
        gateway = {"type": "Gateway", "parentRefs": [{"name": "public"}]}
        policy = {**QUICK, **steps({"setWeight": 99}, {"pause": {}})}
        cluster = Cluster(spec={**NAMED, "traffic": gateway}).share(**policy).run(5).publish(2)
        cluster.run(60, until=lambda c: c.ready_reason() == "Unknown/Paused")
        cluster.edit(traffic={"type": "Replicas"}).run(20)
        assert cluster.ready_reason() == "False/InvalidSpec"
        assert [w["spec"]["replicas"] for w in cluster.workloads.values()] == [2, 2]

    @pytest.mark.parametrize("version", [1, 2])
    def test_a_check_of_the_policy_that_the_runtime_lacks_is_told_with_its_path(self, version: int) -> None:
        """At once, and not only when a version wants to start."""
        slow = {"name": "slow", "signal": "Latency", "threshold": "123ms", "maxShareSlower": "0.05"}
        cluster = shares().share(analysis={"defaultChecks": False, "checks": [slow]}).publish(version).run(20)
        assert cluster.ready_reason() == "False/InvalidSpec"
        assert cluster.message().startswith("policy.spec.analysis.checks[0].threshold: 0.123s is no bucket")
        assert "(RolloutPolicy gentle)" in cluster.message()

    def test_a_step_that_waits_for_no_check_is_told_at_once(self) -> None:
        """By the Deployment at rest, which serves on; the mended policy makes it Ready again."""
        cluster = shares().share(**{**QUICK, **steps({"analyze": {"for": "1m", "checks": ["nope"]}})}).run(20)
        assert cluster.ready_reason() == "False/InvalidSpec"
        path = "policy.spec.strategy.canary.steps[0].analyze.checks[0]"
        assert cluster.message().startswith(f"{path}: no check is named nope: the checks are errors, latency")
        assert cluster.message().endswith("Version 1 serves.")
        before = cluster.writes
        assert cluster.run(60).writes == before
        assert cluster.share(**QUICK).run(20).ready_reason() == "True/AsDesired"

    def test_what_the_platform_lacks_for_the_next_version_is_told_while_this_one_is_ready(self) -> None:
        """The author did nothing wrong, and what serves is as it should be."""
        hook = {"name": "approved", "at": "ConfirmPromotion", "endpoint": "desk"}
        cluster = shares().share(strategy={"canary": {}, "hooks": [hook]}).run(20)
        assert cluster.ready_reason() == "True/AsDesired"
        said = "version 1 serves. The next version can't be started: policy.spec.strategy.hooks[0].endpoint: "
        assert cluster.message().startswith(said)

    def test_the_policy_says_how_many_revisions_are_kept(self) -> None:
        """And while it is missing none is forgotten."""
        quick = {**QUICK, "strategy": {"allAtOnce": {}, "bake": {"time": "0s"}}}
        cluster = shares().share(**quick)
        for number in (2, 3, 4, 5):
            cluster.publish(number).run(120, until=serves(number))
        cluster.shared = None
        kept = len(cluster.run(10).workloads)
        fewer = {**quick["strategy"], "revisionHistory": 1}
        cluster.share(**{**quick, "strategy": fewer}).run(10)
        assert (kept, len(cluster.workloads)) == (5, 3)
