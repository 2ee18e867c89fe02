"""What is lost, renamed or put back under a rollout, and clocks that jump: the right version is judged, or none."""

import copy
from datetime import timedelta
from functools import cache

import pytest

from core.rollout.test_transitions import QUICK
from linnet.api.kinds.model_version import Decision
from simulator import DIGESTS, Behavior, Cluster, validated

pytestmark = pytest.mark.rollouts
STRATEGY = {"canary": {"steps": [{"setWeight": 34}, {"analyze": {"for": "60s"}}]}, "bake": {"time": "600s"}}
HOUR = timedelta(hours=1)


@cache
def _reached(phase: str) -> Cluster:
    made = Cluster()
    made.edit(**{**QUICK, "strategy": STRATEGY, "replicas": 2}).run(5).publish(2)
    made.run(600, until=lambda c: c.phase == phase)
    made.run(5)
    assert made.phase == phase
    return made


def reached(phase: str) -> Cluster:
    """Version 2 is in this phase for some seconds."""
    return copy.deepcopy(_reached(phase))


def answering(cluster: Cluster) -> set[str]:
    return {p["metadata"]["labels"]["linnet.dev/version"] for p in cluster.answering()}


def failing(cluster: Cluster) -> Cluster:
    cluster.behaviors[2] = Behavior(errors=0.5)
    return cluster


def back(cluster: Cluster) -> bool:
    rollout, last = cluster.typed.rollout, cluster.typed.last_rollout
    decided = rollout.decision if rollout is not None else last.outcome if last is not None else None
    return decided == "RolledBack"


@pytest.mark.parametrize("jump", [-HOUR, timedelta(seconds=-10), HOUR])
@pytest.mark.parametrize("phase", ["Stepping", "Baking"])
def test_a_clock_that_jumps_does_not_stop_the_judge(phase: str, jump: timedelta) -> None:
    """A bad version is rolled back as fast as without it."""
    cluster = reached(phase)
    cluster.now += jump
    failing(cluster).run(60, until=back)
    assert back(cluster)


def test_what_was_read_by_a_clock_that_was_ahead_is_not_fresh_until_then() -> None:
    """A canary whose metrics can't be read any more is told to be unreadable, and not promoted on what was read."""
    cluster = reached("Stepping")
    cluster.now += HOUR
    cluster.run(5)
    cluster.now -= HOUR
    cluster.behaviors[2] = Behavior(silent=True)
    cluster.run(700)
    assert cluster.typed.rollout is not None
    verdicts = {c.name: c.verdict for c in cluster.typed.rollout.checks or ()}
    assert verdicts["errors"] == "Error"
    assert cluster.phase == "Stepping"


def test_a_clock_that_jumps_ahead_ends_no_bake() -> None:
    """Nobody looked at the version in that hour."""
    cluster = reached("Baking")
    cluster.now += HOUR
    cluster.run(120)
    assert cluster.phase == "Baking"
    failing(cluster).run(60, until=back)
    assert back(cluster)


def test_a_clock_that_jumps_ahead_blames_no_pod_that_starts() -> None:
    """Ten minutes have not passed for a pod that was made a moment ago."""
    cluster = Cluster()
    cluster.edit(**{**QUICK, "strategy": STRATEGY}).run(5).publish(2, Behavior(starts=False)).run(5)
    assert cluster.phase == "Starting"
    cluster.now += HOUR
    cluster.run(60)
    assert cluster.phase == "Starting"


def test_an_operator_that_was_away_is_no_bake() -> None:
    """What it did not see it does not vouch for."""
    cluster = reached("Baking")
    cluster.now += timedelta(minutes=30)
    cluster.restart_operator().run(60)
    assert cluster.phase == "Baking"


