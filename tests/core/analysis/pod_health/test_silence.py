"""Who waits since when, look by look: what ends a silence, what can't be read, and what stable's answers say of it."""

from __future__ import annotations

import math
import random
from bisect import bisect
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from linnet.core.analysis.checks import CountCheck, Signal, Track
from linnet.core.analysis.counts.evidence import start
from linnet.core.analysis.evidence import Evidence, restored, stored
from linnet.core.analysis.metrics.counters import PodCounters
from linnet.core.analysis.metrics.fold import MAX_PODS
from linnet.core.analysis.pod_health.judge import SURPRISE
from linnet.core.analysis.pod_health.silence import MOST, NO_SILENCE, Server, Silence, Tally, listen

NOW = datetime(2026, 1, 1, tzinfo=UTC)
TRACKS = {"c": Track.CANARY, "s": Track.STABLE}
Said = tuple[float, float | None] | None
"""Requests answered so far and requests waiting now; None: no answer to the scrape."""


class Look:
    """Looks every five seconds at canary pods `c…` and stable pods `s…`: `Look().at(c=(0, 3), s=(10, 1))`."""

    def __init__(self) -> None:
        self.silence, self.now = NO_SILENCE, NOW
        self.restarts: dict[str, int] = {}
        self.unready: set[str] = set()

    def at(self, **pods: Said) -> Look:
        servers = {
            uid: Server(TRACKS[uid[0]], self.restarts.get(uid, 0), ready=uid not in self.unready) for uid in pods
        }
        samples = {uid: PodCounters(requests=said[0], in_flight=said[1]) for uid, said in pods.items() if said}
        self.silence = listen(self.silence, servers, samples, self.now)
        self.now += timedelta(seconds=5)
        return self

    def times(self, count: int, **pods: Said) -> Look:
        for _ in range(count):
            self.at(**pods)
        return self

    @property
    def ages(self) -> tuple[float, ...]:
        return self.silence.stall.waits


def test_each_request_waits_since_so_many_were_in_flight() -> None:
    """The fourth has come ten seconds after the first three, and the silence is as old as the third."""
    look = Look().at(c=(7, 3)).at(c=(7, 3)).at(c=(7, 4)).at(c=(7, 9))
    assert look.ages == (15, 15, 15, 5, 0, 0, 0, 0, 0)
    assert (look.silence.stall.lasted, look.silence.looks, look.silence.waiting) == (15, 3, 9)


def test_one_that_waits_for_long_counts_no_longer_than_the_third() -> None:
    """A request that is stuck for an hour says nothing about two that have just come."""
    look = Look().times(700, c=(0, 1)).at(c=(0, 3)).at(c=(0, 3))
    assert look.ages == (5, 5, 5)


def test_fewer_that_wait_are_fewer_that_have_waited() -> None:
    """Clients that gave up are not counted for those that came later."""
    look = Look().at(c=(0, 9)).at(c=(0, 4)).at(c=(0, 9))
    assert look.ages == (10, 10, 10, 10, 0, 0, 0, 0, 0)


ENDS: dict[str, Callable[[Look], object]] = {
    "an answer": lambda look: look.at(c1=(4, 5), c2=(1, 4)),
    "nothing waits": lambda look: look.at(c1=(4, 0), c2=(0, 0)).at(c1=(4, 5), c2=(0, 4)),
    "a counter that fell": lambda look: look.at(c1=(0, 5), c2=(0, 4)),
    "a restart": lambda look: look.restarts.update(c2=1) or look.at(c1=(4, 5), c2=(0, 4)),
    "a pod that is gone": lambda look: look.at(c1=(4, 5)),
    "a new pod that has answered": lambda look: look.at(c1=(4, 5), c2=(0, 4), c3=(1, 0)),
}


@pytest.mark.parametrize("what", ENDS)
def test_what_begins_anew(what: str) -> None:
    """Whatever may have answered, or ended without an answer, is no silence."""
    look = Look().times(9, c1=(4, 5), c2=(0, 4))
    assert look.silence.stall.lasted == 40
    ENDS[what](look)
    assert look.silence.stall.lasted == 0
    assert (look.silence.looks, look.silence.stable_n, look.silence.stable_seconds) == (0, 0, 0)


def test_a_pod_that_cannot_be_read_is_waited_for() -> None:
    """Nobody knows how many wait then; if it has answered nothing in between, they have waited all the time."""
    look = Look().at(c1=(0, 3), c2=(0, 2)).at(c1=(0, 3), c2=None)
    assert look.silence.waiting == 0
    look.at(c1=(0, 3), c2=(0, 2))
    assert (look.silence.waiting, look.silence.stall.lasted, look.silence.looks) == (5, 10, 1)
    assert Look().at(c1=(0, 3), c2=(0, 2)).at(c1=(0, 3), c2=None).at(c1=(0, 3), c2=(1, 2)).silence.stall.lasted == 0


def test_a_pod_that_is_not_ready_is_not_waited_for() -> None:
    """One that still loads gets no requests, and answers no scrape either."""
    look = Look()
    look.unready.add("c2")
    assert look.times(3, c1=(0, 3), c2=None).silence.waiting == 3


def test_a_pod_without_a_gauge_is_heard_only_where_it_answers() -> None:
    """A server tells of requests in flight after its first one: until then nothing waits on it."""
    look = Look().times(3, c1=(0, 4), c2=(0, None))
    assert (look.silence.waiting, look.silence.stall.lasted) == (4, 10)
    assert look.at(c1=(0, 4), c2=(1, None)).silence.stall.lasted == 0


