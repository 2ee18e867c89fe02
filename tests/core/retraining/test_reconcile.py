"""Retraining: which runs start, which are refused and why, what becomes of them, and what is left alone."""

import json
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from builders_retrain import NOW, World, claim, digest, model, retrain_, standing
from linnet.api.parts.conditions import Reason, timestamp
from linnet.core.plan import Apply, Delete, Emit, Log, Patch
from linnet.core.retraining import reconcile

DAY = timedelta(days=1)
RUN = "run - 1 alice"


def at_rest(world: World) -> None:
    """Looking again at the same moment changes nothing."""
    again = world.plan(NOW)
    assert again.actions == ()
    assert again.status is not None
    assert again.status.wire() == world.status


def only(world: World) -> str:
    (name,) = world.jobs
    return name


def running() -> World:
    """The weekly run is under way."""
    return standing().due().look()


# The CronJob


def test_a_schedule_becomes_a_cronjob_whose_jobs_wait() -> None:
    """Kubernetes keeps the time; every Job that it makes waits for Linnet."""
    world = retrain_().weekly(timeZone="Europe/Berlin").look()
    assert world.cron is not None
    spec = world.cron["spec"]
    assert world.cron["metadata"]["name"] == "weekly-retrain"
    assert (spec["schedule"], spec["timeZone"], spec["suspend"]) == ("0 3 * * 0", "Europe/Berlin", False)
    assert spec["jobTemplate"]["spec"]["suspend"] is True
    assert world.said().reason == Reason.SCHEDULED
    at_rest(world)


def test_without_a_schedule_there_is_no_cronjob() -> None:
    """A policy may be for people's requests alone."""
    world = retrain_().look()
    assert world.cron is None
    assert (world.said().status, world.said().reason) == ("True", Reason.AS_DESIRED)
    at_rest(world)


@pytest.mark.parametrize(
    "drift",
    [
        {"schedule": "0 4 * * *"},
        {"timeZone": "Asia/Tokyo"},
        {"suspend": True},
        {"jobTemplate": {"metadata": {}, "spec": {"template": {"spec": {"containers": [{"image": "theirs:1"}]}}}}},
        {"schedule": "0 4 * * *", "jobTemplate": {"spec": {"suspend": False}}},
    ],
)
def test_a_changed_cronjob_is_put_right(drift: dict[str, Any]) -> None:
    """What somebody did to the CronJob by hand does not last, however often; afterwards nothing is written."""
    world = standing()
    assert world.cron is not None
    wanted = world.cron["spec"]
    for _ in range(2):
        world = world.edits_cron(**drift).look()
        assert world.cron is not None
        assert world.cron["spec"] == wanted
        world = world.look()
        at_rest(world)


def test_what_the_policy_says_nothing_of_is_left_to_others() -> None:
    """A field of the template that only somebody else set stays theirs, and is not fought over."""
    world = standing()
    assert world.cron is not None
    template = world.cron["spec"]["jobTemplate"]
    world = world.edits_cron(jobTemplate={**template, "spec": {**template["spec"], "parallelism": 2}}).look()
    assert world.cron is not None
    assert world.cron["spec"]["jobTemplate"]["spec"] == {**template["spec"], "parallelism": 2}
    at_rest(world)


def test_an_edit_while_no_operator_runs_is_put_right_by_the_next_one() -> None:
    """What was applied is known from the CronJob itself: a restart neither misses an edit nor writes without one."""
    world = standing().job_spec(image="train:2").look()
    at_rest(world)
    assert world.cron is not None
    wanted = world.cron["spec"]
    edited = world.edits_cron(jobTemplate={}).look()
    assert edited.cron is not None
    assert edited.cron["spec"] == wanted


def test_a_change_of_the_training_reaches_the_cronjob() -> None:
    """A new image is for the next run."""
    world = standing().job_spec(image="train:2")
    changed = world.look()
    assert changed.cron is not None
    pod = changed.cron["spec"]["jobTemplate"]["spec"]["template"]["spec"]
    assert pod["containers"][0]["image"] == "train:2"
    at_rest(changed)


