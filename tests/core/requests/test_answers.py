"""Which request comes next, what is answered without being considered, and what an object remembers."""

from datetime import timedelta

from asking import PROVEN, UNPROVEN, answers, request
from builders import NOW
from linnet.api.parts.requests import MAX_ANSWERED, AnsweredRequest
from linnet.core.plan import Emit
from linnet.core.requests.answers import LIFETIME, Turn, turn
from linnet.core.requests.waiting import Proof, Request, Requests
from linnet.core.resources.objects import Parent

TARGET = Parent("risk", "ml", "uid", 1, {}, False, {}, {}, created=NOW - timedelta(days=1))
SECOND = timedelta(seconds=1)


def looked(*waiting: Request, proof: Proof = PROVEN, known: list[AnsweredRequest] | None = None) -> Turn:
    ordered = tuple(sorted(waiting, key=lambda r: r.order))
    return turn(Requests(ordered, proof), TARGET, known, NOW)


def chosen(here: Turn) -> Request | None:
    return next(iter(here.candidates), None)


def remembered(uid: str) -> AnsweredRequest:
    return AnsweredRequest(uid=uid, verb="pause", outcome="Accepted", message="paused", time="2026-01-01T12:00:00Z")


def test_the_oldest_is_next() -> None:
    """Whatever its name; two of one second are told apart by the order in which they were stored."""
    older, newer = request("promote - b jane", NOW - SECOND), request("promote - a jane", NOW)
    assert chosen(looked(newer, older)) == older
    first, second = request("promote - z jane", NOW), request("promote - y jane", NOW)
    assert chosen(looked(second, first)) == first


def test_what_stops_something_is_next() -> None:
    """However many wait before it."""
    waiting = [request(f"promote - {n} jane", NOW - (60 - n) * SECOND) for n in range(50)]
    stop = request("abort - stop ada", NOW)
    assert chosen(looked(*waiting, stop)) == stop


def test_what_it_overtakes_is_refused_with_it() -> None:
    """An older resume would undo the pause; a younger one is still wanted, and another stop is none of it."""
    older, pause = request("resume - old jane", NOW - SECOND), request("pause - p jane", NOW)
    younger = request("resume - young jane", NOW + SECOND)
    here = looked(older, pause, younger)
    assert chosen(here) == pause
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
    assert chosen(here) == stop
    outcomes = {uid: a.outcome for uid, a in answers(here.accepted(stop, "aborted").actions).items()}
    assert outcomes == {"stop": "Accepted", **{str(n): "Refused" for n in range(50)}}


def test_a_refused_stop_overtakes_nothing() -> None:
    """Nothing was stopped."""
    older, stop = request("resume - old jane", NOW - SECOND), request("pause - p jane", NOW)
    here = looked(older, stop)
    assert list(answers(here.refused(stop, "no").actions)) == ["p"]


def test_a_lost_answer_is_given_again_and_not_obeyed_again() -> None:
    """The status says that it was obeyed: the operator died, or its write was refused, before the Request said so."""
    here = looked(request("pause - p jane", NOW), known=[remembered("p")])
    assert chosen(here) is None
    assert answers(here.actions)["p"].message == "paused"


def test_what_asks_the_same_is_answered_with_it() -> None:
    """One acts, and one entry is remembered for all of them; what asks for more, or comes later, is another matter."""
    stops = [request(f"abort - {n} jane", NOW - (60 - n) * SECOND) for n in range(50)]
    other, step = request("abort v3 other ada", NOW), request("promote - young ada", NOW + SECOND)
    here = looked(*stops, other, step)
    obeyed = here.accepted(stops[0], "going back")
    assert {uid for uid, a in answers(obeyed.actions).items() if a.outcome == "Accepted"} == {str(n) for n in range(50)}
    assert [e.uid for e in obeyed.remembered] == ["0"]
    assert len([a for a in obeyed.actions if isinstance(a, Emit)]) == 1
    later = request("abort - later jane", NOW + SECOND)
    again = looked(*stops, other, step, later, known=obeyed.remembered)
    assert {a.outcome for a in answers(again.actions).values()} == {"Accepted"}
    assert [r.uid for r in again.candidates] == ["other", "later", "young"]


