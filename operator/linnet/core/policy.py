"""The rules of one rollout, with every default filled in: frozen when it begins, so that an edit can't move them."""

import hashlib
import json
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import timedelta
from functools import lru_cache
from typing import Literal

from linnet.api.analysis import Analysis, Check
from linnet.api.deployment import Deadlines, DeploymentSpec
from linnet.api.runtime import FrozenRuntime
from linnet.api.strategy import OnNewVersion, Step, Strategy, StrategyType
from linnet.core import checks, defaults
from linnet.core.defaults import Limits
from linnet.core.parse import Invalid, parse_spec
from linnet.core.runtimes import metric_rules
from linnet.core.thresholds import Threshold


@dataclass(frozen=True)
class RolloutPolicy:
    """What a rollout goes by. `checks` are all names in their order; `source` is the JSON that it was made from."""

    type: StrategyType
    on_new_version: OnNewVersion
    steps: tuple[Step, ...]
    bake: timedelta
    holdback_percent: int
    interval: timedelta
    warm_up: timedelta
    judged: checks.Policy
    thresholds: tuple[Threshold, ...]
    checks: tuple[str, ...]
    on_insufficient_data: Literal["Hold", "Promote", "RollBack"]
    limits: Limits
    source: str

    @property
    def hash(self) -> str:
        return hashlib.sha256(self.source.encode()).hexdigest()[:16]


def source_of(spec: DeploymentSpec) -> str:
    """The strategy, analysis and deadlines of a spec, as canonical JSON."""
    parts = {"strategy": spec.strategy, "analysis": spec.analysis, "deadlines": spec.deadlines}
    return json.dumps({k: v.wire() for k, v in parts.items() if v is not None}, sort_keys=True)


def resolve(source: str, runtime: FrozenRuntime) -> RolloutPolicy | None:
    """The policy that `source` makes for this runtime; None if it can't be read."""
    return _resolved(source, runtime.model_dump_json())


@lru_cache(maxsize=256)
def _resolved(source: str, runtime_json: str) -> RolloutPolicy | None:
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
    return RolloutPolicy(
        type=strategy.type or "Canary",
        on_new_version=strategy.on_new_version or "Queue",
        steps=defaults.steps(strategy),
        bake=defaults.bake_time(strategy.bake),
        holdback_percent=defaults.holdback_percent(strategy),
        interval=analysis.interval or defaults.INTERVAL,
        warm_up=analysis.warm_up if analysis.warm_up is not None else defaults.WARM_UP,
        judged=_judged(analysis, [c for c in asked if c.signal != "Prometheus"]),
        thresholds=tuple(_threshold(c) for c in asked if c.signal == "Prometheus"),
        checks=tuple(c.name for c in asked),
        on_insufficient_data=analysis.on_insufficient_data or "Hold",
        limits=defaults.deadlines(limits),
        source=source,
    )


def _judged(analysis: Analysis, counted: Iterable[Check]) -> checks.Policy:
    detect = analysis.detect
    interval = analysis.interval or defaults.INTERVAL
    return checks.Policy(
        checks=tuple(_check(c) for c in counted),
        alpha=float(analysis.alpha) if analysis.alpha is not None else defaults.ALPHA,
        detect_ratio=float(detect.ratio) if detect and detect.ratio is not None else defaults.DETECT_RATIO,
        detect_power=float(detect.power) if detect and detect.power is not None else defaults.DETECT_POWER,
        stale_after_seconds=max(60.0, 6 * interval.total_seconds()),
    )


def _check(check: Check) -> checks.Check:
    latency = check.signal == "Latency"
    least = defaults.LATENCY_MIN_EXCESS if latency else defaults.ERRORS_MIN_EXCESS
    bound = check.max_share_slower if latency else check.max
    return checks.Check(
        name=check.name,
        signal=checks.Signal(check.signal),
        max_ratio_to_stable=None if check.max_ratio_to_stable is None else float(check.max_ratio_to_stable),
        min_excess=least if check.min_excess is None else float(check.min_excess),
        max=None if bound is None else float(bound),
        threshold_seconds=check.threshold.total_seconds() if check.threshold is not None else None,
    )


def _threshold(check: Check) -> Threshold:
    return Threshold(
        name=check.name,
        query=check.query.name if check.query is not None else "",
        min=None if check.min is None else float(check.min),
        max=None if check.max is None else float(check.max),
    )


def unanswerable(policy: RolloutPolicy, queries: Collection[str] | None) -> tuple[bool, str] | None:
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


def trouble(policy: RolloutPolicy, runtime: FrozenRuntime) -> tuple[bool, str] | None:
    """Why this runtime can't be judged by this policy: (True: the signal is missing, False: the spec is wrong)."""
    signals = metric_rules(runtime.metrics).signals()
    for check in policy.judged.checks:
        path = f"spec.analysis.checks[{policy.checks.index(check.name)}]"
        if check.signal not in signals:
            return True, f"{path}.signal: runtime {runtime.name} exposes no {check.signal}: remove the check, or add it"
        if check.threshold_seconds is not None:
            bounds = [b.total_seconds() for b in defaults.bucket_bounds(runtime)]
            if check.threshold_seconds not in bounds:
                shown = ", ".join(f"{b:g}s" for b in bounds)
                return False, f"{path}.threshold: {check.threshold_seconds:g}s is no bucket of {runtime.name}: {shown}"
    if not policy.checks and any(step.analyse for step in policy.steps):
        return True, (
            f"spec.strategy.steps: an analyse step can't pass, because runtime {runtime.name} exposes no metrics: "
            "add spec.runtime.metrics to the Model, or write steps of setWeight and pause"
        )
    return None
