"""The canary's silence: requests wait and none is answered, which no counter shows, since servers count what has ended.

Only what a verdict needs is remembered: since when the first few requests wait, and what stable answered meanwhile.
What can't be read is neither an answer nor a silence: it is waited for, and nothing is concluded until then.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from itertools import islice
from typing import Final, Self

from linnet.core.analysis.checks import Track
from linnet.core.analysis.codec import LARGEST_COUNT, Row
from linnet.core.analysis.metrics.counters import PodCounters
from linnet.core.analysis.metrics.increase import increase

LEAST: Final = 3
"""Requests that must wait at once before it is a silence: one or two may be stuck for reasons of their own."""
MOST: Final = 16
"""Requests whose wait is remembered: so many that wait in vain convince whatever the others do."""


@dataclass(frozen=True, slots=True)
class Server:
    """A pod as the cluster tells of it; `ready`: it may get requests, so that what it says is needed."""

    track: Track
    restarts: int
    ready: bool


@dataclass(frozen=True, slots=True)
class Tally:
    """A server when last read: requests answered since it started, and those that waited then (None: unknown)."""

    restarts: int
    answered: float
    waiting: float | None


@dataclass(frozen=True, slots=True)
class Stall:
    """What of a silence a verdict stands on: requests that wait in vain, and what stable does meanwhile.

    `waiting`: how many wait on the canary now; `waits`: seconds that each of the first `MOST` has waited at the least,
    the longest first. Since it began there were `looks` that were complete, and stable's answers with its
    request-seconds.
    """

    waits: tuple[float, ...] = ()
    waiting: int = 0
    looks: int = 0
    stable_answers: float = 0.0
    stable_seconds: float = 0.0

    @property
    def lasted(self) -> float:
        """Seconds since it began."""
        return min(self.waits[:LEAST], default=0.0)

    def surprise(self, unseen: float) -> float:
        """-ln of the most likely that a canary like stable is so silent: 9 = one in 8,000.

        An answer takes stable W seconds in the mean (its request-seconds over its answers, Little 1961; `unseen` are
        request-seconds that looks may have missed). Whatever the distribution, at most a share W/a of the answers
        takes longer than a (Markov). Three that wait for 60 s where W is 2: 3 ln(60/2) = 10.2; where W is 60: 0.
        """
        if self.stable_answers <= 0:
            return 0.0
        mean = (self.stable_seconds + unseen) / self.stable_answers
        return sum((math.log(max(1.0, wait / mean)) for wait in self.waits), start=0.0)


@dataclass(frozen=True)
class Silence:
    """Since when the canary answers nothing; times are in epoch seconds, `at` is the last look.

    `waits[k]`: since when more than k requests wait on the canary at every look, while none is answered. It is a
    silence from `waits[LEAST - 1]` on, and since then: `looks` that were complete, and stable's answers with its
    request-seconds. `waiting`: how many wait now, 0 if a pod can't be read.
    """

    at: float | None = None
    waits: tuple[float, ...] = ()
    waiting: int = 0
    looks: int = 0
    stable_n: float = 0.0
    stable_seconds: float = 0.0
    canary: Mapping[str, Row[Tally]] = field(default_factory=dict)
    stable: Mapping[str, Row[Tally]] = field(default_factory=dict)

    @property
    def stall(self) -> Stall:
        """What a verdict stands on; no request counts as waiting from before the silence began."""
        if self.at is None or len(self.waits) < LEAST:
            return Stall()
        waits = tuple(self.at - max(since, self.waits[LEAST - 1]) for since in self.waits)
        return Stall(waits, self.waiting, self.looks, self.stable_n, self.stable_seconds)

    def until(self, now: float) -> Self | None:
        """The silence; None for one that lasts until a time that is still to come: it begins anew."""
        return self if max((self.at or 0.0, *self.waits)) <= now else None

    def bounded(self, most_pods: int) -> Self:
        """The silence with no more pods than that; the others are forgotten, and begin anew."""
        canary, stable = (dict(islice(sorted(pods.items()), most_pods)) for pods in (self.canary, self.stable))
        return replace(self, canary=canary, stable=stable)


NO_SILENCE: Final = Silence()


def listen(known: Silence, servers: Mapping[str, Server], samples: Mapping[str, PodCounters], now: datetime) -> Silence:
    """Add one look: pod uid -> what the cluster and the pod's metrics say. Any answer, or a restart, begins anew."""
    if not known.waits and all(sample.in_flight is None for sample in samples.values()):
        return NO_SILENCE
    at = now.timestamp()
    canary, stable = (_tallies(track, servers, samples) for track in (Track.CANARY, Track.STABLE))
    complete = all(uid in canary for uid, s in servers.items() if s.ready and s.track is Track.CANARY)
    before = () if _broken(known.canary, servers, canary) else known.waits
    waiting = math.floor(sum(tally.waiting or 0.0 for tally in canary.values())) if complete else 0
    waits = (*before, *(at,) * MOST)[: min(waiting, MOST)] if complete else before
    kept = {uid: tally for uid, tally in known.canary.items() if uid in servers}
    latest = Silence(at, waits, waiting, canary={**kept, **canary}, stable=stable)
    return _lasting(known, latest, looks=int(complete)) if min(len(before), len(waits)) >= LEAST else latest


def _tallies(track: Track, servers: Mapping[str, Server], samples: Mapping[str, PodCounters]) -> dict[str, Tally]:
    """The track's pods that can be read now."""
    mine = ((uid, server, samples[uid]) for uid, server in servers.items() if server.track is track and uid in samples)
    return {
        uid: Tally(server.restarts, sample.requests, sample.in_flight)
        for uid, server, sample in mine
        if sample.requests is not None and 0 <= sample.requests <= LARGEST_COUNT
    }


def _broken(known: Mapping[str, Tally], servers: Mapping[str, Server], canary: Mapping[str, Tally]) -> bool:
    """A canary pod has answered something since it was last read, has restarted, or is gone with what it held.

    A pod that is new to us was made for this rollout: it has answered if its counter is above zero.
    """
    lost = any(uid not in servers or servers[uid].restarts != tally.restarts for uid, tally in known.items())
    return lost or any(t.answered != (known[uid].answered if uid in known else 0.0) for uid, t in canary.items())


def _lasting(known: Silence, latest: Silence, looks: int) -> Silence:
    """The silence goes on: what stable answered since the last look, and its request-seconds.

    Between two looks the greater number counts as waiting: what is not known makes stable slower, never faster.
    """
    elapsed = max(0.0, (latest.at or 0.0) - (known.at or 0.0))
    pairs = ((known.stable[uid], tally) for uid, tally in latest.stable.items() if uid in known.stable)
    grown = [
        (rise[0], max(then.waiting, now.waiting))
        for then, now in pairs
        if then.waiting is not None and now.waiting is not None and then.restarts == now.restarts
        if (rise := increase((then.answered,), (now.answered,))) is not None
    ]
    return replace(
        latest,
        looks=known.looks + looks,
        stable_n=known.stable_n + sum(answers for answers, _ in grown),
        stable_seconds=known.stable_seconds + elapsed * sum(waiting for _, waiting in grown),
    )
