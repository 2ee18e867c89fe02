"""Which request comes next, what is answered without being considered, and what an object remembers."""

from datetime import datetime, timedelta

from asking import PROVEN, UNPROVEN, answers, request
from builders import NOW
from linnet.api.parts.requests import MAX_ANSWERED, AnsweredRequest
from linnet.core.requests.answers import LIFETIME, Turn, turn
from linnet.core.requests.waiting import Proof, Request, Requests, read
from linnet.core.resources.objects import Parent

TARGET = Parent("risk", "ml", "uid", 1, {}, False, {}, {}, created=NOW - timedelta(days=1))
SECOND = timedelta(seconds=1)


def looked(*waiting: Request, proof: Proof = PROVEN, known: list[AnsweredRequest] | None = None) -> Turn:
    ordered = tuple(sorted(waiting, key=lambda r: r.order))
    return turn(Requests(ordered, proof), TARGET, known, NOW)


def looked_in_order(waiting: tuple[Request, ...]) -> Request:
    chosen = turn(Requests(waiting, PROVEN), TARGET, None, NOW).request
    assert chosen is not None
    return chosen


def requested(name: str, created: datetime) -> Parent:
    spec = {"target": {"kind": "Deployment", "name": "risk"}, "verb": "abort", "user": "jane"}
    return Parent(name, "ml", name, 1, {}, False, spec, {}, created=created)


def remembered(uid: str) -> AnsweredRequest:
    return AnsweredRequest(uid=uid, verb="pause", outcome="Accepted", message="paused", time="2026-01-01T12:00:00Z")


def test_the_oldest_is_next() -> None:
    """Whatever its name; two of one second are told apart by the order in which they were stored."""
    older, newer = request("promote - b jane", NOW - SECOND), request("promote - a jane", NOW)
    assert looked(newer, older).request == older
    first, second = request("promote - z jane", NOW), request("promote - y jane", NOW)
    assert looked(second, first).request == first


def test_what_stops_something_is_next() -> None:
    """However many wait before it."""
    waiting = [request(f"promote - {n} jane", NOW - (60 - n) * SECOND) for n in range(50)]
    stop = request("abort - stop ada", NOW)
    assert looked(*waiting, stop).request == stop


def test_what_it_overtakes_is_refused_with_it() -> None:
    """An older resume would undo the pause; a younger one is still wanted, and another stop is none of it."""
    older, pause = request("resume - old jane", NOW - SECOND), request("pause - p jane", NOW)
    younger = request("resume - young jane", NOW + SECOND)
    here = looked(older, pause, younger)
    assert here.request == pause
    obeyed = here.accepted(pause, "paused")
    given = answers(obeyed.actions)
    assert {uid: a.outcome for uid, a in given.items()} == {"p": "Accepted", "old": "Refused"}
    assert "pause by jane (req-p) came first" in given["old"].message
    assert {e.uid: e.outcome for e in obeyed.remembered} == {"p": "Accepted", "old": "Refused"}


def test_a_way_back_stands_behind_no_pause() -> None:
    """However many there are: they would hold up what is going back."""
    waiting = [request(f"pause - {n} pat", NOW - (60 - n) * SECOND) for n in range(50)]
    stop, later = request("abort - stop ada", NOW), request("pause - later pat", NOW + SECOND)
    here = looked(*waiting, stop, later)
    assert here.request == stop
    outcomes = {uid: a.outcome for uid, a in answers(here.accepted(stop, "aborted").actions).items()}
    assert outcomes == {"stop": "Accepted", **{str(n): "Refused" for n in range(50)}}


def test_one_that_can_not_be_answered_holds_up_no_other() -> None:
    """The API server refuses to write its answer, so that it waits, and would be the oldest at every look."""
    broken, wanted = requested("broken", NOW - SECOND), requested("wanted", NOW)
    assert [r.name for r in read([broken, wanted])] == ["broken", "wanted"]
    assert looked_in_order(read([broken, wanted], {"broken"})).name == "wanted"


