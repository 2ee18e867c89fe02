"""What a person's request does in each phase of a rollout."""

from datetime import timedelta

import pytest

from asking import request
from linnet.api.names import Verb
from linnet.core.rollout.requests.verbs import ALLOWED
from simulator import DIGESTS, Behavior, Cluster

pytestmark = pytest.mark.rollouts

STEPS = {
    "canary": {"steps": [{"setWeight": 25}, {"pause": {}}, {"setWeight": 50}, {"pause": {}}]},
    "bake": {"time": "1h"},
}
SPEC = {"strategy": STEPS, "analysis": {"interval": "2s", "warmUp": "0s"}}


def in_phase(phase: str | None) -> Cluster:
    """A Deployment whose version 2 has reached this phase; version 1 serves. None: at rest, on version 1."""
    cluster = Cluster().edit(**SPEC)
    cluster.run(5)
    if phase is None:
        return cluster
    cluster.publish(2, Behavior(starts=phase != "Starting"))
    if phase in {"Promoting", "Baking", "Finishing"}:
        cluster.run(10, until=lambda c: c.phase == "Stepping")
        cluster.ask("promote-full - full jane")
    if phase == "Finishing":
        cluster.run(10, until=lambda c: c.phase == "Baking")
        cluster.ask("promote-full - full2 jane")
    if phase == "RollingBack":
        cluster.run(10, until=lambda c: c.phase == "Stepping")
        cluster.ask("abort - ab jane")
    for _ in range(200):
        cluster.reconcile()
        if cluster.phase == phase:
            return cluster
        cluster._start_pods()
    raise AssertionError(f"never reached {phase}: {cluster.history}")


def answer(cluster: Cluster) -> str | None:
    return cluster.answered.outcome


PHASES = [None, "Starting", "Stepping", "Promoting", "Baking", "Finishing", "RollingBack"]
ACCEPTED_BY_PHASE = [(verb, phase) for verb, phases in ALLOWED.items() for phase in PHASES if phase in phases]
REFUSED_BY_PHASE = [(verb, phase) for verb, phases in ALLOWED.items() for phase in PHASES if phase not in phases]
NEEDS_MORE = {Verb.RESUME, Verb.ROLLBACK, Verb.RETRY, Verb.RELEASE}
"""Obeyed in the phase only if there is something to resume, to go back to, to try again, or to release."""


@pytest.mark.parametrize(("verb", "phase"), REFUSED_BY_PHASE)
def test_a_request_out_of_phase_is_refused_and_moves_nothing(verb: Verb, phase: str | None) -> None:
    """The answer says so; the rollout goes on as if nobody had asked."""
    cluster = in_phase(phase)
    cluster.now += timedelta(seconds=1)  # what was asked with the request that led here has its answer
    cluster.ask(f"{verb} - now jane").reconcile()
    assert answer(cluster) == "Refused"
    assert cluster.phase == (phase or "AtRest")


@pytest.mark.parametrize(("verb", "phase"), [(v, p) for v, p in ACCEPTED_BY_PHASE if v not in NEEDS_MORE])
def test_a_request_in_its_phase_is_obeyed(verb: Verb, phase: str | None) -> None:
    """And answered once."""
    cluster = in_phase(phase)
    cluster.ask(f"{verb} - now jane").reconcile()
    assert answer(cluster) == "Accepted"
    writes = cluster.writes
    time = cluster.answered
    cluster.reconcile()
    assert cluster.answered == time
    assert cluster.writes >= writes


def test_promote_leaves_a_pause_for_the_next_step() -> None:
    """One step at a time."""
    cluster = in_phase("Stepping")
    cluster.run(10, until=lambda c: c.typed.rollout is not None and c.typed.rollout.step == 1)
    cluster.ask("promote v2 id1 jane").run(5)
    rollout = cluster.typed.rollout
    assert rollout is not None
    assert rollout.weight == 50


def test_promote_full_goes_to_the_end() -> None:
    """Past every step, but still through the bake."""
    cluster = in_phase("Stepping")
    cluster.ask("promote-full v2 id1 jane").run(10, until=lambda c: c.phase == "Baking")
    assert cluster.typed.stable is not None
    assert cluster.typed.stable.version == 2


def test_abort_goes_back_without_blame_and_waits_for_retry() -> None:
    """The aborted version is not tried again by itself (argo #2929), nor quarantined."""
    cluster = in_phase("Stepping")
    cluster.ask("abort v2 id1 jane").run(60)
    assert cluster.phase == "AtRest"
    assert cluster.ready_reason() == "False/Aborted"
    assert cluster.version_status(2).quarantine is None
    cluster.ask("retry v2 id2 jane").run(10, until=lambda c: c.phase == "Stepping")
    assert cluster.phase == "Stepping"


