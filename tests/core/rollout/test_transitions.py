"""Whole rollouts in memory: what a user sees of each, from apply to the end."""

from datetime import timedelta
from typing import Any

import pytest

from linnet.core.plan import Apply
from linnet.core.rollout import reconcile
from simulator import Behavior, Cluster, quick

pytestmark = pytest.mark.rollouts

QUICK = quick("10s", bake="30s")


def serving(**fields: object) -> Cluster:
    """A Deployment whose version 1 serves."""
    cluster = Cluster()
    cluster.edit(**{**QUICK, **fields})
    cluster.run(5)
    assert cluster.ready_reason() == "True/AsDesired"
    return cluster


def at_rest(cluster: Cluster) -> bool:
    return cluster.phase == "AtRest"


def test_the_first_version_serves_without_a_canary() -> None:
    """A new Deployment has its pods behind <name> and is Ready."""
    cluster = serving()
    assert len(cluster.answering()) == 2
    assert cluster.unanswered <= cluster.rate * 5


def test_a_first_version_has_its_pods_before_anything_else_is_written() -> None:
    """Of hundreds of new Deployments each has its pods under way before the first one's Services are made."""
    cluster = Cluster()
    first = reconcile.plan(cluster.observe(), cluster.now)
    assert [a.manifest["kind"] for a in first.actions if isinstance(a, Apply)] == ["Deployment"]
    assert first.status is None
    cluster.reconcile()
    second = reconcile.plan(cluster.observe(), cluster.now)
    assert second.status is not None
    assert second.status.rollout is not None
    made = {a.manifest["kind"] for a in second.actions if isinstance(a, Apply)}
    assert made >= {"Service"}
    assert "Deployment" not in made


def test_at_rest_nothing_is_written() -> None:
    """A Deployment that is as desired causes no write."""
    cluster = serving()
    before = cluster.writes
    cluster.run(120)
    assert cluster.writes == before


def test_a_better_version_is_promoted() -> None:
    """A version without errors goes through every step, bakes, and serves alone."""
    cluster = serving().publish(2)
    cluster.run(600, until=lambda c: c.typed.stable is not None and c.typed.stable.version == 2 and at_rest(c))
    assert cluster.ready_reason() == "True/AsDesired"
    assert {p["metadata"]["labels"]["linnet.dev/version"] for p in cluster.answering()} == {"2"}
    assert "Baking" in cluster.history
    assert cluster.version_status(2).decisions


def test_a_promotion_is_recorded_with_the_counts_that_it_stands_on() -> None:
    """The ModelVersion's record of the promotion holds each check with its requests."""
    cluster = serving().publish(2)
    cluster.run(600, until=lambda c: "Baking" in c.history)
    promoted = next(d for d in cluster.version_status(2).decisions or () if d.decision == "Promoted")
    counted = {c.name: c.canary_requests for c in promoted.checks or ()}
    assert counted["errors"] > 0
    assert counted["latency"] > 0


def completed(cluster: Cluster) -> dict[str, Any]:
    """The log's one line on the end of version 2's rollout."""
    (line,) = [
        log.fields
        for log in cluster.logs
        if log.event == "decision" and log.fields["decision"] == "Completed" and "-v2-" in log.fields["revision"]
    ]
    return dict(line)


@pytest.mark.parametrize("bake", ["30s", "0s"])
def test_the_end_of_a_rollout_is_logged_with_the_counts_that_it_stands_on(bake: str) -> None:
    """Who reads the log sees on how many requests the former version was let go, those of the bake included."""
    cluster = serving(strategy={**QUICK["strategy"], "bake": {"time": bake}}).publish(2)
    cluster.run(600, until=lambda c: at_rest(c) and c.typed.stable is not None and c.typed.stable.version == 2)
    checks = {c["name"]: c for c in completed(cluster)["checks"]}
    promoted = next(d for d in cluster.version_status(2).decisions or () if d.decision == "Promoted")
    known = {c.name: c.canary_requests for c in promoted.checks or ()}
    assert checks["errors"]["canaryRequests"] >= known["errors"] + (30 if bake == "30s" else 0)
    assert checks["errors"]["verdict"] == "Pass"
    assert completed(cluster)["by"] == "analysis"


def test_a_bake_that_a_person_ends_is_logged_with_their_name() -> None:
    """And with what was known until then."""
    cluster = serving(strategy={**QUICK["strategy"], "bake": {"time": "1h"}}).publish(2)
    cluster.run(600, until=lambda c: c.phase == "Baking")
    cluster.run(10)
    cluster.ask("promote-full v2 id1 jane").run(30, until=at_rest)
    assert completed(cluster)["by"] == "jane"
    assert {c["name"] for c in completed(cluster)["checks"]} == {"errors", "latency", "pod-health"}