def test_removing_the_schedule_removes_the_cronjob() -> None:
    """Nothing is left that could start a run."""
    assert standing().edit(triggers=[]).look().cron is None


def test_removing_the_schedule_spares_the_run_under_way() -> None:
    """A CronJob takes its Jobs along, so that it is only stopped until the run has ended."""
    world = running().edit(triggers=[]).look()
    assert world.cron is not None
    assert world.cron["spec"]["suspend"] is True
    assert world.active() == [only(world)]
    at_rest(world)
    ended = world.completes(only(world), claim()).look()
    assert ended.cron is None
    assert ended.last.outcome == "Succeeded"


# Admission


def test_a_due_job_is_admitted() -> None:
    """The Job of the schedule starts, and status says so."""
    world = running()
    assert world.active() == [only(world)]
    assert (world.last.outcome, world.last.trigger) == ("Running", "weekly")
    assert world.seen.last_run_time == timestamp(NOW)
    assert world.seen.last_schedule_time == "2026-11-22T03:00:00Z"
    assert world.said("Running").status == "True"
    at_rest(world)


def refused(world: World, words: str) -> None:
    """The due Job is deleted, and the reason stands in status, in an Event and in the log."""
    plan = world.plan()
    after = world.after(plan)
    assert after.suspended() == []
    assert after.last.outcome == "Refused"
    assert words in after.last.message
    assert any(isinstance(a, Emit) and a.reason == "RunRefused" and words in a.message for a in plan.actions)
    assert any(isinstance(a, Log) and a.fields["outcome"] == "Refused" for a in plan.actions)
    at_rest(after)


def test_a_suspended_policy_refuses() -> None:
    """A Job that was made at the last moment does not start either."""
    refused(standing().due().edit(suspend=True), "spec.suspend is true")


def test_a_second_run_is_refused_while_one_runs() -> None:
    """One run at a time, whoever started the other."""
    world = standing().asks(RUN).look().due()
    refused(world, "runs: one run at a time")
    assert len(world.look().active()) == 1


def test_the_cooldown_refuses_and_says_until_when() -> None:
    """Two runs are never closer than the cooldown."""
    world = running()
    world = world.completes(only(world), claim()).look().edit(cooldown="36h").look()
    later = NOW + DAY
    after = world.due(later).look(later)
    assert after.last.outcome == "Refused"
    assert "spec.cooldown: 36h since the run of 2026-11-22T03:00:02Z end at 2026-11-23T15:00:00Z" in after.last.message


def test_a_cooldown_of_a_day_does_not_refuse_the_daily_run() -> None:
    """A Job is admitted some seconds after its minute: they must not cost the next day's run."""
    world = standing("0 3 * * *").edit(cooldown="24h").look().due().look(NOW + timedelta(seconds=40))
    world = world.completes(only(world), claim()).look(NOW + timedelta(minutes=5))
    tomorrow = NOW + DAY
    assert world.due(tomorrow).look(tomorrow).last.outcome == "Running"


def test_the_budget_refuses_when_it_is_spent() -> None:
    """So many runs in any window, refused ones not counted."""
    world = standing("0 3 * * *").edit(budget={"runs": 2, "per": "72h"}).look()
    outcomes = []
    for day in range(7):
        now = NOW + day * DAY
        world = world.due(now).look(now)
        outcomes.append(world.last.outcome == "Running")
        if outcomes[-1]:
            world = world.completes(world.last.job, claim(str(day)), now).look(now)
    assert outcomes == [True, True, False, True, True, False, True]


