"""The rules of one rollout, with every default filled in: frozen when it begins, so that an edit can't move them."""

import hashlib
import json
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from functools import lru_cache
from typing import Literal

from linnet.api.kinds.deployment import DeploymentSpec
from linnet.api.kinds.rollout_policy import Deadlines, RolloutPolicySpec
from linnet.api.parts.analysis import Analysis, Check
from linnet.api.parts.runtime import FrozenRuntime
from linnet.api.parts.strategy import Hook, OnNewVersion, Step, Strategy, StrategyType
from linnet.core import defaults, series
from linnet.core.analysis import checks as analysis_checks
from linnet.core.analysis.checks import Signal, family
from linnet.core.analysis.metrics.readings import same_bound
from linnet.core.analysis.prometheus.judge import Threshold
from linnet.core.defaults import Limits
from linnet.core.parse import Invalid, parse_spec


@dataclass(frozen=True)
class Rules:
    """What a rollout goes by: `judged` is the judge's part of the checks that were `asked`, `checks` are all names.

    `source` is the JSON that it was made from.
    """

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
    thresholds: tuple[Threshold, ...]
    checks: tuple[str, ...]
    on_insufficient_data: Literal["Hold", "Promote", "RollBack"]
    limits: Limits
    source: str

    @property
    def hash(self) -> str:
        return hashlib.sha256(self.source.encode()).hexdigest()[:16]


def source_of(spec: DeploymentSpec | RolloutPolicySpec) -> str:
    """The strategy, analysis and deadlines of a spec, as canonical JSON."""
    parts = {"strategy": spec.strategy, "analysis": spec.analysis, "deadlines": spec.deadlines}
    return json.dumps({k: v.wire() for k, v in parts.items() if v is not None}, sort_keys=True)


def resolve(source: str, runtime: FrozenRuntime) -> Rules | None:
    """The policy that `source` makes for this runtime; None if it can't be read."""
    return _resolved(source, runtime.model_dump_json())


@lru_cache(maxsize=256)
def _resolved(source: str, runtime_json: str) -> Rules | None:
    """Asked several times a look, and mostly the same for all Deployments of a namespace."""
    runtime = FrozenRuntime.model_validate_json(runtime_json)
    try:
        data = json.loads(source)
    except ValueError:
        return None
    strategy = parse_spec(Strategy, data.get("strategy", {}))
    analysis = parse_spec(Analysis, data.get("analysis", {}))
    limits = parse_spec(Deadlines, data.get("deadlines", {}))
    if isinstance(strategy, Invalid) or isinstance(analysis, Invalid) or isinstance(limits, Invalid):
        return None
    asked = defaults.checks(analysis, runtime)
    return Rules(
        type=strategy.type or "Canary",
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
        limits=defaults.deadlines(limits),
        source=source,
    )


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


def _resemblance(check: Check, runtime: FrozenRuntime) -> analysis_checks.Resemblance:
    of = runtime.metrics.predictions if runtime.metrics is not None else None
    names = series.classes(of).names if of is not None else ()
    return analysis_checks.Resemblance(check.name, float(check.max_divergence or 0), names)


def _checks(check: Check, runtime: FrozenRuntime) -> tuple[analysis_checks.Check, ...]:
    """One, or one for each of its slices."""
    whole, parts = _check(check, runtime), series.slices(check)
    return tuple(whole.sliced(part) for part in parts) if parts else (whole,)


def _check(check: Check, runtime: FrozenRuntime) -> analysis_checks.Check:
    latency = check.signal == "Latency"
    least = defaults.LATENCY_MIN_EXCESS if latency else defaults.ERRORS_MIN_EXCESS
    bound = check.max_share_slower if latency else check.max
    return analysis_checks.Check(
        name=check.name,
        signal=Signal(check.signal),
        max_ratio_to_stable=None if check.max_ratio_to_stable is None else float(check.max_ratio_to_stable),
        min_excess=least if check.min_excess is None else float(check.min_excess),
        max=None if bound is None else float(bound),
        threshold_seconds=_bound(check, runtime),
        histogram=series.histogram_key(check, runtime.metrics),
        counter=series.counter_key(check),
    )


def _bound(check: Check, runtime: FrozenRuntime) -> float | None:
    if check.metric is None or check.metric.above is None:
        return check.threshold.total_seconds() if check.threshold is not None else None
    found = series.histogram(series.histogram_key(check, runtime.metrics), runtime)
    return float(check.metric.above) * (series.scale(found) if found is not None else 1.0)


def _threshold(check: Check) -> Threshold:
    return Threshold(
        name=check.name,
        query=check.query.name if check.query is not None else "",
        min=None if check.min is None else float(check.min),
        max=None if check.max is None else float(check.max),
    )