def test_a_failing_version_is_rolled_back_and_quarantined() -> None:
    """5 % errors against none: rolled back, stable serves alone, and the same digest is refused."""
    cluster = serving().publish(2, Behavior(errors=0.05))
    cluster.run(600, until=lambda c: "RollingBack" in c.history and at_rest(c))
    assert {p["metadata"]["labels"]["linnet.dev/version"] for p in cluster.answering()} == {"1"}
    assert cluster.ready_reason() == "False/Quarantined"
    assert "errors" in cluster.message()
    entry = cluster.version_status(2).quarantine
    assert entry is not None
    assert entry[0].template is None
    served = cluster.served[2]
    cluster.publish(3, Behavior(errors=0.05), digest=cluster.versions[2]["status"]["digest"])
    cluster.run(120)
    assert cluster.served.get(3, 0) == 0
    assert cluster.served[2] == served


def test_a_slow_version_is_rolled_back_for_latency() -> None:
    """Right answers that come too late are a failure of their own, quarantined with their template."""
    checks = [{"name": "slow", "signal": "Latency", "threshold": "250ms", "maxShareSlower": "0.05"}]
    cluster = serving(analysis={"interval": "2s", "warmUp": "0s", "defaultChecks": False, "checks": checks}).publish(
        2, Behavior(slow=0.5)
    )
    cluster.run(600, until=lambda c: "RollingBack" in c.history and at_rest(c))
    entry = cluster.version_status(2).quarantine
    assert entry is not None
    assert entry[0].reason == "slow"
    assert entry[0].template is not None


def test_warm_up_spares_latency_only() -> None:
    """In warm-up a slow answer is not held against the version; a failed one is."""
    cluster = serving(analysis={"interval": "2s", "warmUp": "5m"}).publish(2, Behavior(errors=0.5))
    cluster.run(100, until=lambda c: "RollingBack" in c.history)
    assert "RollingBack" in cluster.history


def test_pods_killed_for_memory_fail_the_canary() -> None:
    """A canary that is killed for memory, while stable is not, is rolled back."""
    cluster = serving().publish(2, Behavior(oom_after=timedelta(seconds=4)))
    cluster.run(200, until=lambda c: "RollingBack" in c.history and at_rest(c))
    assert "killed for memory" in cluster.message()


def test_pods_that_never_start_are_rolled_back_with_their_own_reason() -> None:
    """flagger #1816: a canary whose image can't be pulled says so."""
    cluster = serving(deadlines={"ready": "30s"}).publish(2, Behavior(starts=False))
    cluster.run(200, until=lambda c: "RollingBack" in c.history and at_rest(c))
    assert "ImagePullBackOff" in cluster.message()
    assert {p["metadata"]["labels"]["linnet.dev/version"] for p in cluster.answering()} == {"1"}


@pytest.mark.parametrize("rate", [0.0])
def test_no_traffic_neither_promotes_nor_rolls_back(rate: float) -> None:
    """flagger #1035: without requests there is no verdict."""
    cluster = serving()
    cluster.rate = rate
    cluster.publish(2).run(900)
    assert cluster.phase == "Stepping"
    assert cluster.ready_reason() == "Unknown/InsufficientData"


def test_unreadable_metrics_neither_promote_nor_roll_back() -> None:
    """flagger #1815: a metrics outage is not the version's fault, and no proof of its soundness."""
    cluster = serving().publish(2, Behavior(silent=True))
    cluster.run(900)
    assert cluster.phase == "Stepping"
    assert cluster.ready_reason() == "Unknown/MetricsError"


def test_a_failure_while_paused_is_rolled_back() -> None:
    """flagger #1801: a threshold that is breached while waiting is not ignored."""
    steps = [{"setWeight": 50}, {"pause": {}}]
    cluster = serving(strategy={"canary": {"steps": steps}}).publish(2, Behavior(errors=0.2))
    cluster.run(300, until=lambda c: "RollingBack" in c.history)
    assert "RollingBack" in cluster.history


def test_a_failure_in_the_bake_brings_the_former_version_back() -> None:
    """After promotion the former version is still the comparator, and returns before traffic does."""
    cluster = serving().publish(2)
    cluster.run(600, until=lambda c: c.phase == "Baking")
    cluster.behaviors[2].errors = 0.3
    cluster.run(300, until=lambda c: at_rest(c) and "RollingBack" in c.history)
    assert {p["metadata"]["labels"]["linnet.dev/version"] for p in cluster.answering()} == {"1"}
    assert len(cluster.answering()) == 2
    assert cluster.unanswered <= cluster.rate * 5


def test_a_git_revert_in_mid_rollout_goes_back_without_blame() -> None:
    """A spec that wants the stable version again ends the canary; nothing is quarantined."""
    cluster = serving(strategy={"canary": {"steps": [{"setWeight": 25}, {"pause": {}}]}}).publish(2)
    cluster.run(60, until=lambda c: c.phase == "Stepping")
    cluster.current = 1
    cluster.run(60, until=at_rest)
    assert cluster.ready_reason() == "True/AsDesired"
    assert cluster.version_status(2).quarantine is None
    cluster.current = 2
    cluster.run(60, until=lambda c: c.phase == "Stepping")
    assert cluster.phase == "Stepping"