def test_refusals_do_not_push_the_runs_of_a_budget_out_of_memory() -> None:
    """Twenty refusals later the run that they were refused for still counts."""
    world = standing("* * * * *").edit(budget={"runs": 1, "per": "24h"}).look().due().look()
    world = world.completes(world.last.job, claim()).look()
    for step in range(1, 40):
        now = NOW + timedelta(minutes=step)
        world = world.due(now).look(now)
        assert world.last.outcome == "Refused", step
    assert len(world.runs) == 20
    assert sum(r.outcome == "Succeeded" for r in world.runs) == 1


def test_enabling_again_does_not_run_the_disabled_period() -> None:
    """CronJob starts a time that it missed within the last five minutes; that run is refused."""
    world = standing().edit(suspend=True).look(NOW - timedelta(minutes=30))
    assert world.said().reason == Reason.SUSPENDED
    enabled = world.edit(suspend=None).look(NOW + timedelta(minutes=2))
    refused_ = enabled.due(NOW).look(NOW + timedelta(minutes=2))
    assert refused_.last.outcome == "Refused"
    assert "lies before 2026-11-22T03:02:02Z" in refused_.last.message
    next_ = refused_.due(NOW + 7 * DAY).look(NOW + 7 * DAY)
    assert next_.last.outcome == "Running"


def test_a_changed_schedule_does_not_run_a_time_before_the_change() -> None:
    """Moving the schedule to a time that has just passed starts nothing."""
    world = standing().weekly("0 2 * * 0").look(NOW)
    assert world.due(NOW - timedelta(hours=1)).look(NOW).last.outcome == "Refused"


def test_a_job_that_waited_for_the_operator_still_runs() -> None:
    """An operator that was away for an hour admits the Job that was made meanwhile."""
    assert standing().due().look(NOW + timedelta(hours=1)).last.outcome == "Running"


def test_a_refused_job_that_is_made_again_is_refused_again() -> None:
    """CronJob makes a Job twice if it could not write its own status."""
    world = running().edit(suspend=True).due(NOW + timedelta(minutes=1)).look()
    assert world.last.outcome == "Refused"
    again = world.due(NOW + timedelta(minutes=1)).look()
    assert again.suspended() == []
    assert len(again.runs) == 2


# Requests


def test_a_person_starts_a_run() -> None:
    """The Job is of the same template, starts at once, and the answer comes with it."""
    world = standing().asks(RUN).look()
    (name,) = world.active()
    assert name.startswith("weekly-run-")
    assert world.answered.outcome == "Accepted"
    assert (world.last.trigger, world.last.message) == ("run", "asked for by alice")
    at_rest(world)


def test_a_person_need_not_wait_for_the_cooldown_or_the_suspension() -> None:
    """Both hold triggers; a person who asks knows what they do."""
    world = running()
    world = world.completes(only(world), claim()).look().edit(cooldown="100h", suspend=True).asks(RUN).look()
    assert len(world.active()) == 1


@pytest.mark.parametrize(
    ("world", "request_", "words"),
    [
        (running(), RUN, "one run at a time"),
        (standing(), "promote v3 1 alice", "it knows run"),
        (replace(standing(), proven=False), RUN, "no admission policy proves who asked"),
        (standing().edit(pauseAfterRejections=2), RUN, "spec.pauseAfterRejections: 2"),
        (replace(standing(), model=None), RUN, "there is no such Model"),
    ],
)
def test_a_request_that_can_not_be_obeyed_is_refused_with_the_reason(world: World, request_: str, words: str) -> None:
    """Nobody waits for an answer that does not come."""
    asked = world.asks(request_)
    after = asked.look()
    assert after.answered.outcome == "Refused"
    assert words in after.answered.message
    assert len(after.active()) == len(world.active())
    at_rest(after)


@pytest.mark.parametrize(("request_", "outcome"), [(RUN, "Accepted"), ("promote v3 1 alice", "Refused")])
def test_an_answer_is_told_once(request_: str, outcome: str) -> None:
    """One Event for who looks now, one line in the log for who looks later."""
    asked = standing().asks(request_)
    actions = asked.plan().actions
    (event,) = [a for a in actions if isinstance(a, Emit) and a.reason.startswith("Request")]
    assert event.reason == f"Request{outcome}"
    (line,) = [a.fields for a in actions if isinstance(a, Log) and a.event == "request"]
    assert (line["user"], line["outcome"]) == ("alice", outcome)
    at_rest(asked.look())


