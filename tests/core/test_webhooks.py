"""What an endpoint's answer to a hook means, and what it is sent."""

import json

import pytest

from linnet.core import webhooks
from linnet.core.plan import Emit, Log, Ref
from linnet.core.resources.objects import Parent
from linnet.core.rollout.hooks import calls as hooks
from linnet.core.webhooks import Confirmed, NotYet, Refused, Reply, reply
from simulator import START


@pytest.mark.parametrize(
    ("status", "body", "said"),
    [
        (200, b"", Confirmed()),
        (204, b"", Confirmed()),
        (202, b"", NotYet("it has accepted the question, and not answered it")),
        (403, b'{"reason": "change freeze until Monday"}', Refused("change freeze until Monday")),
        (403, b"RBAC: access denied", NotYet("it answered 403")),
        (403, b'{"reason": ""}', NotYet("it answered 403")),
        (403, b'{"reason": 7}', NotYet("it answered 403")),
        (409, b'{"reason": "nobody has looked yet"}', NotYet("it answered 409: nobody has looked yet")),
        (429, b"", NotYet("it answered 429")),
        (302, b"", NotYet("it answered 302: redirects are not followed")),
        (401, b'{"reason": "Unauthorized"}', NotYet("it answered 401: Unauthorized")),
        (404, b"", NotYet("it answered 404")),
        (503, b"[" * 100_000, NotYet("it answered 503")),
    ],
)
def test_only_a_clear_answer_counts(status: int, body: bytes, said: Reply) -> None:
    """A proxy, a broker or a wrong path says neither yes nor no."""
    assert reply(status, body) == said


def test_a_reason_is_one_short_line() -> None:
    """What a receiver says goes into conditions: no control characters, no essays."""
    said = reply(403, json.dumps({"reason": "no\n\x1b[31m" + "x" * 500}).encode())
    assert isinstance(said, Refused)
    assert len(said.reason) == 200
    assert said.reason.isprintable()


def test_the_pauses_between_questions_grow_and_have_an_end() -> None:
    """A receiver that is down is not flooded, and one that is back is not left waiting."""
    assert [hooks.pause(n).total_seconds() for n in (1, 2, 3, 4, 5, 10_000)] == [5, 10, 20, 40, 60, 60]


def parent(**status: object) -> Parent:
    return Parent("risk", "ml", "uid", 1, {}, False, {}, status)


REF = Ref("Deployment", "ml", "risk")
WEIGHT = Emit("Normal", "WeightSet", "Version 2: weight 10 %")


def test_an_event_sent_again_has_the_same_id_and_in_the_next_rollout_another() -> None:
    """So that a receiver drops the double, and not the news."""
    first = webhooks.of_transition(REF, parent(rollout={"id": "a"}), WEIGHT, START)
    again = webhooks.of_transition(REF, parent(rollout={"id": "a"}), WEIGHT, START)
    later = webhooks.of_transition(REF, parent(rollout={"id": "b"}), WEIGHT, START)
    assert first == again
    assert first["id"] != later["id"]


def test_a_decision_is_sent_as_it_is_logged() -> None:
    """With who, why, the counts and the policy's hash."""
    fields = {"id": "r-Promoted", "decision": "Promoted", "revision": "risk-v2", "time": "2026-01-01T00:00:00Z"}
    event = webhooks.of_decision(REF, Log("decision", fields))
    assert event["type"] == "dev.linnet.decision.promoted"
    assert (event["source"], event["subject"]) == ("/namespaces/ml/deployments/risk", "risk-v2")
    assert event["data"] == {"namespace": "ml", "name": "risk", **fields}