@pytest.mark.parametrize("services", [True, False])
def test_a_lost_status_adopts_stable_though_its_pods_are_not_ready(services: bool) -> None:
    """The version on trial does not become stable unjudged."""
    cluster = reached("Stepping")
    cluster.now += timedelta(minutes=2)
    cluster.settle()
    for pod in cluster.pods.values():
        if pod["metadata"]["labels"]["linnet.dev/version"] == "1":
            pod["status"]["conditions"][0]["status"] = "False"
    cluster.status = {}
    if not services:
        cluster.services.clear()
    cluster.run(2)
    assert cluster.typed.stable is not None
    assert cluster.typed.stable.version == 1


def other(cluster: Cluster, *numbers: int) -> None:
    """Another Model of the namespace, with these versions; the spec names it from now on."""
    for number in numbers:
        uri, digest = f"s3://models/other/{number}", f"sha256:{'f' * 62}{number:02}"
        cluster.strangers[f"other-v{number}"] = validated("other", number, uri, digest)
    cluster.current = numbers[0]
    cluster.edit(model={"name": "other"})


def test_an_innocent_namesake_is_not_condemned() -> None:
    """The decision and the quarantine are of the version that ran, whatever the spec names by now."""
    cluster = reached("Stepping")
    other(cluster, 1, 2)
    failing(cluster).run(120, until=lambda c: back(c) and c.phase == "AtRest")
    decided = [d.decision for d in cluster.version_status(2).decisions or ()]
    assert "RolledBack" in decided
    assert cluster.version_status(2).quarantine
    assert not cluster.strangers["other-v2"]["status"].get("quarantine")
    assert not cluster.strangers["other-v2"]["status"].get("decisions")


def test_a_rollout_of_the_former_model_is_judged_to_its_end() -> None:
    """Under Queue the new Model's version comes afterwards."""
    cluster = reached("Stepping")
    other(cluster, 1)
    cluster.run(1200, until=lambda c: c.typed.rollout is not None and "-v1-" in c.typed.rollout.to.name)
    assert "Baking" in cluster.history
    assert cluster.typed.rollout is not None
    assert cluster.typed.rollout.to.model == "other"


def test_stable_is_rebuilt_of_its_own_version() -> None:
    """A lost workload comes back with the artifact that it had."""
    cluster = reached("Stepping")
    other(cluster, 1)
    name = cluster.revision(1)
    before = cluster.workloads.pop(name)
    cluster.run(5)
    assert cluster.workloads[name]["spec"]["template"] == before["spec"]["template"]


def pruned(cluster: Cluster) -> Cluster:
    """The Model and its versions are deleted, and made again: numbers go on after what serves."""
    specs = dict(cluster.versions)
    cluster.versions.clear()
    cluster.run(5)
    for number, version in specs.items():
        digest = version["status"]["digest"]
        cluster.publish(number + 10, digest=digest)
        cluster.versions[number + 10]["spec"]["source"] = version["spec"]["source"]
        cluster.behaviors[number + 10] = cluster.behaviors[number]
    return cluster


def test_a_model_that_comes_back_adopts_what_serves() -> None:
    """It is the same artifact under another number: no rollout, and no request is lost."""
    cluster = Cluster()
    cluster.edit(**{**QUICK, "strategy": STRATEGY}).run(10)
    serving = cluster.revision(1)
    pruned(cluster).run(30)
    assert cluster.phase == "AtRest"
    assert cluster.ready_reason() == "True/AsDesired"
    assert cluster.typed.stable is not None
    assert (cluster.typed.stable.name, cluster.typed.stable.version) == (serving, 11)
    assert cluster.unanswered == 0


def test_the_next_version_after_that_is_judged_against_it() -> None:
    """Stable's metrics are read although its own record is gone."""
    cluster = Cluster()
    cluster.edit(**{**QUICK, "strategy": STRATEGY}).run(10)
    pruned(cluster).run(10)
    cluster.publish(12, Behavior(errors=0.5)).run(200, until=back)
    assert back(cluster)