def test_a_spent_budget_holds_for_a_person_too() -> None:
    """The budget is what the platform pays for."""
    world = standing().edit(budget={"runs": 1, "per": "24h"}).asks(RUN).look()
    world = world.completes(only(world), claim()).look().asks("run - 2 alice").look()
    assert "spec.budget: 1 runs in 24h are used up; the next is free at 2026-11-23T03:00:00Z" in (
        world.answered.message or ""
    )


def test_a_request_is_answered_once_though_the_status_was_lost() -> None:
    """The Job was made and the answer was not written: the next look starts no second run."""
    asked = standing().asks(RUN)
    unwritten = replace(asked.look(), status=asked.status, asked=asked.asked)
    after = unwritten.look()
    assert len(after.jobs) == 1
    assert after.answered.outcome == "Accepted"
    assert after.last.job == only(after)
    at_rest(after)


# Outcomes


def test_a_claim_becomes_the_next_version() -> None:
    """The version has the run's artifact and the Model's runtime, and names the run that made it."""
    world = running()
    job = only(world)
    after = world.completes(job, claim()).look()
    (made,) = after.versions.values()
    assert made["metadata"]["name"] == "tumor-v2"
    assert made["spec"]["source"]["uri"] == "s3://models/b"
    assert made["spec"]["origin"] == {"type": "Retrain", "policy": "weekly", "job": job}
    assert (after.last.outcome, after.last.version, after.seen.last_version) == ("Succeeded", 2, 2)
    assert after.said("Running").status == "False"
    at_rest(after)


def test_a_number_is_never_given_twice() -> None:
    """The next number is above every one that was ever given, deleted ones included."""
    world = running()
    high = replace(model(), status={"highest": 9})
    after = replace(world, model=high).completes(only(world), claim()).look()
    assert after.last.version == 10


def test_a_version_that_was_made_before_the_status_was_written_is_not_made_twice() -> None:
    """One run, one version, however often it is looked at."""
    world = running()
    ended = world.completes(only(world), claim())
    after = replace(ended.look(), status=ended.status).look()
    assert len(after.versions) == 1
    assert after.last.version == 2


def test_a_run_makes_one_version_though_the_runtime_changed_meanwhile() -> None:
    """The version was made, its record was lost, and the Model names another server by now."""
    world = running()
    ended = world.completes(only(world), claim())
    newer = {**model().spec, "runtime": {**model().spec["runtime"], "image": "server:2"}}
    after = replace(ended.look(), status=ended.status, model=replace(model(), spec=newer)).look()
    assert len(after.versions) == 1
    assert after.last.version == 2


def test_the_same_artifact_again_is_no_new_version() -> None:
    """A deterministic training on the same data has nothing to roll out."""
    world = running()
    world = world.completes(only(world), claim()).look()
    week = NOW + 7 * DAY
    world = world.due(week).look(week)
    after = world.completes(world.last.job, claim(uri="s3://models/elsewhere"), week).look(week)
    assert len(after.versions) == 1
    assert (after.last.outcome, after.last.version) == ("Succeeded", 2)
    assert "no new version" in after.last.message


def test_the_same_artifact_under_another_runtime_is_a_new_version() -> None:
    """A version is artifact and runtime."""
    world = running()
    world = world.completes(only(world), claim()).look()
    changed = model()
    newer = {**changed.spec, "runtime": {**changed.spec["runtime"], "image": "server:2"}}
    week = NOW + 7 * DAY
    world = replace(world, model=replace(changed, spec=newer)).due(week).look(week)
    assert len(world.completes(world.last.job, claim(), week).look(week).versions) == 2


