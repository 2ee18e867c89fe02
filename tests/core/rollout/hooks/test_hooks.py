"""Whole rollouts with hooks, in memory: they can delay a version, and never a rollback."""

import json
from typing import Any

import pytest

from core.rollout.test_transitions import QUICK, at_rest, serving
from linnet.api.parts.hooks import Hooks
from linnet.core.webhooks import Call, Confirmed, NotYet, Refused, Reply
from simulator import Behavior, Cluster

pytestmark = pytest.mark.rollouts

FREEZE = {"name": "freeze", "at": "PreRollout", "endpoint": "calendar"}
APPROVED = {"name": "approved", "at": "ConfirmPromotion", "endpoint": "desk"}
TOLD = {"name": "told", "at": "PostRollout", "endpoint": "desk"}
SOON = {"canary": {"steps": [{"setWeight": 50}]}, "bake": {"time": "30s"}}
PLATFORM = Hooks.model_validate(
    {"endpoints": [{"name": "desk", "url": "http://desk"}, {"name": "calendar", "url": "http://calendar"}]}
)


def hooked(*given: dict[str, str], **fields: Any) -> Cluster:
    """Version 1 serves; these hooks wait for version 2."""
    cluster = Cluster(hooks=PLATFORM)
    cluster.edit(**{**QUICK, "strategy": {**SOON, "hooks": list(given)}, **fields})
    return cluster.run(5)


def answers(cluster: Cluster, said: Reply | None) -> None:
    cluster.reply = lambda _: said


def promoted(cluster: Cluster) -> bool:
    return at_rest(cluster) and cluster.typed.stable is not None and cluster.typed.stable.version == 2


def waits(cluster: Cluster) -> bool:
    return cluster.ready_reason() == "Unknown/WaitingForHook"


def waiting(cluster: Cluster) -> Cluster:
    """Version 2 has come as far as its hook, which has been asked."""
    cluster.publish(2).run(900, until=lambda c: waits(c) and bool(c.called))
    assert waits(cluster)
    return cluster


def ended(cluster: Cluster) -> str:
    """How the rollout of version 2 ended; empty before that."""
    last = cluster.typed.last_rollout
    return last.outcome if last is not None and last.to.version == 2 and at_rest(cluster) else ""


def test_before_the_yes_no_request_reaches_the_new_version() -> None:
    """PreRollout is asked when the pods are ready, so that a receiver can try them."""
    cluster = hooked(FREEZE).publish(2).run(120)
    assert cluster.phase == "Starting"
    assert 2 not in cluster.served
    assert waits(cluster)
    assert (
        "waits for hook freeze (endpoint calendar) since 2026-01-01T00:00:05Z: nobody has decided" in cluster.message()
    )
    answers(cluster, Confirmed())
    assert promoted(cluster.run(600, until=promoted))


def test_before_the_yes_nothing_is_promoted_and_the_canary_goes_on_being_judged() -> None:
    """It stays at the last step's weight."""
    cluster = waiting(hooked(APPROVED)).run(60)
    assert cluster.phase == "Stepping"
    assert "every step is done, weight 50 %: it waits for hook approved (endpoint desk)" in cluster.message()
    answers(cluster, Confirmed())
    assert promoted(cluster.run(120, until=promoted))


def test_a_question_says_what_it_is_about_and_keeps_its_id() -> None:
    """CloudEvents: the receiver knows a question that it has had before."""
    cluster = waiting(hooked(APPROVED)).run(60)
    events = [json.loads(call.body) for call in cluster.called]
    [event_id] = {e["id"] for e in events}
    event, rollout = events[-1], cluster.typed.rollout
    assert rollout is not None
    assert event_id == f"{rollout.id}-approved"
    assert (event["specversion"], event["type"]) == ("1.0", "dev.linnet.rollout.confirmpromotion")
    assert event["source"] == "/namespaces/ml/deployments/tumor-risk"
    assert event["subject"] == cluster.revision(2)
    data = event["data"]
    assert (data["from"]["version"], data["to"]["version"], data["weight"]) == (1, 2, 50)
    assert data["to"]["digest"] == rollout.to.digest
    assert data["policyHash"] == rollout.policy_hash
    assert {c["name"] for c in data["checks"]} >= {"errors", "latency"}


def test_the_same_question_is_asked_with_growing_pauses() -> None:
    """Flagger #497: a gate that nobody opens told everybody again and again; here there is one Event."""
    cluster = waiting(hooked(APPROVED)).run(600)
    assert 10 <= len(cluster.called) <= 16
    assert [e.reason for e in cluster.events].count("HookAsked") == 1


