"""Made-up answers for the simulation: independent of each other, in bursts on one pod, or as clients of one pod ask.

Pure standard library, seeded: the same seed is the same run on every machine.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import accumulate

from linnet.core.analysis.checks import Track
from linnet.core.analysis.metrics.fold import Cell
from linnet.core.analysis.simulation.traffic import geometric, poisson

Shares = tuple[float, ...]
"""The share of the answers that each class has; together 1."""


@dataclass(frozen=True)
class SyntheticAnswers:
    """A kind of traffic has `per_interval` answers of both tracks; `share` is the canary's part of them.

    `burst`: answers of one class come together on one pod, geometric with this mean, or `constant`. `clients`: each pod
    has so many clients of its own, each of which always asks for the same class. `later`: over `total` answers those of
    both tracks go over to these shares; `creep`: the canary's part goes to this meanwhile.
    """

    stable: Shares
    canary: Shares
    share: float = 0.1
    per_interval: float = 50.0
    stable_pods: int = 4
    canary_pods: int = 1
    burst: float = 1.0
    constant: bool = False
    clients: int = 0
    later: Shares = ()
    creep: float = 0.0
    total: int = 10_000

    def pods(self) -> Iterator[tuple[str, Track]]:
        for track, count in ((Track.STABLE, self.stable_pods), (Track.CANARY, self.canary_pods)):
            yield from ((f"{track}-{index}", track) for index in range(count))

    def shares(self, track: Track, at: float) -> Shares:
        """When this part of the answers has been given."""
        now = self.canary if track is Track.CANARY else self.stable
        if not self.later:
            return now
        return tuple(first + (last - first) * at for first, last in zip(now, self.later, strict=True))

    def per_pod(self, track: Track, at: float) -> float:
        """Return how many answers each pod gives in one interval, in the mean."""
        share = self.share + (self.creep - self.share) * at if self.creep else self.share
        if track is Track.CANARY:
            return self.per_interval * share / self.canary_pods
        return self.per_interval * (1 - share) / self.stable_pods


def intervals(traffic: SyntheticAnswers, seed: int) -> Iterator[list[Cell]]:
    """Yield the pods that answered, interval by interval until the traffic ends."""
    rng, done = random.Random(seed), 0  # noqa: S311 (repeatable is what it has to be)
    classes = range(len(traffic.stable))
    clients = {
        pod: rng.choices(classes, traffic.shares(track, 0), k=traffic.clients) if traffic.clients else []
        for pod, track in traffic.pods()
    }
    while done < traffic.total:
        at = done / traffic.total
        cells = [(pod, track, _counts(rng, traffic, track, at, clients[pod])) for pod, track in traffic.pods()]
        done += sum(sum(counts) for _, _, counts in cells)
        yield [cell for cell in cells if any(cell[2])]


def _counts(
    rng: random.Random, traffic: SyntheticAnswers, track: Track, at: float, clients: list[int]
) -> tuple[int, ...]:
    """Return one pod's answers by class in one interval."""
    shares = traffic.shares(track, at)
    events = poisson(rng, traffic.per_pod(track, at) / traffic.burst)
    drawn = rng.choices(clients, k=events) if clients else _drawn(rng, shares, events)
    counts = [0] * len(shares)
    for which in drawn:
        counts[which] += _size(rng, traffic)
    return tuple(counts)


def _drawn(rng: random.Random, shares: Shares, events: int) -> list[int]:
    return rng.choices(range(len(shares)), cum_weights=list(accumulate(shares)), k=events)


def _size(rng: random.Random, traffic: SyntheticAnswers) -> int:
    return round(traffic.burst) if traffic.constant else geometric(rng, traffic.burst)