def test_a_refused_claim_says_why() -> None:
    """The exact reason stands in status, as a condition and as an Event."""
    world = running()
    ended = world.completes(only(world), claim(digest="md5:1"))
    plan = ended.plan()
    after = ended.after(plan)
    assert after.versions == {}
    assert after.last.outcome == "ClaimRefused"
    assert "digest: " in after.last.message
    assert after.said("Running").reason == Reason.CLAIM_REFUSED
    assert any(isinstance(a, Emit) and a.type == "Warning" and a.reason == "ClaimRefused" for a in plan.actions)
    at_rest(after)


@pytest.mark.parametrize(
    ("why", "ended", "words"),
    [
        ("Job has reached the specified backoff limit", {"exitCode": 137, "reason": "OOMKilled"}, "limits.memory"),
        (
            "Job has reached the specified backoff limit",
            {"exitCode": 1, "reason": "Error", "message": "Traceback\n  …\nValueError: no rows"},
            "exit code 1: ValueError: no rows",
        ),
        ("Job was active longer than specified deadline", {"exitCode": 143, "reason": "Error"}, "deadline"),
    ],
)
def test_a_failed_training_says_how_it_ended(why: str, ended: dict[str, Any], words: str) -> None:
    """The Job's reason and the pod's own stand in status."""
    world = running()
    after = world.fails(only(world), why, **ended).look()
    assert after.last.outcome == "Failed"
    assert words in after.last.message
    assert after.said("Running").reason == Reason.TRAINING_FAILED
    at_rest(after)


def test_a_claim_whose_pod_is_not_seen_yet_is_waited_for() -> None:
    """The watch of Jobs may be ahead of the watch of pods."""
    world = running()
    ended = world.finishes(only(world))
    plan = ended.plan()
    assert plan.requeue_after is not None
    assert ended.after(plan).last.outcome == "Running"
    assert ended.completes(only(world), claim()).look().last.outcome == "Succeeded"


def test_a_run_whose_pod_is_gone_failed() -> None:
    """Nobody knows what it made."""
    world = running()
    after = world.finishes(only(world)).look(NOW + timedelta(minutes=1))
    assert (after.last.outcome, after.last.message) == ("Failed", "its pod was gone before its claim was read")


def test_a_run_whose_job_was_deleted_failed() -> None:
    """The next run need not wait for one that is gone."""
    world = running()
    after = world.loses(only(world)).look(NOW + timedelta(minutes=1))
    assert (after.last.outcome, after.said("Running").status) == ("Failed", "False")
    assert "deleted before its result was read" in after.last.message


LATER = NOW + timedelta(minutes=2)


def kept(obj: dict[str, Any]) -> dict[str, Any]:
    """Somebody deletes it, and a stranger's finalizer keeps it."""
    ending = {"deletionTimestamp": timestamp(NOW), "finalizers": ["example.com/hold"]}
    return {**obj, "metadata": {**obj["metadata"], **ending}}


def test_a_run_whose_job_hangs_in_deletion_failed() -> None:
    """It holds up no other run: a person may start one."""
    world = running()
    held = replace(world, jobs={only(world): kept(world.jobs[only(world)])})
    assert held.look().last.outcome == "Running"
    after = held.look(LATER)
    assert (after.last.outcome, after.said("Running").status) == ("Failed", "False")
    assert after.asks(RUN, LATER).look(LATER).answered.outcome == "Accepted"


def test_a_run_that_trains_on_though_its_job_was_deleted_is_waited_for() -> None:
    """Its claim counts, and what keeps the Job is named meanwhile."""
    world = running()
    job = only(world)
    held = replace(world, jobs={job: kept(world.jobs[job])}).pod(job, {"running": {}}).look(LATER)
    assert held.last.outcome == "Running"
    assert "kept by finalizer example.com/hold" in held.said("Running").message
    ended = {"terminated": {"exitCode": 0, "reason": "Completed", "message": claim()}}
    assert held.pod(job, ended, "Succeeded").look(LATER).last.outcome == "Succeeded"