def test_pause_holds_and_resume_goes_on() -> None:
    """A paused rollout does not move; a failing one still goes back."""
    cluster = Cluster().edit(
        strategy={"canary": {"steps": [{"setWeight": 25}, {"analyze": {"for": "5s"}}]}, "bake": {"time": "0s"}}
    )
    cluster.edit(analysis={"interval": "2s", "warmUp": "0s"}).run(5)
    cluster.publish(2).run(10, until=lambda c: c.phase == "Stepping")
    cluster.ask("pause v2 id1 jane").run(300)
    assert cluster.phase == "Stepping"
    assert cluster.ready_reason() == "Unknown/Paused"
    cluster.ask("resume v2 id2 jane").run(300, until=lambda c: c.phase == "AtRest")
    assert cluster.typed.stable is not None
    assert cluster.typed.stable.version == 2


def test_rollback_at_rest_goes_to_the_former_version() -> None:
    """One request; the version that served is quarantined."""
    cluster = in_phase("Baking")
    cluster.ask("promote-full - id1 jane").run(30, until=lambda c: c.phase == "AtRest")
    cluster.ask("rollback - id2 jane").run(60, until=lambda c: c.phase == "AtRest" and c.typed.rollout is None)
    cluster.run(30)
    assert cluster.typed.stable is not None
    assert cluster.typed.stable.version == 1
    assert cluster.version_status(2).quarantine
    assert len(cluster.answering()) == 2
    assert cluster.unanswered <= cluster.rate * 5


@pytest.mark.parametrize("target", ["-", "v1"])
def test_rollback_while_the_former_pods_go_needs_no_second_try(target: str) -> None:
    """What was promoted has ended; the way back begins in the same look, with blame, and nobody is left unanswered."""
    cluster = in_phase("Finishing")
    cluster.ask(f"rollback {target} id1 jane").reconcile()
    assert answer(cluster) == "Accepted"
    assert cluster.phase == "RollingBack"
    cluster.run(60, until=lambda c: c.phase == "AtRest")
    assert cluster.typed.stable is not None
    assert cluster.typed.stable.version == 1
    assert cluster.version_status(2).quarantine
    assert len(cluster.answering()) == 2
    assert cluster.unanswered <= cluster.rate * 5


def test_rollback_to_a_version_that_never_was_is_refused() -> None:
    """The message names what was asked for."""
    cluster = in_phase(None)
    cluster.ask("rollback v9 id1 jane").run(2)
    assert answer(cluster) == "Refused"


@pytest.mark.parametrize("target", ["v2", DIGESTS[2]])
def test_rollback_to_a_quarantined_version_is_refused(target: str) -> None:
    """What failed serves nobody again until a person releases it, and what serves well is not blamed in its place."""
    cluster = in_phase("Stepping")
    cluster.ask("rollback v2 id1 jane").run(60, until=lambda c: c.phase == "AtRest").run(30)
    cluster.ask(f"rollback {target} id2 jane").run(60)
    assert answer(cluster) == "Refused"
    assert "kubectl linnet release" in (cluster.answered.message or "")
    assert cluster.typed.stable is not None
    assert cluster.typed.stable.version == 1
    assert not cluster.version_status(1).quarantine


def test_rollback_goes_back_no_second_time_to_what_it_came_from() -> None:
    """Without a version it means the former one, which the first rollback has quarantined."""
    cluster = in_phase("Baking")
    cluster.ask("promote-full - id1 jane").run(30, until=lambda c: c.phase == "AtRest")
    cluster.ask("rollback - id2 jane").run(60, until=lambda c: c.phase == "AtRest" and c.typed.rollout is None).run(30)
    cluster.ask("rollback - id3 jane").run(60)
    assert answer(cluster) == "Refused"
    assert cluster.typed.stable is not None
    assert cluster.typed.stable.version == 1


def test_release_lets_a_quarantined_version_be_tried_again() -> None:
    """A person who knows better says so, and it is kept who."""
    cluster = in_phase("Stepping")
    cluster.ask("rollback v2 id1 jane").run(60)
    assert cluster.ready_reason() == "False/Quarantined"
    cluster.ask("release v2 id2 jane").run(20, until=lambda c: c.phase == "Stepping")
    assert cluster.phase == "Stepping"
    decisions = cluster.version_status(2).decisions
    assert decisions is not None
    assert any(d.decision == "Released" and d.by == "jane" for d in decisions)
    lines = [log.fields for log in cluster.logs if log.event == "decision" and log.fields["decision"] == "Released"]
    assert [(line["by"], line["digest"]) for line in lines] == [("jane", DIGESTS[2])]


