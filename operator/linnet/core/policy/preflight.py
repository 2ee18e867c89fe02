"""Whether what a policy asks can be measured at all: asked before a rollout starts, and offline by `lint`."""

from collections.abc import Collection, Iterable, Iterator

from linnet.api.parts.runtime import FrozenRuntime
from linnet.api.parts.strategy import Step
from linnet.core.analysis import checks as analysis_checks
from linnet.core.analysis.checks import Signal, family
from linnet.core.analysis.metrics.readings import same_bound
from linnet.core.policy import metrics as policy_metrics
from linnet.core.policy.rules import Rules


def unanswerable(policy: Rules, queries: Collection[str] | None) -> tuple[bool, str] | None:
    """Why the platform's Prometheus can't be asked what this policy asks; `queries` None: the platform has no server.

    (True: the signal is missing, False: the spec is wrong), and a sentence.
    """
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
    if (unknown := next(unknown_checks(policy.steps, policy.checks), None)) is not None:
        return False, unknown
    if not policy.checks and any(step.analyze for step in policy.steps):
        return True, (
            "spec.strategy.canary.steps: an analyze step can't pass, because "
            f"runtime {runtime.name} exposes no metrics: "
            "add spec.runtime.metrics to the Model, or write steps of setWeight and pause"
        )
    return None


def unknown_checks(steps: Iterable[Step], known: Collection[str]) -> Iterator[str]:
    """Names in `analyze.checks` that no check bears: such a step would wait for ever."""
    for index, step in enumerate(steps):
        for at, name in enumerate((step.analyze.checks if step.analyze else None) or ()):
            if name not in known:
                there = f"the checks are {', '.join(known)}" if known else "there are no checks"
                yield f"spec.strategy.canary.steps[{index}].analyze.checks[{at}]: no check is named {name}: {there}"


def _unanswered(check: analysis_checks.CountCheck, runtime: FrozenRuntime, path: str) -> tuple[bool, str] | None:
    """Why a check of counters finds nothing to count: the runtime tells of no requests, errors or feedback."""
    if check.signal in policy_metrics.metric_rules(runtime.metrics).signals():
        return None
    what = "requests to compare a Metric with" if check.signal is Signal.METRIC else str(check.signal)
    return True, f"{path}.signal: runtime {runtime.name} exposes no {what}: remove the check, or add it"


def _unpredicted(policy: Rules, runtime: FrozenRuntime) -> str | None:
    """Why a check of predictions finds none: the runtime doesn't say how answers are counted."""
    check = policy.judged.resemblance
    if check is None or check.classes:
        return None
    path = f"spec.analysis.checks[{policy.checks.index(check.name)}]"
    return (
        f"{path}.signal: runtime {runtime.name} names no Predictions: remove the check, or add "
        "spec.runtime.metrics.predictions to the Model, and expose what it names"
    )


def _unbound(check: analysis_checks.CountCheck, runtime: FrozenRuntime, path: str) -> tuple[bool, str] | None:
    """Why a check of a histogram can't be counted: the runtime must name it, with the threshold among its bounds."""
    found = policy_metrics.histogram(check.histogram, runtime)
    if found is None:
        return True, _no_histogram(check, runtime, path)
    latency = check.signal is Signal.LATENCY
    if latency and found.unit is None:
        text = f"{found.name} does not measure time (it has no unit): use signal Metric with metric.above"
        return False, f"{path}.metric.name: {text}"
    scale = policy_metrics.scale(found)
    bounds, asked = [float(b) * scale for b in found.bounds], check.threshold_seconds or 0.0
    if any(same_bound(bound, asked) for bound in bounds):
        return None
    field, unit, shown = ("threshold", "s", 1.0) if latency else ("metric.above", found.unit or "", scale)
    known = ", ".join(f"{bound / shown:.12g}{unit}" for bound in sorted(bounds))
    of = runtime.name if check.histogram == policy_metrics.LATENCY else f"{found.name} of {runtime.name}"
    return False, f"{path}.{field}: {asked / shown:.12g}{unit} is no bucket of {of}: {known}"


def _no_histogram(check: analysis_checks.CountCheck, runtime: FrozenRuntime, path: str) -> str:
    if check.histogram == policy_metrics.LATENCY:
        return f"{path}.signal: runtime {runtime.name} exposes no {check.signal}: remove the check, or add it"
    metrics = runtime.metrics
    known = ", ".join(h.name for h in (metrics.histograms or () if metrics else ())) or "none"
    return (
        f"{path}.metric.name: runtime {runtime.name} names no histogram {check.histogram}; known are {known}. "
        "Add it, with its bounds, to spec.runtime.metrics.histograms of the Model, or to the platform's catalogue"
    )
