"""The fixed-window rules of Argo Rollouts and of Flagger, as small pure functions of what a canary was asked.

Both ask Prometheus, once an interval, for the share of the canary's requests in a window that did not fail, and
count how often it lay below a threshold. Where they could be read in two ways, the way is taken that suits them:
their query returns the exact counts of its whole window, at once. What they do was read in their documentation
and, where that is silent, in their sources (Argo Rollouts 1.10, Flagger 1.44).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from itertools import accumulate
from typing import Protocol

MINUTE = 60


class Outcome(StrEnum):
    """What became of a canary."""

    CONTINUES = "continues"
    ROLLED_BACK = "rolled back"
    PROMOTED = "promoted"


@dataclass(frozen=True)
class End:
    """The outcome, and after how many seconds since the canary first had traffic."""

    outcome: Outcome
    seconds: float


@dataclass(frozen=True)
class Requests:
    """The canary's requests and bad requests from the beginning to each multiple of `every` seconds."""

    n: tuple[int, ...]
    bad: tuple[int, ...]
    every: int

    @classmethod
    def of(cls, counts: Iterable[tuple[int, int]], every: int) -> Requests:
        """Sums up (requests, bad requests) of each interval of `every` seconds."""
        n, bad = zip(*counts, strict=True)
        return cls(tuple(accumulate(n, initial=0)), tuple(accumulate(bad, initial=0)), every)

    @property
    def seconds(self) -> int:
        """The seconds for which requests were counted."""
        return (len(self.n) - 1) * self.every

    def until(self, at: int) -> tuple[int, int]:
        """All requests and bad ones of the first `at` seconds."""
        return self.n[at // self.every], self.bad[at // self.every]

    def window(self, at: int, length: int) -> tuple[int, int]:
        """The requests and bad ones of the `length` seconds before `at`; of fewer, if counting began later."""
        (n, bad), (former_n, former_bad) = self.until(at), self.until(max(0, at - length))
        return n - former_n, bad - former_bad


class Rule(Protocol):
    """`name` stands in the table."""

    @property
    def name(self) -> str: ...

    def end(self, requests: Requests) -> End:
        """The rollout's end; it continues if it has not ended within these requests."""


@dataclass(frozen=True)
class Flagger:
    """One check an interval; `threshold` failed checks, consecutive or not, roll back.

    A check that passes adds `step_weight` to the weight, one at `max_weight` promotes: `max_weight / step_weight`
    passed checks in all. The failed ones are counted when the next check is due, and that is when it rolls back: an
    interval after the documentation's `interval * threshold`. A window without requests has no value, and that
    is a failed check. https://docs.flagger.app/usage/deployment-strategies (canary release),
    https://docs.flagger.app/usage/how-it-works (canary analysis), https://docs.flagger.app/usage/metrics
    (builtin metrics), https://github.com/fluxcd/flagger/issues/1035 (no requests).
    """

    name: str
    threshold: int
    step_weight: int
    max_weight: int = 50
    interval: int = MINUTE
    window: int = MINUTE
    min_success: float = 0.99

    def end(self, requests: Requests) -> End:
        failed, passed = 0, 0
        for at in range(self.interval, requests.seconds + 1, self.interval):
            if failed >= self.threshold:
                return End(Outcome.ROLLED_BACK, at)
            if self._passes(*requests.window(at, self.window)):
                passed += 1
            else:
                failed += 1
            if passed * self.step_weight >= self.max_weight:
                return End(Outcome.PROMOTED, at)
        return End(Outcome.CONTINUES, requests.seconds)

    def _passes(self, n: int, bad: int) -> bool:
        return n > 0 and (n - bad) / n >= self.min_success


class Measurement(StrEnum):
    """A measurement of an analysis run; Inconclusive takes a failureCondition, which the examples don't have."""

    SUCCESSFUL = "Successful"
    FAILED = "Failed"
    ERROR = "Error"


@dataclass(frozen=True)
class Argo:
    """An analysis run with a successCondition alone: more than `failure_limit` failed measurements roll back.

    It measures at `starts` seconds and then once an `interval`, `count` times, or until the steps end at `lasts`;
    then the canary is promoted. (In the source 3 is exceeded by the fourth failure; a page speaks of three.)
    While no request has succeeded there is no series, the result is empty and has no `result[0]`: an Error,
    which is tried again after 10 s; more than `error_limit` in a row roll back, too. Later a window without
    requests is 0/0, and as NaN is not at least anything, a failed measurement. The query is taken as `rate`
    where the documentation has `irate`, which looks at two scrapes only.
    https://argo-rollouts.readthedocs.io/en/stable/features/analysis/ (background analysis, inline analysis,
    failure conditions and failure limit, handling metric results).
    """

    name: str
    starts: int
    interval: int = MINUTE
    count: int | None = None
    lasts: int | None = None
    failure_limit: int = 0
    error_limit: int = 4
    error_retry: int = 10
    window: int = 5 * MINUTE
    min_success: float = 0.95

    def end(self, requests: Requests) -> End:
        at, failed, errors, counted = self.starts, 0, 0, 0
        while at <= requests.seconds and (self.lasts is None or at < self.lasts):
            measured = self._measurement(requests, at)
            errors = errors + 1 if measured is Measurement.ERROR else 0
            failed += measured is Measurement.FAILED
            counted += measured is not Measurement.ERROR
            if failed > self.failure_limit or errors > self.error_limit:
                return End(Outcome.ROLLED_BACK, at)
            if counted == self.count:
                return End(Outcome.PROMOTED, at)
            at += self.interval if not errors else self.error_retry
        if self.lasts is not None and self.lasts <= requests.seconds:
            return End(Outcome.PROMOTED, self.lasts)
        return End(Outcome.CONTINUES, requests.seconds)

    def _measurement(self, requests: Requests, at: int) -> Measurement:
        ever, ever_bad = requests.until(at)
        if ever == ever_bad:
            return Measurement.ERROR
        n, bad = requests.window(at, self.window)
        return Measurement.SUCCESSFUL if n and (n - bad) / n >= self.min_success else Measurement.FAILED


FLAGGER_DEFAULTS = Flagger("Flagger, defaults", threshold=1, step_weight=5)
"""`interval` 60 s, the metric's window 1m, `threshold` 1; what has no default (99 %, the weights) is the example's."""
FLAGGER_EXAMPLE = Flagger("Flagger, example", threshold=10, step_weight=5)
"""The Canary with which https://docs.flagger.app/usage/how-it-works begins; promotes after 10 minutes at best."""
ARGO_DEFAULTS = Argo("Argo Rollouts, defaults", starts=5 * MINUTE, count=1)
"""The inline analysis after a pause of 5 minutes: neither interval nor count is one measurement, failureLimit 0."""
ARGO_COUNT = Argo("Argo Rollouts, count 5", starts=5 * MINUTE, count=5)
"""`interval: 60s` and `count: 5` of the page on analysis, after the same pause; failureLimit 0."""
ARGO_EXAMPLE = Argo(
    "Argo Rollouts, background", starts=10 * MINUTE, interval=5 * MINUTE, lasts=40 * MINUTE, failure_limit=3
)
"""The first example of the page on analysis: four steps of 10 minutes, of which `startingStep` leaves out one."""

RIVALS: tuple[Rule, ...] = (FLAGGER_DEFAULTS, FLAGGER_EXAMPLE, ARGO_DEFAULTS, ARGO_COUNT, ARGO_EXAMPLE)