def test_a_template_change_is_a_rollout() -> None:
    """Another environment is another revision of the same version, and goes through the same canary."""
    cluster = serving()
    cluster.edit(pod={"env": [{"name": "THREADS", "value": "2"}]})
    cluster.run(20)
    assert cluster.phase == "Stepping"
    assert len(cluster.workloads) == 2


def test_a_newer_version_waits_until_the_rollout_ends() -> None:
    """onNewVersion Queue: A→B→C judges B to its end, then C."""
    cluster = serving().publish(2)
    cluster.run(60, until=lambda c: c.phase == "Stepping")
    cluster.publish(3)
    cluster.run(2)
    queued = cluster.typed.queued
    assert queued is not None
    assert queued.version == 3
    cluster.run(900, until=lambda c: at_rest(c) and c.typed.stable is not None and c.typed.stable.version == 3)
    assert cluster.typed.stable is not None
    assert cluster.typed.stable.version == 3


def test_the_operator_may_die_at_any_second() -> None:
    """Restarted every few seconds, from saved evidence only, it reaches the same end."""
    cluster = serving().publish(2, Behavior(errors=0.05))
    for _ in range(150):
        cluster.run(4)
        cluster.restart_operator()
        if "RollingBack" in cluster.history and at_rest(cluster):
            break
    assert cluster.ready_reason() == "False/Quarantined"


def test_scaling_is_followed() -> None:
    """spec.replicas changes the pods of stable, without a rollout."""
    cluster = serving()
    cluster.edit(replicas=5).run(3)
    assert len(cluster.answering()) == 5
    cluster.edit(replicas=1).run(3)
    assert len(cluster.answering()) == 1


def test_lost_status_is_adopted_from_what_serves() -> None:
    """After a restore without status, what <name> selects is stable, and nothing is decided."""
    cluster = serving().publish(2)
    cluster.run(900, until=lambda c: at_rest(c) and c.typed.stable is not None and c.typed.stable.version == 2)
    cluster.status = {}
    cluster.run(10)
    assert cluster.typed.stable is not None
    assert cluster.typed.stable.version == 2
    assert at_rest(cluster)
    assert len(cluster.answering()) == 2


@pytest.mark.parametrize(
    "fields", [{"autoscaling": {"minReplicas": 1, "maxReplicas": 2, "metrics": []}}, {"replicas": "many"}]
)
def test_a_spec_that_cannot_be_followed_does_not_stop_the_judgement(fields: dict[str, object]) -> None:
    """In mid-rollout it is refused in words, while the canary is judged, rolled back and asked of as before."""
    steps = [{"setWeight": 50}, {"pause": {}}]
    cluster = serving(strategy={"canary": {"steps": steps}}).publish(2)
    cluster.run(20, until=lambda c: c.phase == "Stepping")
    cluster.spec = {k: v for k, v in cluster.spec.items() if k != "replicas"}
    cluster.edit(**fields).run(5)
    assert cluster.ready_reason() in {"False/InvalidSpec", "False/NotYetSupported"}
    cluster.ask("pause v2 id1 jane").run(2)
    assert cluster.answers
    cluster.behaviors[2].errors = 0.3
    cluster.run(200, until=lambda c: "RollingBack" in c.history and at_rest(c))
    assert {p["metadata"]["labels"]["linnet.dev/version"] for p in cluster.answering()} == {"1"}
    assert len(cluster.answering()) == 2


def test_what_a_person_aborts_keeps_its_pods_for_a_while() -> None:
    """Requests return at once; the pods go after the delay, as Argo Rollouts' do."""
    cluster = serving(strategy={"canary": {"steps": [{"setWeight": 50}, {"pause": {}}]}, "abortScaleDownDelay": "20s"})
    cluster.publish(2).run(30, lambda c: c.typed.rollout is not None and c.typed.rollout.step == 1)
    assert cluster.typed.rollout is not None
    assert cluster.typed.rollout.effective_weight == 50
    cluster.ask("abort v2 id1 jane").run(10)
    assert cluster.selected() == {"linnet.dev/revision": cluster.revision(1)}
    assert cluster.phase == "RollingBack"
    assert cluster.typed.rollout is not None
    assert cluster.typed.rollout.effective_weight == 0
    version_2 = [p for p in cluster.pods.values() if p["metadata"]["labels"]["linnet.dev/version"] == "2"]
    assert len(version_2) == 2
    cluster.run(15, at_rest)
    assert at_rest(cluster)
    assert not [p for p in cluster.pods.values() if p["metadata"]["labels"]["linnet.dev/version"] == "2"]