def test_a_release_whose_answer_was_lost_is_not_refused_afterwards() -> None:
    """The version was released, and then somebody else wrote the Deployment's status first: it is looked at again."""
    cluster = in_phase("Stepping")
    cluster.ask("rollback v2 id1 jane").run(60)
    before = dict(cluster.status)
    cluster.ask("release v2 id2 jane").reconcile()
    cluster.status = before
    cluster.run(3)
    assert answer(cluster) == "Accepted"
    decisions = cluster.version_status(2).decisions or []
    assert [d.decision for d in decisions].count("Released") == 1


def test_a_request_for_another_version_is_refused() -> None:
    """An abort of version 7 does not abort version 2."""
    cluster = in_phase("Stepping")
    cluster.ask("abort v7 id1 jane").reconcile()
    assert answer(cluster) == "Refused"
    assert cluster.phase == "Stepping"


def test_without_the_admission_policy_nothing_is_obeyed() -> None:
    """A name that anybody could have written is nobody's word; the answer says how to go back without a request."""
    cluster = in_phase("Stepping")
    cluster.proven = False
    cluster.ask("abort v2 id1 jane").reconcile()
    assert answer(cluster) == "Refused"
    assert cluster.phase == "Stepping"
    patch = """kubectl patch mld tumor-risk -n ml --type merge -p '{"spec":{"model":{"version":1}}}'"""
    assert cluster.answered.message.endswith(patch)


def test_a_request_is_obeyed_once() -> None:
    """Its answer was lost, and something else was asked meanwhile: it is answered, and not obeyed again."""
    cluster = in_phase("Stepping")
    pause = cluster.ask("pause v2 id1 jane").waiting[-1]
    cluster.run(2)
    cluster.ask("resume v2 id2 jane").run(2)
    cluster.waiting.append(pause)
    cluster.run(2)
    rollout = cluster.typed.rollout
    assert rollout is not None
    assert not rollout.paused
    assert (answer(cluster), cluster.answered.message) == (
        "Accepted",
        "paused where it is; a failing version is still rolled back",
    )


def test_a_stop_is_obeyed_before_what_was_asked_earlier() -> None:
    """And what it overtakes is not obeyed after it: nobody would expect that."""
    cluster = in_phase("Stepping")
    cluster.ask("promote-full - id1 jane").ask("resume - id2 jane").ask("pause - id3 ada").reconcile()
    assert [a.outcome for a in cluster.answers[-3:]] == ["Accepted", "Refused", "Refused"]
    assert all("pause by ada (req-id3) came first" in a.message for a in cluster.answers[-2:])
    cluster.run(5)
    assert cluster.typed.rollout is not None
    assert cluster.typed.rollout.paused
    assert cluster.phase == "Stepping"


def test_to_go_back_many_times_is_to_go_back_once() -> None:
    """A hundred ask for the same while the version serves already: one acts, and the others hear so, at one look."""
    cluster = in_phase("Finishing")
    cluster.run(200, until=lambda c: c.phase == "AtRest")
    for n in range(100):
        cluster.ask(f"rollback - id{n} jane")
    cluster.reconcile()
    assert {a.outcome for a in cluster.answers[-100:]} == {"Accepted"}
    assert not cluster.waiting
    cluster.run(60)
    stable = cluster.typed.stable
    assert stable is not None
    assert (cluster.phase, stable.version) == ("AtRest", 1)
    assert len([d for d in cluster.version_status(2).decisions or () if d.decision == "RolledBack"]) == 1


def test_a_hundred_that_are_refused_hold_up_no_other() -> None:
    """They ask about another version than the one under way: one look refuses them, and obeys the one that means it."""
    cluster = in_phase("Stepping")
    for n in range(100):
        cluster.ask(f"abort v{n + 7} id{n} pat")
    cluster.ask("abort v2 stop ada").reconcile()
    assert {a.outcome for a in cluster.answers[-101:-1]} == {"Refused"}
    assert (answer(cluster), cluster.phase) == ("Accepted", "RollingBack")


def test_requests_are_obeyed_in_the_order_in_which_they_were_made() -> None:
    """One at a look."""
    cluster = in_phase("Stepping")
    cluster.ask("pause - id1 jane").ask("resume - id2 jane").run(3)
    assert [a.message for a in cluster.answers[-2:]] == [
        "paused where it is; a failing version is still rolled back",
        "resumed",
    ]


def test_a_reason_is_kept_with_the_decision() -> None:
    """Who reads the record next year sees why."""
    cluster = in_phase("Stepping")
    cluster.waiting.append(request("abort v2 id1 jane", cluster.now, "pager 4711"))
    cluster.run(60)
    last = (cluster.version_status(2).decisions or [])[-1]
    assert (last.decision, last.message) == ("Aborted", "jane aborted it: pager 4711")
