"""Every default that is not in the schema: the API server must not rewrite what a person wrote."""

from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from typing import Final

from linnet.api.kinds.rollout_policy import Deadlines
from linnet.api.parts.analysis import Analysis, Check
from linnet.api.parts.runtime import FrozenRuntime
from linnet.api.parts.strategy import Analyze, Bake, Pause, Step, Strategy

GRACE_PERIOD: Final = timedelta(seconds=30)
KEEP_VERSIONS: Final = 10
REVISION_HISTORY: Final = 10
"""As Argo Rollouts' revisionHistoryLimit."""
INTERVAL: Final = timedelta(seconds=5)
WARM_UP: Final = timedelta(seconds=30)
ALPHA: Final = 0.01
DETECT_RATIO: Final = 5.0
DETECT_POWER: Final = 0.9
BAKE_TIME: Final = timedelta(minutes=10)
ABORT_SCALE_DOWN_DELAY: Final = timedelta(seconds=30)
"""As Argo Rollouts' abortScaleDownDelaySeconds."""
HOLDBACK_PERCENT: Final = 5
MOST_WEIGHT: Final = 50
"""Percent, where pods split the traffic: a canary has at most as many pods as stable."""
ERRORS_MIN_EXCESS: Final = 0.002
LATENCY_MIN_EXCESS: Final = 0.01
BY_DEFAULT: Final = ("errors", "latency")
"""The checks that are asked where nobody says otherwise, as far as the runtime can answer them."""
SLOW: Final = timedelta(milliseconds=500)
"""An answer slower than this counts by default; the next bucket bound of the runtime is used."""


@dataclass(frozen=True)
class Limits:
    """The deadlines, filled in. Argo Rollouts' progressDeadlineSeconds is 600, too."""

    fetch: timedelta
    ready: timedelta
    evidence: timedelta
    hook: timedelta


def deadlines(given: Deadlines | None, startup: timedelta | None = None) -> Limits:
    """The deadlines; a server that needs longer to start than `ready` allows has what it needs (`startup`)."""
    given = given or Deadlines()
    return Limits(
        fetch=given.fetch or timedelta(hours=1),
        ready=max(given.ready or timedelta(minutes=10), startup or timedelta(0)),
        evidence=given.evidence or timedelta(hours=1),
        hook=given.hook or timedelta(hours=1),
    )


def steps(strategy: Strategy | None) -> tuple[Step, ...]:
    """The steps of a strategy; those of a BlueGreen are its wait for a person."""
    if strategy is not None and strategy.blue_green is not None:
        return () if strategy.blue_green.auto_promote else (Step(pause=Pause()),)
    if strategy is not None and strategy.all_at_once is not None:
        return ()
    if strategy is not None and strategy.steps is not None:
        return tuple(strategy.steps)
    watch = Step(analyze=Analyze(for_=timedelta(minutes=2)))
    return (Step(set_weight=10), watch, Step(set_weight=50), watch)


def bake_time(bake: Bake | None) -> timedelta:
    return bake.time if bake is not None and bake.time is not None else BAKE_TIME


def abort_delay(strategy: Strategy) -> timedelta:
    given = strategy.abort_scale_down_delay
    return ABORT_SCALE_DOWN_DELAY if given is None else given


def holdback_percent(strategy: Strategy) -> int:
    if strategy.capacity == "InPlace":
        return 0
    bake = strategy.bake
    if bake is not None and bake.holdback_percent is not None:
        return bake.holdback_percent
    return 0 if strategy.blue_green is not None else HOLDBACK_PERCENT


def checks(analysis: Analysis | None, runtime: FrozenRuntime) -> tuple[Check, ...]:
    """The checks as written, then those that are asked by default and have no check of their name."""
    written = tuple(analysis.checks or ()) if analysis is not None else ()
    if analysis is not None and analysis.default_checks is False:
        return written
    names = {check.name for check in written}
    return (*written, *(check for check in _by_default(runtime) if check.name not in names))


def check_names(analysis: Analysis | None) -> tuple[str, ...]:
    """The names of all checks that there can be by what is written, whatever the runtime exposes."""
    written = tuple(check.name for check in (analysis.checks if analysis else None) or ())
    if analysis is not None and analysis.default_checks is False:
        return written
    return (*written, *(name for name in BY_DEFAULT if name not in written))


def _by_default(runtime: FrozenRuntime) -> tuple[Check, ...]:
    """Not worse than stable, as far as this runtime can answer it."""
    metrics, (errors, latency) = runtime.metrics, BY_DEFAULT
    found = []
    if metrics is not None and metrics.errors is not None:
        found.append(Check(name=errors, signal="Errors", max_ratio_to_stable=Decimal(1)))
    if metrics is not None and metrics.latency is not None and (bound := _slow_bound(runtime)) is not None:
        found.append(
            Check(
                name=latency,
                signal="Latency",
                threshold=bound,
                max_ratio_to_stable=Decimal(1),
                min_excess=Decimal("0.05"),
            )
        )
    return tuple(found)


def bucket_bounds(runtime: FrozenRuntime) -> tuple[timedelta, ...]:
    """The bounds of the runtime's latency buckets, ascending; empty if it has no histogram."""
    latency = runtime.metrics.latency if runtime.metrics else None
    if latency is None:
        return ()
    micros = {"s": 10**6, "ms": 10**3, "us": 1}[latency.unit]
    return tuple(sorted(timedelta(microseconds=int(bound * micros)) for bound in latency.bounds))


def _slow_bound(runtime: FrozenRuntime) -> timedelta | None:
    return next((bound for bound in bucket_bounds(runtime) if bound >= SLOW), None)