def test_a_cronjob_that_hangs_in_deletion_is_named() -> None:
    """It makes no Job any more; when it is gone, another takes its place."""
    world = standing()
    assert world.cron is not None
    held = replace(world, cron=kept(world.cron))
    assert held.plan(NOW).requeue_after is not None
    after = held.look(LATER)
    ready = after.said()
    assert (ready.status, ready.reason) == ("False", Reason.HANGS)
    assert "no run starts by the schedule" in ready.message
    assert "kubectl patch cronjob" in ready.message
    assert after.plan(LATER).actions == ()
    assert replace(after, cron=None).look(LATER).cron is not None


def test_the_claim_waits_until_the_model_can_be_versioned_again() -> None:
    """Six hours of training are not thrown away for a typo in the Model."""
    world = running()
    broken = replace(model(), spec={**model().spec, "format": {}})
    waiting = replace(world, model=broken).completes(only(world), claim()).look()
    assert waiting.last.outcome == "Running"
    assert "its version is made when this is mended: Model tumor: spec.format.name" in waiting.last.message
    assert replace(waiting, model=model()).look().last.version == 2


def test_a_run_for_another_model_makes_no_version() -> None:
    """The policy was pointed at another Model while its run was under way."""
    world = running()
    other = replace(world, model=model("lung")).edit(model={"name": "lung"}).look()
    after = other.completes(other.runs[0].job, claim()).look()
    assert after.versions == {}
    assert "it trained Model tumor" in after.last.message


def test_a_change_of_the_spec_never_touches_the_run_under_way() -> None:
    """What runs, runs as it was started."""
    world = running()
    job = only(world)
    for changed in (world.job_spec(image="train:2"), world.edit(suspend=True), world.edit(triggers=[{"name": "x"}])):
        touching = [a for a in changed.plan().actions if isinstance(a, Patch | Delete) and a.name == job]
        assert touching == []
        assert changed.look().active() == [job]


def test_another_teams_artifact_becomes_no_version() -> None:
    """A claim outside the Model's own bucket is refused, until the policy says that it may lie there."""
    world = running()
    job = only(world)
    claimed = world.completes(job, claim(uri="s3://payroll/1"))
    refused = claimed.look()
    assert (refused.last.outcome, refused.versions) == ("ClaimRefused", world.versions)
    assert "spec.training.output.uri" in refused.last.message
    training = {**claimed.spec["training"], "output": {"uri": "s3://payroll/"}}
    assert claimed.edit(training=training).look().last.outcome == "Succeeded"


@pytest.mark.parametrize(
    ("state", "status", "words"),
    [
        ({"waiting": {"reason": "ErrImagePull", "message": "rpc error"}}, {}, "the image can't be pulled"),
        ({"waiting": {"reason": "ImagePullBackOff", "message": "Back-off"}}, {}, "the image can't be pulled"),
        (
            {"waiting": {"reason": "CreateContainerConfigError", "message": "image will run as root"}},
            {},
            "container train can't start: image will run as root",
        ),
        (
            {"waiting": {"reason": "PodInitializing"}},
            {"initContainerStatuses": [{"name": "consent", "state": {"waiting": {"reason": "ErrImagePull"}}}]},
            "the image can't be pulled",
        ),
        (
            {},
            {
                "conditions": [
                    {
                        "type": "PodScheduled",
                        "status": "False",
                        "reason": "Unschedulable",
                        "message": "0/3 nodes are available: 3 Insufficient nvidia.com/gpu. preemption: none.",
                    }
                ]
            },
            "no node takes pod weekly-retrain-29921940-pod: 3 Insufficient nvidia.com/gpu",
        ),
        ({"terminated": {"exitCode": 3, "message": "lost the store"}}, {}, "exit code 3: lost the store); it is tried"),
    ],
)
def test_a_run_that_does_not_get_on_says_why(state: dict[str, Any], status: dict[str, Any], words: str) -> None:
    """The condition Running names what somebody must mend."""
    world = running()
    after = world.pod(only(world), state, "Pending", **status).look()
    assert after.said("Running").status == "True"
    assert words in after.said("Running").message


