"""Egress of serving pods: denied from the moment that their artifact is there, as one sees it in a cluster."""

from dataclasses import replace

from linnet.api.labels import LOADED
from linnet.core.plan import Apply, Patch
from linnet.core.rollout import reconcile
from simulator import Cluster

POLICY = ("NetworkPolicy", "tumor-risk-loaded")


def loaded(cluster: Cluster) -> list[bool]:
    return [LOADED in pod["metadata"]["labels"] for pod in cluster.pods.values()]


def served() -> Cluster:
    cluster = Cluster()
    cluster.run(5)
    assert cluster.ready_reason() == "True/AsDesired"
    return cluster


def test_a_pod_that_is_ready_may_ask_nobody() -> None:
    """Every serving pod carries the label that the Deployment's NetworkPolicy selects."""
    cluster = served()
    assert POLICY in cluster.policies
    assert loaded(cluster) == [True, True]


def test_a_canary_may_ask_nobody_either() -> None:
    """A new version's pods are isolated as the first one's are."""
    cluster = served().publish(2)
    cluster.run(20)
    assert len(loaded(cluster)) > 2
    assert all(loaded(cluster))


def test_a_pod_that_fetches_reaches_its_store() -> None:
    """Before its artifact is there nothing is denied to it; from then on all is, though no model is loaded yet."""
    cluster = Cluster()
    cluster.behaviors[1].starts = False
    cluster.run(5)
    for pod in cluster.pods.values():
        pod["status"]["initContainerStatuses"] = [{"name": "fetch", "state": {"running": {}}}]
    cluster.settle()
    assert loaded(cluster) == [False, False]
    for pod in cluster.pods.values():
        pod["status"]["initContainerStatuses"] = [{"name": "fetch", "state": {"terminated": {"exitCode": 0}}}]
    cluster.settle()
    assert loaded(cluster) == [True, True]


def test_a_pod_waits_for_the_label_between_the_fetcher_and_the_server() -> None:
    """The label that the kubelet shows as a file is the one that the policy selects."""
    cluster = served()
    [workload] = cluster.workloads.values()
    pod = workload["spec"]["template"]["spec"]
    assert [c["name"] for c in pod["initContainers"]] == ["fetch", "isolate"]
    [volume] = [v for v in pod["volumes"] if v["name"] == "labels"]
    [item] = volume["downwardAPI"]["items"]
    assert item["fieldRef"]["fieldPath"] == f"metadata.labels['{LOADED}']"
    mount = pod["initContainers"][1]["volumeMounts"][0]
    assert f"{mount['mountPath']}/{item['path']}" in pod["initContainers"][1]["args"]


def test_where_egress_is_allowed_nobody_waits() -> None:
    """Nobody would set the label."""
    cluster = Cluster()
    observed = cluster.observe()
    allowed = replace(observed, platform=replace(observed.platform, deny_egress=False))
    made = [a.manifest for a in reconcile.plan(allowed, cluster.now).actions if isinstance(a, Apply)]
    [workload] = [m for m in made if m["kind"] == "Deployment"]
    assert [c["name"] for c in workload["spec"]["template"]["spec"]["initContainers"]] == ["fetch"]


def test_a_pod_that_fetches_anew_reaches_its_store_again() -> None:
    """After its node was rebooted a pod runs its fetcher again."""
    cluster = served()
    pod = next(iter(cluster.pods.values()))
    pod["status"]["conditions"] = [{"type": "Ready", "status": "False"}]
    cluster.settle()
    assert loaded(cluster) == [True, True]
    pod["status"]["initContainerStatuses"] = [{"name": "fetch", "state": {"running": {}}}]
    cluster.settle()
    assert loaded(cluster) == [False, True]


def test_a_pod_is_not_called_isolated_where_nothing_denies_its_egress() -> None:
    """A policy of that name that is another's, or none: ours is wanted, and no pod gets the label meanwhile."""
    cluster = served()
    for pod in cluster.pods.values():
        del pod["metadata"]["labels"][LOADED]
    observed = cluster.observe()
    for others in (frozenset(), frozenset({(*POLICY, "uid-stranger")})):
        actions = reconcile.plan(replace(observed, others=others), cluster.now).actions
        assert POLICY[0] in [a.manifest["kind"] for a in actions if isinstance(a, Apply)]
        assert not [a for a in actions if isinstance(a, Patch) and a.kind == "Pod"]


def test_a_policy_that_somebody_deletes_takes_no_label_away() -> None:
    """It is made again, and egress is denied as before."""
    cluster = served()
    cluster.policies.discard(POLICY)
    actions = reconcile.plan(cluster.observe(), cluster.now).actions
    assert not [a for a in actions if isinstance(a, Patch) and a.kind == "Pod"]
    cluster.settle()
    assert POLICY in cluster.policies


def test_where_the_platform_allows_egress_no_pod_keeps_the_label() -> None:
    """Without the label the policy selects nothing."""
    cluster = served()
    observed = cluster.observe()
    allowed = replace(observed, platform=replace(observed.platform, deny_egress=False))
    patches = [a for a in reconcile.plan(allowed, cluster.now).actions if isinstance(a, Patch)]
    assert [p.body for p in patches] == [{"metadata": {"labels": {LOADED: None}}}] * 2
