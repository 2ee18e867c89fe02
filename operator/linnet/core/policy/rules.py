"""The rules of one rollout, with every default filled in, and the text in which a status keeps them.

They are frozen when the rollout begins: neither an edit nor another release's defaults move them.
"""

import hashlib
import json
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import cached_property, lru_cache
from typing import Final, Literal

from pydantic import TypeAdapter

from linnet.api.kinds.deployment import DeploymentSpec
from linnet.api.kinds.rollout_policy import Deadlines, RolloutPolicySpec
from linnet.api.parts.analysis import Analysis, Check
from linnet.api.parts.runtime import FrozenRuntime
from linnet.api.parts.strategy import Hook, OnNewVersion, Pause, Step, Strategy, StrategyType
from linnet.core.analysis import checks as analysis_checks
from linnet.core.analysis.checks import QueryCheck, Signal
from linnet.core.parse import Invalid, parse_spec
from linnet.core.policy import defaults
from linnet.core.policy import metrics as policy_metrics
from linnet.core.policy.defaults import Limits
from linnet.foreign.document import ForeignError, read_object


@dataclass(frozen=True)
class Rules:
    """What a rollout goes by: `judged` is the judge's part of the checks that were `asked`, `checks` are all names."""

    type: StrategyType
    on_new_version: OnNewVersion
    in_place: bool
    abort_delay: timedelta
    steps: tuple[Step, ...]
    hooks: tuple[Hook, ...]
    bake: timedelta
    holdback_percent: int
    interval: timedelta
    warm_up: timedelta
    asked: tuple[Check, ...]
    judged: analysis_checks.Policy
    thresholds: tuple[QueryCheck, ...]
    checks: tuple[str, ...]
    on_insufficient_data: Literal["Hold", "Promote", "RollBack"]
    limits: Limits

    @cached_property
    def frozen(self) -> str:
        """These very rules as JSON: whoever reads them again fills nothing in."""
        return _RULES.dump_json(self, by_alias=True, exclude_none=True).decode()

    @property
    def hash(self) -> str:
        return hashlib.sha256(self.frozen.encode()).hexdigest()[:16]


_RULES: Final = TypeAdapter(Rules)


UNKNOWN: Final = Rules(
    type="Canary",
    on_new_version="Queue",
    in_place=False,
    abort_delay=timedelta(0),
    steps=(),
    hooks=(),
    bake=timedelta(0),
    holdback_percent=0,
    interval=defaults.INTERVAL,
    warm_up=timedelta(0),
    asked=(),
    judged=analysis_checks.Policy(()),
    thresholds=(),
    checks=(),
    on_insufficient_data="Hold",
    limits=Limits(*[timedelta.max] * 4),
)
"""The rules of a rollout whose version is gone: there is nothing to judge, to wait for, or to go on to."""


def held(found: Rules, step: int, weight: int) -> Rules:
    """These rules, by which nothing goes on: the weight stays, and a person leads the rollout on, if not back."""
    return replace(found, steps=(*(Step(set_weight=weight),) * step, Step(pause=Pause())))


def source_of(spec: DeploymentSpec | RolloutPolicySpec) -> str:
    """The strategy, analysis and deadlines of a spec, as canonical JSON."""
    parts = {"strategy": spec.strategy, "analysis": spec.analysis, "deadlines": spec.deadlines}
    return json.dumps({k: v.wire() for k, v in parts.items() if v is not None}, sort_keys=True)


def resolve(source: str, runtime: FrozenRuntime) -> Rules | None:
    """The policy that `source` makes for this runtime; None if it can't be read."""
    return _resolved(source, runtime.model_dump_json())