@pytest.mark.parametrize("hook", [FREEZE, APPROVED])
def test_a_refusal_takes_the_version_back_without_blame(hook: dict[str, str]) -> None:
    """Nothing is quarantined; the reason is in the record, and the version is not tried again by itself."""
    cluster = hooked(hook)
    answers(cluster, Refused("change freeze"))
    cluster.publish(2).run(900, until=lambda c: ended(c) == "Aborted")
    last = cluster.typed.last_rollout
    assert last is not None
    assert (last.outcome, last.by, last.reason) == ("Aborted", "hook", "HookRefused")
    assert last.message == f"hook {hook['name']} refused: change freeze"
    assert not cluster.version_status(2).quarantine
    assert cluster.typed.held == cluster.revision(2)


@pytest.mark.parametrize("said", [None, NotYet("the endpoint did not answer within 10 s", unreachable=True)])
@pytest.mark.parametrize("hook", [FREEZE, APPROVED])
def test_a_failing_version_is_rolled_back_while_a_hook_hangs(hook: dict[str, str], said: Reply | None) -> None:
    """Flagger #1801: while a gate was waited for, failed checks were counted and nothing was done."""
    cluster = hooked(hook)
    answers(cluster, said)
    waiting(cluster)
    cluster.behaviors[2] = Behavior(errors=0.5)
    for pod in cluster.pods.values():
        if hook is FREEZE and pod["metadata"]["labels"]["linnet.dev/version"] == "2":
            server = pod["status"]["containerStatuses"][0]
            server.update(restartCount=1, lastState={"terminated": {"reason": "OOMKilled", "exitCode": 137}})
    cluster.run(120, until=lambda c: ended(c) == "RolledBack")
    assert ended(cluster) == "RolledBack"
    assert cluster.version_status(2).quarantine


@pytest.mark.parametrize("verb", ["abort", "rollback"])
@pytest.mark.parametrize("hook", [FREEZE, APPROVED])
def test_a_person_is_not_made_to_wait(hook: dict[str, str], verb: str) -> None:
    """Whatever the hook says, or does not."""
    cluster = waiting(hooked(hook))
    cluster.ask(f"{verb} - id1 jane").run(60, until=at_rest)
    assert ended(cluster) == ("Aborted" if verb == "abort" else "RolledBack")


def test_promote_full_passes_the_hook_and_the_record_says_so() -> None:
    """Who promoted without whose word."""
    cluster = waiting(hooked(APPROVED))
    cluster.ask("promote-full v2 id1 jane").run(120, until=promoted)
    assert promoted(cluster)
    decision = next(d for d in cluster.version_status(2).decisions or () if d.decision == "Promoted")
    assert decision.by == "jane"
    assert "jane promoted it past the remaining steps and without the word of approved" in decision.message


def test_promote_does_not_pass_it() -> None:
    """There is no next step; the answer says what would pass it."""
    cluster = waiting(hooked(APPROVED))
    cluster.ask("promote v2 id1 jane").run(5)
    last = cluster.answered
    assert last.outcome == "Refused"
    assert "every step is done; it waits for hook approved" in last.message
    assert cluster.phase == "Stepping"


def test_a_promotion_by_a_person_waits_too_and_stays_theirs() -> None:
    """Who left the last pause is in the record, however long the hook took."""
    strategy = {"blueGreen": {}, "bake": {"time": "30s"}, "hooks": [APPROVED]}
    cluster = hooked(strategy=strategy).publish(2).run(60, until=lambda c: c.phase == "Stepping")
    cluster.ask("promote v2 id1 jane").run(60)
    assert waits(cluster)
    assert 2 not in cluster.served
    answers(cluster, Confirmed())
    assert promoted(cluster.run(300, until=promoted))
    decision = next(d for d in cluster.version_status(2).decisions or () if d.decision == "Promoted")
    assert decision.by == "jane"


def test_at_the_deadline_it_says_so_and_goes_on_waiting() -> None:
    """Never promoted silently, never taken back for a receiver's fault."""
    cluster = hooked(APPROVED, deadlines={"hook": "2m"}).publish(2).run(900, until=lambda c: "2m" in c.message())
    assert cluster.phase == "Stepping"
    assert cluster.ready_reason() == "False/HookDeadlineExceeded"
    assert "That is longer than deadlines.hook (2m): mend it, or request promote-full or abort" in cluster.message()
    assert [e.reason for e in cluster.events].count("HookDeadlineExceeded") == 1
    answers(cluster, Confirmed())
    assert promoted(cluster.run(300, until=promoted))