def test_a_secret_whose_owner_did_not_agree_fails_the_run_at_once() -> None:
    """What is told is what the Secret's owner has to do, and nothing of the Job's own sentence about exit codes."""
    world = running()
    refused = {"outcome": "Failed", "reason": "CredentialsNotAllowed", "message": 'add the key allowTraining: "true"'}
    ended = {"terminated": {"exitCode": 2, "message": json.dumps(refused)}}
    pod = world.pod(
        only(world),
        {"waiting": {"reason": "PodInitializing"}},
        "Failed",
        initContainerStatuses=[{"name": "consent", "state": ended}],
    )
    after = pod.fails(only(world), "Container consent failed with exit code 2 matching FailJob rule at index 1").look()
    assert after.last.outcome == "Failed"
    assert after.last.message == 'add the key allowTraining: "true"'


# What must be mended first


@pytest.mark.parametrize(
    ("world", "reason", "words"),
    [
        (retrain_().edit(cooldown="soon"), Reason.INVALID_SPEC, "spec.cooldown: "),
        (retrain_().edit(triggers=[{"name": "a"}]), Reason.INVALID_SPEC, "spec.triggers[0]: exactly one of"),
        (retrain_().weekly("TZ=UTC 0 3 * *"), Reason.INVALID_SPEC, "spec.triggers[0].schedule.cron: a time zone"),
        (retrain_().weekly("0 3 * * 7"), Reason.INVALID_SPEC, "day of the week is '7'"),
        (
            retrain_().edit(
                triggers=[
                    {"name": "a", "schedule": {"cron": "0 3 * * 0"}},
                    {"name": "b", "metric": {"signal": "Errors", "above": "0.02", "for": "30m"}},
                ]
            ),
            Reason.NOT_YET_SUPPORTED,
            "spec.triggers[1].metric: Errors",
        ),
        (retrain_().edit(pauseAfterRejections=2), Reason.NOT_YET_SUPPORTED, "spec.pauseAfterRejections: 2"),
        (retrain_().edit(budget={"runs": 17, "per": "24h"}), Reason.NOT_YET_SUPPORTED, "spec.budget.runs: 17"),
        (
            retrain_().job_spec(pod={"storage": {"cache": "Node"}}),
            Reason.NOT_YET_SUPPORTED,
            "spec.training.job.pod.storage.cache: Node",
        ),
        (
            retrain_().job_spec(pod={"serviceAccountName": "trainer"}),
            Reason.SERVICE_ACCOUNT_NOT_ALLOWED,
            "spec.training.job.pod.serviceAccountName: trainer does not exist or does not carry the label "
            'linnet.dev/allow-pods: "true"',
        ),
        (
            retrain_().job_spec(credentials={"serviceAccountName": "trainer"}),
            Reason.SERVICE_ACCOUNT_NOT_ALLOWED,
            "spec.training.job.credentials.serviceAccountName: trainer",
        ),
        (
            replace(
                retrain_().job_spec(credentials={"serviceAccountName": "a"}, pod={"serviceAccountName": "b"}),
                accounts=frozenset("ab"),
            ),
            Reason.INVALID_SPEC,
            "a pod runs as one ServiceAccount",
        ),
        (retrain_().job_spec(credentials={}), Reason.INVALID_SPEC, "exactly one of secretName, serviceAccountName"),
        (replace(retrain_(), model=None), Reason.MODEL_NOT_FOUND, "spec.model.name"),
        (
            replace(retrain_(), model=replace(model(), spec={**model().spec, "gate": {"approval": {"count": 1}}})),
            Reason.NOT_YET_SUPPORTED,
            "Model tumor: spec.gate.approval",
        ),
        (
            replace(retrain_(), model=replace(model(), spec={**model().spec, "runtime": None})),
            Reason.UNKNOWN_RUNTIME,
            "Model tumor: spec.format.name",
        ),
    ],
)
def test_what_must_be_mended_is_named(world: World, reason: Reason, words: str) -> None:
    """Ready is False with the field's path, and nothing is made."""
    after = world.look()
    assert (after.said().status, after.said().reason) == ("False", reason)
    assert words in after.said().message
    assert after.cron is None
    at_rest(after)