def test_a_quarantine_survives_its_record() -> None:
    """Who deletes a ModelVersion, or the Model, has released nothing; its namesake is refused for all."""
    cluster = failing(reached("Stepping"))
    cluster.run(200, until=lambda c: back(c) and c.phase == "AtRest")
    pruned(cluster).run(20)
    assert cluster.typed.stable is not None
    assert cluster.typed.stable.digest != cluster.versions[12]["status"]["digest"]
    assert "Quarantined" in cluster.ready_reason()
    assert cluster.version_status(12).quarantine
    cluster.behaviors[12] = Behavior()
    cluster.ask("release v12 id-9 jane").run(10)
    assert [a.outcome for a in cluster.answers[-1:]] == ["Accepted"]
    assert not cluster.typed.quarantine
    assert cluster.phase != "AtRest"


def test_what_another_deployment_refuses_is_refused_here() -> None:
    """Its ModelVersion is gone with its Model, and the new one has no record yet; a release of that one counts."""
    cluster = Cluster()
    cluster.edit(**QUICK).run(10)
    cluster.refused_elsewhere = [f"{DIGESTS[2]} * other-v7-abc 2020-01-01T00:00:00Z errors: half of them"]
    cluster.publish(2).run(20)
    assert (cluster.phase, cluster.ready_reason()) == ("AtRest", "False/Quarantined")
    assert "other: errors: half of them" in cluster.message()
    released = Decision(id="r", deployment="", revision="", decision="Released", by="jane", time="2026-01-01T00:00:00Z")
    cluster.versions[2]["status"]["decisions"] = [released.wire()]
    cluster.run(5)
    assert cluster.phase != "AtRest"


def test_what_a_person_quarantined_survives_its_record() -> None:
    """It failed nowhere: whoever follows the Model keeps it, and a release takes it away."""
    cluster = Cluster()
    cluster.edit(**QUICK).run(10)
    by_person = {"deployment": "", "revision": "", "reason": "Quarantined", "message": "jane quarantined it: biased"}
    cluster.publish(2)
    cluster.versions[2]["status"]["quarantine"] = [{**by_person, "time": "2020-01-01T00:00:00Z"}]
    cluster.run(5)
    writes = cluster.writes
    pruned(cluster).run(20)
    assert cluster.ready_reason() == "False/Quarantined"
    assert "jane quarantined it: biased" in cluster.message()
    assert cluster.version_status(12).quarantine
    assert cluster.writes > writes
    cluster.ask("release v12 id-9 jane").run(10)
    assert not cluster.typed.quarantine
    assert cluster.phase != "AtRest"


def test_a_pause_that_comes_while_pods_start_is_told() -> None:
    """Whoever waits sees that it waits for a person, and what to type."""
    cluster = Cluster()
    cluster.edit(**QUICK).run(5).publish(2, Behavior(starts=False)).run(2)
    cluster.ask("pause - id-1 jane").run(2)
    cluster.behaviors[2].starts = True
    for pod in list(cluster.pods):
        if "-v2-" in pod:
            del cluster.pods[pod]
    cluster.run(20)
    assert cluster.phase == "Starting"
    assert cluster.ready_reason() == "Unknown/Paused"
    assert "kubectl linnet resume tumor-risk -n ml" in cluster.message()


@pytest.mark.parametrize("phase", ["Stepping", "Baking"])
def test_a_canary_whose_deployment_hangs_in_deletion_is_judged(phase: str) -> None:
    """A stranger's finalizer keeps it: the bad version loses its traffic, and nothing new is made."""
    cluster = reached(phase)
    cluster.deleting = True
    made = {*cluster.workloads, *cluster.services}
    failing(cluster).run(120, until=lambda c: answering(c) == {"1"})
    assert answering(cluster) == {"1"}
    assert {*cluster.workloads, *cluster.services} == made


def test_one_pod_has_no_budget() -> None:
    """It went with the second pod, and comes back with it."""
    cluster = Cluster()
    cluster.edit(replicas=2).run(10)
    assert ("PodDisruptionBudget", "tumor-risk") in cluster.policies
    cluster.edit(replicas=1).run(10)
    assert ("PodDisruptionBudget", "tumor-risk") not in cluster.policies
    cluster.edit(replicas=2).run(10)
    assert ("PodDisruptionBudget", "tumor-risk") in cluster.policies