def test_a_pod_that_is_lost_while_a_hook_waits_has_its_own_time() -> None:
    """A gate may stay closed for days: the deadline for pods counts from the new pod."""
    cluster = waiting(hooked(FREEZE, deadlines={"ready": "1m"}))
    cluster.run(120)
    lost = next(n for n in cluster.pods if n.startswith(cluster.revision(2)))
    del cluster.pods[lost]
    cluster.behaviors[2] = Behavior(starts=False)
    cluster.run(30)
    assert cluster.phase == "Starting"
    assert not cluster.version_status(2).quarantine


def test_while_paused_nobody_is_asked() -> None:
    """A person's pause comes first."""
    cluster = waiting(hooked(APPROVED))
    cluster.ask("pause - id1 jane").run(5)
    count = len(cluster.called)
    cluster.run(120)
    assert len(cluster.called) == count


def test_a_restarted_operator_forgets_no_yes() -> None:
    """The answers are in status: of two hooks only the one that waits is asked again."""
    other = {**APPROVED, "name": "other", "endpoint": "calendar"}
    cluster = hooked(APPROVED, other)

    def one(call: Call) -> Reply:
        return Confirmed() if call.hook == "approved" else NotYet("no")

    cluster.reply = one
    cluster.publish(2).run(900, until=lambda c: len(c.called) > 2)
    cluster.save().restart_operator()
    before = len(cluster.called)
    cluster.run(120)
    assert {c.hook for c in cluster.called[before:]} == {"other"}
    assert [c.hook for c in cluster.called].count("approved") == 1


@pytest.mark.parametrize("errors", [0.0, 0.5])
def test_afterwards_it_is_told_once_how_it_ended(errors: float) -> None:
    """After a promotion and after a rollback."""
    cluster = (
        hooked(strategy={**QUICK["strategy"], "hooks": [TOLD]})
        .publish(2, Behavior(errors=errors))
        .run(900, until=lambda c: bool(ended(c)))
    )
    [told] = cluster.notified
    assert told.endpoint == "desk"
    assert told.event["type"] == "dev.linnet.rollout.postrollout"
    assert told.event["data"]["outcome"] == ended(cluster) == ("RolledBack" if errors else "Promoted")
    assert not cluster.called


def test_the_first_version_asks_nobody() -> None:
    """There is nothing to go back to, and nobody to protect yet."""
    cluster = hooked(FREEZE, APPROVED, TOLD)
    assert cluster.ready_reason() == "True/AsDesired"
    assert not cluster.called
    assert not cluster.notified


@pytest.mark.parametrize(
    ("platform", "said"),
    [
        (None, "the platform has no endpoint desk: it has none (Helm value hooks.endpoints)"),
        ({"endpoints": [{"name": "b", "url": "http://b"}]}, "the platform has no endpoint desk: it has b: name one"),
    ],
)
def test_an_endpoint_that_is_not_there_starts_no_rollout(platform: dict[str, Any] | None, said: str) -> None:
    """The path, the value, and what there is."""
    cluster = serving(strategy={**QUICK["strategy"], "hooks": [TOLD]})
    cluster.hooks = Hooks.model_validate(platform) if platform else None
    cluster.publish(2).run(30)
    assert at_rest(cluster)
    assert cluster.ready_reason() == "False/InvalidSpec"
    assert f"spec.strategy.hooks[0].endpoint: {said}" in cluster.message()


def test_an_endpoint_that_is_taken_away_holds_and_says_so() -> None:
    """In mid-rollout it is neither a yes nor a no."""
    cluster = waiting(hooked(APPROVED))
    cluster.hooks = None
    cluster.run(60)
    assert cluster.phase == "Stepping"
    assert "the platform has no endpoint desk: it has none" in cluster.message()


def test_each_answer_that_is_news_is_one_line_of_the_log() -> None:
    """And no more than that."""
    cluster = waiting(hooked(APPROVED)).run(30)
    answers(cluster, Confirmed())
    cluster.run(120, until=promoted)
    lines = [dict(line.fields) for line in cluster.logs if line.event == "hook"]
    assert [(line["answer"], line["message"]) for line in lines] == [
        ("Waiting", "nobody has decided"),
        ("Confirmed", ""),
    ]