@lru_cache(maxsize=256)
def _resolved(source: str, runtime_json: str) -> Rules | None:
    """The cached part: a look asks several times, and mostly the same for all Deployments of a namespace."""
    runtime = FrozenRuntime.model_validate_json(runtime_json)
    try:
        data = read_object(source)
    except ForeignError:
        return None
    strategy = parse_spec(Strategy, data.get("strategy", {}))
    analysis = parse_spec(Analysis, data.get("analysis", {}))
    limits = parse_spec(Deadlines, data.get("deadlines", {}))
    if isinstance(strategy, Invalid) or isinstance(analysis, Invalid) or isinstance(limits, Invalid):
        return None
    asked = defaults.checks(analysis, runtime)
    return Rules(
        type=strategy.type,
        on_new_version=strategy.on_new_version or "Queue",
        in_place=strategy.capacity == "InPlace",
        abort_delay=defaults.abort_delay(strategy),
        steps=defaults.steps(strategy),
        hooks=tuple(strategy.hooks or ()),
        bake=defaults.bake_time(strategy.bake),
        holdback_percent=defaults.holdback_percent(strategy),
        interval=analysis.interval or defaults.INTERVAL,
        warm_up=analysis.warm_up if analysis.warm_up is not None else defaults.WARM_UP,
        asked=asked,
        judged=_judged(analysis, asked, runtime),
        thresholds=tuple(_threshold(c) for c in asked if c.signal == "Prometheus"),
        checks=tuple(c.name for c in asked),
        on_insufficient_data=analysis.on_insufficient_data or "Hold",
        limits=defaults.deadlines(limits, runtime.startup),
    )


@lru_cache(maxsize=256)
def restored(frozen: str) -> Rules | None:
    """The rules that were frozen as this text; None if this release can't read it."""
    try:
        return _RULES.validate_json(frozen)
    except ValueError:
        return None


def _judged(analysis: Analysis, asked: Iterable[Check], runtime: FrozenRuntime) -> analysis_checks.Policy:
    asked, detect = tuple(asked), analysis.detect
    interval = analysis.interval or defaults.INTERVAL
    return analysis_checks.Policy(
        checks=tuple(
            part for c in asked if c.signal not in {"Prometheus", "Predictions"} for part in _checks(c, runtime)
        ),
        alpha=float(analysis.alpha) if analysis.alpha is not None else defaults.ALPHA,
        detect_ratio=float(detect.ratio) if detect and detect.ratio is not None else defaults.DETECT_RATIO,
        detect_power=float(detect.power) if detect and detect.power is not None else defaults.DETECT_POWER,
        stale_after_seconds=max(60.0, 6 * interval.total_seconds()),
        resemblance=next((_resemblance(c, runtime) for c in asked if c.signal == "Predictions"), None),
    )


def _resemblance(check: Check, runtime: FrozenRuntime) -> analysis_checks.PredictionCheck:
    of = runtime.metrics.predictions if runtime.metrics is not None else None
    names = policy_metrics.classes(of).names if of is not None else ()
    return analysis_checks.PredictionCheck(check.name, float(check.max_divergence or 0), names)


def _checks(check: Check, runtime: FrozenRuntime) -> tuple[analysis_checks.CountCheck, ...]:
    """The judge's checks of one check of the API: one, or one for each of its slices."""
    whole, parts = _check(check, runtime), policy_metrics.slices(check)
    return tuple(whole.sliced(part) for part in parts) if parts else (whole,)


def _check(check: Check, runtime: FrozenRuntime) -> analysis_checks.CountCheck:
    latency = check.signal == "Latency"
    least = defaults.LATENCY_MIN_EXCESS if latency else defaults.ERRORS_MIN_EXCESS
    bound = check.max_share_slower if latency else check.max
    return analysis_checks.CountCheck(
        name=check.name,
        signal=Signal(check.signal),
        max_ratio_to_stable=None if check.max_ratio_to_stable is None else float(check.max_ratio_to_stable),
        min_excess=least if check.min_excess is None else float(check.min_excess),
        max=None if bound is None else float(bound),
        threshold_seconds=_bound(check, runtime),
        histogram=policy_metrics.histogram_key(check, runtime.metrics),
        counter=policy_metrics.counter_key(check),
    )


def _bound(check: Check, runtime: FrozenRuntime) -> float | None:
    if check.metric is None or check.metric.above is None:
        return check.threshold.total_seconds() if check.threshold is not None else None
    found = policy_metrics.histogram(policy_metrics.histogram_key(check, runtime.metrics), runtime)
    return float(check.metric.above) * (policy_metrics.scale(found) if found is not None else 1.0)


def _threshold(check: Check) -> QueryCheck:
    return QueryCheck(
        name=check.name,
        query=check.query.name if check.query is not None else "",
        min=None if check.min is None else float(check.min),
        max=None if check.max is None else float(check.max),
    )