def unanswerable(policy: Rules, queries: Collection[str] | None) -> tuple[bool, str] | None:
    """The same for the platform's named queries; None: it has no server to ask."""
    for check in policy.thresholds:
        path = f"spec.analysis.checks[{policy.checks.index(check.name)}]"
        if queries is None:
            return True, (
                f"{path}.query.name: {check.query} can't be asked: the platform has no Prometheus server "
                "(Helm value prometheus.url): remove the check, or have one set"
            )
        if check.query not in queries:
            there = ", ".join(sorted(queries)) or "none"
            return False, f"{path}.query.name: the platform has no query {check.query}: it has {there}"
    return None


def trouble(policy: Rules, runtime: FrozenRuntime) -> tuple[bool, str] | None:
    """Why this runtime can't be judged by this policy: (True: the signal is missing, False: the spec is wrong)."""
    for check in policy.judged.checks:
        path = f"spec.analysis.checks[{policy.checks.index(family(check.name))}]"
        found = _unanswered(check, runtime, path) if check.threshold_seconds is None else _unbound(check, runtime, path)
        if found is not None:
            return found
    if (silent := _unpredicted(policy, runtime)) is not None:
        return True, silent
    if (unknown := next(_unknown_checks(policy), None)) is not None:
        return False, unknown
    if not policy.checks and any(step.analyse for step in policy.steps):
        return True, (
            f"spec.strategy.steps: an analyse step can't pass, because runtime {runtime.name} exposes no metrics: "
            "add spec.runtime.metrics to the Model, or write steps of setWeight and pause"
        )
    return None


def _unknown_checks(rules: Rules) -> Iterator[str]:
    """Names in `analyse.checks` that no check bears: such a step would wait for ever."""
    known = rules.checks
    for index, step in enumerate(rules.steps):
        for at, name in enumerate((step.analyse.checks if step.analyse else None) or ()):
            if name not in known:
                there = f"the checks are {', '.join(known)}" if known else "there are no checks"
                yield f"spec.strategy.steps[{index}].analyse.checks[{at}]: no check is named {name}: {there}"


def _unanswered(check: analysis_checks.Check, runtime: FrozenRuntime, path: str) -> tuple[bool, str] | None:
    """A check of counters, where the runtime tells of no requests, errors or feedback."""
    if check.signal in series.metric_rules(runtime.metrics).signals():
        return None
    what = "requests to compare a Metric with" if check.signal is Signal.METRIC else str(check.signal)
    return True, f"{path}.signal: runtime {runtime.name} exposes no {what}: remove the check, or add it"


def _unpredicted(policy: Rules, runtime: FrozenRuntime) -> str | None:
    """A check of predictions, where the runtime doesn't say how answers are counted."""
    check = policy.judged.resemblance
    if check is None or check.classes:
        return None
    path = f"spec.analysis.checks[{policy.checks.index(check.name)}]"
    return (
        f"{path}.signal: runtime {runtime.name} names no Predictions: remove the check, or add "
        "spec.runtime.metrics.predictions to the Model, and expose what it names"
    )


def _unbound(check: analysis_checks.Check, runtime: FrozenRuntime, path: str) -> tuple[bool, str] | None:
    """A check of a histogram, which the runtime must name, with the threshold among its bounds."""
    found = series.histogram(check.histogram, runtime)
    if found is None:
        return True, _no_histogram(check, runtime, path)
    latency = check.signal is Signal.LATENCY
    if latency and found.unit is None:
        text = f"{found.name} does not measure time (it has no unit): use signal Metric with metric.above"
        return False, f"{path}.metric.name: {text}"
    scale = series.scale(found)
    bounds, asked = [float(b) * scale for b in found.bounds], check.threshold_seconds or 0.0
    if any(same_bound(bound, asked) for bound in bounds):
        return None
    field, unit, shown = ("threshold", "s", 1.0) if latency else ("metric.above", found.unit or "", scale)
    known = ", ".join(f"{bound / shown:.12g}{unit}" for bound in sorted(bounds))
    of = runtime.name if check.histogram == series.LATENCY else f"{found.name} of {runtime.name}"
    return False, f"{path}.{field}: {asked / shown:.12g}{unit} is no bucket of {of}: {known}"


def _no_histogram(check: analysis_checks.Check, runtime: FrozenRuntime, path: str) -> str:
    if check.histogram == series.LATENCY:
        return f"{path}.signal: runtime {runtime.name} exposes no {check.signal}: remove the check, or add it"
    metrics = runtime.metrics
    known = ", ".join(h.name for h in (metrics.histograms or () if metrics else ())) or "none"
    return (
        f"{path}.metric.name: runtime {runtime.name} names no histogram {check.histogram}; known are {known}. "
        "Add it, with its bounds, to spec.runtime.metrics.histograms of the Model, or to the platform's catalogue"
    )