def test_stable_is_compared_in_the_same_time() -> None:
    """Its answers since the silence began, and as request-seconds the greater number of two looks that follow."""
    look = Look().at(c=(0, 1), s=(100, 9)).at(c=(0, 3), s=(200, 2)).at(c=(0, 3), s=(210, 4)).at(c=(0, 3), s=(230, 0))
    assert (look.silence.stable_n, look.silence.stable_seconds) == (30, 40)


@pytest.mark.parametrize("said", [None, (500.0, None), (3.0, 1.0)])
def test_stable_pods_that_were_not_read_twice_are_left_out(said: Said) -> None:
    """Neither their answers nor their requests count; the others' do."""
    look = Look().at(c=(0, 3), s1=(100, 1), s2=(50, 1)).at(c=(0, 3), s1=(110, 1), s2=said)
    assert (look.silence.stable_n, look.silence.stable_seconds) == (10, 5)


def test_a_silence_is_as_surprising_as_stable_is_fast() -> None:
    """Three that wait for 60 s: three times ln(60/2) where stable takes 2 s, and nothing where it takes as long."""
    for mean, surprise in ((2, 3 * math.log(30)), (60, 0), (600, 0)):
        seen = Silence(60, (0, 0, 0), stable_n=50, stable_seconds=50 * mean - 5).stall
        assert seen.surprise(unseen=5) == pytest.approx(surprise)
    assert Silence(at=60, waits=(0, 0, 0)).stall.surprise(unseen=5) == 0


def test_without_gauges_nothing_is_remembered() -> None:
    """Evidence of a runtime that does not tell of requests in flight is stored as before."""
    look = Look().times(5, c=(0, None), s=(10, None))
    assert look.silence == NO_SILENCE


LIFE = st.lists(st.tuples(st.integers(0, 1), st.integers(0, 20)), min_size=1, max_size=15)


@given(LIFE, st.integers(0, 14))
def test_a_restarted_operator_knows_as_much(life: list[tuple[int, int]], reload: int) -> None:
    """What is stored is what was known, to the last digit, and goes on as if nothing had happened."""
    look, again, answered = Look(), Look(), 0
    for number, (more, waiting) in enumerate(life):
        answered += more
        for one in (look, again):
            one.at(c=(answered, waiting), s=(10 * number, 2))
        if number == reload:
            again.silence = restored(stored(evidence(again.silence))).silence or NO_SILENCE
    assert again.silence == look.silence


def evidence(silence: Silence) -> Evidence:
    counted = start([CountCheck("errors", Signal.ERRORS, max=0.01)])
    return Evidence(counted, silence=silence if silence != NO_SILENCE else None)


def test_evidence_of_an_earlier_release_is_read() -> None:
    """It knows of no silence, and what it knows is kept."""
    data = stored(evidence(Look().times(3, c=(0, 3), s=(10, 1)).silence))
    assert restored({k: v for k, v in data.items() if k != "evidence.silence"}).silence is None
    assert "evidence.silence" not in stored(evidence(NO_SILENCE))


@pytest.mark.parametrize("text", ["[]", "{}", "1", '{"at":1,"waits":1}'])
def test_a_foreign_silence_is_refused(text: str) -> None:
    """What is not evidence is a ValueError, not a wrong number."""
    with pytest.raises(ValueError, match="evidence"):
        restored({**stored(evidence(NO_SILENCE)), "evidence.silence": text})


def test_it_stays_small() -> None:
    """Whatever waits, and however many pods there are: less than a tenth of what a ConfigMap holds."""
    tallies = {f"{number:036d}": Tally(0, 123_456_789.0, 1_234.0) for number in range(MAX_PODS)}
    silence = Silence(1.7e9, (1.7e9,) * MOST, 5000, 700, 1e9, 1e9, {"c": Tally(0, 0.0, 5000.0)}, tallies)
    assert len(stored(evidence(silence))["evidence.silence"]) < 100_000


ANSWERS: dict[str, Callable[[random.Random], float]] = {
    "all as long": lambda _: 60.0,
    "some long": lambda dice: 95.0 if dice.random() < 0.1 else 0.5,
    "any length": lambda dice: 20 * math.exp(2 * dice.gauss(0, 1) - 2),
}


@pytest.mark.slow
@pytest.mark.parametrize("kind", ANSWERS)
def test_a_canary_like_stable_is_hardly_ever_silent_beyond_belief(kind: str) -> None:
    """Whatever the distribution of its answers' times, also a few seconds after its start: 40 half hours each."""
    assert sum(beyond_belief(random.Random(seed), ANSWERS[kind]) for seed in range(40)) <= 1


def beyond_belief(dice: random.Random, answer: Callable[[random.Random], float]) -> bool:
    """One request in ten seconds to a canary that has just started, nine to stable; a look every five seconds."""
    canary, stable = traffic(dice, 0.1, 0, answer), traffic(dice, 0.9, -600, answer)
    look, found = Look(), False
    for second in range(0, 1800, 5):
        look.at(c=seen(canary, second), s=seen(stable, second))
        found |= (
            look.silence.stall.lasted >= 30
            and look.silence.stable_n >= 20
            and look.silence.stall.surprise(5) >= SURPRISE
        )
    return found


def traffic(
    dice: random.Random, rate: float, begins: float, answer: Callable[[random.Random], float]
) -> tuple[list[float], list[float]]:
    """When requests came, and when they were answered; both in order."""
    came = [begins + dice.expovariate(rate)]
    while came[-1] < 1800:
        came.append(came[-1] + dice.expovariate(rate))
    return came, sorted(at + answer(dice) for at in came)


def seen(requests: tuple[list[float], list[float]], second: float) -> tuple[float, float]:
    came, answered = (bisect(times, second) for times in requests)
    return answered, came - answered