def test_a_canary_that_starts_is_no_first_version() -> None:
    """The status lost what it comes from before its pods were ready: they get no traffic unjudged."""
    cluster = Cluster()
    cluster.edit(**{**QUICK, "strategy": STRATEGY}).run(5).publish(2, Behavior(starts=False)).run(5)
    assert cluster.phase == "Starting"
    del cluster.status["rollout"]["from"]
    failing(cluster)
    cluster.pods = {name: pod for name, pod in cluster.pods.items() if "-v2-" not in name}
    cluster.run(300, until=lambda c: back(c) and c.phase == "AtRest")
    assert back(cluster)
    assert answering(cluster) == {"1"}


@pytest.mark.parametrize("lost", ["from", "stable", "from and stable"])
@pytest.mark.parametrize("phase", ["Stepping", "Baking"])
def test_a_rollout_that_lost_a_side_of_itself_is_judged(phase: str, lost: str) -> None:
    """It would be taken for a first version, which nothing judges; the aliases select whom they selected."""
    cluster = reached(phase)
    selected = {name: s["spec"]["selector"] for name, s in cluster.services.items()}
    if "from" in lost:
        cluster.status["rollout"].pop("from")
    if "stable" in lost:
        cluster.status.pop("stable")
    cluster.settle()
    assert {name: s["spec"]["selector"] for name, s in cluster.services.items()} == selected
    failing(cluster).run(200, until=lambda c: back(c) and c.phase == "AtRest")
    assert back(cluster)
    assert cluster.version_status(2).quarantine
    assert answering(cluster) == {"1"}
    assert cluster.unanswered == reached(phase).unanswered


@pytest.mark.parametrize("time", ["stepStartedAt", "readyAt"])
@pytest.mark.parametrize("phase", ["Stepping", "Baking"])
def test_a_step_whose_begin_was_lost_begins_anew(phase: str, time: str) -> None:
    """It would never end, nor would a warm-up."""
    cluster = reached(phase)
    cluster.edit(analysis={**QUICK["analysis"], "warmUp": "5s"})
    del cluster.status["rollout"][time]
    cluster.run(1500, until=lambda c: c.phase == "AtRest")
    assert cluster.phase == "AtRest"
    assert cluster.typed.stable is not None
    assert cluster.typed.stable.version == 2


def test_what_a_bake_could_not_judge_is_named() -> None:
    """Its evidence was deleted, and the former version has no pods left to be compared with: that is no clean bake."""
    cluster = reached("Baking")
    cluster.saved = None
    failing(cluster.restart_operator()).run(900, until=lambda c: c.phase == "AtRest")
    said = [log.fields["message"] for log in cluster.logs if log.fields.get("decision") == "Completed"][-1]
    assert "nothing failed in 10m; not judged: errors (InsufficientData)" in str(said)


def renumbered(cluster: Cluster) -> str:
    """The status is lost, and number 1 is another artifact's by now; the name of the revision that serves."""
    cluster.edit(**{**QUICK, "strategy": STRATEGY}).run(70)
    serving = cluster.revision(1)
    cluster.versions.clear()
    cluster.publish(1, digest=DIGESTS[21])
    cluster.versions[1]["spec"]["source"] = {"uri": "s3://models/new"}
    cluster.status = {}
    cluster.reconcile()
    return serving


def test_what_is_adopted_is_of_the_artifact_that_its_pods_fetch() -> None:
    """It is not its namesake's, whatever a person or a rollback says of it later."""
    cluster = Cluster()
    serving = renumbered(cluster)
    assert cluster.typed.stable is not None
    assert (cluster.typed.stable.name, cluster.typed.stable.digest) == (serving, DIGESTS[1])


def test_no_other_artifact_comes_under_the_name_of_what_was_adopted() -> None:
    """Its workload is lost as well: a namesake in its place would get all traffic unjudged."""
    cluster = Cluster()
    serving = renumbered(cluster)
    cluster.workloads.pop(serving)
    cluster.run(20)
    assert serving not in cluster.workloads
