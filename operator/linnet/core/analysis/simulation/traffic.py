"""Made-up traffic for the simulation: requests that fail one by one, or in bursts on one pod.

Pure standard library, seeded: the same seed is the same run on every machine.
"""

from __future__ import annotations

import math
import random
from bisect import bisect_left
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import lru_cache
from itertools import accumulate

from linnet.core.analysis.checks import Track


@dataclass(frozen=True)
class SyntheticTraffic:
    """A kind of traffic has rates, which are shares of requests, and `per_interval` counts all requests of both tracks.

    `burst`: sizes of groups of failures, all on one pod in one interval ("geometric", "constant"), "none" for
    independent requests, "retries" for geometric bursts that come on top of the traffic. `drift`: from which
    interval on the canary has its own rate. `creep`: the share grows to this within 400 intervals, as with
    clients that keep connections alive. `incident`: from one interval to another both tracks have this rate.
    `episodes`: all errors come in spells of single pods: (rate in a spell, mean length in intervals). `clients`: each
    pod keeps so many for the whole run, and all errors are those of a share of them: (clients, share).
    """

    stable_rate: float
    canary_rate: float
    share: float = 0.1
    per_interval: float = 50.0
    stable_pods: int = 4
    canary_pods: int = 1
    burst: str = "none"
    burst_mean: float = 3.0
    drift: int = 0
    creep: float = 0.0
    incident: tuple[int, int, float] | None = None
    episodes: tuple[float, float] | None = None
    clients: tuple[int, float] | None = None

    def with_rates(self, stable: float, canary: float) -> SyntheticTraffic:
        return replace(self, stable_rate=stable, canary_rate=canary)


CountCell = tuple[str, Track, int, int]
"""(pod, track, requests, bad requests) of one interval."""


def requests(traffic: SyntheticTraffic, seed: int) -> Iterator[tuple[Track, bool]]:
    """Single requests, independent: (track, whether it is bad)."""
    draw = random.Random(seed).random  # noqa: S311 (repeatable is what it has to be)
    while True:
        if draw() < traffic.share:
            yield Track.CANARY, draw() < traffic.canary_rate
        else:
            yield Track.STABLE, draw() < traffic.stable_rate


def intervals(traffic: SyntheticTraffic, seed: int) -> Iterator[list[CountCell]]:
    """Intervals of both tracks' pods, for ever."""
    rng, number, ill = random.Random(seed), 0, dict[str, bool]()  # noqa: S311
    kept = {f"{track}-{i}": _luck(rng, traffic) for track, pods, *_ in _tracks(traffic, 0) for i in range(pods)}
    while True:
        cells = []
        for track, pods, share, rate in _tracks(traffic, number):
            for pod in (f"{track}-{index}" for index in range(pods)):
                now = _spell(rng, traffic, ill, pod, rate) if traffic.episodes else rate * kept[pod]
                cells.append((pod, track, *_cell(rng, traffic, traffic.per_interval * share / pods, now)))
        yield cells
        number += 1


def _luck(rng: random.Random, traffic: SyntheticTraffic) -> float:
    """Return by how much the clients that a pod keeps fail more often than all of them do."""
    if traffic.clients is None:
        return 1.0
    count, share = traffic.clients
    return binomial(rng, count, share) / (count * share)


def _spell(rng: random.Random, traffic: SyntheticTraffic, ill: dict[str, bool], pod: str, rate: float) -> float:
    """The pod's rate now: that of a spell, or none; `rate` in the long run."""
    bad, length = traffic.episodes or (rate, 1.0)
    share = rate / bad
    starts = share / (length * (1 - share))
    ill[pod] = rng.random() >= 1 / length if ill.get(pod) else rng.random() < starts
    return bad if ill[pod] else 0.0


def _tracks(traffic: SyntheticTraffic, number: int) -> list[tuple[Track, int, float, float]]:
    """(track, pods, share, rate) in one interval."""
    canary = traffic.canary_rate if number >= traffic.drift else traffic.stable_rate
    stable, share = traffic.stable_rate, traffic.share
    if traffic.creep:
        share += (traffic.creep - share) * min(1.0, number / 400)
    if traffic.incident and traffic.incident[0] <= number < traffic.incident[1]:
        canary = stable = traffic.incident[2]
    return [(Track.CANARY, traffic.canary_pods, share, canary), (Track.STABLE, traffic.stable_pods, 1 - share, stable)]


def _cell(rng: random.Random, traffic: SyntheticTraffic, mean: float, rate: float) -> tuple[int, int]:
    """Requests and bad requests of one pod in one interval."""
    if traffic.burst == "none":
        n = poisson(rng, mean)
        return n, binomial(rng, n, rate)
    size = (
        (lambda: round(traffic.burst_mean))
        if traffic.burst == "constant"
        else lambda: geometric(rng, traffic.burst_mean)
    )
    if traffic.burst == "retries":
        bad = _sum(size, poisson(rng, mean * rate / traffic.burst_mean))
        return poisson(rng, mean * (1 - rate)) + bad, bad
    n = poisson(rng, mean)
    return n, min(n, _sum(size, poisson(rng, n * rate / traffic.burst_mean)))


def _sum(size: Callable[[], int], count: int) -> int:
    return sum(size() for _ in range(count))


def geometric(rng: random.Random, mean: float) -> int:
    """1, 2, 3, … with the given mean."""
    return 1 + int(math.log(1 - rng.random()) / math.log(1 - 1 / mean)) if mean > 1 else 1


def binomial(rng: random.Random, n: int, p: float) -> int:
    """Successes of n, by skipping from one to the next."""
    if p <= 0 or p >= 1:
        return n if p >= 1 else 0
    found, at, scale = 0, 0, math.log(1 - p)
    while True:
        at += 1 + int(math.log(1 - rng.random()) / scale)
        if at > n:
            return found
        found += 1


def poisson(rng: random.Random, mean: float) -> int:
    """Inverse of the cumulative distribution, tabulated once for each mean (rounded to 6 digits)."""
    return bisect_left(_poisson_table(float(f"{mean:.6g}")), rng.random())


@lru_cache(maxsize=4096)
def _poisson_table(mean: float) -> list[float]:
    top = int(mean + 12 * math.sqrt(mean) + 20)
    logs = (k * math.log(mean) - mean - math.lgamma(k + 1) for k in range(top)) if mean > 0 else iter([0.0])
    return list(accumulate(math.exp(value) for value in logs))