def test_a_refused_stop_overtakes_nothing() -> None:
    """Nothing was stopped."""
    older, stop = request("resume - old jane", NOW - SECOND), request("pause - p jane", NOW)
    here = looked(older, stop)
    assert list(answers(here.refused(stop, "no"))) == ["p"]


def test_a_lost_answer_is_given_again_and_not_obeyed_again() -> None:
    """The status says that it was obeyed: the operator died, or its write was refused, before the Request said so."""
    here = looked(request("pause - p jane", NOW), known=[remembered("p")])
    assert here.request is None
    assert answers(here.actions)["p"].message == "paused"


def test_no_request_whose_answer_is_lost_is_forgotten() -> None:
    """Sixteen answers don't arrive: what stops something is still obeyed, nothing else is."""
    known = [remembered(f"p{n}") for n in range(MAX_ANSWERED)]
    lost = [request(f"pause - p{n} jane", NOW - SECOND) for n in range(MAX_ANSWERED)]
    promote, abort = request("promote - x jane", NOW), request("abort - y jane", NOW)
    assert looked(*lost, promote, known=known).request is None
    here = looked(*lost, promote, abort, known=known)
    assert here.request == abort
    assert len(here.accepted(abort, "back").remembered) == MAX_ANSWERED


def test_a_few_answers_that_arrived_are_kept_for_people() -> None:
    """The status is a summary, and bounded."""
    known = [remembered(f"p{n}") for n in range(10)]
    here = looked(request("pause - x jane", NOW), known=known)
    assert here.request
    assert [e.uid for e in here.accepted(here.request, "paused").remembered] == ["p6", "p7", "p8", "p9", "x"]


def test_an_expired_one_is_not_obeyed() -> None:
    """Nobody expects an abort of yesterday; its own look answers it."""
    here = looked(request("abort - old jane", NOW - LIFETIME - SECOND))
    assert (here.request, here.actions) == (None, ())


def test_one_that_is_older_than_the_policy_is_refused() -> None:
    """Anybody could have written it, in anybody's name."""
    proof = Proof(since=NOW)
    here = looked(request("abort - forged ceo", NOW), request("pause - sound jane", NOW + SECOND), proof=proof)
    assert here.request
    assert here.request.uid == "sound"
    assert "it is older than the admission policy" in answers(here.actions)["forged"].message


def test_without_a_proof_all_are_refused_and_while_it_is_not_known_they_wait() -> None:
    """Trouble of the API server is nobody's forgery."""
    waiting = request("abort - a jane", NOW)
    assert answers(looked(waiting, proof=UNPROVEN).actions)["a"].outcome == "Refused"
    here = looked(waiting, proof=Proof())
    assert (here.request, here.actions) == (None, ())


def test_one_that_is_older_than_its_target_is_refused() -> None:
    """It was asked of another object of this name."""
    here = looked(request("abort - a jane", NOW - timedelta(minutes=10)))
    assert here.request
    young = Parent("risk", "ml", "uid", 1, {}, False, {}, {}, created=NOW)
    again = turn(Requests((here.request,), PROVEN), young, None, NOW)
    assert again.request is None
    assert "of this name that is gone" in answers(again.actions)["a"].message


def test_by_a_proof_that_lapsed_only_the_way_back_is_taken() -> None:
    """While the policy can't be tried, abort, rollback and pause are obeyed by the last proof; the rest waits."""
    lapsed = Proof(since=PROVEN.since, lapsed=True)
    forward, back = request("promote - a jane", NOW - SECOND), request("abort - b jane", NOW)
    assert looked(forward, proof=lapsed).request is None
    assert looked(forward, proof=lapsed).actions == ()
    assert looked(forward, back, proof=lapsed).request == back
    assert looked(back, proof=Proof(lapsed=True)).request is None