def test_what_was_seen_of_many_speaks_for_those_that_were_not() -> None:
    """A look sees some of them: the others ask the same, were made by then, and are never obeyed on their own."""
    seen, unseen = request("rollback - seen jane", NOW - SECOND), request("rollback - unseen jane", NOW)
    here = turn(Requests((seen,), PROVEN, {seen.asks: NOW}), TARGET, None, NOW)
    obeyed = here.accepted(seen, "going back to version 1")
    again = looked(unseen, known=obeyed.remembered)
    assert again.candidates == ()
    assert answers(again.actions)["unseen"].message == "going back to version 1 (as jane asked, too: req-seen)"


def test_an_older_one_that_was_not_seen_is_overtaken_all_the_same() -> None:
    """A look that saw only the stop obeyed it: what comes to light afterwards, and is older, would undo it."""
    stop, older = request("abort - stop jane", NOW), request("resume - old jane", NOW - SECOND)
    obeyed = looked(stop).accepted(stop, "going back")
    again = looked(older, known=obeyed.remembered)
    assert again.candidates == ()
    assert "abort by jane (req-stop) came first" in answers(again.actions)["old"].message


def test_answers_that_do_not_arrive_hold_up_nobody() -> None:
    """Forty were obeyed, and no answer was written: what is asked next is obeyed, and none of them a second time."""
    memory: list[AnsweredRequest] | None = None
    lost = [request(f"resume - p{n} jane", NOW - (60 - n) * SECOND) for n in range(40)]
    for each in lost:
        here = looked(*(r for r in lost if r.order <= each.order), known=memory)
        assert here.candidates == (each,)
        memory = here.accepted(each, "resumed").remembered
        assert len(memory) <= MAX_ANSWERED
    promote, abort = request("promote - x jane", NOW), request("abort - y jane", NOW)
    assert looked(*lost, promote, known=memory).candidates == (promote,)
    here = looked(*lost, promote, abort, known=memory)
    assert here.candidates == (abort, promote)
    outcomes = [a.outcome for a in answers(here.actions).values()]
    assert (outcomes.count("Accepted"), outcomes.count("Refused")) == (MAX_ANSWERED, 40 - MAX_ANSWERED)


def test_a_few_answers_that_arrived_are_kept_for_people() -> None:
    """The status is a summary, and bounded."""
    known = [remembered(f"p{n}") for n in range(10)]
    here = looked(request("pause - x jane", NOW), known=known)
    (wanted,) = here.candidates
    assert [e.uid for e in here.accepted(wanted, "paused").remembered] == ["p6", "p7", "p8", "p9", "x"]


def test_an_expired_one_is_not_obeyed() -> None:
    """Nobody expects an abort of yesterday; its own look answers it."""
    here = looked(request("abort - old jane", NOW - LIFETIME - SECOND))
    assert (chosen(here), here.actions) == (None, ())


def test_one_that_is_older_than_the_policy_is_refused() -> None:
    """Anybody could have written it, in anybody's name."""
    proof = Proof(since=NOW)
    here = looked(request("abort - forged ceo", NOW), request("pause - sound jane", NOW + SECOND), proof=proof)
    assert [r.uid for r in here.candidates] == ["sound"]
    assert "it is older than the admission policy" in answers(here.actions)["forged"].message


def test_without_a_proof_all_are_refused_and_while_it_is_not_known_they_wait() -> None:
    """Trouble of the API server is nobody's forgery."""
    waiting = request("abort - a jane", NOW)
    assert answers(looked(waiting, proof=UNPROVEN).actions)["a"].outcome == "Refused"
    here = looked(waiting, proof=Proof())
    assert (chosen(here), here.actions) == (None, ())


def test_one_that_is_older_than_its_target_is_refused() -> None:
    """It was asked of another object of this name."""
    here = looked(request("abort - a jane", NOW - timedelta(minutes=10)))
    assert here.candidates
    young = Parent("risk", "ml", "uid", 1, {}, False, {}, {}, created=NOW)
    again = turn(Requests(here.candidates, PROVEN), young, None, NOW)
    assert chosen(again) is None
    assert "of this name that is gone" in answers(again.actions)["a"].message


def test_by_a_proof_that_lapsed_only_the_way_back_is_taken() -> None:
    """While the policy can't be tried, abort, rollback and pause are obeyed by the last proof; the rest waits."""
    lapsed = Proof(since=PROVEN.since, lapsed=True)
    forward, back = request("promote - a jane", NOW - SECOND), request("abort - b jane", NOW)
    assert chosen(looked(forward, proof=lapsed)) is None
    assert looked(forward, proof=lapsed).actions == ()
    assert chosen(looked(forward, back, proof=lapsed)) == back
    assert chosen(looked(back, proof=Proof(lapsed=True))) is None