def test_an_allowed_service_account_may_train() -> None:
    """The namespace's owner has labeled it."""
    world = retrain_().job_spec(pod={"serviceAccountName": "trainer"})
    assert replace(world, accounts=frozenset({"trainer"})).look().said().status == "True"


@pytest.mark.parametrize("change", [{"cooldown": "soon"}, {"pauseAfterRejections": 2}])
def test_children_stay_as_they_are_while_the_spec_is_wrong(change: dict[str, object]) -> None:
    """The CronJob keeps standing; what it makes meanwhile is refused with the same words."""
    world = standing()
    wrong = world.edit(**change)
    assert not any(isinstance(a, Apply | Delete) for a in wrong.plan().actions)
    assert wrong.look().cron == world.cron
    refused(wrong.due(), wrong.look().said().message)


def test_mending_the_spec_is_the_same_as_having_written_it_so() -> None:
    """A wrong spec in between leaves no trace but the transition."""
    mended = standing().edit(cooldown="soon").look().edit(cooldown="6h").look()
    direct = standing().edit(cooldown="6h").look()
    assert mended.cron == direct.cron
    assert mended.said().reason == direct.said().reason


def test_a_wrong_spec_does_not_lose_the_run_under_way() -> None:
    """A run that was started properly ends properly."""
    world = running()
    after = world.edit(cooldown="soon").completes(only(world), claim()).look()
    assert after.last.version == 2


def test_a_policy_that_is_deleted_does_nothing_more() -> None:
    """Owner references do the rest."""
    observed = standing().due().observed()
    gone = replace(observed, policy=replace(observed.policy, deleting=True))
    assert reconcile.plan(gone, NOW).actions == ()


def test_a_strangers_suspended_job_is_left_alone() -> None:
    """Only the CronJob's own Jobs are admitted or refused, whatever labels others carry."""
    world = standing().due()
    name = only(world)
    job = world.jobs[name]
    strange = {**job, "metadata": {**job["metadata"], "ownerReferences": [{"uid": "other", "controller": True}]}}
    after = replace(world, jobs={name: strange}).look()
    assert after.suspended() == [name]
    assert after.runs == []


def test_finished_jobs_that_the_record_has_grown_past_stay_forgotten() -> None:
    """Jobs stay for days and the record holds twenty: an old one is not taken for a new run."""
    world, now = standing("* * * * *"), NOW
    for step in range(25):
        now = NOW + timedelta(minutes=step)
        world = world.due(now).look(now)
        world = world.completes(world.last.job, claim(str(step)), now).look(now)
    assert len(world.jobs) == 25
    again = world.plan(now + timedelta(seconds=9))
    assert again.actions == ()
    assert again.status is not None
    assert again.status.wire() == world.status


def test_a_lost_status_does_not_make_old_versions_again() -> None:
    """After a restore the Jobs that still stand are recorded again, with the versions that they made."""
    world = running()
    ended = world.completes(only(world), claim()).look()
    restored = replace(ended, status={}).look()
    assert len(restored.versions) == 1
    assert (restored.last.outcome, restored.last.version) == ("Succeeded", 2)
    at_rest(restored)


def test_digests_of_the_builder_are_valid() -> None:
    """Guards the other tests: a digest that no type takes would make each of them vacuous."""
    assert len(digest("b")) == 71
